"""The IMAP fetcher against a mailbox of our own making: crashes at the worst moments, servers that know little, letters too large."""

from __future__ import annotations

import asyncio
import ssl
import threading
from datetime import datetime

import pytest
from imapclient.exceptions import LoginError

from bot.intake import imap as module
from bot.intake.imap import ImapFetcher, return_path
from bot.parsing import guard, read
from bot.settings import Mailbox

BOX = Mailbox.parse("imaps://support%40desk.example@imap.example/Support%20In")


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (b"Return-Path: <a@b.example>\r\nReceived: x\r\n\r\n", "a@b.example"),
        (b"Delivered-To: us@x.example\r\nX-Folded: a\r\n\tb\r\nreturn-path:<>\r\nReceived: x\r\n\r\n", ""),
        (b"Return-Path: a@b.example\r\n\r\nText", "a@b.example"),
        (b"Received: x\r\nReturn-Path: <forged@b.example>\r\n\r\n", "?"),  # the sender's own
        (b"Subject: x\r\n\r\nReturn-Path: <forged@b.example>\r\n", "?"),
        (b"no header at all", "?"),
        (b"", "?"),
        (b"A: b\r\n" * 20_000, "?"),
        (b"A" * 200_000, "?"),
    ],
)  # fmt: skip
def test_the_envelope_sender_is_the_servers_word_or_unknown(raw, sender):
    assert return_path(raw) == sender


class Server:
    """A mailbox as IMAPClient shows it; `trouble` may fail any call."""

    def __init__(self, *letters: bytes, can=("MOVE", "UIDPLUS", "IDLE", "NAMESPACE")) -> None:
        self.box = dict(enumerate(letters, 1))
        self.moved: dict[str, list[int]] = {}
        self.can, self.deleted, self.folders, self.calls = can, set(), set(), []
        self.trouble = lambda name, uids: None
        self.validity = 7

    def has_capability(self, name):
        return name in self.can

    def namespace(self):
        return type("Namespace", (), {"personal": (("INBOX.", "."),)})

    def folder_exists(self, name):
        return name in self.folders

    def create_folder(self, name):
        self.folders.add(name)

    def search(self, _):
        return [uid for uid in self.box if uid not in self.deleted]

    def fetch(self, uids, fields):
        self.calls.append((fields[0], list(uids)))
        self.trouble(fields[0], uids)
        return {uid: self.fetched(self.box[uid], fields[0]) for uid in uids if uid in self.box}

    @staticmethod
    def fetched(raw, field):
        if field == "RFC822.SIZE":
            return {b"RFC822.SIZE": len(raw), b"INTERNALDATE": datetime(2026, 11, 22, 12, 0)}
        if field == "BODY.PEEK[]":
            return {b"BODY[]": raw}
        assert field == f"BODY.PEEK[HEADER]<0.{module.HEAD}>"  # RFC 3501, 6.4.5: answered without the length
        head, blank, _ = raw.partition(b"\r\n\r\n")
        return {b"BODY[HEADER]<0>": (head + blank)[: module.HEAD]}

    def move(self, uids, folder):
        self.trouble("move", uids)
        self.moved.setdefault(folder, []).extend(uids)
        for uid in uids:
            del self.box[uid]

    def copy(self, uids, folder):
        self.moved.setdefault(folder, []).extend(uids)

    def delete_messages(self, uids, silent):
        self.deleted |= set(uids)

    def uid_expunge(self, uids):
        for uid in uids:
            del self.box[uid]


def no_move(name, _):
    """Trouble between storing and moving."""
    if name == "move":
        raise ConnectionResetError


