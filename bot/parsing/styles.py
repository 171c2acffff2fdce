"""Whether an element can be seen, by its styles: inline styles and style sheets, as mail programs know CSS.

Nothing here fails, and everything is linear: if a sheet needs too much work, nothing more counts as seen.
Only the last part of a selector counts. Rules for small screens, print or dark mode are ignored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from colorsys import hls_to_rgb
from functools import lru_cache
from typing import NamedTuple

from PIL.ImageColor import colormap

Color = tuple[int, int, int]
Said = list[tuple[bool, str, str]]  # (important, property, value)

UNKNOWN = (-999, 0, 0)  # the colour of pictures and gradients; any text can be seen on them
CLEAR = (999, 0, 0)  # no colour at all
WHITE, BLACK, LINK = (255, 255, 255), (0, 0, 0), (0, 0, 238)
ALIKE = 24  # of 255; colours that differ by less in each channel look the same
FAINT, SOLID = 0.1, 0.9  # opacity: below the first nobody sees it, above the second it covers what is behind
TINY, SMALL, FAR = 2.0, 2.0, 300.0  # pixels: a character's height, a box's size, a shift out of the window
WORK = 1_000_000  # most rules looked at for one letter

_BOX, _OFFSETS = ("height", "max-height", "width", "max-width"), ("left", "top", "right", "bottom")
_MOVED = ("margin", "margin-left", "margin-top", "text-indent")
_GIVEN = ("color", "text", "bgcolor", "background")  # attributes
_KEPT = "inherit|initial|unset|revert"
_VALID = {  # the properties that matter, and how a valid value begins; an invalid one changes nothing
    "display": f"none|block|inline|flex|grid|table|contents|list-item|flow|{_KEPT}",
    "visibility content-visibility": f"visible|hidden|collapse|auto|{_KEPT}",
    "mso-hide": "all|none|screen",
    "opacity": r"[\d.]",
    "font-size": rf"[\d.]|x?x-|small|medium|large|calc|max\(|min\(|clamp|{_KEPT}",
    "font": rf".*\d|{_KEPT}",
    "color -webkit-text-fill-color background-color": "#|[a-z]",
    "background background-image": "#|[a-z]",
    "overflow overflow-x overflow-y": f"visible|hidden|clip|scroll|auto|{_KEPT}",
    "position": f"static|relative|absolute|fixed|sticky|{_KEPT}",
    "clip clip-path transform filter": rf"[a-z3-]+\(|none|auto|{_KEPT}",
    " ".join((*_BOX, *_OFFSETS, *_MOVED)): rf"[-+.\d]|calc|auto|none|m[ai][xn]|fit|{_KEPT}",
}
_FORMS = {name: re.compile(form) for names, form in _VALID.items() for name in names.split()}
_UNITS = {
    "": 1.0, "px": 1, "pt": 4 / 3, "em": 16, "rem": 16, "ex": 8, "ch": 8, "in": 96, "cm": 38, "mm": 4,
    "%": 5, "vw": 8, "vh": 6,
}  # fmt: skip
_LENGTH = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(px|pt|r?em|ex|ch|in|cm|mm|%|vw|vh|)(?![\w%])")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE)
_PAINT = re.compile(r"(?:rgb|hsl)a?\([^()]*\)|#[0-9a-f]{3,8}\b|[a-z]{3,20}")
_PICTURE = re.compile(r"url\(|gradient|image|var\(")
_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(%|)")
_AWAY = re.compile(
    r"rect\((?:\s*[01](?:px)?[\s,]*){4}\)|inset\(\s*(?:[5-9]\d|100)%|(?:circle|ellipse)\(\s*0"
    r"|scale[xy3d]*\(\s*0*(?:\.0\d*)?\s*[,)]|opacity\(\s*0*(?:\.0\d*)?%?\s*\)"
)
_BRACES = re.compile(r"([^{}]*)([{}]|\Z)")
_ELSEWHERE = re.compile(
    r"max-[a-z-]+:\s*(?:\d{1,3}(?:\.\d+)?px|\d{1,2}(?:\.\d+)?r?em)|(?<!not )(?:print|speech)"
    r"|not (?:all|screen)|\b(?:dark|reduce|more|less|portrait|none|coarse|active)\b|-webkit|-moz",
)
_LAST = re.compile(r"(?:^|[\s>+~])([a-z][a-z0-9]*|\*|)((?:[.#][\w-]+)*)$", re.IGNORECASE)
_MARK = re.compile(r"[.#][\w-]+")


class Style(NamedTuple):
    """What an element changes for the characters in it; None: nothing."""

    hides: bool = False
    tiny: bool | None = None
    ink: Color | None = None
    ground: Color | None = None


def declarations(source: str) -> Said:
    """The declarations that matter, in order."""
    text = _ESCAPE.sub(lambda found: _character(found[1]) if found[1] else found[2], _COMMENT.sub("", source))
    found = []
    for piece in text.split(";"):
        name, _, value = piece.partition(":")
        name, (value, mark, _) = name.strip().lower(), value.lower().partition("!")
        form, value = _FORMS.get(name), value.strip()
        known = "color" not in name or color(value) is not None or value in _KEPT.split("|")
        if form and form.match(value) and known:
            found.append((bool(mark), name, value))
    return found


def style(said: Said, name: str, attributes: dict[str, str]) -> Style:
    """The declarations of an element, its attributes included, the weakest first."""
    values = {one: value for _, one, value in sorted(said, key=lambda one: one[0])}
    given = {one: attributes.get(one, "").strip().lower() for one in _GIVEN}
    ink = color(values.get("-webkit-text-fill-color", "")) or color(values.get("color", ""))
    ink = ink or color(given["color" if name == "font" else "text"], bare=True)
    if name == "a" and attributes.get("href") and "color" not in values:
        ink = LINK
    ground = _ground(values) or (UNKNOWN if given["background"] else color(given["bgcolor"], bare=True))
    return Style(_hides(values), _tiny(values), ink, None if ground == CLEAR else ground)


@lru_cache(512)
def unseen(ink: Color, ground: Color) -> bool:
    """Whether characters of this colour cannot be told from their background."""
    alike = all(abs(one - other) < ALIKE for one, other in zip(ink, ground, strict=True))
    return ink == CLEAR or (alike and UNKNOWN not in (ink, ground))


@lru_cache(512)
def color(value: str, bare: bool = False, least: float = FAINT) -> Color | None:
    """A colour in any notation; CLEAR below the `least` opacity. `bare` allows ffffff, as attributes do."""
    named = colormap.get(value, f"#{value.lstrip('#')}" if bare else value)
    value = named if isinstance(named, str) else value
    if value == "transparent":
        return CLEAR
    if _HEX.fullmatch(value):
        digits = value[1:] if len(value) > 5 else "".join(digit * 2 for digit in value[1:])
        red, green, blue, alpha = (int(digits[at : at + 2] or "ff", 16) for at in (0, 2, 4, 6))
        return CLEAR if alpha < 255 * least else (red, green, blue)
    numbers = _NUMBER.findall(value)[:4] if value.startswith(("rgb", "hsl")) else []
    if len(numbers) < 3:
        return None
    wholes = (360, 100, 100, 1) if value[0] == "h" else (255, 255, 255, 1)
    one, two, three, solid = [
        min(float(number) / (100 if percent else whole), 1.0)
        for (number, percent), whole in zip([*numbers, ("1", "")][:4], wholes, strict=True)
    ]
    shares = hls_to_rgb(one, three, two) if value[0] == "h" else (one, two, three)
    red, green, blue = (round(share * 255) for share in shares)
    return CLEAR if solid < least else (red, green, blue)


class Sheet:
    """The rules of <style> elements, by the last part of their selectors."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._rules: dict[str, list[tuple[int, str, frozenset[str], Said]]] = defaultdict(list)
        self._left = WORK
        for selectors, body in (rule for source in sources for rule in _rules(source)):
            said = declarations(body)
            for selector in map(str.strip, selectors.split(",") if said else ()):
                last = _LAST.search(selector)
                if not selector or last is None or not (last[2] or last[0] == selector):
                    continue  # "td" is taken, "#footer td" is not
                name, marks = last[1].lower().strip("*"), _MARK.findall(last[2])
                weight = 100 * last[2].count("#") + 10 * len(marks) + bool(name)
                self._rules[marks[-1] if marks else name].append((weight, name, frozenset(marks), said))

    def of(self, name: str, classes: str, ident: str) -> Said:
        """What the rules say about an element, the weakest first."""
        marks = dict.fromkeys((*(f".{one}" for one in classes.split()[:10]), f"#{ident.strip()}"))
        asked = [rules for key in ("", name, *marks) if (rules := self._rules.get(key))]
        self._left -= sum(map(len, asked))
        if self._left < 0:
            return [(True, "display", "none")]
        fit = [rule for rules in asked for rule in rules if rule[1] in ("", name) and rule[2] <= marks.keys()]
        said = [one for rule in sorted(fit, key=lambda rule: rule[0]) for one in rule[3]]
        self._left -= len(said)
        return said


