"""Letters to a relay over real sockets: results for each recipient, kept connections, and trouble of every kind."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from contextlib import asynccontextmanager
from email.parser import BytesParser
from email.policy import default

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from peers import certificate, free_port

from bot.delivery.folder import Folder
from bot.delivery.relay import Relay
from bot.disk import Disk
from bot.settings import RelayTarget

LETTER = b"Message-ID: <1@desk.example>\r\nDate: Sun, 22 Nov 2026 15:00:00 +0300\r\nSubject: Hello\r\n\r\n.dot\r\n\xd1\x8f\r\n"
US, THEM = "support+pf1@desk.example", "user@example.org"


class Mx:
    """A mail server that answers as it is told; `answers` maps a step (MAIL, RCPT, DATA) or an address to a reply."""

    def __init__(self, **settings):
        self.settings, self.answers, self.taken, self.sessions, self.transports = settings, {}, [], 0, []
        self.pause = 0.0  # seconds before a letter is taken

    def session(self):
        self.sessions += 1
        mx = self

        class Session(SMTP):
            def connection_made(self, transport):
                mx.transports.append(transport)
                super().connection_made(transport)

        settings = {"enable_SMTPUTF8": True, "hostname": "mx.example.org", **self.settings}
        return Session(self, loop=asyncio.get_running_loop(), **settings)

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802
        if reply := self.answers.get("MAIL"):
            return reply
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get(address, self.answers.get("RCPT", "250 OK"))

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        await asyncio.sleep(self.pause)
        reply = self.answers.get("DATA", "250 OK queued as 7")
        if reply == "vanish":
            self.transports[-1].abort()
        if reply.startswith(("250", "vanish")):
            self.taken.append(envelope)
        return reply


@asynccontextmanager
async def relay(mx, security="plain", scheme=None, user="", password="", port=None, **settings):
    """A Relay with a server behind it."""
    server = await asyncio.get_running_loop().create_server(mx.session, "127.0.0.1", 0, ssl=scheme)
    bound = server.sockets[0].getsockname()[1]
    one = Relay(RelayTarget("127.0.0.1", port or bound, security, user, password), hostname="desk.example", **settings)
    try:
        yield one
    finally:
        await one.close()
        server.close()
        for transport in mx.transports:
            transport.abort()
        await asyncio.sleep(0)


async def test_a_letter_goes_as_it_is_with_its_envelope():
    mx = Mx()
    async with relay(mx) as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code, result.words) == ("sent", 250, "250 OK queued as 7")
        (envelope,) = mx.taken
        assert (envelope.mail_from, envelope.rcpt_tos, envelope.content) == (US, [THEM], LETTER)
        assert "BODY=8BITMIME" in envelope.mail_options


async def test_the_null_sender_is_one():
    mx = Mx()
    async with relay(mx) as one:
        assert (await one.send(LETTER, "", THEM)).state == "sent"
        assert mx.taken[0].mail_from == "<>"


async def test_a_connection_is_kept_for_the_next_letters():
    mx = Mx()
    async with relay(mx) as one:
        for _ in range(5):
            assert (await one.send(LETTER, US, THEM)).state == "sent"
        assert (mx.sessions, len(mx.taken)) == (1, 5)


async def test_letters_that_go_together_share_a_few_connections():
    mx = Mx()
    async with relay(mx, connections=3) as one:
        results = await asyncio.gather(*(one.send(LETTER, US, f"u{number}@example.org") for number in range(30)))
        assert {result.state for result in results} == {"sent"}
        assert mx.sessions <= 3
        assert {envelope.rcpt_tos[0] for envelope in mx.taken} == {f"u{number}@example.org" for number in range(30)}


@pytest.mark.parametrize(
    ("step", "reply", "state", "of_us"),
    [
        ("MAIL", "451 4.7.1 greylisted", "retry", True),
        ("MAIL", "550 5.1.8 we do not know you", "retry", True),
        ("RCPT", "451 4.7.1 greylisted", "retry", False),
        ("RCPT", "452 4.2.2 full", "retry", False),
        ("RCPT", "550 5.1.1 no such user", "failed", False),
        ("RCPT", "554 5.7.1 relay access denied", "retry", True),
        ("DATA", "451 4.3.0 try later", "retry", False),
        ("DATA", "554 5.7.1 spam", "held", False),
        ("DATA", "550 5.4.5 daily limit", "retry", True),
    ],
)  # fmt: skip
async def test_replies_decide_and_the_next_letter_is_free_of_them(step, reply, state, of_us):
    mx = Mx()
    async with relay(mx) as one:
        mx.answers[step] = reply
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code, result.words, result.of_us) == (state, int(reply[:3]), reply, of_us)
        mx.answers.clear()
        assert (await one.send(LETTER, US, THEM)).state == "sent"
        assert len(mx.taken) == 1
        assert mx.sessions == 1


class Hanging(asyncio.Protocol):
    """A server that stops answering at a `step`, once the domains h0.example, h1.example, … are named: MAIL, RCPT,
    DATA, text (which it does not read), dot (it has taken the letter), RSET (after it has refused).
    """

    def __init__(self, step, taken, transports):
        self.step, self.taken, self.hangs, self.inside, self.buffer, self.to = step, taken, False, False, b"", b""
        self.transports = transports

    def connection_made(self, transport):
        self.transport = transport
        self.transports.append(transport)
        transport.write(b"220 mx.example ESMTP\r\n")

    def data_received(self, data):
        self.buffer += data
        while b"\r\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            answer = self.text(line) if self.inside else self.command(line)
            if answer and not self.hangs:
                self.transport.write(answer + b"\r\n")

    def command(self, line):
        verb = line[:4].upper().decode()
        bad = b"@h" in line if verb in ("MAIL", "RCPT") else b"@h" in self.to
        if verb == "MAIL":
            self.to = b""
        if verb == "RCPT":
            self.to = line
            if bad and self.step == "RSET":
                return b"451 4.7.1 later"
        self.hangs = self.hangs or (bad and verb == self.step)
        if verb == "DATA":
            self.inside = not self.hangs
            if bad and self.step == "text":
                self.transport.write(b"354 go\r\n")
                self.transport.pause_reading()
                return b""
            return b"354 go"
        return b"250 ok"

    def text(self, line):
        if line != b".":
            return b""
        self.inside, self.hangs = False, self.step == "dot" and b"@h" in self.to
        self.taken.append(self.to)
        return b"250 taken"


@pytest.mark.parametrize(("step", "count", "domains"), [
    *((step, *many) for step in ("MAIL", "RCPT", "DATA", "dot", "RSET") for many in ((12, 1), (100, 100))),
    ("text", 12, 1), ("text", 30, 30),
])  # fmt: skip
async def test_destinations_that_hang_hold_no_good_letter(step, count, domains):
    """Wherever they hang; and a letter whose text is out is not cut off, for it may have been taken."""
    taken, transports, letter, few = [], [], LETTER, {}
    listening = socket.create_server(("127.0.0.1", 0))
    if step == "text":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        letter, few = LETTER + (b"y" * 70 + b"\r\n") * 60_000, {"connections": 2}
    server = await asyncio.get_running_loop().create_server(lambda: Hanging(step, taken, transports), sock=listening)
    target = RelayTarget("127.0.0.1", listening.getsockname()[1], "plain")
    one = Relay(target, hostname="desk.example", pace=(0.02, 0.1), **few)
    try:
        async with asyncio.timeout(30):
            who = [f"u{number}@h{number % domains}.example" for number in range(count)]
            sender = US if step != "MAIL" else "desk@h.example"
            hanging = [asyncio.ensure_future(one.send(letter, sender, to)) for to in who]
            await asyncio.sleep(0)
            assert (await one.send(LETTER, US, THEM)).state == "sent"
            for task in hanging:
                task.cancel()
            results = await asyncio.gather(*hanging, return_exceptions=True)
        ended = [found for found in results if not isinstance(found, asyncio.CancelledError)]
        assert all((found.state, found.of_us) == ("retry", False) for found in ended), ended
        if step == "dot":
            assert ended == []
            assert len(taken) == len(set(taken))
    finally:
        await one.close()
        for transport in transports:
            transport.abort()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


async def test_a_server_that_wants_fewer_connections_is_given_fewer():
    mx = Mx()
    mx.pause, greeted = 0.05, mx.session

    class TooMany(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"421 4.7.0 too many connections\r\n")
            transport.close()

    def session():
        open_ones = [transport for transport in mx.transports if not transport.is_closing()]
        return TooMany() if len(open_ones) >= 2 else greeted()

    mx.session = session
    async with relay(mx) as one:
        results = await asyncio.gather(*(one.send(LETTER, US, f"u{number}@e{number}.example") for number in range(12)))
        assert {result.state for result in results} == {"sent"}


async def test_one_bad_recipient_does_not_touch_the_others():
    mx = Mx()
    mx.answers = {"gone@example.org": "550 5.1.1 gone", "full@example.org": "452 4.2.2 full"}
    async with relay(mx) as one:
        results = await asyncio.gather(*(one.send(LETTER, US, f"{name}@example.org") for name in ("a", "gone", "full", "b")))
        assert [result.state for result in results] == ["sent", "failed", "retry", "sent"]


async def test_a_kept_connection_that_the_server_has_closed_costs_nothing():
    mx = Mx()
    async with relay(mx) as one:
        await one.send(LETTER, US, THEM)
        for transport in mx.transports:
            transport.abort()
        assert (await one.send(LETTER, US, THEM)).state == "sent"
        assert (mx.sessions, len(mx.taken)) == (2, 2)


async def test_a_server_that_ends_a_kept_session_with_421_gets_a_new_one():
    mx = Mx(command_call_limit={"MAIL": 2, "*": 1000})
    async with relay(mx) as one:
        assert [(await one.send(LETTER, US, THEM)).state for _ in range(5)] == ["sent"] * 5
        assert (mx.sessions, len(mx.taken)) == (3, 5)


async def test_421_on_a_new_connection_is_tried_again_later():
    mx = Mx()
    mx.answers["MAIL"] = "421 4.3.2 closing"
    async with relay(mx) as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code) == ("retry", 421)


async def test_a_connection_lost_in_the_letter_is_tried_again_later_not_at_once():
    """The server may have taken it: a second copy at once would be a doubled letter."""
    mx = Mx()
    async with relay(mx) as one:
        await one.send(LETTER, US, THEM)
        mx.answers["DATA"] = "vanish"
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code) == ("retry", 0)
        assert (mx.sessions, len(mx.taken)) == (1, 2)


async def test_an_idle_connection_is_closed():
    mx = Mx()
    async with relay(mx, idle=0.05) as one:
        await one.send(LETTER, US, THEM)
        async with asyncio.timeout(5):
            while not all(transport.is_closing() for transport in mx.transports):  # noqa: ASYNC110  the server's side has no event
                await asyncio.sleep(0.01)
        assert (await one.send(LETTER, US, THEM)).state == "sent"


async def test_no_server_is_tried_again_later_and_not_at_every_letter():
    mx = Mx()
    async with relay(mx, port=1, rest=60) as one:
        first = await one.send(LETTER, US, THEM)
        assert (first.state, first.code, first.alarm) == ("retry", 0, False)
        one._target = RelayTarget("127.0.0.1", 0, "plain")
        assert await one.send(LETTER, US, THEM) == first, "for a while nobody knocks again"


async def test_after_its_rest_a_relay_is_asked_again():
    mx = Mx()
    async with relay(mx, port=1, rest=0.05) as one:
        assert (await one.send(LETTER, US, THEM)).state == "retry"
        server = await asyncio.get_running_loop().create_server(mx.session, "127.0.0.1", 0)
        one._target = RelayTarget("127.0.0.1", server.sockets[0].getsockname()[1], "plain")
        await asyncio.sleep(0.1)
        assert (await one.send(LETTER, US, THEM)).state == "sent"
        server.close()


async def test_at_the_end_what_is_under_way_is_finished_and_nothing_else_begun():
    """A letter that was cut off in the middle would be taken by the relay, and sent once more."""
    mx = Mx()
    mx.pause = 0.2
    async with relay(mx, connections=2) as one:
        under_way = [asyncio.ensure_future(one.send(LETTER, US, f"u{number}@example.org")) for number in range(20)]
        while not mx.taken:  # noqa: ASYNC110  two more are then under way
            await asyncio.sleep(0.01)
        await one.close()
        results = await asyncio.gather(*under_way)
        assert sorted({result.state for result in results}) == ["retry", "sent"]
        assert {f"u{number}@example.org" for number, result in enumerate(results) if result.state == "sent"} == {
            to for envelope in mx.taken for to in envelope.rcpt_tos
        }
        assert (await one.send(LETTER, US, THEM)).state == "retry"


async def test_a_connection_that_comes_up_while_the_desk_ends_begins_no_letter():
    mx = Mx()
    async with relay(mx) as one:
        under_way = asyncio.ensure_future(one.send(LETTER, US, THEM))
        while not mx.sessions:  # noqa: ASYNC110  the very moment of the greeting
            await asyncio.sleep(0)
        await one.close()
        assert ((await under_way).state, mx.taken) == ("retry", [])


async def test_a_server_that_says_nothing_is_tried_again_later():
    async def silent(reader, writer):
        await reader.read()
        writer.close()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    target = RelayTarget("127.0.0.1", server.sockets[0].getsockname()[1], "plain")
    one = Relay(target, hostname="desk.example", timeout=0.1)
    assert (await one.send(LETTER, US, THEM)).state == "retry"
    async with asyncio.timeout(5):
        await ended.wait()
    server.close()


@pytest.mark.parametrize("answers", [0, 1], ids=["EHLO", "STARTTLS"])
async def test_a_server_that_stops_before_the_first_letter_holds_nobody_for_long(answers, monkeypatch):
    """Greeting, EHLO, STARTTLS and login share the time that a connection has to come up."""

    async def stops(reader, writer):
        writer.write(b"220 mx.example\r\n")
        for _ in range(answers):
            await reader.readline()
            writer.write(b"250-mx.example\r\n250 STARTTLS\r\n")
        await reader.read()
        writer.close()
        ended.set()

    monkeypatch.setattr("bot.delivery.relay.CONNECT", 0.1)
    ended = asyncio.Event()
    server = await asyncio.start_server(stops, "127.0.0.1", 0)
    target = RelayTarget("127.0.0.1", server.sockets[0].getsockname()[1], "starttls" if answers else "plain")
    async with asyncio.timeout(10):
        result = await Relay(target, hostname="desk.example").send(LETTER, US, THEM)
        await ended.wait()
    assert (result.state, result.of_us) == ("retry", True)
    server.close()
    await server.wait_closed()


async def test_a_greeting_of_refusal_says_nothing_of_the_letter():
    async def refuse(_reader, writer):
        writer.write(b"554 5.7.1 not you\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    one = Relay(RelayTarget("127.0.0.1", server.sockets[0].getsockname()[1], "plain"), hostname="desk.example")
    result = await one.send(LETTER, US, THEM)
    assert (result.state, result.code) == ("retry", 554)
    server.close()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("to", "utf8", "state"),
    [("user@почта.рф", False, "sent"), ("вася@почта.рф", True, "sent"), ("вася@почта.рф", False, "failed")],
)
async def test_addresses_outside_of_ascii(to, utf8, state):
    mx = Mx(enable_SMTPUTF8=utf8)
    async with relay(mx) as one:
        assert (await one.send(LETTER, US, to)).state == state
        taken = [(envelope.rcpt_tos, "SMTPUTF8" in envelope.mail_options) for envelope in mx.taken]
        local = to.partition("@")[0]
        assert taken == ([([f"{local}@xn--80a1acny.xn--p1ai"], utf8)] if state == "sent" else [])


@pytest.mark.parametrize("to", ["", "no-domain", "a@" + "x" * 80 + "ё.рф", "a@..рф", "a\r\nRCPT TO:<b@example.org>@example.org"])
async def test_an_impossible_address_is_a_result_and_nothing_slips_through(to):
    mx = Mx()
    async with relay(mx) as one:
        result = await one.send(LETTER, US, to)
        assert result.state == "failed"
        assert all("b@example.org" not in envelope.rcpt_tos for envelope in mx.taken)
        assert (await one.send(LETTER, US, THEM)).state == "sent"


async def test_words_of_a_server_are_made_safe():
    mx = Mx()
    mx.answers["RCPT"] = "550 5.1.1 no\x1b[31m such\tuser " + "x" * 400
    async with relay(mx) as one:
        words = (await one.send(LETTER, US, THEM)).words
        assert words.startswith("550 5.1.1 no [31m such user x")
        assert len(words) <= 300


# ----------------------------------------------------------------------------------------------------- TLS and login


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context


def login(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=data.password == b"p@ss word", handled=False, auth_data=data)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_letters_go_over_tls_with_a_login(pem, monkeypatch, security):
    cert, context = pem
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    if security == "tls":
        mx = Mx(authenticator=login, auth_required=True, auth_require_tls=False)
        with pytest.warns(UserWarning, match="Requiring AUTH"):
            async with relay(mx, "tls", context, "desk", "p@ss word") as one:
                assert (await one.send(LETTER, US, THEM)).state == "sent"
    else:
        mx = Mx(authenticator=login, auth_required=True, require_starttls=True, tls_context=context)
        async with relay(mx, "starttls", None, "desk", "p@ss word") as one:
            assert (await one.send(LETTER, US, THEM)).state == "sent"
    assert len(mx.taken) == 1


async def test_a_refused_login_keeps_the_letter_and_calls_for_help(pem, monkeypatch):
    cert, context = pem
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    mx = Mx(authenticator=login, auth_required=True, require_starttls=True, tls_context=context)
    async with relay(mx, "starttls", None, "desk", "wrong") as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code, result.alarm) == ("retry", 535, True)
        assert "wrong" not in result.words


async def test_a_server_that_wants_a_login_keeps_the_letter_and_calls_for_help(pem):
    mx = Mx(authenticator=login, auth_required=True, tls_context=pem[1])
    async with relay(mx) as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.code, result.alarm) == ("retry", 530, True)


async def test_a_certificate_that_cannot_be_trusted_keeps_the_letter_and_calls_for_help(pem):
    mx = Mx(tls_context=pem[1])
    async with relay(mx, "starttls") as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.alarm) == ("retry", True)
        assert mx.taken == []


async def test_no_starttls_where_it_is_asked_for_sends_nothing_in_the_clear():
    mx = Mx()
    async with relay(mx, "starttls") as one:
        result = await one.send(LETTER, US, THEM)
        assert (result.state, result.alarm) == ("retry", True)
        assert mx.taken == []


@pytest.mark.postfix
@pytest.mark.skipif(not shutil.which("smtp-sink"), reason="smtp-sink of Postfix is not installed")
async def test_smtp_sink_takes_every_letter(tmp_path):
    port = free_port()
    sink = await asyncio.create_subprocess_exec(
        "smtp-sink", "-u", "root", "-d", f"{tmp_path}/%M.", f"127.0.0.1:{port}", "100", stderr=asyncio.subprocess.DEVNULL
    )
    one = Relay(RelayTarget("127.0.0.1", port, "plain"), hostname="desk.example", rest=0)
    try:
        async with asyncio.timeout(10):
            while (await one.send(LETTER, US, THEM)).state != "sent":  # noqa: ASYNC110 - until the program listens
                await asyncio.sleep(0.05)
        results = await asyncio.gather(*(one.send(LETTER, US, THEM) for _ in range(50)))
        assert {result.state for result in results} == {"sent"}
        await one.close()
        assert sum(path.read_bytes().count(b"Message-ID: <1@desk.example>") for path in tmp_path.iterdir()) == 51
    finally:
        sink.terminate()
        await sink.wait()


# ---------------------------------------------------------------------------------------------------------- a folder


async def test_a_folder_holds_one_file_a_letter_however_often_it_is_sent(tmp_path):
    folder = Folder(tmp_path / "outbox", Disk())
    for _ in range(3):
        assert (await folder.send(LETTER, US, THEM)).state == "sent"
    await folder.send(LETTER, US, "other@example.org")
    files = sorted((tmp_path / "outbox").glob("*.eml"))
    assert len(files) == 2
    assert all(path.name.startswith("20261122T120000-") for path in files)
    message = BytesParser(policy=default).parsebytes(files[0].read_bytes())
    assert (message["Return-Path"], message["Subject"]) == (f"<{US}>", "Hello")
    assert {BytesParser(policy=default).parsebytes(path.read_bytes())["Delivered-To"] for path in files} == {THEM, "other@example.org"}
    await folder.close()


async def test_a_folder_has_what_it_was_given_when_it_is_closed(tmp_path):
    folder = Folder(tmp_path, Disk())
    given = []
    for number in range(50):
        given.append(folder.send(LETTER, US, f"u{number}@example.org"))
        await asyncio.sleep(0)
    await folder.close()
    assert [result.state for result in await asyncio.gather(*given)] == ["sent"] * 50


async def test_names_sort_by_time_and_letters_without_date_or_id_have_one_too(tmp_path):
    folder = Folder(tmp_path, Disk())
    early, late = (f"Date: {day} Nov 2026 01:00:00 +0000\r\nMessage-ID: <{day}@x>\r\n\r\n".encode() for day in (9, 10))
    bare = b"\r\nDate: 1 Nov 2026 01:00:00 +0000\r\n"
    odd = b"Date: yesterday\r\nMessage-ID: <odd@x>\r\n\r\n"
    names = [folder.entry(letter, US, THEM)[0] for letter in (early, late, bare, odd)]
    assert names[:2] == sorted(names[:2])
    assert len(set(names)) == 4
    assert all(name.startswith("undated-") for name in names[2:])
    results = [await folder.send(letter, US, THEM) for letter in (early, late, bare, odd)]
    assert [result.state for result in results] == ["sent"] * 4
    assert sorted(path.name for path in tmp_path.glob("*.eml")) == sorted(names)
    await folder.close()


async def test_a_full_disk_is_tried_again_later(tmp_path, monkeypatch):
    disk = Disk()
    folder = Folder(tmp_path, disk)

    def full(*_args, **_kwargs):
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "fsync", full)
        assert (await folder.send(LETTER, US, THEM)).state == "retry"
    assert list(tmp_path.glob("*.eml")) == []
    assert (await folder.send(LETTER, US, THEM)).state == "sent"
    await folder.close()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_a_password_file_that_cannot_be_read_is_told_of_and_the_letter_waits(tmp_path, content):
    path = tmp_path / "password"
    if content:
        path.write_bytes(content)
    relay = Relay(RelayTarget("127.0.0.1", 9, "plain", "desk", password_file=path), hostname="desk.example")
    result = await relay.send(LETTER, US, THEM)
    assert (result.state, result.alarm) == ("retry", True)
    await relay.close()
