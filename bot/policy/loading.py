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
    data, places, mistakes = read(source, name)
    try:
        file = RulesFile.model_validate(data)
    except ValidationError as error:
        locations = [detail["loc"] for detail in error.errors(include_url=False)]
        details = [item for item in error.errors(include_url=False) if item["type"] != "too_short" or not _inside(item["loc"], locations)]
        mistakes += [_told(detail, data, places, name) for detail in details]
        file = _sound(data, [_real_path(detail["loc"], data) for detail in details])
    policy = Policy(source, name, file)
    mistakes += [Mistake(name, *places.of(path), message, hint) for path, message, hint in crosschecks(policy)]
    if mistakes:
        raise RulesError(_sorted(mistakes))
    return policy


def _inside(outer: tuple[int | str, ...], locations: list[tuple[int | str, ...]]) -> bool:
    """Whether a mistake lies within; a list that seems too short for its broken members is no second mistake."""
    return any(len(loc) > len(outer) and loc[: len(outer)] == outer for loc in locations)


def _sound(data: Any, broken: list[Path]) -> RulesFile:
    """The file with everything broken replaced by something harmless, so that the rest can be checked in the same run."""
    data = {**data} if isinstance(data, dict) else {}
    if isinstance(data.get("rules"), list):
        data["rules"] = [*data["rules"]]
    for path in broken:
        if len(path) > 1 and path[0] == "rules":
            data["rules"][path[1]] = {**_HARMLESS["rule"], "id": f"broken-{path[1]}"}
        elif path:
            data[path[0]] = _harmless(path[0], data.get(path[0]))
    data = {"desk": _HARMLESS["desk"], "people": _HARMLESS["people"], **data}
    try:
        return RulesFile.model_validate({key: value for key, value in data.items() if key in RulesFile.model_fields and value is not None})
    except ValidationError:
        return RulesFile.model_validate({key: _HARMLESS[key] for key in ("desk", "people")})


def _harmless(section: int | str, data: Any) -> Any:
    """What stands for a broken section: the names that rules may use are kept, for they are not to blame."""
    if section == "people" and isinstance(data, dict) and isinstance(data.get("departments"), dict):
        kept = {key: {"name": key, "address": f"{key}@desk.invalid"} for key in data["departments"]}
        return {**_HARMLESS["people"], "departments": kept}
    if section == "vocabulary" and isinstance(data, dict):
        return {key: ["a"] for key in data}
    return _HARMLESS.get(str(section))


_HARMLESS: dict[str, Any] = {
    "desk": {"name": "desk", "address": "desk@desk.invalid"},
    "people": {"agents": [{"name": "agent", "address": "agent@desk.invalid"}]},
    "rules": [],
    "rule": {"clause": "1", "when": {"longer_than": 0}, "then": {"labels": "broken"}},
}


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
    if kind == "string_pattern_mismatch":
        return Mistake(name, line, column, f"{_label(path)}{detail['input']!r} has a wrong form", _FORMS.get(context.get("pattern", ""), ""))
    message = _TYPES.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    if detail["input"] is None:
        message = f"is empty; {message}"
    return Mistake(name, line, column, f"{_label(path)}{message}", _type_hint(kind, detail["input"]))


_FORMS = {
    r"^[a-z][a-z0-9_-]{0,39}$": "write small Latin letters, digits, - and _, a letter first",
    r"^[A-Z][A-Z0-9]{0,9}$": "write capital Latin letters and digits, such as PF",
    r"^\d+(\.\d+)*$": "write a clause of the regulation, such as 4.6",
    r"^(https?://\S+)?$": "write an address that begins with https://",
    "^(ru|en)$": "write ru or en",
}
_TYPES = {
    "too_short": "must not be an empty list",
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
