"""A score as people write it: «5», «пять баллов, спасибо», «Оценка 4. Долго отвечали», 5+, ⭐⭐⭐⭐ (clause 6)."""

from __future__ import annotations

import re

_WORDS = {
    "один": 1, "единица": 1, "кол": 1, "два": 2, "двойка": 2, "три": 3, "тройка": 3, "четыре": 4, "четверка": 4, "пять": 5, "пятерка": 5,
    "пятерку": 5, "четверку": 4, "тройку": 3, "двойку": 2, "единицу": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
}  # fmt: skip
_SCORE = re.compile(
    r"[^\w⭐★🌟]*(?P<named>(?:моя\s+|my\s+)?(?:оценка|ставлю|оцениваю\s+на|score|rating)\W*)?"
    rf"(?:(?P<number>\d{{1,3}})(?!\d|[.,:]\d)|(?P<word>{'|'.join(_WORDS)})(?!\w)|(?P<stars>(?:[⭐★🌟]\ufe0f?\s*){{1,5}}))\+*"
    r"(?P<unit>\s*(?:/|из|of|out\s+of)\s*(?:5|пяти|five)|\s*(?:балл\w*|звезд\w*|points?|stars?)(?!\w))*"
    r"(?P<rest>.*)",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\W*(?:спасибо|спс|благодар|thank|thx|cheers)", re.IGNORECASE)


def score_of(text: str) -> tuple[int, str] | None:
    """The number that the first line gives, in or out of range, and the words beside it; None if it is no score.

    A bare number may only be followed by thanks: «4 серия не идёт» is no score. A question never is one.
    """
    first, _, more = text.strip().partition("\n")
    found = _SCORE.fullmatch(first.replace("ё", "е").replace("Ё", "Е"))
    if not found or "?" in first:
        return None
    rest = first[found.start("rest") :]
    apart = not rest or not (rest[0].isalnum() or rest.startswith(" ")) or rest.lstrip()[:1] in "-–—("
    bare = not rest.strip(" .!)+") or bool(_THANKS.match(rest))
    if not (bare or found["stars"] or (apart and (found["named"] or found["unit"]))):
        return None
    told = found["number"] or _WORDS.get((found["word"] or "").lower()) or sum(found["stars"].count(star) for star in "⭐★🌟")
    words = rest.strip(" .,!)-–—+")
    return int(told), "\n".join(part for part in (words, more.strip()) if part)
