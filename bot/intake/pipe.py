"""One letter on standard input, as mail servers pipe it (`run.py deliver`); the answer is an exit code of sysexits.h."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO

from msgspec.structs import replace

from bot.model import Envelope
from bot.store.interface import Letters
from bot.store.letter_ids import Ids

OK, DATAERR, TEMPFAIL = 0, 65, 75
LIMIT = 25 * 1024 * 1024  # bytes; as the SMTP listener
HEAD = 256 * 1024 + 1  # bytes of headers: what is cut is longer than a reader takes, and proves nothing
UNKNOWN = "?"

_RETURN_PATH = re.compile(rb"Return-Path:[ \t]*<?([^\s<>]*)>?[ \t]*\r?\n", re.IGNORECASE)
_HEAD_END = re.compile(rb"\n\r?\n")
_MBOX_FROM = re.compile(rb"From ([^\s]+) [^\n]*\n")


async def deliver(
    stdin: IO[bytes],
    inbox: Letters,
    now: datetime,
    *,
    sender: str | None = None,
    recipients: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Store the letter on `stdin`; an exit code and, where it is not 0, a sentence for standard error.

    The envelope recipients are `recipients`, else $RECIPIENT. Its sender is `sender`, else $SENDER, else the first line,
    `Return-Path:` or mbox `From `, as mail servers put it there when told to; "?" where nobody says.
    0: stored and synced. 65: no letter or too large a one, of which the headers are stored. 75: try again.
    """
    try:
        raw = stdin.read(LIMIT + 1)
        if not raw:
            return DATAERR, "there is no letter on standard input"
        too_large = len(raw) if len(raw) > LIMIT else 0
        given = sender if sender is not None else (environ or {}).get("SENDER")
        mail_from, raw = _sender(raw, given)
        known = tuple(recipients) or tuple(filter(None, [(environ or {}).get("RECIPIENT", "")]))
        if too_large:
            end = _HEAD_END.search(raw, 0, HEAD)
            raw = raw[: end.end() if end else HEAD]
        letter = Ids().new(now)
        envelope = Envelope(letter=letter, received=now, mail_from=mail_from, recipients=known, intake="pipe")
        await inbox.take(raw, replace(envelope, too_large=too_large))
    except OSError as error:
        return TEMPFAIL, f"the letter could not be stored: {error}"
    return (DATAERR, f"the letter is larger than {LIMIT} bytes") if too_large else (OK, letter)


def _sender(raw: bytes, given: str | None) -> tuple[str, bytes]:
    """The envelope sender, and the letter without the mbox line, which is no header."""
    mbox = _MBOX_FROM.match(raw)
    if mbox:
        raw = raw[mbox.end() :]
    path = _RETURN_PATH.match(raw)
    if given is not None:
        return _bare(given), raw
    if path:
        return _bare(path[1].decode("utf-8", "replace")), raw
    if mbox:
        return _bare(mbox[1].decode("utf-8", "replace")), raw
    return UNKNOWN, raw


def _bare(address: str) -> str:
    """An address without brackets; MAILER-DAEMON is how mail servers write the null sender where it may not be empty."""
    bare = address.strip().strip("<>").encode("utf-8", "replace").decode("utf-8")
    return "" if bare.upper() == "MAILER-DAEMON" else bare
