"""The key that signs the desk's addresses: one file, read at the start, made the first time, renewed by hand.

What is wrong with it is said in one place (`fault`), so that the start, `secret`, `doctor` and `backup` agree.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from bot.disk import Disk
from bot.disk.regular_files import KEY, OddFileError, read_regular
from bot.settings import Settings
from bot.store.factory import agree, has_signed

MOST_KEYS = 5  # of a secret that is rotated again and again; addresses signed with older ones are no longer good
LEAST = 32  # characters of a key
WAYS = (
    "while the desk runs, `run.py secret rotate` writes it again; else restore it from a backup (it is data/secret "
    "there), or make a new one with `run.py secret new`, which says what that breaks"
)


class SecretError(ValueError):
    """The desk cannot sign with what is there; the text says what to do."""


def fault(settings: Settings) -> str:
    """What is wrong with the secret, and what to do; "" for a good one, and where a new desk has none yet.

    Raises OSError where that cannot be known.
    """
    path = settings.secret_file
    try:
        key = read_regular(path, KEY, links=True).strip()
    except FileNotFoundError:
        if path.is_symlink():
            return f"{path} is a link to a file that is not there; {WAYS}"
        return f"{path}: the secret is gone, and this desk has tickets; {WAYS}" if has_signed(settings) else ""
    except (OddFileError, IsADirectoryError) as error:
        return f"{path} is no secret ({error.strerror}); {WAYS}"
    if len(key) < LEAST:
        return f"{path}: a secret has at least {LEAST} characters, this one has {len(key)}; {WAYS}"
    try:
        agree(settings, keys(key), enter=False)
    except ValueError as error:
        return str(error)
    return ""


def read_secret(settings: Settings, disk: Disk) -> bytes:
    """The secret, made the first time. Raises SecretError and OSError."""
    if wrong := fault(settings):
        raise SecretError(wrong)
    try:
        return read_regular(settings.secret_file, KEY, links=True).strip()
    except FileNotFoundError:
        make_secret(settings.secret_file, disk)
        return read_regular(settings.secret_file, KEY, links=True).strip()


def make_secret(path: Path, disk: Disk) -> None:
    """Writes a new key with mode 0600 unless there is one; raises OSError."""
    disk.mkdir(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        disk.write_synced(temporary, path, new_key() + b"\n", exclusive=True, mode=0o600)
    except FileExistsError:
        return
    except OSError:
        disk.unlink(path)  # a key that may be gone with the next crash signs nothing
        raise


def put_aside(path: Path, disk: Disk) -> Path | None:
    """Where what lay in place of the secret lies now; None where nothing did. Raises OSError."""
    if not os.path.lexists(path):
        return None
    aside = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    disk.rename(path, aside)
    return aside


def rotate(path: Path, disk: Disk, secret: bytes) -> bytes:
    """Puts a new key on top: it signs from now on, the older ones still verify. Returns the secret as it is now; raises OSError."""
    lines = [new_key(), *(line.strip() for line in secret.splitlines() if line.strip())][:MOST_KEYS]
    made = b"\n".join(lines)
    disk.write_synced(path.with_name(f".{path.name}.rotated"), path, made + b"\n", mode=0o600)
    return made


def new_key() -> bytes:
    """A fresh key, as a line of text."""
    return secrets.token_hex(LEAST).encode()


def keys(secret: bytes) -> tuple[bytes, ...]:
    """The signing keys of the secret file, one a line, the newest first; each use has a key of its own."""
    return tuple(hashlib.blake2b(line.strip(), person=b"desk-references"[:16]).digest() for line in secret.splitlines() if line.strip())
