"""A company's own grounds and resolutions as templates and words, out of what rules.yaml says of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.rendering.terms import Terms
from bot.rules import Policy
from bot.rules.schema import Outcome

OWN = "own.json"  # among the templates' files: names by kind, key and language
NAMES = {"ground": "ground", "resolution": "resolved"}  # how their templates' names begin
GENERIC = {"ground": "_own_ground.txt", "resolved": "_own_resolution.txt"}  # the letters around `text`


def with_own(files: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """The templates' files with a letter for each ground and resolution that has none, and with their names.

    A letter is made in each language that its `text` is given in; a resolution can do without.
    """
    languages = sorted({file.partition("/")[0] for file in files if file.endswith(".txt")})
    made, names = dict(files), dict[str, dict[str, Any]]()
    for kind, name, items in _kinds(policy):
        for key, item in items.items():
            names.setdefault(kind, {})[str(key)] = item.names
            if any(f"{language}/{name}_{key}.txt" in files for language in languages):
                continue
            for language in languages:
                text = item.text.get(language, "" if name == "resolved" else None)
                if text is not None:
                    said = json.dumps(text, ensure_ascii=False).replace("%", "\\u0025")  # no text ends a tag
                    letter = f'{{% set said = {said} %}}\n{{% include "{GENERIC[name]}" %}}\n'
                    made[f"{language}/{name}_{key}.txt"] = letter
    return {**made, OWN: json.dumps(names)}


def without_letter(files: Mapping[str, str], policy: Policy) -> Iterable[tuple[str, str]]:
    """(place in rules.yaml, file) of each ground and resolution that has no letter in the desk's language."""
    for kind, name, items in _kinds(policy):
        letters = {key: f"{policy.desk.language}/{name}_{key}.txt" for key in items}
        yield from ((f"{kind}s.{key}", letter) for key, letter in letters.items() if letter not in files)


def letters_of(own: str) -> list[str]:
    """The names of the letters of all grounds and resolutions that rules.yaml has."""
    given: dict[str, dict[str, Any]] = msgspec.json.decode(own)
    return sorted(f"{NAMES[kind]}_{key}" for kind, keys in given.items() for key in keys)


def named(terms: Terms, own: str) -> Terms:
    """The terms with a company's names for grounds and resolutions; `own` is the file that with_own has made.

    A language that has none for a company's own takes the first that there is.
    """
    given: dict[str, dict[str, dict[str, str]]] = msgspec.json.decode(own)
    words: dict[str, dict[Any, str]] = {"ground": dict(terms.ground), "resolution": dict(terms.resolution)}
    tactful: dict[str, dict[Any, str]] = {
        "ground": dict(terms.to_requesters.ground), "resolution": dict(terms.to_requesters.resolution),
    }  # fmt: skip
    for kind, keys in given.items():
        for key, names in keys.items():
            first = next(iter(names.values()), "")
            if name := names.get(terms.language) or ("" if key in words[kind] else first):
                words[kind][key] = name
                tactful[kind].pop(key, None)
    return replace(terms, **words, to_requesters=replace(terms.to_requesters, **tactful))


def _kinds(policy: Policy) -> tuple[tuple[str, str, Mapping[Any, Outcome]], ...]:
    """(key in terms.yaml, beginning of the template's name, what rules.yaml has) for both."""
    items: dict[str, Mapping[Any, Outcome]] = {"ground": policy.grounds, "resolution": policy.resolutions}
    return tuple((kind, name, items[kind]) for kind, name in NAMES.items())
