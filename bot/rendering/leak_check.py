"""The leak check: no internal word and no signed address of staff in a letter to a customer (design, section 8; lesson 6). Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote

from bot.model import Entry, Outgoing

RUN = 8  # words; shorter runs may occur anywhere
WORD = re.compile(r"[^\W_]+")
INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
TAG = re.compile(r"<[^<>]*>")
SCRIPT = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
# A token as bot.tickets.tokens makes them, for an agent, a kept text, a confirmation or a department.
STAFF_TOKEN = re.compile(r"\b\d{1,9}-[akcd][0-9a-z]{0,8}(?:\.[0-9a-z]{1,4})?-[a-z2-7]{16}\b")


def words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text and their places. Case, ё, punctuation and invisible letters make no difference."""
    clean = INVISIBLE.sub("", text)
    return [(found[0].casefold().replace("ё", "е"), found.start(), found.end()) for found in WORD.finditer(clean)]


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of eight words."""
    said = [word for word, _, _ in words(text)]
    return {tuple(said[at : at + RUN]) for at in range(len(said) - RUN + 1)}


def leak(
    outgoing: Outgoing, internal: Iterable[Entry], public: Iterable[Entry], templates: Mapping[str, str], files: tuple[str, ...] = ()
) -> str:
    """The first fragment of the letter that must not reach a customer, or "".

    `internal` are the entries that the customer must not see, `public` those that they wrote or were sent.
    Words in public entries or templates are known to them already. Text, HTML, subject, file names and
    `files` (the words of attached text files) are searched.
    """
    names = " ".join(one.name for one in outgoing.attachments)
    files = files if outgoing.attachments else ()
    page = unquote(html.unescape(outgoing.html))
    for part in (outgoing.text, outgoing.subject, names, page, *files):
        if found := STAFF_TOKEN.search(INVISIBLE.sub("", unquote(part)).lower()):
            return found[0].partition("-")[0] + "-…"  # the address itself is not repeated
    hidden = set().union(*(runs(entry.text) for entry in internal))
    if not hidden:
        return ""
    hidden -= set().union(*(runs(entry.text) | runs(entry.subject) for entry in public))
    hidden -= template_runs(tuple(sorted(templates.items())))
    for part in (outgoing.text, outgoing.subject, names, html.unescape(TAG.sub(" ", outgoing.html)), *files):
        if fragment := common(part, hidden):
            return fragment
    return ""


def common(text: str, hidden: set[tuple[str, ...]]) -> str:
    """The longest internal piece of the text, from the first internal run on, in its original form."""
    said = words(text)
    plain = [word for word, _, _ in said]
    for at in range(len(said) - RUN + 1):
        if tuple(plain[at : at + RUN]) in hidden:
            end = at
            while tuple(plain[end : end + RUN]) in hidden:
                end += 1
            return INVISIBLE.sub("", text)[said[at][1] : said[end + RUN - 2][2]]
    return ""


@lru_cache(4)
def template_runs(templates: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, ...]]:
    """Every run of words in the templates themselves."""
    return frozenset().union(*(runs(piece) for _, source in templates for piece in SCRIPT.split(source)))
