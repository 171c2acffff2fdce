"""The From line: what proves it and what only looks as if it did. Signatures by opendkim and dkimpy, keys from a DNS of our own."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import dkim
import dns.message
import dns.rrset
import pytest

from bot.authenticate import Names, authenticator, resolver
from bot.model import Envelope
from bot.reading import read
from bot.settings import HostPort, Settings

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


async def judged(raw: bytes, ask: Callable[[str], Any] | None = None, client: str = "", trusted: dict[str, str] | None = None) -> str:
    """What `aligned` becomes."""
    letter = read(raw, Envelope(letter="x", received=NOW, mail_from="anna@example.org", client=client))
    settings = Settings(trusted_relays=trusted or {}, secret_file=Path("none"))
    return (await authenticator(settings, ask or answers())(raw, letter)).aligned


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
        assert await names.text(f"{number}.example.org") == ""
    assert len(asked) == 5, "after five failures in a row the DNS is left in peace"


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
