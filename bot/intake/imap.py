"""The IMAP fetcher: letters of a provider's mailbox, each left there until it is on our disk, and then moved to Desk/Done.

IMAPClient blocks, so the mailbox is read in a thread of its own. A letter's inbox id is made of where it lay and of its bytes:
after a crash between storing and moving it comes again under the same id, and is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError
from msgspec.structs import replace

from bot.intake.pipe import HEAD, LIMIT, UNKNOWN
from bot.model import Envelope
from bot.settings import Mailbox, read_password

DONE, TOO_LARGE = ("Desk", "Done"), ("Desk", "Too large")
PAUSES = (0.5, 1, 2, 5, 15, 30, 60, 120, 300)  # seconds before the next try after trouble
BATCH, BATCH_BYTES = 50, 25 * 1024 * 1024
IDLE_FOR = 60.0  # seconds at most; a letter that came just while we looked is told of before IDLE, and found at the next look
POLL = 30.0  # seconds between looks where the server knows no IDLE
PATIENCE, LAST = 8.0, 2.0  # seconds for the batch in hand; and then for a thread whose connection has been cut
TRIES, LEAVE = 3, 3600.0  # a letter at which the server fails so often is left alone for so many seconds

_HEAD = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?(return-path:[ \t]*<?([^\s<>]*)>?[ \t]*\r?\n|received:)", re.IGNORECASE)

_PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT)\]")  # RFC 5530 section 3: heals by itself


def return_path(raw: bytes) -> str:
    """The envelope sender as the server wrote it: a Return-Path above the first Received, where no sender's own can stand; or "?"."""
    found = _HEAD.match(raw[: 64 * 1024])
    return found[2].decode("utf-8", "replace") if found and found[2] is not None else UNKNOWN


