"""The doctor: what it says of a sound desk, and of each ailment."""

from __future__ import annotations

import asyncio
import shutil
import socket
import socketserver
import subprocess
import threading

import dns.message
import dns.rrset
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from daemon import Running
from desk import ROOT
from peers import free_port, wait_for

from bot.rules.schema import Agent
from bot.settings import HostPort, Mailbox, RelayTarget, Settings
from bot.tools import doctor


class Names(socketserver.BaseRequestHandler):
    """A DNS server that knows the TXT records of its server's `zone`."""

    def handle(self) -> None:
        question = dns.message.from_wire(self.request[0])
        answer, name = dns.message.make_response(question), question.question[0].name
        found = self.server.zone.get(name.to_text(omit_final_dot=True))
        if found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{one}"' for one in found)))
        elif found == []:
            answer.set_rcode(2)  # it fails
        else:
            answer.set_rcode(3)
        self.request[1].sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def names():
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names) as server:
        server.zone = {}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.zone, HostPort(*server.server_address)
        server.shutdown()
        thread.join()


def states(findings) -> list[str]:
    return [one.state for one in findings]


def test_the_records_of_a_domain(names):
    zone, place = names
    settings = Settings(dns=place)
    assert states(doctor.records(settings, "desk.example")) == ["red", "yellow", "yellow"]
    zone |= {"desk.example": ["v=spf1 mx -all", "other"], "_dmarc.desk.example": ["v=DMARC1; p=reject"]}
    zone["s1._domainkey.desk.example"] = ["v=DKIM1; p=MIG"]
    assert states(doctor.records(settings, "desk.example")) == ["green", "green", "green"]
    zone["desk.example"] = ["v=spf1 mx +all"]
    zone["_dmarc.desk.example"].append("v=DMARC1; p=none")
    assert states(doctor.records(settings, "desk.example")) == ["red", "green", "yellow"]
    assert states(doctor.records(Settings(dns=None), "desk.example")) == ["yellow"]


def test_what_proves_an_agent(names):
    zone, place = names

    def told(dns, trust, **relays):
        agent = Agent(name="A", address="a@desk.example", trust=trust)
        return [(one.state, one.todo) for one in doctor.trust(Settings(dns=dns, **relays), [agent])]

    assert told(place, "reply") == []
    assert [state for state, _ in told(place, "both")] == ["yellow"]
    assert told(place, "both", trusted_relays={"192.0.2.7": "mx.desk.example"}) == []
    zone["s1._domainkey.desk.example"] = ["v=DKIM1; p=MIG"]
    for trust in ("reply", "signed", "dkim"):
        [(state, todo)] = told(place, trust)
        assert (state, "trust: both for a@desk.example" in todo) == ("green", True)
    assert told(place, "both") == []
    [(state, todo)] = told(None, "both")
    assert (state, "DESK_TRUSTED_RELAYS" in todo) == ("yellow", True)


def test_a_name_that_cannot_be_asked_for_is_not_said_to_be_missing(names):
    zone, place = names
    zone |= {"desk.example": ["v=spf1 -all"], "_dmarc.desk.example": [], "k1._domainkey.desk.example": []}
    settings = Settings(dns=place)
    spf, unknown = doctor.records(settings, "desk.example")
    assert (spf.state, unknown.what) == ("green", "DKIM and DMARC of desk.example: DNS does not answer")
    agent = Agent(name="A", address="a@desk.example", trust="both")
    [found] = doctor.trust(settings, [agent])
    assert "is known" in found.what
    zone["s1._domainkey.desk.example"] = ["v=DKIM1; p=MIG"]
    assert list(doctor.trust(settings, [agent])) == []


def test_data_that_cannot_be_listed_is_not_said_to_be_sound(tmp_path):
    (tmp_path / "tickets").mkdir()
    settings = Settings(data=tmp_path)
    assert list(doctor.files(settings)) == []
    (tmp_path / "tickets" / "live").touch()  # where a folder belongs
    [found] = doctor.files(settings)
    assert (found.state, "tickets/live" in found.what) == ("red", True)


def test_who_runs_it_for_whose_data_is_said(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path)
    assert list(doctor.user(settings)) == []
    assert list(doctor.user(Settings(data=tmp_path / "none"))) == []
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 54321)
    [found] = doctor.user(settings)
    whose = tmp_path.owner()
    assert found.state == "yellow"
    assert f"belongs to {whose}, this runs as user 54321" in found.what
    assert found.todo == f"run it as {whose}"


def test_a_desk_that_cannot_be_asked_is_not_said_to_be_stopped(tmp_path, monkeypatch):
    async def refused(*_):
        raise PermissionError(13, "Permission denied", "control")

    monkeypatch.setattr(doctor, "ask", refused)
    settings = Settings(data=tmp_path / "data", dns=None)
    last = list(doctor.examine(settings, letter=False))[-1]
    assert (last.state, "cannot be told" in last.what) == ("red", True)


