"""A letter on standard input: stored or a truthful exit code."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime

import pytest

from bot.disk import Disk
from bot.intake import pipe
from bot.store.files.inbox import Inbox
from bot.store.files.letters import FileLetters

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LETTER = b"Subject: Hello\r\n\r\nHello \xff\x00\r\n"


@pytest.fixture
def inbox(tmp_path):
    return FileLetters(Inbox(tmp_path, Disk()))


@pytest.mark.parametrize(
    ("raw", "sender", "environ", "mail_from", "kept"),
    [
        (LETTER, "a@example.org", {"SENDER": "b@example.org"}, "a@example.org", LETTER),
        (LETTER, None, {"SENDER": "b@example.org"}, "b@example.org", LETTER),
        (LETTER, "<>", {}, "", LETTER),
        (LETTER, None, {"SENDER": ""}, "", LETTER),
        (LETTER, None, {"SENDER": "MAILER-DAEMON"}, "", LETTER),
        (b"Return-Path: <c@example.org>\n" + LETTER, None, {}, "c@example.org", b"Return-Path: <c@example.org>\n" + LETTER),
        (b"return-path:<>\r\n" + LETTER, None, {}, "", b"return-path:<>\r\n" + LETTER),
        (b"From d@example.org  Sun Nov 22 12:00:00 2026\n" + LETTER, None, {}, "d@example.org", LETTER),
        (b"From - x\nReturn-Path: <c@example.org>\n" + LETTER, None, {}, "c@example.org", b"Return-Path: <c@example.org>\n" + LETTER),
        (LETTER + b"Return-Path: <forged@example.org>\r\n", None, {}, "?", LETTER + b"Return-Path: <forged@example.org>\r\n"),
        (b"X: x\r\nReturn-Path: <forged@example.org>\r\n\r\n", None, {}, "?", b"X: x\r\nReturn-Path: <forged@example.org>\r\n\r\n"),
    ],
)  # fmt: skip
async def test_the_envelope_sender_is_the_one_the_mail_server_names(inbox, raw, sender, environ, mail_from, kept):
    code, letter = await pipe.deliver(io.BytesIO(raw), inbox, NOW, sender=sender, environ=environ, recipients=["support@desk.example"])
    envelope, stored = await inbox.read(letter)
    assert (code, envelope.mail_from, stored) == (0, mail_from, kept)
    assert (envelope.intake, envelope.client, envelope.recipients, envelope.received) == ("pipe", "", ("support@desk.example",), NOW)


async def test_the_recipient_is_the_one_the_mail_server_names(inbox):
    for given, environ, known in (((), {"RECIPIENT": "support+a@desk.example"}, ("support+a@desk.example",)), ((), {"RECIPIENT": ""}, ())):
        _, letter = await pipe.deliver(io.BytesIO(LETTER), inbox, NOW, environ=environ, recipients=given)
        assert (await inbox.read(letter))[0].recipients == known


async def test_no_letter_is_a_mistake_of_the_caller(inbox):
    assert (await pipe.deliver(io.BytesIO(b""), inbox, NOW))[0] == 65
    assert inbox.inbox.waiting() == []


async def test_too_large_a_letter_is_refused_for_good(inbox, monkeypatch):
    monkeypatch.setattr(pipe, "LIMIT", 1000)
    assert (await pipe.deliver(io.BytesIO(b"x" * 1000), inbox, NOW))[0] == 0
    assert not (await inbox.read(inbox.inbox.waiting()[0]))[0].too_large


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
async def test_the_headers_of_too_large_a_letter_are_kept_for_the_leads(inbox, monkeypatch, end):
    monkeypatch.setattr(pipe, "LIMIT", 1000)
    head = b"From c@example.org  Sun\nFrom: c@example.org" + end + b"Subject: Film" + end * 2
    code, words = await pipe.deliver(io.BytesIO(head + b"x" * 1000), inbox, NOW)
    assert (code, "larger than 1000 bytes" in words) == (65, True)
    [ident] = inbox.inbox.waiting()
    envelope, raw = await inbox.read(ident)
    assert (raw, envelope.mail_from, envelope.too_large) == (head.partition(b"\n")[2], "c@example.org", 1001)


async def test_a_flood_of_headers_is_kept_only_in_part(inbox, monkeypatch):
    monkeypatch.setattr(pipe, "LIMIT", 1000)
    monkeypatch.setattr(pipe, "HEAD", 500)
    assert (await pipe.deliver(io.BytesIO(b"X: x\n" * 1000 + b"\n"), inbox, NOW))[0] == 65
    _, raw = await inbox.read(inbox.inbox.waiting()[0])
    assert raw == b"X: x\n" * 100


async def test_too_large_a_letter_is_tried_again_while_the_disk_is_full(inbox, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(pipe, "LIMIT", 1000)
    monkeypatch.setattr(inbox.inbox._disk, "fsync", full)
    assert (await pipe.deliver(io.BytesIO(b"x" * 1001), inbox, NOW))[0] == 75


async def test_a_letter_that_cannot_be_stored_is_to_be_sent_again(inbox, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(inbox.inbox._disk, "fsync", full)
    code, words = await pipe.deliver(io.BytesIO(LETTER), inbox, NOW)
    assert code == 75
    assert "no space left" in words
