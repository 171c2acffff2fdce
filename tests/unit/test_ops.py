"""Every command and configuration of docs/operations.md, docs/quickstart.md and ops/ does what is said of it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from configparser import ConfigParser
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from daemon import Running
from desk import ROOT, picture
from peers import block, free_port, program, wait_for
from ruamel.yaml import YAML

from bot.app import sd_notify
from bot.app.log import EVENTS, Log
from bot.intake.lmtp import LmtpListener
from bot.intake.reception import Reception
from bot.intake.session import Limits
from bot.intake.smtp import SmtpListener
from bot.settings import Settings

OPS = ROOT / "ops"
LETTER = b"From: ivan@example.org\nTo: support@providence.film\nSubject: x\n\nThe player shows error 17 in Chrome 131.\n"


def variables(text: str) -> dict[str, str]:
    """NAME=value lines of a shell script or an environment file."""
    return {name: value.strip("'") for name, value in re.findall(r"(?m)^(?:export )?(DESK_\w+)=(\S+|'[^']*')$", text)}


@pytest.mark.parametrize("text", [(OPS / "desk.env").read_text(), block("sh provider", "quickstart.md"), block("sh server", "quickstart.md")])
def test_the_settings_in_the_documentation_are_settings(text, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailbox-password").write_text("x")
    given = variables(text)
    assert len(given) >= 3
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.relay
    assert settings.lmtp or settings.imap


def test_the_init_of_the_quickstart(tmp_path):
    command = block("sh init", "quickstart.md").strip().replace("run.py", f"{sys.executable} run.py", 1)
    env = {"PATH": os.environ["PATH"], "DESK_RULES": str(tmp_path / "rules.yaml")}
    done = subprocess.run(command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "good." in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_password_file_is_for_its_owner_alone(tmp_path):
    subprocess.run(["sh", "-c", block("sh password", "quickstart.md")], cwd=tmp_path, check=True, timeout=10)
    assert (tmp_path / "mailbox-password").stat().st_mode & 0o777 == 0o600


def test_files_and_commands_that_are_named_are_there():
    pages = {path.name: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}
    for page in ("operations.md", "quickstart.md", "security.md"):
        for name in re.findall(r"`?((?:ops|tests|templates)/[\w./-]+\w)", pages[page]):
            assert (ROOT / name).exists(), f"docs/{page} names {name}"
        for target in re.findall(r"\]\((\w+\.md)", pages[page]):
            assert target in pages
    commands = subprocess.run([sys.executable, "run.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    for command in set(re.findall(r"run\.py ([a-z]+)", pages["operations.md"] + pages["quickstart.md"] + pages["security.md"])):
        assert command in commands, command
    assert {"form", "imap"} <= set(re.findall(r"(?m)^(\w+) =$", (ROOT / "setup.cfg").read_text()))


def test_the_unit_is_sound_and_shut_in(tmp_path):
    analyze = program("systemd-analyze")
    unit = tmp_path / "desk.service"
    shutil.copy(OPS / "desk.service", unit)
    text = unit.read_text().replace("/opt/desk/.venv/bin/python", sys.executable).replace("=desk\nGroup=desk", "=daemon\nGroup=daemon")
    unit.write_text(text)
    checked = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=30, check=False)
    assert "desk.service" not in checked.stderr, checked.stderr
    rate = [analyze, "security", "--offline=true", "--threshold=11", str(unit)]
    rated = subprocess.run(rate, capture_output=True, text=True, timeout=30, check=False)
    assert rated.returncode == 0, rated.stdout[-500:]  # exposure of at most 1.1 of 10
    for line in ("LimitCORE=0", "UMask=0027", "MemoryDenyWriteExecute=yes", "NoExecPaths=/var/lib/desk /tmp /var/tmp /run"):
        assert f"\n{line}\n" in text


SHUT_IN = """
import ctypes, errno, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, since Linux 6.3; what systemd's seccomp filter does on older ones as well
    assert ctypes.get_errno() == errno.EINVAL
else:
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        sys.exit("nothing is denied")
    except PermissionError:
        pass
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
LIBRARIES = (
    "ahocorasick, alembic, matplotlib.pyplot, msgspec, numpy, PIL.Image, psycopg, pydantic, regex, sqlalchemy, Stemmer,"
    "uvicorn, watchfiles"
)


