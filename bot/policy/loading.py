"""rules.yaml in bytes -> Policy, or every mistake in it at once, each with its line, what is allowed and a hint.

The YAML is composed into nodes that know their places, turned into plain data by our own hand (so that duplicate keys,
anchors and odd tags are mistakes and not surprises), and then validated by the models of `bot.policy.schema`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.policy.crosschecks import crosschecks
from bot.policy.mistakes import Mistake, Path, RulesError
from bot.policy.policy import Policy
from bot.policy.schema import RulesFile

BIGGEST = 8_000_000  # bytes
DEEPEST = 40
MOST = 100  # mistakes that are reported
_FLOW = re.compile(rb"[\[{]")


@dataclass
class Places:
    """Where each value and each key of the file stands: path -> (line, column), counted from 1."""

    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def of(self, path: Path, key: bool = False) -> tuple[int, int]:
        """The place of that path, or of the nearest one around it."""
        for end in range(len(path), -1, -1):
            found = (self.keys if key else self.values).get(path[:end]) or self.values.get(path[:end])
            if found:
                return found
        return 1, 1


def load(source: bytes, name: str = "rules.yaml") -> Policy:
    """The policy in these bytes. Raises RulesError with every mistake found; does not run the examples."""
    places, mistakes = Places(), list[Mistake]()
    data = _data(source, name, places, mistakes)
    if mistakes:
        raise RulesError(mistakes)
    try:
        file = RulesFile.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        found = [_told(detail, data, places, name) for detail in details]
        raise RulesError(_sorted(found)) from None
    policy = Policy(source, name, file)
    for path, message, hint in crosschecks(policy):
        mistakes.append(Mistake(name, *places.of(path), message, hint))
    if mistakes:
        raise RulesError(_sorted(mistakes))
    return policy


def place(source: bytes, path: Path) -> tuple[int, int]:
    """Line and column of a path in a file that is known to be good."""
    places = Places()
    _data(source, "", places, [])
    return places.of(path)


def places_of(source: bytes) -> Places:
    """All places of a file that is known to be good."""
    places = Places()
    _data(source, "", places, [])
    return places


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules.yaml, for editors that check it while it is typed."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rules.yaml", **RulesFile.model_json_schema(by_alias=True)}


def _sorted(mistakes: list[Mistake]) -> list[Mistake]:
    unique = dict.fromkeys(sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column)))
    return list(unique)[:MOST]


# ------------------------------------------------------------------------------------------------------ YAML to data


def _data(source: bytes, name: str, places: Places, mistakes: list[Mistake]) -> Any:
    """Plain data, with the place of everything noted; syntax errors go into `mistakes`."""
    refusal = _refused(source)
    if refusal:
        mistakes.append(Mistake(name, *refusal))
        return None
    try:
        text = source.decode("utf-8-sig")
        node = YAML(typ="safe", pure=True).compose(text)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        mistakes.append(Mistake(name, line, 1, "is not UTF-8 text", "save the file in the encoding UTF-8"))
        return None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = f"is not YAML: {error.problem or error.context}"
        mistakes.append(Mistake(name, line, column, message, _yaml_hint(text.splitlines(), line)))
        return None
    except (YAMLError, RecursionError, ValueError) as error:
        mistakes.append(Mistake(name, 1, 1, f"is not YAML: {str(error).splitlines()[0]}", ""))
        return None
    if node is None:
        mistakes.append(Mistake(name, 1, 1, "is empty", "it needs at least desk: and people:"))
        return None
    return _Builder(name, places, mistakes).value(node, (), 0)


def _refused(source: bytes) -> tuple[int, int, str, str] | None:
    """What is refused before the YAML parser sees it: size, binary data, tabs, and depth that would exhaust the stack."""
    if len(source) > BIGGEST:
        return 1, 1, f"is larger than {BIGGEST // 1_000_000} MB", "this cannot be a file of rules"
    if b"\0" in source:
        return source.count(b"\n", 0, source.index(b"\0")) + 1, 1, "holds a NUL byte, so it is no text file", ""
    for number, line in enumerate(source.split(b"\n"), 1):
        indent = line[: len(line) - len(line.lstrip(b" \t"))]
        if b"\t" in indent and line.strip():
            return number, indent.index(b"\t") + 1, "a tab stands in the indentation", "indent with spaces"
        if len(_FLOW.findall(line)) > 1000:
            return number, 1, "brackets are nested too deep", ""
    return None


def _yaml_hint(lines: list[str], line: int) -> str:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    if re.search(r":\s+[^\"'\[{|>#]*:\s", text) or re.search(r":\s+[^\"'\s][^\"']*: ", text):
        return "put a text that holds a colon into quotes"
    if re.search(r"(:|-)\s+[@`%*&!]", text):
        return "put a text that begins with a sign such as @ * & ! into quotes"
    if text.count('"') % 2 or text.count("'") % 2:
        return "a quote mark is not closed"
    return "look at the indentation of this line and the one above"


class _Builder:
    """Turns YAML nodes into data and notes where everything stands."""

    def __init__(self, name: str, places: Places, mistakes: list[Mistake]) -> None:
        self.name, self.places, self.mistakes = name, places, mistakes
        self.seen: set[int] = set()

    def complain(self, node: Node, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.name, node.start_mark.line + 1, node.start_mark.column + 1, message, hint))

    def value(self, node: Node, path: Path, depth: int) -> Any:
        """The data of one node; anchors that are used again are refused, which also disarms YAML bombs."""
        self.places.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in self.seen or depth > DEEPEST:
            self.complain(
                node,
                "is used twice through an anchor (&name … *name)" if id(node) in self.seen else "is nested too deep",
                "write it out, or make it a list of the vocabulary",
            )
            return None
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.value(child, (*path, i), depth + 1) for i, child in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node)

    def mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self.complain(key, "a key must be a word", "put a text that begins with [ or { into quotes")
                continue
            word = str(key.value)
            if word in found:
                first = self.places.keys[(*path, word)][0]
                self.complain(key, f"the key {word!r} stands here a second time", f"the first is in line {first}")
                continue
            self.places.keys[(*path, word)] = (key.start_mark.line + 1, key.start_mark.column + 1)
            found[word] = self.value(child, (*path, word), depth + 1)
        return found

    def scalar(self, node: ScalarNode) -> Any:
        text, tag = str(node.value), str(node.tag).rsplit(":", 1)[-1]
        try:
            if tag == "null":
                return None
            if tag == "bool":
                return text.lower() == "true"
            if tag == "int":
                return int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else text
            if tag == "float":
                return float(text) if text.count(".") == 1 and not re.search(r"\.\d*0$|[eE]", text) else text
        except ValueError:
            return text
        if not str(node.tag).startswith("tag:yaml.org,2002:"):
            self.complain(node, f"the tag {node.tag} has no meaning here", "put a text that begins with ! into quotes")
        return text


# ------------------------------------------------------------------------------------------- pydantic's words to ours


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