class Desk:
    def __init__(self, tmp_path):
        self.taken, self.told, self.error, self.refusals = {}, [], None, []
        self.listener = ImapFetcher(BOX, tmp_path / "p", self.accept, self.has, lambda: datetime(2026, 11, 22), self.log, self.refused)

    async def has(self, letter):
        return letter in self.taken

    async def accept(self, raw, envelope):
        if self.error:
            raise self.error
        assert envelope.letter not in self.taken
        self.taken[envelope.letter] = (raw, envelope)

    def log(self, event, **fields):
        self.told.append((event, fields))

    async def refused(self, words, about):
        self.refusals.append((words, about))

    async def empty(self, server):
        """One look into the mailbox; the error that ended the connection, if one did."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self.listener._empty, server, server.validity, ("Done", "Too large"), loop)
        except Exception as error:  # noqa: BLE001
            return error
        return None


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


async def test_a_letter_leaves_the_mailbox_only_when_it_is_stored(desk):
    server = Server(b"one", b"two")
    desk.error = OSError("no space left")
    assert isinstance(await desk.empty(server), OSError)
    assert (len(server.box), server.moved) == (2, {})
    desk.error = None
    assert await desk.empty(server) is None
    assert (server.box, server.moved) == ({}, {"Done": [1, 2]})
    assert sorted(raw for raw, _ in desk.taken.values()) == [b"one", b"two"]
    assert {(one.intake, one.client, one.mail_from) for _, one in desk.taken.values()} == {("imap", "imap", "?")}


async def test_a_crash_between_storing_and_moving_doubles_nothing(desk, tmp_path):
    server = Server(b"one", b"two")
    server.trouble = no_move
    assert isinstance(await desk.empty(server), ConnectionResetError)
    server.trouble = lambda *_: None
    again = Desk(tmp_path)  # started anew, with what is on disk
    again.taken = desk.taken
    assert await again.empty(server) is None
    assert len(desk.taken) == 2
    assert server.moved == {"Done": [1, 2]}


async def test_uids_that_begin_anew_hide_no_letter(desk):
    server = Server(b"one")
    await desk.empty(server)
    server.box, server.validity = {1: b"another"}, 8
    await desk.empty(server)
    server.box = {1: b"a third, under the same UID and UIDVALIDITY"}  # a server that breaks its promise
    await desk.empty(server)
    assert len(desk.taken) == 3


async def test_a_letter_at_which_the_server_fails_comes_last_and_is_left_after_three_times(desk):
    server = Server(*(b"%d" % number for number in range(5)))

    def broken(_, uids):
        if 2 in uids:
            raise OSError("EOF")

    server.trouble = broken
    outcomes = [await desk.empty(server) for _ in range(4)]
    assert [outcome is None for outcome in outcomes] == [False, False, False, True]
    assert (list(server.box), server.moved["Done"]) == ([2], [1, 3, 4, 5])
    assert [fields["kind"] for event, fields in desk.told if event == "error"] == ["letter"]
    assert desk.refusals == [("imap.example, Support In, UID 2", "mailbox_letter")]
    server.trouble = lambda *_: None
    server.box[9] = b"later"
    await desk.empty(server)
    assert list(server.box) == [2]
    desk.listener._left[7, 2] = 0  # an hour later
    await desk.empty(server)
    assert server.box == {}


async def test_a_letter_that_the_server_does_not_give_holds_nobody_and_is_told(desk):
    """It names the letter, and answers nothing when it is asked for its text."""
    server = Server(b"one", b"two")
    given = server.fetched
    withheld = (b"one", "BODY.PEEK[]")
    server.fetched = lambda *asked: {b"BODY[]": None} if asked == withheld else given(*asked)
    outcomes = [await desk.empty(server) for _ in range(4)]
    assert [outcome is None for outcome in outcomes] == [False, False, False, True]
    assert (list(server.box), server.moved) == ([1], {"Done": [2]})
    assert desk.refusals == [("imap.example, Support In, UID 1", "mailbox_letter")]


async def test_a_disk_that_is_full_for_a_while_is_not_held_against_the_letters(desk):
    server = Server(b"one", b"two")
    desk.error = OSError("no space left")
    for _ in range(9):
        assert str(await desk.empty(server)) == "no space left"
    desk.error = None
    await desk.empty(server)
    assert (server.box, len(desk.taken)) == ({}, 2)


LARGE = b"Return-Path: <a@b.example>\r\nSubject: Film\r\n\r\n" + b"x" * 60


async def test_of_too_large_a_letter_the_headers_are_taken(desk, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    server = Server(LARGE, b"small", LARGE[:100])
    assert await desk.empty(server) is None
    assert server.moved == {"Too large": [1], "Done": [2, 3]}
    assert not any(fields[0] == "BODY.PEEK[]" and 1 in fields[1] for fields in server.calls)
    taken = {one.too_large: (raw, one.mail_from) for raw, one in desk.taken.values() if one.too_large}
    assert taken == {len(LARGE): (LARGE.partition(b"x" * 60)[0], "a@b.example")}
    assert await desk.empty(server) is None
    assert len(desk.taken) == 3


async def test_a_crash_between_storing_the_headers_and_moving_doubles_nothing(desk, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    server = Server(LARGE)
    desk.error = OSError("no space left")
    assert isinstance(await desk.empty(server), OSError)
    assert (len(server.box), desk.taken) == (1, {})
    desk.error = None
    server.trouble = no_move
    assert isinstance(await desk.empty(server), ConnectionResetError)
    server.trouble = lambda *_: None
    assert await desk.empty(server) is None
    assert (len(desk.taken), server.moved) == (1, {"Too large": [1]})


async def test_headers_that_are_cut_prove_nothing(desk, monkeypatch):
    """A second From may stand behind the cut."""
    monkeypatch.setattr(module, "LIMIT", 100)
    head = b"From: a@b.example\r\nX: " + b"x" * module.HEAD + b"\r\nFrom: c@d.example\r\n\r\n"
    assert await desk.empty(Server(head)) is None
    [(raw, envelope)] = desk.taken.values()
    assert len(raw) == module.HEAD
    assert read(raw, envelope).from_defect == guard.LONG


async def test_a_batch_fits_into_memory(desk, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", 10)
    server = Server(b"x" * 6, b"y" * 6, b"z" * 3)
    await desk.empty(server)
    assert [uids for field, uids in server.calls if field == "BODY.PEEK[]"] == [[1], [2, 3]]


async def test_a_server_without_move(desk):
    server = Server(b"one", can=("UIDPLUS",))
    await desk.empty(server)
    assert (server.box, server.moved) == ({}, {"Done": [1]})
    server = Server(b"one", can=())
    await desk.empty(server)
    await desk.empty(server)
    assert (server.deleted, server.moved) == ({1}, {"Done": [1]})  # marked, not expunged: others may have marked letters of theirs


def test_a_letter_that_came_while_we_looked_is_found_soon(desk, monkeypatch):
    """Told of in the answer to another command, it is no news to IDLE: the first waits are short, and none is long."""
    server, waits = Server(), []
    server.select_folder = lambda _: {b"UIDVALIDITY": 7}

    def idle(_, seconds):
        waits.append(seconds)
        if len(waits) == 9:
            desk.listener.ending.set()

    monkeypatch.setattr(desk.listener, "_idle", idle)
    monkeypatch.setattr(desk.listener, "_empty", lambda *_: len(waits) == 7)
    desk.listener._session(server, None)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 1, 2]


async def test_the_leads_hear_of_a_server_that_does_not_let_us_in_and_not_of_one_that_is_tired(desk, monkeypatch):
    errors = [LoginError("[UNAVAILABLE] try later"), LoginError("[AUTHENTICATIONFAILED] no")]
    errors += [ConnectionResetError(), ssl.SSLCertVerificationError("self-signed"), PermissionError(13, "Permission denied", "/etc/desk/password")]

    def connected():
        if not errors:
            desk.listener.ending.set()
        raise errors.pop(0) if errors else OSError

    monkeypatch.setattr(desk.listener, "_connected", connected)
    monkeypatch.setattr(module, "PAUSES", (0,))
    await asyncio.to_thread(desk.listener._work, asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert [("AUTH" in words, "self-signed" in words, about) for words, about in desk.refusals] == [
        (True, False, "mailbox_login"), (False, True, "mailbox_login"), (False, False, "mailbox_login"),
    ]  # fmt: skip
    assert "/etc/desk/password" in desk.refusals[-1][0]
    kinds = ["login", "login", "ConnectionResetError", "SSLCertVerificationError", "PermissionError"]
    assert [fields["kind"] for _, fields in desk.told] == kinds


def test_folders_are_named_as_the_server_names_them(desk):
    server = Server()
    assert desk.listener._folder(server, ("Desk", "Done")) == "INBOX.Desk.Done"
    assert server.folders == {"INBOX.Desk", "INBOX.Desk.Done"}


@pytest.mark.parametrize("text", ["imaps://host/", "pop3://u@h/", "imaps://u:secret@h/", "imaps://u@h:x/", "imaps://u@h/a?b=c"])
def test_wrong_mailboxes_are_named_without_their_password(text):
    with pytest.raises(ValueError, match="imaps://") as refused:
        Mailbox.parse(text)
    assert "secret" not in str(refused.value)


async def test_the_end_does_not_wait_for_a_server_that_never_greets(desk, monkeypatch):
    """The desk has letters to finish meanwhile; the last session's client, long closed, is no obstacle either."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "LAST", 0.1)
    connecting, released = threading.Event(), threading.Event()

    def connected():
        connecting.set()
        released.wait()  # as long as it takes

    monkeypatch.setattr(desk.listener, "_connected", connected)

    class Closed:
        def shutdown(self):
            raise OSError(9, "Bad file descriptor")

    desk.listener.start()
    await asyncio.to_thread(connecting.wait)
    desk.listener._client = Closed()
    async with asyncio.timeout(2):
        await desk.listener.stop()
    assert not desk.listener._task.done(), "it still connects"
    released.set()
    await asyncio.wait([desk.listener._task])