def test_the_desk_and_its_libraries_need_no_memory_that_is_written_and_run(tmp_path):
    """MemoryDenyWriteExecute of the unit: a letter with a picture is read, and everything else is loaded."""
    message = EmailMessage()
    message["From"], message["Subject"] = "ivan@example.org", "x"
    message.set_content("The player shows error 17 in Chrome 131.")
    message.add_attachment(picture(), maintype="image", subtype="png", filename="a.png")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
    printed = ""
    for words in (["run.py", "explain", "--json", str(tmp_path / "a.eml")], ["-c", f"import {LIBRARIES}"]):
        command = [sys.executable, "-c", SHUT_IN, *words]
        done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        printed += done.stdout
    assert '"accepted": true' in printed


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A desk as systemd starts it; at the end it has to say so."""
    folder = tmp_path_factory.mktemp("ops")
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(folder / "notify"))

        def listen() -> None:
            while (words := line.recv(100)) != b"END":
                heard.append(words)

        listener = threading.Thread(target=listen)
        listener.start()
        options = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "200000", "DESK_FORM": "127.0.0.1:0", "DESK_READERS": "1"}
        with Running(folder / "data", **options) as running:
            yield running, heard
            running.stop()
        wait_for(lambda: b"STOPPING=1" in heard)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"END", str(folder / "notify"))
        listener.join()


def test_the_supervisor_hears_of_the_start_and_of_life(desk):
    heard = desk[1]
    wait_for(lambda: len(heard) >= 3)
    assert set(heard[:3]) == {b"READY=1", b"WATCHDOG=1"}


def test_a_supervisor_that_does_not_listen_holds_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    sd_notify.say("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        for _ in range(1000):  # more than the queue of a socket holds
            sd_notify.say("WATCHDOG=1")
        assert line.recv(100) == b"WATCHDOG=1"


def test_logrotate_takes_the_logs_away_and_the_desk_goes_on(tmp_path, desk):
    rotate, desk = program("logrotate"), desk[0]
    data = desk.data
    conf = tmp_path / "conf"
    conf.write_text((OPS / "logrotate").read_text().replace("/var/lib/desk", str(data)).replace("su desk desk", f"su {os.getuid()} {os.getgid()}"))
    for at in (1, 2):
        subprocess.run([rotate, "-f", "-s", str(tmp_path / "state"), str(conf)], check=True, capture_output=True, timeout=20)
        desk.send("ivan@example.org", f"Видео останавливается на минуте {at}, ошибка 17 в Chrome 131.")
        wait_for(lambda: "accepted" in desk.log())
    kept = sorted(path.name for path in (data / "log").iterdir())
    assert kept == ["desk.jsonl", "desk.jsonl.1", "desk.jsonl.2.gz", "desk.log", "desk.log.1", "desk.log.2.gz"]


def banned(tmp_path, zone="UTC"):
    """(address, seconds since 1970) of each line that the shipped filter takes for an attack."""
    command = [program("fail2ban-regex"), "-o", "row", str(tmp_path / "desk.jsonl"), str(OPS / "fail2ban-filter.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "TZ": zone})
    assert "Traceback" not in done.stderr, done.stderr
    return re.findall(r"\['([0-9a-f.:]+)',\s+([0-9.]+)", done.stdout)


RELAY, VICTIM, ATTACKER = "192.0.2.25", "198.51.100.1", "203.0.113.7"
LINE = f'"event":"refused","level":"warning","letter":null,"ticket":null,"client":"{VICTIM}","code":550,"words":"x"'
INJECTED = [
    f'no such address: "event":"refused","client":"{VICTIM}","code":550,"x',
    f'x","client":"{VICTIM}","code":550,"words":"too many ',
    f'\\",{LINE}',
    f'{{"time":"2026-11-23T09:00:00Z",{LINE}}}',
    f'x\n{{"time":"2026-11-23T09:00:00Z",{LINE}}}',
    f'x\u2028"client":"{VICTIM}","code":421,"words":"too many errors"',
]


def test_fail2ban_finds_the_refused_and_nobody_they_name(tmp_path):
    at = datetime(2026, 11, 23, 9, 0, 0, 250_000, UTC)
    log = Log(tmp_path, lambda: at)
    for number, words in enumerate(INJECTED):
        log("refused", words=words, code=550, client=f"203.0.113.{number}")
        log("refused", client="192.0.2.8", code=452, words=words)  # a trouble of ours
        log("refused", relay=RELAY, code=550, words=words)
        log("accepted", letter=words, intake=words, client="192.0.2.9", size=1, recipients=1)
        log("error", where=words, kind=words, words=words)
        log("command_refused", who=words, reason=words, line=words)
        log("sent", outgoing=words, template="reply", to=words, attempts=1, result=words)
        log("refused", intake="form", client=words, code=429, words=words)  # of a proxy that hands on what it is told
    log("refused", intake="form", client="2001:db8::7", code=429, words="often")
    log("refused", intake="form", client="192.0.2.10", code=503, words="trouble")
    log("refused", intake="form", client="192.0.2.10", code=400, words="text")
    log("refused", client="192.0.2.11", code=421, words="too many errors")
    log("refused", client="192.0.2.12", code=421, words="no room for connections, 7 turned away")
    log("refused", client="192.0.2.12", code=421, words="slow, nothing said for too long")
    log("refused", client="evil.example", code=550, words="x")  # nobody is looked up in the DNS
    log.close()
    found = banned(tmp_path)
    expected = {f"203.0.113.{number}" for number in range(len(INJECTED))} | {"2001:db8::7", "192.0.2.11"}
    assert {address for address, _ in found} == expected
    moments = {float(moment) for _, moment in found + banned(tmp_path, "Europe/Moscow")}
    assert {int(moment) for moment in moments} == {int(at.timestamp())}, "whatever the clock on the wall says"


def test_fail2ban_never_shuts_out_who_brings_others_mail(tmp_path):
    """At the listeners: this machine, a trusted relay, all of LMTP; and in the jail, private networks."""
    log = Log(tmp_path, lambda: datetime.now(UTC))
    reception = Reception(lambda *_: None, lambda _: False, str, lambda: datetime.now(UTC), log)
    trusted = frozenset({RELAY})
    smtp, lmtp = (kind(reception, hostname="x", trusted=trusted) for kind in (SmtpListener, LmtpListener))
    for client in (RELAY, "127.0.0.1", "::1", ATTACKER):
        smtp.tell_refusal(client, 550, "no such address: x")
    for client in (ATTACKER, "192.0.2.77", "unix"):
        lmtp.tell_refusal(client, 550, "no such address: x")
    log.close()
    assert {address for address, _ in banned(tmp_path)} == {ATTACKER}
    jail = ConfigParser()
    jail.read(OPS / "fail2ban-jail.conf")
    assert jail["desk"]["filter"] == "desk"
    networks = [ipaddress.ip_network(one) for one in jail["desk"]["ignoreip"].split()]
    for address in ("127.0.0.1", "::1", "172.17.0.1", "10.1.2.3", "192.168.0.4", "fd00::1", "fe80::1"):
        assert any(ipaddress.ip_address(address) in network for network in networks), address
    assert not any(ipaddress.ip_address(ATTACKER) in network for network in networks)


async def test_a_full_door_blames_nobody_it_turns_away(tmp_path):
    """An attacker fills it; the relay that then finds no room must not look like one."""
    told = []
    tell = lambda event, **fields: told.append(fields)  # noqa: E731
    reception = Reception(lambda *_: None, lambda _: True, str, lambda: datetime.now(UTC), tell)
    listener = SmtpListener(reception, hostname="x", limits=Limits(connections=2, per_address=1))

    class Client:
        is_idle = False

        def __init__(self, client):
            self.client = client

    for client in ("203.0.113.1", "203.0.113.2", RELAY):
        listener.admit(Client(client))
    assert [one["words"] for one in told] == ["no room for connections, 1 turned away"]
    listener._told = -10
    listener.admit(Client("203.0.113.2"))
    assert told[-1]["words"] == "too many connections, 1 turned away"


def test_rsyslog_reads_its_piece(tmp_path):
    rsyslogd = program("rsyslogd")
    text = (OPS / "rsyslog.conf").read_text()
    (tmp_path / "conf").write_text(f'global(workDirectory="{tmp_path}")\n{text}')  # as Debian's own configuration says before ours
    done = subprocess.run([rsyslogd, "-N1", "-f", str(tmp_path / "conf")], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r'event\\":\\"(\w+)', text)) <= EVENTS.keys()


def test_the_form_behind_nginx(tmp_path, desk):
    nginx, outer, desk = program("nginx"), free_port(), desk[0]
    inner = desk.ready.split("form=127.0.0.1:")[1].split()[0]
    piece = (OPS / "nginx.conf").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{inner}")
    conf = tmp_path / "conf"
    temp = "\n".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    conf.write_text(f"{user}daemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error;\nevents {{}}\nhttp {{\naccess_log off;\n{temp}\n"
                    f"server {{\nlisten 127.0.0.1:{outer};\n{piece}}}\n}}\n")  # fmt: skip
    server = subprocess.Popen([nginx, "-c", str(conf), "-p", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(outer))
        client = http.client.HTTPConnection("127.0.0.1", outer, timeout=20)
        body = "email=olga%40example.org&text=The+player+shows+error+17&consent=yes"
        head = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "198.51.100.9"}
        client.request("POST", "/support/", body, head)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 303
        client.request("GET", "/support/" + str(answer.headers["location"]))
        page = client.getresponse()
        assert page.status == 200
        assert b'href="./?lang=' in page.read()
        client.close()
        desk.wait("olga@example.org", 1)
        accepted = [json.loads(line) for line in (desk.data / "log" / "desk.jsonl").read_text().splitlines() if '"intake":"form"' in line]
        assert [one["client"] for one in accepted] == ["127.0.0.1"]  # nginx's word, not the client's
    finally:
        server.terminate()
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def test_the_pipe_of_mail_servers(tmp_path):
    """Exit codes as sysexits.h has them, through the script that mail servers call."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
    env = clean | {"PYTHON": sys.executable, "DESK_DATA": str(tmp_path / "data")}

    def deliver(*options: str, letter: bytes = LETTER, **more: str) -> int:
        called = [str(OPS / "deliver"), *options]
        return subprocess.run(called, env=env | more, input=letter, capture_output=True, timeout=30, check=False).returncode

    codes = {}
    runs = {
        "stored": lambda: deliver("--sender", "ivan@example.org", "--recipient", "support@providence.film"),
        "null": lambda: deliver("--sender", ""),
        "empty": lambda: deliver(letter=b""),
        "usage": lambda: deliver("--nonsense"),
        "settings": lambda: deliver(DESK_SMTP="nonsense"),
        "disk": lambda: deliver(DESK_DATA="/proc/nowhere"),
    }
    threads = [threading.Thread(target=lambda name=name: codes.update({name: runs[name]()})) for name in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"stored": 0, "null": 0, "empty": 65, "usage": 64, "settings": 75, "disk": 75}
    assert len(list((tmp_path / "data" / "inbox" / "new").glob("*.eml"))) == 2


