"""The text that a pattern cannot fit without, so that most patterns need not run at all."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:[pPN]\{[^}]*\}|.)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_GROUP = re.compile(r"\([^()]*\)(?:[*+?]|\{[^}]*\})*")
_RUN = re.compile(r"[^\W_]+(?=([*?{]?))")


def required(pattern: str) -> str:
    """The longest run of letters and digits that stands in every fit of the pattern, in lower case; "" where none is sure.

    Only the plain text outside of groups and classes is looked at: a run that is missed costs time, a wrong one a hit.
    """
    bare = _CLASS.sub("\n", _ESCAPE.sub("\n", pattern))
    if re.search(r"\(\?[a-zA-Z]*x", bare):
        return ""
    while (inner := _GROUP.sub("\n", bare)) != bare:
        bare = inner
    if "|" in bare or "(" in bare or ")" in bare:
        return ""
    runs = [match[0][:-1] if match[1] else match[0] for match in _RUN.finditer(bare)]
    best = max(runs, key=len, default="")
    return best.lower() if len(best) > 2 else ""
