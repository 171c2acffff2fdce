"""Names of files as strangers give them."""

from __future__ import annotations

import re
import unicodedata

_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff<>|\"*?]")


def safe_name(name: str) -> str:
    """The name as it may be shown: no path, controls, direction marks or outer blanks; 120 characters."""
    name = _NOT_IN_NAMES.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = unicodedata.normalize("NFC", " ".join(name.split())).strip(". ")
    if len(name) <= 120:
        return name
    stem, dot, extension = name.rpartition(".")
    return name[:120] if not dot or len(extension) > 10 else f"{stem[: 118 - len(extension)]}….{extension}"[:120]
