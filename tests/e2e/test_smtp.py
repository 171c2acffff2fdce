"""The SMTP listener on real sockets: what it takes, what it refuses, and what hostile clients cannot do."""

from __future__ import annotations

import asyncio
import errno
import shutil
import smtplib
import ssl
import subprocess
import time
import tracemalloc
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from bot.disk import Disk
from bot.intake import session
from bot.intake.crowd import NoRoomError
from bot.intake.reception import Reception
from bot.intake.session import Limits
from bot.intake.smtp import SmtpListener, server_tls
from bot.intake.spool import Spool
from bot.store.files.inbox import Inbox
from bot.store.letter_ids import Ids

US, THEM = "support@desk.example", "user@example.org"
LETTER = b"From: user@example.org\r\nSubject: Hello\r\n\r\nHello\r\n"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Desk:
    """A listener with what it took and what it told, and an `accept` that a test may replace."""

    def __init__(self, **settings):
        self.taken, self.told, self.clients = [], [], []
        self.accept = self.keep
        settings = {"limits": Limits(**settings.pop("limits", {})), **settings}
        asked = {name: settings.pop(name) for name in ("spool", "must_have_room") if name in settings}
        reception = Reception(
            lambda raw, envelope: self.accept(raw, envelope), lambda address: address.lower() in (US, "postmaster"),
            Ids().new, lambda: NOW, lambda event, **fields: self.told.append((event, fields)), **asked,
        )  # fmt: skip
        self.listener = SmtpListener(reception, hostname="mail.desk.example", **settings)

    async def keep(self, raw, envelope):
        self.taken.append((raw, envelope))

    def words(self, event):
        return [fields.get("words") for word, fields in self.told if word == event]


@asynccontextmanager
async def desk(host="127.0.0.1", **settings):
    """A running desk; the test ends with every session closed."""
    one = Desk(**settings)
    one.address = await one.listener.start(host, 0)
    try:
        yield one
    finally:
        for client in one.clients:
            client.leave()
        await one.listener.stop(2)


