"""YAML bytes -> plain data with the place of everything; every oddity is a mistake. Also: what a mistake is.

ruamel.yaml composes the nodes; the code here turns them into data. So duplicate keys, anchors (and thereby
YAML bombs) and odd tags become mistakes with a line number, and no surprises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.model.markup import clean

Path = tuple[int | str, ...]
BIGGEST = 8_000_000  # bytes
DEEPEST = 40
EMPTY = (1, 1, "is empty", "it needs at least desk: and people:")


@dataclass(frozen=True)
class Mistake:
    """One mistake: where it is (line and column, from 1), what it is, and what would help."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class RulesError(ValueError):
    """rules.yaml cannot be used; `mistakes` says why, in the order of the file."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


@dataclass
class Places:
    """Where each value and each key of the file is: path -> (line, column), counted from 1."""

    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def of(self, path: Path, key: bool = False) -> tuple[int, int]:
        """The place of that path, or of the nearest one that encloses it."""
        for end in range(len(path), -1, -1):
            found = (self.keys if key else self.values).get(path[:end]) or self.values.get(path[:end])
            if found:
                return found
        return 1, 1


def read(source: bytes, name: str) -> tuple[Any, Places, list[Mistake]]:
    """The data of a YAML file, the places in it, and its oddities. Raises RulesError if it is not YAML."""
    problem = _refused(source)
    node = None
    try:
        if not problem:
            text = source.decode("utf-8-sig")
            node = YAML(typ="safe", pure=True).compose(text)
    except UnicodeDecodeError as error:
        problem = source.count(b"\n", 0, error.start) + 1, 1, "is not UTF-8 text", "save the file in the encoding UTF-8"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = text.splitlines()[mark.line : mark.line + 1]
        hint = _yaml_hint("".join(line))
        problem = mark.line + 1, mark.column + 1, f"is not YAML: {error.problem or error.context}", hint
    except RecursionError:
        problem = 1, 1, "is nested too deep", "this cannot be a file of rules"
    except (YAMLError, ValueError) as error:
        problem = 1, 1, f"is not YAML: {str(error).splitlines()[0]}", ""
    if problem or not node:
        raise RulesError([Mistake(name, *(problem or EMPTY))])
    builder = _Builder(name)
    return builder.value(node), builder.places, builder.mistakes


def _refused(source: bytes) -> tuple[int, int, str, str] | None:
    """Refuses what the YAML parser must not see: too large files, binary data, tabs, too deep nesting."""
    if len(source) > BIGGEST:
        return 1, 1, f"is larger than {BIGGEST // 1_000_000} MB", "this cannot be a file of rules"
    for number, line in enumerate(source.split(b"\n"), 1):
        indent = line[: len(line) - len(line.lstrip(b" \t"))]
        if b"\0" in line:
            return number, 1, "holds a NUL byte, so it is no text file", ""
        if b"\t" in indent and line.strip():
            return number, indent.index(b"\t") + 1, "a tab stands in the indentation", "indent with spaces"
        if line.count(b"[") + line.count(b"{") > 1000:
            return number, 1, "brackets are nested too deep", ""
    return None


def _yaml_hint(text: str) -> str:
    """What is probably wrong with a line that is not YAML."""
    if re.search(r":\s+[^\"'\[{|>#]*:\s", text) or re.search(r":\s+[^\"'\s][^\"']*: ", text):
        return "put a text that holds a colon into quotes"
    if re.search(r"(:|-)\s+[@`%*&!]", text):
        return "put a text that begins with a sign such as @ * & ! into quotes"
    if text.count('"') % 2 or text.count("'") % 2:
        return "a quote mark is not closed"
    return "look at the indentation of this line and the one above"


class _Builder:
    """Turns YAML nodes into data and records where everything is."""

    def __init__(self, name: str) -> None:
        self.name, self.places = name, Places()
        self.mistakes: list[Mistake] = []
        self.seen: set[int] = set()

    def complain(self, node: Node, message: str, hint: str = "") -> None:
        """Notes a mistake at the node's place."""
        self.mistakes.append(Mistake(self.name, *_place(node), message, hint))

    def value(self, node: Node, path: Path = ()) -> Any:
        """The data of one node; anchors that are used again are refused, which also disarms YAML bombs."""
        self.places.values[path] = _place(node)
        if id(node) in self.seen or len(path) > DEEPEST:
            message = "is used twice through an anchor (&name … *name)" if id(node) in self.seen else "is nested too deep"
            return self.complain(node, message, "write it out, or make it a list of the vocabulary")
        self.seen.add(id(node))
        if isinstance(node, SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        return self.mapping(node, path) if isinstance(node, MappingNode) else self.scalar(node)

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        """The data of a mapping; the first of two equal keys counts."""
        found: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self.complain(key, "a key must be a word", "put a text that begins with [ or { into quotes")
            elif key.value in found:
                first = self.places.keys[(*path, key.value)][0]
                self.complain(key, f"the key {key.value!r} stands here a second time", f"the first is in line {first}")
            else:
                self.places.keys[(*path, key.value)] = _place(key)
                found[key.value] = self.value(child, (*path, key.value))
        return found

    def scalar(self, node: Node) -> Any:
        """A text, number, truth value or nothing. Dates and numbers like 4.10 stay texts."""
        text, tag = clean(str(node.value)), str(node.tag).rpartition(":")[2]
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag == "int" and re.fullmatch(r"[-+]?\d{1,18}", text):
            return int(text)
        if tag == "float" and re.fullmatch(r"[-+]?\d*\.\d*[1-9]", text):
            return float(text)
        if tag not in ("str", "int", "float", "timestamp", "value", "merge"):
            self.complain(node, f"the tag {node.tag} has no meaning here", "put a text that begins with ! into quotes")
        return text


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
