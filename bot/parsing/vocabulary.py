"""The words of many languages that reading relies on: tables and patterns from `data/`, explained there."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML


def table(name: str) -> dict[str, Any]:
    """The data file with this name."""
    found: dict[str, Any] = YAML(typ="safe").load((files("bot.parsing") / "data" / f"{name}.yaml").read_bytes())
    return found


_WORDS = table("words")
HEADERS: dict[str, str] = {word: kind for kind, words in _WORDS["headers"].items() for word in re.split(r"[|\n]", words.strip())}


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The expression with this name in `words.yaml`; case does not matter."""
    return re.compile(_expanded(name), re.IGNORECASE)


def _expanded(name: str) -> str:
    return re.sub(r"<<(\w+)>>", lambda match: f"(?:{_expanded(match[1])})", "|".join(_WORDS[name].splitlines()))
