"""The words of many languages that reading goes by: patterns out of `data/words.yaml`, where they are explained."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

_DATA: dict[str, Any] = YAML(typ="safe").load((files("bot.reading") / "data" / "words.yaml").read_bytes())

HEADERS: dict[str, str] = {word: kind for kind, words in _DATA["headers"].items() for word in re.split(r"[|\n]", words.strip())}


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The expression of that name; case does not count."""
    return re.compile(_expanded(name), re.IGNORECASE)


def _expanded(name: str) -> str:
    alternatives = "|".join(_DATA[name].splitlines())
    return re.sub(r"<<(\w+)>>", lambda match: f"(?:{_expanded(match[1])})", alternatives)
