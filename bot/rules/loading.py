"""The bytes of rules.yaml -> Policy, or all its mistakes at once, each with line, allowed values and a hint.

`bot.rules.yaml_source` gives data and places, `bot.rules.schema` checks single values, `crosschecks` the rest.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.language.multi_pattern import shipped
from bot.rules.crosschecks import crosschecks
from bot.rules.policy import Policy
from bot.rules.yaml_source import Mistake, Path, RulesError, read

MOST = 100  # most mistakes that are reported


def load(source: bytes, name: str = "rules.yaml") -> Policy:
    """The policy in these bytes. Raises RulesError with every mistake found; does not run the examples."""
    data, places, mistakes = read(source, name)
    try:
        policy = Policy.model_validate(data).loaded(source, name)
    except ValidationError as error:
        details = error.errors(include_url=False)
        broken = [_path(detail["loc"], data) for detail in details]
        for path, detail in zip(broken, details, strict=True):
            within = any(len(other["loc"]) > len(detail["loc"]) and other["loc"][: len(detail["loc"])] == detail["loc"] for other in details)
            if detail["type"] != "too_short" or not within:  # a list with broken members is not too short
                place, (message, hint) = places.of(path, key=detail["type"] == "extra_forbidden"), _told(detail, path)
                mistakes.append(Mistake(name, *place, message, hint))
        policy = _sound(data, broken)
    mistakes += [Mistake(name, *places.of(path), message, hint) for path, message, hint in crosschecks(policy)]
    if mistakes:
        raise RulesError(list(dict.fromkeys(sorted(mistakes, key=lambda one: (one.line, one.column))))[:MOST])
    return policy


def _sound(data: Any, broken: list[Path]) -> Policy:
    """The file with all broken values replaced by harmless ones, so that the rest can be checked as well."""
    data = {key: data[key] for key in _SECTIONS & data.keys() if data[key] is not None} if isinstance(data, dict) else {}
    rules = dict(enumerate(data["rules"])) if isinstance(data.get("rules"), list) else {}
    departments = data["people"].get("departments") if isinstance(data.get("people"), dict) else {}
    for path in broken:
        if path[:1] == ("rules",) and len(path) > 1:
            rules[int(path[1])] = {"id": f"broken-{path[1]}", "clause": "1", "when": {"longer_than": 0}, "then": {"labels": "broken"}}
        elif path[:1] == ("vocabulary",):  # names are kept, since rules use them
            data["vocabulary"] = {key: ["a"] for key in data["vocabulary"]} if isinstance(data["vocabulary"], dict) else {}
        elif path:
            data.pop(path[0], None)
    known = {key: {"name": key, "address": f"{key}@desk.invalid"} for key in departments} if isinstance(departments, dict) else {}
    desk, agent = ({"name": name, "address": f"{name}@desk.invalid"} for name in ("desk", "agent"))
    lead = {**agent, "lead": True}
    try:
        return Policy.model_validate({"desk": desk, "people": {"agents": [lead], "departments": known}} | data | {"rules": list(rules.values())})
    except ValidationError:
        return Policy.model_validate({"desk": desk, "people": {"agents": [lead]}})


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules.yaml, for editors that check the file while it is edited."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema(), "title": "rules.yaml"}


_SECTIONS = {info.alias or key for key, info in Policy.model_fields.items()}


def _told(detail: ErrorDetails, path: Path) -> tuple[str, str]:
    """What pydantic found wrong, and what would help."""
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        allowed = _allowed(path[:-1])
        return f"unknown key {str(path[-1])!r}; allowed: {', '.join(allowed)}", _nearest(path[-1], allowed)
    message, hint = shipped("mistakes")["types"].get(kind, detail["msg"][:1].lower() + detail["msg"][1:]), ""
    if given is None:
        message = f"is empty; {message}"
    if kind == "missing":
        message = f"the key {str(detail['loc'][-1])!r} is missing"
    elif kind in ("literal_error", "enum"):
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        message, hint = f"{given!r} is not allowed; allowed: {', '.join(options)}", _nearest(given, options)
    elif kind == "value_error":
        message = str(context.get("error", detail["msg"]))
    elif kind == "string_pattern_mismatch":
        message, hint = f"{given!r} has a wrong form", shipped("mistakes")["forms"].get(context.get("pattern", ""), "")
    elif kind == "tuple_type":
        hint = "write each member on its own line after a dash"
    elif kind == "string_type" and not isinstance(given, list | None):
        hint = "put a text that holds a colon into quotes" if isinstance(given, dict) else "put it into quotes"
    label = next((f"{part}: " for part in reversed(path) if isinstance(part, str)), "")
    return label + message, hint


def _path(loc: tuple[int | str, ...], data: Any) -> Path:
    """pydantic's location, without the steps that it adds for unions and dictionary keys."""
    path: list[int | str] = []
    for part in loc:
        inner = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inner, dict) and part in inner:
            data = inner[part]
            path.append(part)
    return tuple(path)


def _allowed(path: Path) -> list[str]:
    """The keys allowed at that path, as they are written in the file."""
    schema = json_schema()
    nodes = _opened(schema, schema)
    for part in path:
        inner = (node.get("properties", {}).get(part) or node.get("additionalProperties") or node.get("items") for node in nodes)
        named = (kind for node in nodes for kind in node.get("patternProperties", {}).values())
        nodes = [opened for node in (*inner, *named) if node for opened in _opened(node, schema)]
    return [key for node in nodes for key in node.get("properties", ())]


def _opened(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a node of the JSON Schema, with references resolved."""
    if "$ref" in node:
        return _opened(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    return [opened for one in node["anyOf"] for opened in _opened(one, schema)] if "anyOf" in node else [node]


def _nearest(word: object, options: list[str]) -> str:
    """“did you mean …?” for a typo, or ""."""
    found = difflib.get_close_matches(str(word).lower(), options, 1, 0.6)
    return f"did you mean {found[0]!r}?" if found else ""