class Client:
    """A raw SMTP client that says exactly what it is told."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, one):
        client = cls(*await asyncio.open_connection(*one.address))
        one.clients.append(client)
        return client

    @classmethod
    async def to(cls, one, ready=True):
        client = await cls.connect(one)
        await client.reply()
        if ready:
            for line in ("EHLO client.example", f"MAIL FROM:<{THEM}>", f"RCPT TO:<{US}>"):
                assert (await client.say(line)).startswith("250")
        return client

    async def reply(self):
        lines = []
        async with asyncio.timeout(5):
            while line := await self.reader.readline():
                lines.append(line.decode())
                if line[3:4] != b"-":
                    break
        return "".join(lines).rstrip()

    async def say(self, line):
        self.writer.write(line.encode() + b"\r\n" if isinstance(line, str) else line)
        return await self.reply()

    async def data(self, letter=LETTER):
        assert (await self.say("DATA")).startswith("354")
        return await self.say(letter + b".\r\n")

    async def closed(self):
        """Whether the server has closed the connection."""
        try:
            async with asyncio.timeout(5):
                return not await self.reader.read()
        except ConnectionResetError:
            return True

    def leave(self):
        self.writer.transport.abort()


async def until(fact):
    """Wait until `fact()` holds, for five seconds."""
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 - what is waited for belongs to the server and has no event
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True,
    )  # fmt: skip
    return server_tls(str(folder / "cert.pem"), str(folder / "key.pem"))


# ------------------------------------------------------------------------------------------------------ good letters


async def test_a_letter_is_taken_with_its_envelope_and_a_received_header():
    async with desk() as one:
        client = await Client.to(one)
        reply = await client.data()
        (raw, envelope), = one.taken  # fmt: skip
        assert reply == f"250 2.0.0 OK {envelope.letter}"
        assert (envelope.mail_from, envelope.recipients, envelope.client, envelope.intake) == (THEM, (US,), "127.0.0.1", "smtp")
        head = (
            f"Received: from client.example ([127.0.0.1])\r\n\tby mail.desk.example with ESMTP id {envelope.letter}\r\n"
            f"\tfor <{US}>;\r\n\tSun, 22 Nov 2026 12:00:00 +0000\r\n"
        )
        assert raw == head.encode() + LETTER


async def test_banner_and_ehlo_say_what_there_is_and_no_version():
    async with desk() as one:
        client = await Client.connect(one)
        assert await client.reply() == "220 mail.desk.example ESMTP"
        offers = (await client.say("EHLO x")).replace("250-", "").replace("250 ", "").split("\r\n")
        assert offers == ["mail.desk.example", "PIPELINING", f"SIZE {25 * 1024 * 1024}", "8BITMIME", "SMTPUTF8", "HELP"]


def by_smtplib(address, deed):
    with smtplib.SMTP(*address, timeout=5) as client:
        return deed(client)


ALL_BYTES = bytes(byte for byte in range(256) if byte not in b"\r\n") + b"\r\n"
BODIES = {
    "empty": b"", "dot": b".\r\n", "dots": b"..\r\n.x\r\n", "blank": b"\r\n", "blanks": b"\r\n.\r\n\r\n", "only dots": b".\r\n" * 30_000,
    "long line": b"x" * 200_000 + b"\r\n", "all bytes": ALL_BYTES, "many lines": b"a\r\n" * 30_000, "bare LF and CR": b"a\nb\rc\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_the_bytes_arrive_as_they_were_sent(body):
    async with desk() as one:
        client = await Client.to(one)
        stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
        assert (await client.data(stuffed)).startswith("250")
        assert one.taken[0][0].partition(b"+0000\r\n")[2] == body


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 65_535, 65_536, 65_537])
async def test_the_end_is_found_wherever_the_network_cuts(size):
    body = b"x" * 65_530 + b"\r\n..\r\n...\r\nend\r\n"
    async with desk() as one:
        client = await Client.to(one)
        await client.say("DATA")
        wire = body + b".\r\n"
        pieces = [wire[:65_520], *(wire[at : at + size] for at in range(65_520, len(wire), size))]
        for piece in pieces:
            client.writer.write(piece)
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.reply()).startswith("250")
        assert one.taken[0][0].endswith(b"\r\n.\r\n..\r\nend\r\n")


async def test_the_null_sender_is_an_empty_one():
    async with desk() as one:
        await asyncio.to_thread(by_smtplib, one.address, lambda client: client.sendmail("", [US], LETTER))
        assert one.taken[0][1].mail_from == ""


async def test_addresses_outside_of_ascii_are_kept():
    async with desk() as one:
        client = await Client.to(one, ready=False)
        await client.say("EHLO x")
        assert (await client.say("MAIL FROM:<вася@почта.рф> SMTPUTF8 BODY=8BITMIME SIZE=100")).startswith("250")
        assert (await client.say(f"RCPT TO:<{US}>")).startswith("250")
        assert (await client.data()).startswith("250")
        assert one.taken[0][1].mail_from == "вася@почта.рф"


async def test_many_letters_on_one_connection_each_have_their_own_envelope():
    async with desk() as one:

        def deed(client):
            for number in range(5):
                client.sendmail(f"u{number}@example.org", [US], LETTER)

        await asyncio.to_thread(by_smtplib, one.address, deed)
        assert [envelope.mail_from for _, envelope in one.taken] == [f"u{number}@example.org" for number in range(5)]
        assert len({envelope.letter for _, envelope in one.taken}) == 5


async def test_commands_in_one_packet_are_all_answered_and_quit_is_last():
    async with desk() as one:
        client = await Client.to(one, ready=False)
        client.writer.write(f"HELO x\r\nMAIL FROM:<{THEM}>\r\nRCPT TO:<{US}>\r\nDATA\r\n".encode() + LETTER + b".\r\nQUIT\r\n")
        replies = [await client.reply() for _ in range(6)]
        assert [reply[:3] for reply in replies] == ["250", "250", "250", "354", "250", "221"]
        assert b" with SMTP id " in one.taken[0][0]
        assert await client.closed()


async def test_tls_is_offered_with_a_certificate_and_told_in_the_trace(tls):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def deed(client):
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=context)
        client.ehlo()
        assert not client.has_extn("starttls")
        assert not client.has_extn("auth")
        client.sendmail(THEM, [US], LETTER)

    async with desk(tls=tls) as one:
        await asyncio.to_thread(by_smtplib, one.address, deed)
        assert b" with ESMTPS id " in one.taken[0][0]


async def test_commands_injected_before_tls_are_thrown_away(tls):
    async with desk(tls=tls) as one:
        client = await Client.to(one, ready=False)
        await client.say("EHLO x")
        assert (await client.say(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@example.org>\r\n")).startswith("220")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await client.writer.start_tls(context)
        assert (await client.say("MAIL FROM:<a@example.org>")).startswith("503"), "no EHLO has been heard since"


async def test_ipv6_clients_are_told_apart_in_the_trace(monkeypatch):
    """Said of a client that is none: many a container has no IPv6."""
    assert session._address(("::1", 50000, 0, 0)) == "::1"
    monkeypatch.setattr(session, "_address", lambda _: "::1")
    async with desk() as one:
        client = await Client.connect(one)
        await client.reply()
        for line in ("EHLO [IPv6:::1]", f"MAIL FROM:<{THEM}>", f"RCPT TO:<{US}>"):
            assert (await client.say(line)).startswith("250")
        await client.data()
        assert b"from [IPv6:::1] ([IPv6:::1])" in one.taken[0][0]


# --------------------------------------------------------------------------------------------------------- refusals


async def test_strangers_addresses_are_refused_for_good():
    async with desk() as one:
        client = await Client.to(one)
        assert (await client.say("RCPT TO:<victim@elsewhere.example>")).startswith("550 5.1.1")
        assert (await client.say("RCPT TO:<Postmaster>")).startswith("250")
        assert (await client.data()).startswith("250")
        assert one.taken[0][1].recipients == (US, "Postmaster")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MAIL FROM:<a b@example.org>", "5"),
        ("MAIL FROM:<(((((((((((((((((((((((((((((((((((((((((((((((((((@example.org>", "5"),
        (b"MAIL FROM:<\xff\xfe@example.org>\r\n", "553"),
        (b"MAIL FROM:<a\x00b@example.org>\r\n", "553"),
        (b'MAIL FROM:<"a\rX-Evil: 1"@example.org>\r\n', "553"),
        ("MAIL FROM:<a@example.org> SIZE=99999999999", "552"),
        ("MAIL FROM:<a@example.org> NONSENSE=1", "555"),
        ("AUTH PLAIN AGEAYg==", "500"),
        ("DATA", "503"),
        ("RCPT TO:<support@desk.example>", "503"),
        ("EHLO " + "x" * 3000, "500"),
        ("x" * 200_000, "500"),
        (b"\xd0\x98\xd0\x94\xd0\x98\r\n", "500"),
        (b"\r\n", "500"),
        ("BDAT 3 LAST", "500"),
    ],
)  # fmt: skip
async def test_bad_commands_are_refused_and_the_session_goes_on(line, code):
    async with desk() as one:
        client = await Client.to(one, ready=False)
        await client.say("EHLO x")
        assert (await client.say(line)).startswith(code)
        assert (await client.say(f"MAIL FROM:<{THEM}>")).startswith("250")
        assert not one.words("error")


async def test_a_name_in_helo_cannot_shape_our_header():
    async with desk() as one:
        client = await Client.to(one, ready=False)
        await client.say(b"EHLO a\rX-Evil: (x) \xd1\x8f;\r\n")
        for line in (f"MAIL FROM:<{THEM}>", f"RCPT TO:<{US}>"):
            await client.say(line)
        await client.data()
        assert one.taken[0][0].startswith(b"Received: from a?X-Evil:??x????")


async def test_too_many_recipients_are_put_off():
    async with desk(limits={"recipients": 3}) as one:
        client = await Client.to(one)
        assert [(await client.say(f"RCPT TO:<{US}>"))[:9] for _ in range(3)] == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
        assert (await client.data()).startswith("250")
        assert one.taken[0][1].recipients == (US,)


async def test_after_too_many_errors_the_session_ends():
    async with desk(limits={"errors": 4}) as one:
        client = await Client.to(one)
        replies = [await client.say(f"RCPT TO:<guess{number}@desk.example>") for number in range(4)]
        assert all(reply.startswith("550") for reply in replies)
        assert await client.reply() == "421 4.7.0 Too many errors, goodbye"
        assert await client.closed()


async def test_endless_harmless_commands_end_too():
    async with desk() as one:
        client = await Client.to(one, ready=False)
        client.writer.write(b"NOOP\r\n" * 5000)
        replies = await client.reader.read()
        assert replies.count(b"250 OK") <= 100
        assert b"421" in replies


async def test_a_letter_that_goes_in_circles_is_refused():
    hop = b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    async with desk() as one:
        for hops, code in ((100, "250"), (101, "554 5.4.6")):
            client = await Client.to(one)
            assert (await client.data(hop.swapcase() * hops + LETTER)).startswith(code)
            client.leave()
        client = await Client.to(one)
        assert (await client.data(LETTER + hop * 500)).startswith("250"), "quoted in the text they are no hops"
        assert len(one.taken) == 2


async def test_a_letter_over_the_limit_is_refused_and_the_next_one_taken():
    async with desk(limits={"size": 10_000}) as one:
        client = await Client.to(one)
        assert (await client.data((b"x" * 78 + b"\r\n") * 200)).startswith("552 5.3.4")
        for line in (f"MAIL FROM:<{THEM}> SIZE=10000", f"RCPT TO:<{US}>"):
            assert (await client.say(line)).startswith("250")
        assert (await client.data(b"x" * 9_998 + b"\r\n")).startswith("250"), "the limit itself is allowed"
        assert (await client.say(f"MAIL FROM:<{THEM}> SIZE=10001")).startswith("552")


async def flood(client, total):
    """Write `total` bytes without a line end, or until the server is done with us."""
    piece = b"x" * 262_144
    try:
        for _ in range(total // len(piece)):
            client.writer.write(piece)
            await client.writer.drain()
    except ConnectionError:
        pass


async def test_a_flood_without_line_ends_costs_no_memory_and_is_cut():
    async with desk(limits={"size": 1_000_000}) as one:
        client = await Client.to(one)
        await client.say("DATA")
        tracemalloc.start()
        try:
            await flood(client, 30_000_000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 4_000_000
        assert await client.closed() or (await client.reply()).startswith("552")
        assert one.taken == []
        assert one.listener.incoming == 0


async def test_a_flood_in_a_command_costs_no_memory_either():
    async with desk(limits={"idle": 0.2}) as one:
        client = await Client.to(one)
        tracemalloc.start()
        try:
            await flood(client, 20_000_000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 3_000_000


async def test_a_large_letter_waits_for_its_end_on_disk(tmp_path):
    async with desk(spool=Spool(tmp_path)) as one:
        client = await Client.to(one)
        await client.say("DATA")
        tracemalloc.start()
        try:
            await flood(client, 10_000_000)
            await until(lambda: one.listener.incoming > 9_000_000)
            now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert now < 1_500_000
        assert list(tmp_path.iterdir()) == [], "its file has no name, so no crash leaves it behind"
        assert (await client.say(b"\r\n.\r\n")).startswith("250")
        assert one.taken[0][0].endswith(b"x" * 1000 + b"\r\n")
        assert len(one.taken[0][0]) > 9_900_000


async def test_a_disk_that_fills_up_within_a_letter_does_not_make_commands_of_the_rest(tmp_path):
    spool = tmp_path / "full"
    spool.touch()  # no folder, so that nothing can be written there
    async with desk(spool=Spool(spool)) as one:
        client = await Client.to(one)
        evil = b"x" * 400_000 + b"\r\nMAIL FROM:<evil@example.org>\r\n" * 10
        assert (await client.data(evil)).startswith("451 4.3.0")
        assert (await client.say("NOOP")) == "250 OK"
        assert one.taken == []
        assert (await client.say(f"MAIL FROM:<{THEM}>")).startswith("250")
        assert (await client.say(f"RCPT TO:<{US}>")).startswith("250")
        assert (await client.data()).startswith("250"), "small letters need no spool"


async def test_all_incoming_letters_together_have_a_limit():
    async with desk(limits={"size": 1_000_000, "incoming": 1_500_000}) as one:
        slow, fast = await Client.to(one), await Client.to(one)
        await slow.say("DATA")
        await flood(slow, 900_000)
        await until(lambda: one.listener.incoming >= 500_000)
        assert (await fast.data(b"y" * 990_000 + b"\r\n")).startswith("452 4.3.1")
        slow.leave()
        await until(lambda: not one.listener.incoming)
        third = await Client.to(one)
        assert (await third.data(b"y" * 990_000 + b"\r\n")).startswith("250")


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r"])
async def test_nothing_but_crlf_dot_crlf_ends_a_letter(end):
    """SMTP smuggling: what another server takes for text must not be commands here."""
    async with desk() as one:
        client = await Client.to(one)
        await client.say("DATA")
        smuggled = b"text" + end + b"MAIL FROM:<evil@example.org>\r\n"
        assert (await client.say(smuggled + b".\r\n")).startswith("250")
        assert [envelope.mail_from for _, envelope in one.taken] == [THEM]
        assert b"MAIL FROM:<evil@example.org>" in one.taken[0][0]


# ------------------------------------------------------------------------------------------------------- our troubles


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (OSError(errno.ENOSPC, "no space left on /srv/desk"), "452 4.3.1"),
        (OSError(errno.EROFS, "read-only"), "452 4.3.1"),
        (OSError(errno.EIO, "broken"), "451 4.3.0"),
        (RuntimeError("a secret path"), "451 4.3.0"),
        (TimeoutError(), "451 4.3.0"),
    ],
)
async def test_our_own_errors_are_put_off_and_never_told(error, reply):
    async with desk() as one:

        async def fail(raw, envelope):
            raise error

        one.accept = fail
        client = await Client.to(one)
        said = await client.data()
        assert said.startswith(reply)
        assert "/srv" not in said
        assert "secret" not in said
        one.accept = one.keep
        for line in (f"MAIL FROM:<{THEM}>", f"RCPT TO:<{US}>"):
            await client.say(line)
        assert (await client.data()).startswith("250"), "it recovers by itself"


async def test_a_check_of_recipients_that_fails_is_put_off():
    async with desk() as one:

        def fail(address):
            raise KeyError(address)

        one.listener.is_ours = fail
        client = await Client.to(one, ready=False)
        await client.say("EHLO x")
        await client.say(f"MAIL FROM:<{THEM}>")
        assert (await client.say(f"RCPT TO:<{US}>")).startswith("451 4.3.0")
        assert one.words("error") == [repr(US)]


@pytest.mark.parametrize("how", ["abort", "half-close", "quit"])
async def test_a_client_that_leaves_while_its_letter_is_stored_does_not_stop_that(how):
    async with desk() as one:
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(raw, envelope):
            started.set()
            await go.wait()
            await one.keep(raw, envelope)

        one.accept = slow
        client = await Client.to(one)
        await client.say("DATA")
        client.writer.write(LETTER + b".\r\n" + (b"QUIT\r\n" if how == "quit" else b""))
        async with asyncio.timeout(5):
            await started.wait()
        if how == "half-close":
            client.writer.write_eof()
        else:
            client.leave()
        await asyncio.sleep(0.05)
        go.set()
        await until(lambda: one.taken)
        assert one.taken[0][0].endswith(LETTER)


async def test_stopping_finishes_the_letter_in_hand_and_turns_the_others_away():
    async with desk() as one:
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(raw, envelope):
            started.set()
            await go.wait()
            await one.keep(raw, envelope)

        one.accept = slow
        busy, idle = await Client.to(one), await Client.to(one)
        await busy.say("DATA")
        busy.writer.write(LETTER + b".\r\n")
        async with asyncio.timeout(5):
            await started.wait()
        stopping = asyncio.ensure_future(one.listener.stop())
        assert await idle.reply() == "421 4.3.2 Shutting down"
        go.set()
        assert (await busy.reply()).startswith("250")
        assert await busy.reply() == "421 4.3.2 Shutting down"
        await stopping
        with pytest.raises(OSError):
            await asyncio.open_connection(*one.address)


# ------------------------------------------------------------------------------------------------- time and number


async def test_a_silent_client_and_one_that_drips_a_command_are_cut():
    async with desk(limits={"idle": 0.2}) as one:
        silent, dripping = await Client.to(one), await Client.to(one)

        async def drip():
            while True:
                dripping.writer.write(b"x")
                await asyncio.sleep(0.05)

        task = asyncio.ensure_future(drip())
        start = time.monotonic()
        assert (await silent.reply()).startswith("421 4.4.2")
        assert (await dripping.reply()).startswith("421 4.4.2")
        assert time.monotonic() - start < 2
        task.cancel()


async def test_a_data_that_drips_is_cut_and_an_active_one_is_not():
    async with desk(limits={"idle": 0.6, "rate": 3000}) as one:
        dripping, active = await Client.to(one), await Client.to(one)
        for client in (dripping, active):
            await client.say("DATA")
        cut = asyncio.ensure_future(dripping.reply())
        for _ in range(12):  # three times as long as `idle`
            active.writer.write((b"x" * 998 + b"\r\n") * 2)
            dripping.writer.write(b"x")
            await asyncio.sleep(0.15)
        assert (await active.say(b".\r\n")).startswith("250")
        assert (await cut).startswith("421 4.4.2")
        assert len(one.taken) == 1


async def test_the_time_does_not_run_while_the_letter_is_stored():
    async with desk(limits={"idle": 0.6}) as one:

        async def slow(raw, envelope):
            await asyncio.sleep(0.8)

        one.accept = slow
        client = await Client.to(one)
        assert (await client.data()).startswith("250")


async def test_connections_of_an_address_have_a_limit_that_relays_do_not_have():
    async with desk(limits={"per_address": 2}) as one:
        first, _second = await Client.to(one), await Client.to(one)
        third = await Client.connect(one)
        assert (await third.reply()).startswith("421 4.7.0")
        assert await third.closed()
        first.leave()
        await until(lambda: len(one.listener.crowd.guests) == 1)
        await Client.to(one)
    async with desk(limits={"per_address": 2, "connections": 2}, trusted=frozenset({"127.0.0.1"})) as one:
        assert len([await Client.to(one) for _ in range(5)]) == 5


async def test_idle_sessions_make_room_and_those_that_talk_do_not():
    async with desk("0.0.0.0", limits={"connections": 6, "quiet": 0.3}) as one:

        async def connect(client):
            made = await asyncio.open_connection("127.0.0.1", one.address[1], local_addr=(client, 0))
            one.clients.append(Client(*made))
            return one.clients[-1], await one.clients[-1].reply()

        talking, _ = await connect("127.0.0.5")
        idle = [(await connect("127.0.0.6"))[0] for _ in range(5)]
        assert (await connect("127.0.0.7"))[1].startswith("421 4.7.0"), "nobody has been idle for long yet"
        await until(lambda: all(session.is_idle for session in one.listener.crowd.guests))
        assert (await talking.say("EHLO client.example")).startswith("250")
        assert (await connect("127.0.0.7"))[1].startswith("220")
        assert await idle[0].closed()
        assert (await talking.say("NOOP")).startswith("250")


async def test_new_connections_and_recipients_of_a_client_have_a_limit_too():
    async with desk("0.0.0.0", limits={"letters": 3}) as one:

        def visit(client, recipients):
            with smtplib.SMTP("127.0.0.1", one.address[1], source_address=(client, 0), timeout=10) as connection:
                connection.ehlo()
                connection.mail(THEM)
                return [connection.rcpt(US)[0] for _ in range(recipients)]

        assert await asyncio.to_thread(visit, "127.0.0.5", 31) == [250] * 30 + [450]
        assert [await asyncio.to_thread(visit, "127.0.0.6", 1) for _ in range(3)] == [[250]] * 3
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            await asyncio.to_thread(visit, "127.0.0.6", 1)
        assert one.words("refused") == ["more than 30 recipients in 60 s", "more than 3 connections in 60 s"]


async def test_a_disk_without_room_refuses_before_and_within_a_letter():
    left = [10_000]

    def must_have_room(now, size=0):
        if size > left[0]:
            raise NoRoomError(errno.ENOSPC, "full")

    async with desk(must_have_room=must_have_room) as one:
        client = await Client.to(one, ready=False)
        await client.say("EHLO client.example")
        assert (await client.say(f"MAIL FROM:<{THEM}> SIZE=10001")).startswith("452 4.3.1")
        assert (await client.say(f"MAIL FROM:<{THEM}> SIZE=9999")).startswith("250")
        assert (await client.say(f"RCPT TO:<{US}>")).startswith("250")
        assert (await client.say("DATA")).startswith("354")
        left[0] = 0
        assert (await client.say(LETTER + b".\r\n")).startswith("452 4.3.1")
        assert (one.taken, one.words("error")) == ([], [])
        left[0] = 10_000
        await client.say(f"MAIL FROM:<{THEM}>")
        await client.say(f"RCPT TO:<{US}>")
        assert (await client.data()).startswith("250"), "and by itself it is over"


async def test_connections_in_all_have_a_limit():
    async with desk(limits={"connections": 3}) as one:
        for _ in range(3):
            await Client.to(one)
        assert (await (await Client.connect(one)).reply()).startswith("421 4.7.0")
        assert one.words("refused") == ["no room for connections, 1 turned away"]


async def test_a_refused_connection_that_talks_on_does_no_harm():
    async with desk(limits={"connections": 0}) as one:
        client = await Client.connect(one)
        client.writer.write(b"EHLO x\r\n" * 1000)
        assert (await client.reply()).startswith("421")
        assert await client.closed()
        assert not one.listener.crowd.guests


# ----------------------------------------------------------------------------------------------------------- together


@pytest.mark.postfix
@pytest.mark.skipif(not shutil.which("smtp-source"), reason="smtp-source of Postfix is not installed")
async def test_smtp_source_delivers_every_letter_into_the_inbox(tmp_path):
    inbox = Inbox(tmp_path, Disk())
    async with desk() as one:
        one.accept = inbox.take
        process = await asyncio.create_subprocess_exec(
            "smtp-source", "-s", "10", "-m", "200", "-l", "2000", "-f", THEM, "-t", US, f"{one.address[0]}:{one.address[1]}"
        )
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    assert len(inbox.waiting()) == 200
    assert len(list(inbox.accepted_ids())) == 200


async def test_hundreds_of_clients_at_once_and_some_of_them_rude(tmp_path):
    inbox = Inbox(tmp_path, Disk())

    async def visit(one, number):
        client = await Client.to(one)
        if number % 4 == 0:
            client.leave()
            return 0
        assert (await client.data()).startswith("250")
        client.leave()
        return 1

    async with desk(limits={"per_address": 300}) as one:
        one.accept = inbox.take
        async with asyncio.timeout(30):
            sent = sum(await asyncio.gather(*(visit(one, number) for number in range(200))))
    assert len(inbox.waiting()) == sent == 150
    assert not one.listener.crowd.guests
    assert not one.listener.crowd._networks


async def test_one_client_hands_over_so_many_letters_a_minute_and_others_are_served_meanwhile():
    async with desk("0.0.0.0", limits={"letters": 5}, trusted=frozenset({"127.0.0.9"})) as one:

        def hand_over(client, count):
            answers = []
            with smtplib.SMTP("127.0.0.1", one.address[1], source_address=(client, 0), timeout=10) as connection:
                for _ in range(count):
                    connection.rset() if answers else connection.ehlo()
                    connection.mail(THEM)
                    code, words = connection.rcpt(US)
                    answers.append(connection.data(LETTER)[0] if code == 250 else (code, words.split()[0].decode()))
            return answers

        assert await asyncio.to_thread(hand_over, "127.0.0.5", 8) == [250] * 5 + [(450, "4.7.1")] * 3
        assert await asyncio.to_thread(hand_over, "127.0.0.6", 2) == [250] * 2, "another client"
        assert await asyncio.to_thread(hand_over, "127.0.0.9", 8) == [250] * 8, "a trusted relay"
        assert await asyncio.to_thread(hand_over, "127.0.0.1", 8) == [250] * 8, "a mail server of our own"
        assert one.words("refused") == ["more than 5 letters in 60 s"], "announced once a span"