def test_the_disk(tmp_path, monkeypatch):
    data = tmp_path / "data"
    assert states(doctor.disk(Settings(data=data))) == ["yellow"]
    (data / "parked").mkdir(parents=True, mode=0o750)
    data.chmod(0o750)
    (data / "secret").write_bytes(b"x" * 32)
    (data / "secret").chmod(0o600)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100e9, 50e9, 50e9))
    assert set(states(doctor.disk(Settings(data=data)))) == {"green"}
    data.chmod(0o755)
    assert set(states(doctor.disk(Settings(data=data)))) == {"green"}  # the folders in it are closed
    (data / "parked").chmod(0o755)
    (data / "secret").chmod(0o644)
    (data / "parked" / "20260101T000000000000-abcdef.eml").touch()
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100e9, 99.9e9, 0.1e9))
    found = [*doctor.disk(Settings(data=data)), *doctor.store(Settings(data=data))]
    assert states(found) == ["green", "red", "yellow", "red", "green", "yellow"]
    assert all(one.todo for one in found if one.state != "green")
    assert not list(data.glob(".doctor*"))
    assert not (data / "spool").exists(), "it would belong to whoever asks the doctor"
    (data / "moved").touch()
    [moved] = doctor.store(Settings(data=data))
    assert (moved.state, "DESK_STORE" in moved.todo) == ("red", True)


def test_when_a_certificate_ends(tmp_path):
    pem = tmp_path / "pem"
    for days, state in ((2, "red"), (10, "yellow"), (90, "green")):
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"]
        subprocess.run([*made, "-out", str(pem), "-days", str(days)], check=True, capture_output=True, timeout=20)
        assert states(doctor.certificate(pem)) == [state]
    pem.write_text("no certificate")
    assert states(doctor.certificate(pem)) == ["red"]
    assert states(doctor.certificate(None)) == []


def test_the_relay(tmp_path):
    """A relay that is not there, one that refuses the login, one that takes it."""
    settings = Settings(data=tmp_path, relay=RelayTarget("127.0.0.1", free_port(), "plain"))
    assert states(doctor.relay(settings)) == ["red"]
    assert states(doctor.relay(Settings(data=tmp_path))) == ["yellow"]
    loop, port = asyncio.new_event_loop(), free_port()

    def talk():
        def authenticator(_server, _session, _envelope, _mechanism, login):
            return AuthResult(success=login.password == b"right", handled=False)

        return SMTP(object(), authenticator=authenticator, auth_require_tls=False, auth_exclude_mechanism=["LOGIN"], loop=loop)

    def run():
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(talk, "127.0.0.1", port))
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for password, state in (("wrong", "red"), ("right", "green")):
            target = RelayTarget("127.0.0.1", port, "plain", "desk", password)
            wait_for(lambda: _listens(port))
            [found] = doctor.relay(Settings(data=tmp_path, relay=target))
            assert (found.state, password in found.what) == (state, False)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def test_a_mailbox_that_is_not_there(tmp_path):
    (tmp_path / "p").write_text("geheim")
    box = Mailbox("127.0.0.1", free_port(), "plain", "u@x.example")
    [found] = doctor.mailbox(Settings(data=tmp_path, imap=box, imap_password_file=tmp_path / "p"))
    assert (found.state, "geheim" in found.what) == ("red", False)


def test_bad_rules_and_bad_pages_are_named(tmp_path):
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    settings = Settings(templates=tmp_path / "templates", form=HostPort("127.0.0.1", 0))
    assert states(doctor.rules(settings)) == ["green", "green"]
    (tmp_path / "templates" / "form" / "ru.html").write_text("{{ nothing }}")
    assert states(doctor.rules(settings)) == ["green", "red"]
    (tmp_path / "rules.yaml").write_text("desk: 1\n")
    found = list(doctor.rules(Settings(rules=tmp_path / "rules.yaml")))
    assert found
    assert set(states(found)) == {"red"}
    assert "rules.yaml" in found[0].what


def test_a_running_desk_and_a_letter_all_the_way_round(tmp_path):
    with Running(tmp_path / "data", DESK_READERS="1", DESK_DNS="off", DESK_FORM="127.0.0.1:0") as desk:
        desk.env["DESK_SMTP"] = f"127.0.0.1:{desk.port}"
        done = desk.run("doctor")
        said = done.stdout.decode()
        assert (done.returncode, "BAD" in said) == (0, False), said + done.stderr.decode()
        assert "a test letter went all the way round" in said
        assert desk.letters("support@providence.film") == []  # answered by nobody
        assert not list((desk.data / "tickets" / "live").glob("*.json"))
        assert desk.run("ledger").returncode == 0