def is_elsewhere(query: str) -> bool:
    """Whether a media query is only for small screens, paper, dark mode or the like."""
    return all(_ELSEWHERE.search(one) for one in query.lower().split(","))


def _rules(source: str) -> Iterator[tuple[str, str]]:
    """(selectors, declarations) of a sheet."""
    selectors, left_out = "", 0
    blocks: list[bool] = []  # for each open block: whether it is for other screens
    for piece, brace in _BRACES.findall(_COMMENT.sub("", source)):
        head = piece.replace("<!--", "").rpartition(";")[2].strip()
        if selectors:
            if not left_out:
                yield selectors, piece
            selectors = brace = ""
        elif brace == "{" and not head.startswith("@"):
            selectors = head
        elif brace == "{":
            known = head.lower().startswith(("@media", "@supports", "@layer"))
            blocks.append(not known or is_elsewhere(head))
            left_out += blocks[-1]
        if brace == "}" and blocks:
            left_out -= blocks.pop()


def _character(digits: str) -> str:
    return chr(int(digits, 16)) if 0 < int(digits, 16) < 0x110000 else ""


def _pixels(value: str) -> list[float]:
    return [float(number) * _UNITS[unit] for number, unit in _LENGTH.findall(value)[:8]]


def _hides(values: dict[str, str]) -> bool:
    """Whether nothing inside the element can be seen."""
    if values.get("display") == "none" or values.get("mso-hide") == "all":
        return True
    if values.get("visibility") in ("hidden", "collapse") or values.get("content-visibility") == "hidden":
        return True
    if min(_pixels(values.get("opacity", "")), default=1) < FAINT:
        return True
    cut = {values.get(name, "")[:4] for name in ("overflow", "overflow-x", "overflow-y")} & {"hidd", "clip"}
    small = {name: min(sizes) for name in _BOX if (sizes := _pixels(values.get(name, "")))}
    if small.get("max-height") == 0 or (cut and any(size <= SMALL for size in small.values())):
        return True
    moved = [size for name in _MOVED for size in _pixels(values.get(name, ""))]
    if values.get("position") in ("absolute", "fixed", "relative"):
        moved += [min(size, -size / 10) for name in _OFFSETS for size in _pixels(values.get(name, ""))]
    shape = " ".join(values.get(name, "") for name in ("clip", "clip-path", "transform", "filter"))
    moved += _pixels(shape) if "translate" in shape else []
    moved += [-size for size in _pixels(values.get("text-indent", ""))]
    return min(moved, default=0) <= -FAR or _AWAY.search(shape) is not None


def _tiny(values: dict[str, str]) -> bool | None:
    """Whether the characters are too small to be seen; None if that depends on the element around them."""
    sizes = _LENGTH.findall(values.get("font-size") or values.get("font", ""))
    number, unit = next((one for one in sizes if one[1] or not float(one[0])), ("", ""))
    if not number:
        like_around = values.get("font-size", "inherit") in ("smaller", "larger", *_KEPT.split("|"))
        return None if like_around else False
    if unit in ("em", "%", "ex", "ch") and float(number):
        return True if float(number) * (0.16 if unit == "%" else _UNITS[unit]) <= TINY else None
    return float(number) * _UNITS[unit] <= TINY


def _ground(values: dict[str, str]) -> Color | None:
    """The colour of a background; UNKNOWN for pictures and for backgrounds that are not opaque."""
    if _PICTURE.search(values.get("background", "") + values.get("background-image", "")):
        return UNKNOWN
    painted = _PAINT.findall(values.get("background-color") or values.get("background", ""))
    found = next((one for one in map(color, painted) if one), None)
    solid = found in (None, CLEAR) or any(color(one, False, SOLID) == found for one in painted)
    return found if solid else UNKNOWN
