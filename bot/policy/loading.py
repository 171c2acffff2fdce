"""rules.yaml in bytes -> Policy, or every mistake in it at once, each with its line, what is allowed and a hint.

`bot.policy.yamlfile` tells data and places, the models of `bot.policy.schema` check shapes, `crosschecks` the rest.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.policy.crosschecks import crosschecks
from bot.policy.mistakes import Mistake, Path, RulesError
from bot.policy.policy import Policy
from bot.policy.schema import RulesFile
from bot.policy.yamlfile import Places, read

MOST = 100  # mistakes that are reported


def load(source: bytes, name: str = "rules.yaml") -> Policy:
    """The policy in these bytes. Raises RulesError with every mistake found; does not run the examples."""
    data, places = read(source, name)
    try:
        file = RulesFile.model_validate(data)
    except ValidationError as error:
        raise RulesError(_sorted([_told(detail, data, places, name) for detail in error.errors(include_url=False)])) from None
    policy = Policy(source, name, file)
    mistakes = [Mistake(name, *places.of(path), message, hint) for path, message, hint in crosschecks(policy)]
    if mistakes:
        raise RulesError(_sorted(mistakes))
    return policy


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules.yaml, for editors that check it while it is typed."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rules.yaml", **RulesFile.model_json_schema(by_alias=True)}


def _sorted(mistakes: list[Mistake]) -> list[Mistake]:
    unique = dict.fromkeys(sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column)))
    return list(unique)[:MOST]


def _told(detail: ErrorDetails, data: Any, places: Places, name: str) -> Mistake:
    """One finding of pydantic as a mistake at its place."""
    path = _real_path(detail["loc"], data)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _allowed(RulesFile, path[:-1])
        word = str(path[-1])
        return Mistake(name, *places.of(path, key=True), f"unknown key {word!r}; allowed: {', '.join(allowed)}", nearest(word, allowed))
    if kind == "missing":
        wanted = str(detail["loc"][-1])
        return Mistake(name, *places.of(path), f"{_label(path)}the key {wanted!r} is missing", "")
    line, column = places.of(path)
    if kind in ("literal_error", "enum"):
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        message = f"{_label(path)}{detail['input']!r} is not allowed; allowed: {', '.join(options)}"
        return Mistake(name, line, column, message, nearest(str(detail["input"]), options))
    if kind == "value_error":
        return Mistake(name, line, column, f"{_label(path)}{context.get('error', detail['msg'])}", "")
    message = _TYPES.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    if detail["input"] is None:
        message = f"is empty; {message}"
    return Mistake(name, line, column, f"{_label(path)}{message}", _type_hint(kind, detail["input"]))


_TYPES = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list",
    "date_from_datetime_parsing": "must be a date such as 2026-12-31",
    "datetime_from_date_parsing": "must be a moment such as 2026-12-31T18:00:00+03:00",
}


def _type_hint(kind: str, value: Any) -> str:
    if kind == "string_type" and not isinstance(value, dict | list | None):
        return "put it into quotes"
    if kind == "tuple_type":
        return "write each member on its own line after a dash"
    if kind == "string_type" and isinstance(value, dict):
        return "put a text that holds a colon into quotes"
    return ""


def _label(path: Path) -> str:
    words = [str(part) for part in path if isinstance(part, str)]
    return f"{words[-1]}: " if words else ""


def _real_path(loc: tuple[int | str, ...], data: Any) -> Path:
    """pydantic's location without the steps that it adds for unions and dictionary keys."""
    path: list[int | str] = []
    for i, part in enumerate(loc):
        inside = (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        if inside:
            data = data[part]
            path.append(part)
        elif i == len(loc) - 1 and not isinstance(data, dict | list):
            break
    return tuple(path)


def _allowed(model: Any, path: Path) -> list[str]:
    """The keys that may stand at that path, as they are written in the file."""
    for part in path:
        model = _inner(model, part)
    models = [item for item in _members(model) if isinstance(item, type) and issubclass(item, BaseModel)]
    return [info.alias or key for item in models for key, info in item.model_fields.items()]


def _members(kind: Any) -> list[Any]:
    """The types in a union or under an annotation."""
    if get_origin(kind) is Union or type(kind).__name__ == "UnionType":
        return [inner for member in get_args(kind) for inner in _members(member)]
    if hasattr(kind, "__metadata__"):
        return _members(get_args(kind)[0])
    return [kind]


def _inner(kind: Any, part: int | str) -> Any:
    """The type of one member of that type."""
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            for key, info in member.model_fields.items():
                if part in (info.alias, key):
                    return info.annotation
        elif get_origin(member) is dict and isinstance(part, str):
            return get_args(member)[1]
        elif get_origin(member) is tuple and isinstance(part, int):
            return get_args(member)[0]
    return object


def nearest(word: str, options: list[str]) -> str:
    """«did you mean …?» for a slip, or ""."""
    found = difflib.get_close_matches(word.lower(), options, 1, 0.6)
    return f"did you mean {found[0]!r}?" if found else ""