def test_procmail_hands_a_letter_over(tmp_path):
    procmail = program("procmail")
    recipe = tmp_path / "rc"
    head = f"SHELL=/bin/sh\nDESK_DATA={tmp_path}/data\nPYTHON={sys.executable}\n"
    recipe.write_text(head + block("procmail").replace("/opt/desk/deliver", str(OPS / "deliver")))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    letter = b"From ivan@example.org  Sun Nov 22 12:00:00 2026\n" + LETTER
    done = subprocess.run([procmail, "-m", str(recipe)], input=letter, env=env, timeout=30, check=False)
    assert done.returncode == 0
    [stored] = (tmp_path / "data" / "inbox" / "new").glob("*.eml")
    assert b'"mail_from":"ivan@example.org"' in stored.read_bytes().split(b"\n")[0]


def test_postfix_reads_the_pipe(tmp_path):
    postconf = program("postconf")
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    (tmp_path / "master.cf").write_text(block("master.cf"))
    done = subprocess.run([postconf, "-c", str(tmp_path), "-M"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "argv=/opt/desk/deliver --sender ${sender}" in " ".join(done.stdout.split())


def test_the_image_has_what_it_copies_and_no_root():
    text = (OPS / "Dockerfile").read_text()
    for words in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", text):
        assert all((ROOT / name).exists() for name in words.split()), words
    assert re.search(r"(?m)^USER desk$", text)
    known = {f"DESK_{name.upper()}" for name in Settings.model_fields}
    compose = YAML(typ="safe").load(OPS / "compose.yaml")
    assert {name for name in compose["services"]["desk"]["environment"] if name.startswith("DESK_")} <= known
    assert set(re.findall(r"DESK_\w+", text)) <= known
    assert compose["services"]["desk"]["cap_drop"] == ["ALL"]
