"""In which language a letter is answered: Russian, English or not to be told."""

from __future__ import annotations

import re

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


def language(text: str, subject: str = "") -> str:
    """ "ru" where a good part of the letters is Cyrillic, "en" where nearly all are Latin, "" without letters enough.

    Russian letters are full of Latin product names, addresses and error messages; English ones hold no Cyrillic.
    """
    sample = f"{text[:4000]}\n{subject}"
    cyrillic, latin = len(_CYRILLIC.findall(sample)), len(_LATIN.findall(sample))
    if cyrillic * 4 >= latin and cyrillic >= 2:
        return "ru"
    return "en" if latin >= 8 else ""
