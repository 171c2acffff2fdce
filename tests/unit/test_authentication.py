"""The From line: what proves it and what only looks as if it did. Signatures by opendkim and dkimpy, keys from a DNS of our own."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import dkim
import dns.message
import dns.rrset
import pytest
from desk import Here

from bot.model import Envelope, Letter
from bot.parsing import read
from bot.settings import HostPort, Settings
from bot.workers.authentication import SILENT, Names, authenticator, resolver
from bot.workers.parser_pool import FULL, QUICK, LimitError, Limits, ParserPool

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = b"""From: Anna <anna@example.org>\r
To: support@providence.film\r
Subject: [PF-1] Hello\r
Date: Mon, 23 Nov 2026 09:00:00 +0000\r
Message-ID: <1@example.org>\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
\r
#take\r
"""


@lru_cache(1)
def key() -> tuple[bytes, str]:
    """A key pair: PEM, and the record that publishes it."""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
    return pem, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def signed(raw: bytes = PLAIN, domain: str = "example.org", headers: tuple[bytes, ...] | None = None, **more: Any) -> bytes:
    """The letter with a DKIM signature on top."""
    wanted = list(headers or (b"from", b"to", b"subject", b"date", b"message-id"))
    return bytes(dkim.sign(raw, b"s1", domain.encode(), key()[0], include_headers=wanted, **more)) + raw


def answers(**more: str) -> Callable[[str], Any]:
    """A DNS in which the key of example.org stands."""
    records = {"s1._domainkey.example.org": key()[1]} | {name.replace("__", "."): value for name, value in more.items()}

    async def ask(name: str) -> str:
        return records.get(name, "")

    return ask


async def checked(
    raw: bytes, ask: Callable[[str], Any] | None = None, client: str = "", trusted: dict[str,
    str] | None = None
) -> Letter:
    """The letter with what is found out about its From."""
    letter = read(raw, Envelope(letter="x", received=NOW, mail_from="anna@example.org", client=client))
    settings = Settings(trusted_relays=trusted or {}, secret_file=Path("none"))
    return await authenticator(settings, ask or answers())(raw, letter, Here(b""))


async def judged(raw: bytes, *more: Any, **named: Any) -> str:
    """What `aligned` becomes."""
    return (await checked(raw, *more, **named)).aligned


async def test_signature_of_the_domain_proves() -> None:
    assert await judged(signed()) == "dkim"


async def test_signature_of_an_organisational_domain_proves_and_a_policy_makes_it_dmarc() -> None:
    raw = signed(PLAIN.replace(b"anna@example.org", b"anna@mail.example.org"))
    assert await judged(raw) == "dkim"
    assert await judged(raw, answers(**{"_dmarc.mail.example.org": "v=DMARC1; p=reject"})) == "dmarc"
    assert await judged(raw, answers(**{"_dmarc.mail.example.org": "v=DMARC1; adkim=s"})) == ""


@pytest.mark.parametrize("raw", [
    pytest.param(lambda: PLAIN, id="unsigned"),
    pytest.param(lambda: signed().replace(b"#take", b"#spam"), id="another body"),
    pytest.param(lambda: signed().replace(b"[PF-1]", b"[PF-2]"), id="another subject"),
    pytest.param(lambda: signed(PLAIN, length=True) + b"#resolve\r\n", id="l= and more below"),
    pytest.param(lambda: signed(PLAIN, length=True), id="l= with nothing more"),
    pytest.param(lambda: signed(headers=(b"from", b"date")), id="subject and To unsigned"),
    pytest.param(lambda: b"From: boris@example.org\r\n" + signed(), id="a second From on top"),
    pytest.param(lambda: b"Subject: [PF-9]\r\n" + signed(), id="a second Subject on top"),
    pytest.param(lambda: signed(PLAIN.replace(b"Anna <anna@example.org>", b"anna@example.org, boris@example.org")), id="two people in From"),
    pytest.param(lambda: signed(PLAIN.replace(b"anna@example.org", b"anna@example.org, boris@example.org")), id="two in one bracket"),
    pytest.param(lambda: signed(PLAIN.replace(b"anna@example.org", b"anna@example.com")), id="signed by another domain"),
    pytest.param(lambda: signed(PLAIN.replace(b"anna@example.org", b"anna@notexample.org")), id="a domain that only ends alike"),
    pytest.param(lambda: b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from:to:subject:date; bh=AA==; b=AA==\r\n" + PLAIN, id="junk"),
])  # fmt: skip
async def test_what_is_no_proof(raw: Callable[[], bytes]) -> None:
    assert await judged(raw()) == ""


async def test_of_headers_alone_only_a_trusted_relay_says_whose_they_are() -> None:
    """A signed letter without a body, to which somebody has added one; the listener took its headers."""
    raw = signed(PLAIN.partition(b"#take")[0])
    report = b"Authentication-Results: mx.providence.film; dmarc=pass header.from=example.org\r\n"
    assert await judged(raw) == "dkim"
    for letter, aligned in ((raw, ""), (report + raw, "relay")):
        envelope = Envelope(letter="x", received=NOW, mail_from="?", client="imap", too_large=30_000_000)
        settings = Settings(trusted_relays={"imap": "mx.providence.film"}, secret_file=Path("none"))
        judge = authenticator(settings, answers())
        assert (await judge(letter, read(letter, envelope), Here(b""))).aligned == aligned


async def test_from_left_out_of_the_signature_is_no_proof() -> None:
    assert await judged(signed().replace(b"h=from : ", b"h=")) == ""


@pytest.mark.parametrize("record", ["", "v=DKIM1; k=rsa; p=", "v=DKIM1; t=y; p=AAAA", "rubbish \x00"])
async def test_revoked_testing_and_broken_keys(record: str) -> None:
    assert await judged(signed(), answers(**{"s1._domainkey.example.org": record})) == ""


async def test_testing_flag_of_a_good_key() -> None:
    assert await judged(signed(), answers(**{"s1._domainkey.example.org": key()[1].replace("v=DKIM1;", "v=DKIM1; t=y;")})) == ""


async def test_no_dns_is_no_proof_and_no_wait() -> None:
    asked = []

    async def silent(name: str) -> str:
        asked.append(name)
        await asyncio.sleep(3600)
        return ""

    names = Names(silent, seconds=0.01)
    for number in range(20):
        assert await names.text(f"{number}.example.org") is None
    assert len(asked) == 5, "after five failures in a row the DNS is left in peace"


async def test_a_policy_that_cannot_be_asked_for_is_taken_for_a_strict_one() -> None:
    """A failure of the DNS is no leave for the signatures of other hosts of the same organisation."""
    raw = signed(PLAIN.replace(b"anna@example.org", b"anna@mail.example.org"))
    for silent in ("_dmarc.mail.example.org", "_dmarc.example.org", "s1._domainkey.example.org"):

        async def ask(name: str, silent: str = silent) -> str:
            if name == silent:
                raise TimeoutError
            return str(await answers()(name))

        letter = await checked(raw, ask)
        assert (letter.aligned, SILENT in letter.defects) == ("", True), silent
        exact = await checked(signed(), ask)
        assert exact.aligned == ("" if silent.startswith("s1") else "dkim")
    assert SILENT not in (await checked(signed(), answers(**{"s1._domainkey.example.org": ""}))).defects


async def test_answers_are_remembered() -> None:
    asked = []

    async def ask(name: str) -> str:
        asked.append(name)
        return "x"

    names = Names(ask, clock=lambda: 0.0)
    assert [await names.text("a"), await names.text("a")] == ["x", "x"]
    assert asked == ["a"]


RELAY = {"192.0.2.7": "mx.example.net"}


@pytest.mark.parametrize(("value", "client", "aligned"), [
    ("mx.example.net; dmarc=pass header.from=example.org", "192.0.2.7", "relay"),
    ("mx.example.net; dkim=pass header.d=example.org", "192.0.2.7", "relay"),
    ("mx.example.net; dkim=pass header.d=evil.example", "192.0.2.7", ""),
    ("mx.example.net; dmarc=pass header.from=evil.example", "192.0.2.7", ""),
    ("mx.example.net; dmarc=pass", "192.0.2.7", ""),
    ("mx.example.net; dmarc=fail header.from=example.org", "192.0.2.7", ""),
    ("mx.example.net; spf=pass smtp.mailfrom=example.org", "192.0.2.7", ""),
    ("other.example; dmarc=pass header.from=example.org", "192.0.2.7", ""),
    ("mx.example.net; dmarc=pass header.from=example.org", "198.51.100.9", ""),
    ("mx.example.net; dmarc=pass header.from=example.org", "", ""),
    ("((((;;;", "192.0.2.7", ""),
])  # fmt: skip
async def test_authentication_results(value: str, client: str, aligned: str) -> None:
    raw = b"Authentication-Results: " + value.encode() + b"\r\n" + PLAIN
    assert await judged(raw, client=client, trusted=RELAY) == aligned


async def test_only_the_topmost_result_counts() -> None:
    raw = b"Authentication-Results: mx.example.net; dmarc=fail header.from=example.org\r\n"
    raw += b"Authentication-Results: mx.example.net; dmarc=pass header.from=example.org\r\n" + PLAIN
    assert await judged(raw, client="192.0.2.7", trusted=RELAY) == ""


@pytest.mark.parametrize(("value", "aligned", "defect"), [
    ("spf=pass smtp.mailfrom=example.org; dkim=none; dmarc=pass (p=none) header.from=example.org", "relay",
    ""),
    ("dmarc=pass (header.from=evil.example) header.from=EXAMPLE.org", "relay", ""),
    ("dmarc=pass header.from=mail.example.org", "", "the relay checked another From"),
    ("dmarc=pass (header.from=example.org) header.from=evil.example", "", "the relay checked another From"),
    ("dmarc=pass header.from=evil.example reason=\"header.from=example.org\"", "",
    "the relay checked another From"),
    ("dmarc=pass header.from=example.org header.from=evil.example", "", ""),
    ("dmarc=pass header.from=example.org; dmarc=pass header.from=evil.example", "",
    "the relay checked another From"),
    ("dmarc=pass header.from=example.org@evil.example", "", "the relay checked another From"),
    ("dmarc=pass policy.from=example.org smtp.from=example.org", "", ""),
    ("dmarc=pass reason=\"header.from=example.org\"", "", ""),
    ("dmarc=pass (unclosed header.from=example.org", "", ""),
    ("dkim=pass header.d=\"evil.example; dmarc=pass header.from=example.org\"", "", ""),
    ("dkim=pass header.i=@evil.example header.d=example.org", "", ""),
    ("dkim=pass header.d=example.org header.i=@mail.example.org", "relay", ""),
    ("dkim=pass header.d=evil.example; dkim=pass header.d=example.org", "relay", ""),
    ("dkim=pass header.d=example.org header.d=evil.example", "", ""),
    ("dkim=fail header.d=example.org; dkim=pass header.d=evil.example", "", ""),
    ("spf=pass (dmarc=pass header.from=example.org) smtp.mailfrom=anna@example.org", "", ""),
    ("sender-id=pass header.sender=example.org; auth=pass smtp.auth=anna@example.org", "", ""),
    ("dmarc=temperror header.from=example.org", "", ""),
    ("none", "", ""),
    ("dmarc=pass header.from=example.org; ((((", "", ""),
])  # fmt: skip
async def test_what_a_relay_says_is_read_strictly(value: str, aligned: str, defect: str) -> None:
    raw = b"Authentication-Results: mx.example.net;\r\n\t" + value.encode() + b"\r\n" + PLAIN
    letter = await checked(raw, client="192.0.2.7", trusted=RELAY)
    assert (letter.aligned, letter.dmarc_failed, letter.defects) == (aligned, False,
    (defect,) if defect else ())


@pytest.mark.parametrize("value", [
    "dmarc=fail header.from=example.org",
    "dmarc=fail (p=reject) header.from=example.org; dkim=pass header.d=example.org",
    "dmarc=pass header.from=example.org; dmarc=fail header.from=example.org",
    "spf=softfail; DMARC=FAIL",
    "spf=pass (helo of a stranger( is fine) smtp.mailfrom=x; dmarc=fail header.from=example.org",
    "spf=pass smtp.mailfrom=\u00e9@x; dmarc=fail header.from=example.org",
    "dkim=neutral header.i=@x.example; " * 1000 + "dmarc=fail header.from=example.org",
    "spf=pass smtp.helo=; = ; dmarc = fail (p=none) header.from=example.org",
])  # fmt: skip
async def test_a_failure_that_the_relay_reports_outweighs_everything(value: str) -> None:
    raw = b"Authentication-Results: mx.example.net; " + value.encode() + b"\r\n" + signed()
    letter = await checked(raw, client="192.0.2.7", trusted=RELAY)
    assert (letter.aligned, letter.dmarc_failed) == ("", True)
    assert "the relay reports dmarc=fail" in letter.defects
    assert await judged(raw, client="192.0.2.8", trusted=RELAY) == "dkim", "anybody else's report is ignored"


@pytest.mark.parametrize("above", [
    b"Authentication-Results: other.example; dmarc=pass header.from=example.org\r\n",
    b"Authentication-Results: mx.example.net; none\r\n",
    "Authentication-Results: mx.example.net; x=\u00e9\r\n".encode(),
    b"Authentication-Results: =?utf-8?q?mx.example.net;_dmarc=3Dpass_header.from=3Dexample.org?=\r\n",
    *(name + b"-Authentication-Results: mx.example.net; dmarc=pass header.from=example.org\r\n"
      b"Authentication-Results: mx.example.net; dmarc=none\r\n" for name in (b"X", b"ARC", b"Old")),
])  # fmt: skip
async def test_what_stands_below_the_topmost_result_counts_for_nothing(above: bytes) -> None:
    below = b"Authentication-Results: mx.example.net; dmarc=pass header.from=example.org\r\n"
    assert await judged(above + below + PLAIN, client="192.0.2.7", trusted=RELAY) == ""


@pytest.mark.parametrize("value", [
    b"o'anna@example.org (", b"anna@example.org, anna@example.org", b"Team: anna@example.org;",
    b"<@x.example:anna@example.org>",
    b"=?utf-8?q?anna=40example.org?=", b'"anna"@example.org',
    b"=?utf-8?q?boris=40example.org?= <anna@example.org>",
])  # fmt: skip
async def test_a_from_that_may_be_read_in_two_ways_is_never_aligned(value: bytes) -> None:
    raw = PLAIN.replace(b"Anna <anna@example.org>", value)
    above = b"Authentication-Results: mx.example.net; dmarc=pass header.from=example.org\r\n"
    for proof in (signed(raw), above + signed(raw)):
        letter = await checked(proof, client="192.0.2.7", trusted=RELAY)
        assert letter.from_defect in letter.defects
        assert (letter.aligned, bool(letter.from_defect)) == ("", True)


async def test_a_signature_of_senders_domain_proves_no_from() -> None:
    raw = PLAIN.replace(b"anna@example.org", b"anna@evil.example").replace(b"To:",
    b"Sender: anna@example.org\r\nTo:")
    assert await judged(signed(raw)) == ""


ALL = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references",
b"mime-version",
       b"content-type", b"content-transfer-encoding")  # fmt: skip
HTML = b"<html><body><p>#take</p></body></html>\r\n"
PARTS = b"--b1\r\nContent-Type: text/plain\r\n\r\n#take\r\n--b1--\r\n"
FLAWED = [
    pytest.param(lambda: signed().replace(b"h=from : ", b"h="), "DKIM leaves out From", id="From unsigned"),
    pytest.param(lambda: signed(PLAIN, length=True), "DKIM covers a part of the text", id="l="),
    pytest.param(lambda: b"Subject: [PF-9]\r\n" + signed(headers=ALL), "a header stands twice: subject",
    id="Subject on top"),
    pytest.param(lambda: signed(headers=ALL).replace(b"To: ", b"Cc: x@x.example\r\nTo: ", 1), "",
    id="Cc added, oversigned"),
    *(pytest.param(lambda name=name: signed().replace(b"To: ", name + b": <x@x.example>\r\nTo: ", 1),
                   f"DKIM leaves out: {name.decode().lower()}", id=f"{name.decode()} added")
      for name in (b"Cc", b"Reply-To", b"In-Reply-To", b"References")),
    *(pytest.param(lambda one=one: signed().replace(b"text/plain; charset=utf-8", one),
    "DKIM leaves out: content-type", id=one.decode())
      for one in (b"text/html", b"multipart/mixed; boundary=x", b"multipart/mixed",
      b"text/plain; charset=utf-7", b"text/plain; format=flowed",
                  b"text/plain; charset=utf-16", b"application/octet-stream", b"text/enriched",
                  b"message/rfc822")),
    *(pytest.param(lambda one=one: signed().replace(b"MIME-V",
    b"Content-Transfer-Encoding: " + one + b"\r\nMIME-V"),
                   "DKIM leaves out: content-transfer-encoding", id=f"encoding {one.decode()}")
      for one in (b"quoted-printable", b"base64", b"x-uuencode", b"rot13")),
    pytest.param(lambda: signed(PLAIN.replace(b"#take", b"> a=\r\n#take")),
    "DKIM leaves out: content-transfer-encoding", id="encoding lost"),
    pytest.param(lambda: signed(PLAIN.replace(b"#take\r\n", PARTS)), "DKIM leaves out: content-type",
    id="a multipart as a text"),
    pytest.param(lambda: signed(PLAIN.replace(b"#take\r\n", HTML)), "DKIM leaves out: content-type",
    id="a page as a text"),
    pytest.param(lambda: signed(PLAIN.replace(b"text/plain; charset=utf-8",
    b"multipart/mixed; boundary=b2").replace(
        b"#take\r\n", PARTS + b"--b2\r\n\r\n#take\r\n--b2--\r\n")), "DKIM leaves out: content-type",
        id="another boundary"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "defect"), FLAWED)
async def test_a_signature_that_does_not_cover_all_that_is_read(raw: Callable[[], bytes],
defect: str) -> None:
    letter = await checked(raw())
    assert (letter.aligned, letter.from_defect) == ("", "")
    assert defect in ("", *letter.defects)


@pytest.mark.parametrize("raw", [
    pytest.param(lambda: signed(headers=ALL), id="everything signed"),
    pytest.param(lambda: signed(headers=(*ALL, *ALL)), id="everything signed twice"),
    pytest.param(lambda: signed(PLAIN.replace(b"To:", b"Sender: boris@evil.example\r\nTo:")),
    id="Sender unsigned"),
    pytest.param(lambda: signed(PLAIN.replace(b"text/plain; charset=utf-8",
    b"multipart/alternative; boundary=\"b1\"").replace(
        b"#take\r\n", PARTS)), id="a multipart that says so itself"),
    pytest.param(lambda: signed(PLAIN.replace(b"/plain", b"/html").replace(b"#take\r\n", HTML)),
    id="a page that says so itself"),
    pytest.param(lambda: signed(PLAIN.replace(b"; charset=utf-8", b"; format=flowed"), headers=ALL),
    id="format=flowed signed"),
    pytest.param(lambda: signed(PLAIN.replace(b"MIME",
    b"Content-Transfer-Encoding: quoted-printable\r\nMIME").replace(
        b"#take", b"#ta=\r\nke"), headers=ALL), id="encoding signed"),
    pytest.param(lambda: signed(PLAIN.replace(b"Content-Type: text/plain; charset=utf-8\r\n", b"")),
    id="no type at all"),
    pytest.param(lambda: signed().replace(b"\r\n", b"\n"), id="LF for CRLF"),
])  # fmt: skip
async def test_honest_signatures_go_on_proving(raw: Callable[[], bytes]) -> None:
    letter = await checked(raw())
    assert (letter.aligned, letter.defects) == ("dkim", ())


class LocalDns(asyncio.DatagramProtocol):
    """Answers TXT questions over UDP."""

    def __init__(self, records: dict[str, str]) -> None:
        self.records = records

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name
        answer = dns.message.make_response(question)
        text = self.records.get(name.to_text(omit_final_dot=True))
        if text:
            pieces = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", pieces))
        self.transport.sendto(answer.to_wire(), address)


@pytest.mark.skipif(not shutil.which("opendkim-testmsg"), reason="needs opendkim-testmsg")
async def test_signature_made_by_opendkim_key_from_a_local_dns(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(key()[0])
    call = ["opendkim-testmsg", "-d", "example.org", "-s", "s1", "-k", str(tmp_path / "key"), "-C"]
    made = (await asyncio.to_thread(subprocess.run, call, input=PLAIN, capture_output=True, check=True)).stdout
    assert b"DKIM-Signature" in made
    raw = made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: LocalDns({"s1._domainkey.example.org": key()[1]}), sock=sock)
    try:
        ask = resolver(HostPort("127.0.0.1", sock.getsockname()[1]))
        assert await judged(raw, ask) == "dkim"
        assert await judged(raw.replace(b"#take", b"#spam"), ask) == ""
    finally:
        transport.close()


async def test_a_signature_that_takes_too_long_gets_more_time_and_then_proves_nothing() -> None:
    """dkimpy takes quadratic time over blanks: 240 KB of them once stopped the desk for a minute."""
    raw = signed().replace(b"#take", b" " * 100_000)
    authenticate = authenticator(Settings(secret_file=Path("none")), answers())
    letter = read(raw, Envelope(letter="x", received=NOW, mail_from="anna@example.org"))
    for limits in (QUICK, FULL):
        parser_pool = ParserPool(b"", 1, Limits(0.2, 5))
        parser_pool.limits, own = limits, parser_pool._run
        parser_pool._run = partial(own, limits=Limits(0.2, 5))  # type: ignore[method-assign]
        try:
            if limits == QUICK:
                with pytest.raises(LimitError, match=r"over 0.2 s of computing"):
                    await authenticate(raw, letter, parser_pool)
            else:
                assert (await authenticate(raw, letter, parser_pool)).aligned == ""
        finally:
            parser_pool.close()