class ImapFetcher:
    """Reads one folder until it is stopped. `accept` stores durably or raises OSError; `has` knows the ids that were accepted."""

    def __init__(
        self, box: Mailbox, password_file: Path, accept: Callable[[bytes, Envelope], Awaitable[None]], has: Callable[[str], Awaitable[bool]],
        now: Callable[[], datetime], log: Callable[..., None], refused: Callable[[str, str], Coroutine[Any, Any, None]],
    ) -> None:  # fmt: skip
        """`refused` hears of a server that does not let us in: its words, and "mailbox_login"."""
        self.refused = refused
        self.box, self.password_file, self.accept, self.has, self.now, self.log = box, password_file, accept, has, now, log
        self.ending = threading.Event()
        self.read_at, self.trouble = now(), ""  # when the mailbox was last read to its end; what keeps us from it since
        self._failures = 0
        self._tries: dict[tuple[int, int], int] = {}  # by UIDVALIDITY and UID: how often a letter was begun and not ended
        self._left: dict[tuple[int, int], float] = {}  # letters that are not touched before that moment
        self._task: asyncio.Task[None] | None = None
        self._client: IMAPClient | None = None

    def start(self) -> None:
        """Begins to read; trouble is logged and tried again, with growing pauses."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(asyncio.to_thread(self._work, loop))

    def busy(self, _: float) -> bool:
        """Nobody waits: what is not fetched yet is safe in its mailbox."""
        return False

    async def stop(self) -> None:
        """Finishes the batch in hand."""
        self.ending.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=PATIENCE)
            if not self._task.done() and self._client is not None:  # a server that does not answer
                with contextlib.suppress(OSError):  # or one to which there is no connection any more
                    self._client.shutdown()
            await asyncio.wait({self._task}, timeout=LAST)  # a connection that does not come up is not waited for: nothing has been fetched by it

    # ------------------------------------------------------------------------------------------------- the thread

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self.ending.is_set():
            try:
                with self._connected() as self._client:
                    self._login(self._client)
                    self._session(self._client, loop)
            except Exception as error:  # noqa: BLE001  whatever it is, the mailbox is read again
                if self.ending.is_set():
                    break
                pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
                self._failures += 1
                kind = "login" if isinstance(error, LoginError) else type(error).__name__
                words = f"{self.box.host}: " + re.sub(r"^b'(.*)'$", r"\1", str(error))
                self.trouble = words
                self.log("error", where="imap", kind=kind, words=f"{words}; next try in {pause} s")
                unread = isinstance(error, UnicodeDecodeError) or getattr(error, "filename", None)  # the password file
                if unread or (isinstance(error, LoginError | ssl.SSLCertVerificationError) and not _PASSING.search(words)):
                    asyncio.run_coroutine_threadsafe(self.refused(words, "mailbox_login"), loop)
                self.ending.wait(pause)

    def _connected(self) -> IMAPClient:
        box = self.box
        tls = ssl.create_default_context() if box.security == "tls" else None
        return IMAPClient(box.host, box.port, ssl=box.security == "tls", ssl_context=tls, timeout=SocketTimeout(connect=10, read=60))

    def _login(self, client: IMAPClient) -> None:
        if self.box.security == "starttls":
            client.starttls(ssl.create_default_context())
        client.login(self.box.user, read_password(self.password_file))

    def _session(self, client: IMAPClient, loop: asyncio.AbstractEventLoop) -> None:
        """One connection: what is there, and then what comes."""
        folders = [self._folder(client, names) for names in (DONE, TOO_LARGE)]
        validity = int(client.select_folder(self.box.folder)[b"UIDVALIDITY"])
        idles = client.has_capability("IDLE")
        quiet = 1.0
        while not self.ending.is_set():
            quiet = 1.0 if self._empty(client, validity, folders, loop) else min(quiet * 2, IDLE_FOR)
            self._failures = 0
            self.read_at, self.trouble = self.now(), ""
            if idles:
                self._idle(client, quiet)
            else:
                self.ending.wait(POLL)
                client.noop()

    def _idle(self, client: IMAPClient, seconds: float) -> None:
        """Waits until the server tells of something; looks up each second, since we may be stopped."""
        client.idle()
        for _ in range(int(seconds)):
            if client.idle_check(timeout=1) or self.ending.is_set():
                break
        client.idle_done()

    def _folder(self, client: IMAPClient, names: Sequence[str]) -> str:
        """The folder's name as this server writes it; made where it is not there."""
        prefix, delimiter = "", "/"
        if client.has_capability("NAMESPACE") and (personal := client.namespace().personal):
            prefix, delimiter = personal[0]
        for depth in range(1, len(names) + 1):
            name = prefix + str(delimiter or "/").join(names[:depth])
            if not client.folder_exists(name):
                client.create_folder(name)
        return name

    def _empty(self, client: IMAPClient, validity: int, folders: Sequence[str], loop: asyncio.AbstractEventLoop) -> bool:
        """All letters that are there, in batches; those that have made trouble come last and one by one. Whether there were any."""
        now = time.monotonic()
        waiting = [uid for uid in client.search("UNDELETED") if self._left.get((validity, uid), 0) <= now]
        tried = {uid: self._tries.get((validity, uid), 0) for uid in waiting}
        fresh = sorted(uid for uid in waiting if not tried[uid])
        batches = [fresh[at : at + BATCH] for at in range(0, len(fresh), BATCH)]
        batches += [[uid] for uid in sorted(waiting, key=lambda uid: (tried[uid], uid)) if tried[uid]]
        for batch in batches:
            if self.ending.is_set():
                break
            if tried[batch[0]] >= TRIES:
                self._leave(validity, batch[0], loop)
                continue
            for uid in batch:
                self._tries[validity, uid] = tried[uid] + 1
            self._take(client, validity, batch, folders, loop)
            for uid in batch:
                self._tries.pop((validity, uid), None)
            self._failures = 0
        return bool(batches)

    def _take(self, client: IMAPClient, validity: int, uids: list[int], folders: Sequence[str], loop: asyncio.AbstractEventLoop) -> None:
        """Stores a batch and moves it away; any trouble ends the connection."""
        facts = client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        sizes = {uid: int(fact[b"RFC822.SIZE"]) for uid, fact in facts.items()}
        large = [uid for uid, size in sizes.items() if size > LIMIT]
        wanted = [(group, "BODY.PEEK[]", folders[0]) for group in _groups(sizes, LIMIT)]
        wanted += [(large, f"BODY.PEEK[HEADER]<0.{HEAD}>", folders[1])] if large else []
        for group, part, folder in wanted:
            bodies = _bodies(client.fetch(group, [part]))
            letters = [(raw, self._envelope(uid, raw, facts[uid], validity)) for uid, raw in bodies.items()]
            try:
                asyncio.run_coroutine_threadsafe(self._store(letters), loop).result()
            except OSError:  # trouble of our own, which says nothing against the letters
                for uid in uids:
                    self._tries.pop((validity, uid), None)
                raise
            if bodies:
                self._move(client, list(bodies), folder)
            if len(bodies) < len(group):
                raise ConnectionError("the server keeps a letter back")

    def _envelope(self, uid: int, raw: bytes, fact: Mapping[bytes, Any], validity: int) -> Envelope:
        # A server without dates says 1970: what the id is made of has to be the same at each try.
        at = (fact.get(b"INTERNALDATE") or datetime(1970, 1, 2)).astimezone(UTC)  # noqa: DTZ001
        place = f"{self.box.user}@{self.box.host}/{self.box.folder}/{validity}/{uid}\n".encode()
        ident = f"{at:%Y%m%dT%H%M%S%f}-{hashlib.blake2b(place + raw, digest_size=8).hexdigest()}"
        size, sender = int(fact[b"RFC822.SIZE"]), return_path(raw)
        made = Envelope(letter=ident, received=self.now(), mail_from=sender, client="imap", intake="imap")
        return replace(made, too_large=size) if size > LIMIT else made

    async def _store(self, letters: list[tuple[bytes, Envelope]]) -> None:
        """On the daemon's loop: all that are not here already, at the same time. Raises OSError: then none of them is moved."""
        await asyncio.gather(*(self._store_one(raw, envelope) for raw, envelope in letters))

    async def _store_one(self, raw: bytes, envelope: Envelope) -> None:
        if not await self.has(envelope.letter):
            await self.accept(raw, envelope)
            size = envelope.too_large or len(raw)
            self.log("accepted", letter=envelope.letter, intake="imap", client=self.box.host, size=size)

    def _move(self, client: IMAPClient, uids: list[int], folder: str) -> None:
        if client.has_capability("MOVE"):
            client.move(uids, folder)
            return
        client.copy(uids, folder)
        client.delete_messages(uids, silent=True)
        if client.has_capability("UIDPLUS"):  # a plain EXPUNGE would also remove what people have marked
            client.uid_expunge(uids)

    def _leave(self, validity: int, uid: int, loop: asyncio.AbstractEventLoop) -> None:
        """A letter at which the server fails blocks nobody; the leads are told of it."""
        self._left[validity, uid] = time.monotonic() + LEAVE
        self._tries[validity, uid] = TRIES - 1
        words = f"{self.box.host}, {self.box.folder}, UID {uid}"
        self.log("error", where="imap", kind="letter", words=f"{words}: the server fails at this letter")
        asyncio.run_coroutine_threadsafe(self.refused(words, "mailbox_letter"), loop)


def _bodies(fetched: Mapping[int, Mapping[bytes, Any]]) -> dict[int, bytes]:
    """The one part that was asked for of each letter, where the server gave it."""
    parts = ((uid, got[name]) for uid, got in fetched.items() for name in got if name.startswith(b"BODY["))
    return {uid: bytes(part) for uid, part in parts if part is not None}


def _groups(sizes: dict[int, int], largest: int) -> Iterator[list[int]]:
    """UIDs of letters up to `largest`, in order, so many together as fit into the memory we give them."""
    group: list[int] = []
    for uid in sorted(uid for uid, size in sizes.items() if size <= largest):
        if group and sum(sizes[one] for one in group) + sizes[uid] > BATCH_BYTES:
            yield group
            group = []
        group.append(uid)
    if group:
        yield group
