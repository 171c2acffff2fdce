"""What HTML tags change for the words inside them: whether they are visible, quoted, a signature, a link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from bot.model.markup import clean
from bot.parsing import styles
from bot.parsing.vocabulary import pattern, table

_ATTRIBUTE = re.compile(r"([a-zA-Z_:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))|\b(hidden)\b")
_SIGNATURE, _HISTORY, _TO_THE_END = map(pattern, ("signature_mark", "history_mark", "history_to_the_end"))
_BEGINS, _BORDER = map(pattern, ("history_begins", "outlook_border"))
_INDENT = re.compile(
    r"^(?!.*border-left\s*:\s*(?:solid|[a-z#\d. ]*[1-9])).*border(?:-left)?\s*:\s*(?:none|0)",
    re.IGNORECASE | re.DOTALL,
)
_BAR = re.compile(r"border-left\s*:[^;]{0,40}\bsolid\b", re.IGNORECASE)
_THIN = re.compile(r"\s*[1-4](?:px)?\s*")
TAGS = {use: frozenset(names.split()) for use, names in table("html").items()}
RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in TAGS["raw"]}
LOOKED_AT = 64 * 1024  # characters of a tag; only absurd ones have more
_RAW_OR_COMMENT = re.compile(rf"<!--.*?(?:--!?>|\Z)|<({'|'.join(RAW)})\b([^<>]*)>", re.DOTALL | re.IGNORECASE)


class Force(NamedTuple):
    """What holds inside the open elements."""

    hidden: bool = False  # nobody sees it, because of the element, the size or the colour
    level: int = 0
    signature: bool = False
    pre: bool = False
    link: str = ""
    gone: bool = False  # hidden, whatever elements inside it say
    spoken: bool = True  # meant for readers; options of a drop-down list are not
    tiny: bool = False
    ink: styles.Color = styles.BLACK
    ground: styles.Color = styles.WHITE

    def within(self, tag: Tag) -> Force:
        """What holds inside one more element."""
        look, level = tag.look, max(self.level + tag.quotes, tag.history)
        gone, tiny = self.gone or tag.hides or look.hides, self.tiny if look.tiny is None else look.tiny
        ink, ground = look.ink or self.ink, look.ground or self.ground
        hidden, spoken = gone or tiny or styles.unseen(ink, ground), self.spoken and not tag.hides
        signature, pre, link = self.signature or tag.signature, self.pre or tag.pre, tag.link or self.link
        return Force(hidden, level, signature, pre, link, gone, spoken, tiny, ink, ground)


class Tag(NamedTuple):
    """What an opening tag changes."""

    hides: bool = False  # nobody ever sees it: an option, a map
    look: styles.Style = styles.Style()
    quotes: bool = False
    history: bool = False  # the mail program's own mark of a quotation ...
    to_the_end: bool = False  # ... after which nothing is the author's
    begins: bool = False  # one of these two, or Outlook's border above a header block
    signature: bool = False
    bar: bool = False  # a thin coloured cell: the next ones of its row are quoted, as The Bat writes it
    pre: bool = False
    link: str = ""
    alt: str = ""


@lru_cache(1024)
def tag(name: str, written: str, sheet: styles.Sheet | None = None) -> Tag:
    """What the name, style, class and id of an element say. Cached, since letters repeat their tags."""
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(written):
        attributes.setdefault((match[1] or match[5]).lower(), match[2] or match[3] or match[4] or "")
    style, marks = attributes.get("style", ""), " ".join(attributes.get(one, "") for one in ("class", "id", *(("name",) if name == "div" else ())))
    target = attributes.get("href", "") if name == "a" else ""
    said = sheet.of(name, attributes.get("class", ""), attributes.get("id", "")) if sheet else []
    look = styles.style([*said, *styles.declarations(unescape(style))], name, attributes)
    history, to_the_end = _HISTORY.search(marks) is not None, _TO_THE_END.search(marks) is not None
    return Tag(
        hides=name in TAGS["unseen"],
        look=look._replace(hides=True) if "hidden" in attributes else look,
        quotes=(name == "blockquote" or (name == "div" and _BAR.search(style[:500]) is not None))
        and not ("indent" in marks or (_INDENT.match(style[:500]) and "cite" not in attributes.values())),
        history=history,
        to_the_end=to_the_end,
        begins=history
        or to_the_end
        or _BEGINS.search(marks) is not None
        or (name == "div" and _BORDER.match(style) is not None),
        signature=_SIGNATURE.search(marks) is not None
        or "data-signature-widget" in attributes
        or attributes.get("data-smartmail") == "gmail_signature",
        bar=name == "td" and _THIN.fullmatch(attributes.get("width", "")) is not None and look.ground not in (None, styles.WHITE),
        pre=name == "pre",
        link=target if target.lower().startswith(("http://", "https://")) else "",
        alt=clean(unescape(attributes.get("alt", ""))).strip() if name == "img" else "",
    )


NO_CHANGE = Tag()


def sheets(html: str) -> Iterator[str]:
    """The contents of <style> elements, except sheets in comments and for paper."""
    at = 0
    while found := _RAW_OR_COMMENT.search(html, at):
        at = found.end()
        if found[1]:
            end = RAW[found[1].lower()].search(html, at)
            stop = end.start() if end else len(html)
            if found[1].lower() == "style" and not (found[2] and styles.is_elsewhere(found[2])):
                yield html[at:stop]
            at = stop
