"""What is printed for people: strangers' words are text, and their control characters are shown as `\\x1b`.

A title, a colour or a link that a letter slips into a terminal (ECMA-48: ESC and the C1 controls), or a mark
that turns the direction of reading (Unicode UAX 9), would show the admin something else than what stands there.
"""

from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

# All but tab and line feed.
CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_CONTROL = re.compile(CONTROL)
_NOT_OURS = re.compile(rf"(\x1b\[[0-9;]*m)|{CONTROL}")


def plain(text: str) -> str:
    """Text of one or more lines, its control characters written as in a program: `\\x9b`, `\\u202e`."""
    return _CONTROL.sub(_escaped, text)


def one_line(*cells: object, gap: str = "  ") -> str:
    """Cells side by side; no cell can begin a line or a further cell of its own."""
    return gap.join(plain(" ".join(str(cell).split())) for cell in cells)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON in which every control character is `\\u….`: RFC 8259 asks that of C0 alone."""
    made = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", made)


def say(words: str, *, err: bool = False, mark: str = "") -> None:
    """Prints words; `mark` is our own and may be coloured."""
    print(mark + plain(words), file=sys.stderr if err else sys.stdout, flush=True)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class _Stream(io.TextIOWrapper):
    """The last net, under usage errors and tracebacks too: colours pass, no other control does."""

    def write(self, text: str) -> int:
        return super().write(_NOT_OURS.sub(lambda found: found[1] or _escaped(found), text))


def guard() -> None:
    """From now on nothing that this process prints changes anything of a terminal but its colours."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, _Stream):
            by_line = stream.line_buffering
            guarded = _Stream(stream.buffer, stream.encoding, "backslashreplace", line_buffering=by_line)
            setattr(sys, name, guarded)
