"""What a rule may ask about a letter: the keys of `when:`, and the tree that is made from them.

A mapping with several keys requires all of them. Leaves about the letter's words and pictures are matched in
the parser process (`bot.rules.matching`) under their `key`; `bot.rules.judge` answers the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, Literal, get_args

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bot.model import Priority


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _filled(values: tuple[str, ...]) -> tuple[str, ...]:
    if any(not value for value in values):
        raise ValueError("must not hold an empty string")
    return values


def _compiles(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            compiled = regex.compile(value, FLAGS)
        except (regex.error, RecursionError, OverflowError, ValueError, TypeError) as error:
            raise ValueError(f"broken pattern {value!r}: {error}") from None
        if compiled.match("", timeout=0.1) is not None:
            raise ValueError(f"pattern {value!r} fits an empty text, so it would always hold")
    return values


def one_or_more(**item: Any) -> WithJsonSchema:
    """For editors: a single member needs no list around it."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.VERSION0
Strings = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_filled), one_or_more(type="string")]
Patterns = Annotated[Strings, AfterValidator(_compiles)]
Aspect = Literal["description", "question", "steps", "environment", "screenshot"]
Level = Literal["obscene", "insult", "aimed"]
Tongue = Literal["ru", "en", "other"]
Where = Literal["anywhere", "subject", "text"]

PLACED = ("words", "phrases", "contains", "pattern", "only", "each", "abuse")  # kinds that `where` can limit
TEXT_KINDS = (*PLACED, "software", "lacks", "header")
LETTER_KINDS = ("sender", "attachment", "longer_than", "shorter_than", "language", "letter", "time", "priority", "label")


class HeaderTest(BaseModel):
    """A header that must exist, and what its value must contain."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    name: Annotated[str, Field(pattern=r"^[!-9;-~]+$")]
    contains: Strings = ()
    pattern: Patterns = ()


def _clock(value: str) -> str:
    if value not in ("open", "closed") and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d", value):
        raise ValueError("must be open, closed, or a range such as 22:00-06:00")
    return value


def _version_test(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in ("outdated", "named") and not re.fullmatch(r"[a-z_]+(\s*(<|<=|>|>=|=)\s*\d+(\.\d+)*)?", value):
            raise ValueError(f"{value!r} must be outdated, named, a name such as chrome, or a test such as 'chrome < 110'")
    return values


class Condition(BaseModel):
    """`when:`. Several keys together mean all of them; `all`, `any` and `not` combine further ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    every: tuple[Condition, ...] | None = Field(None, alias="all", min_length=1)
    either: tuple[Condition, ...] | None = Field(None, alias="any", min_length=1)
    never: Condition | None = Field(None, alias="not")

    words: Strings = ()
    phrases: Strings = ()
    contains: Strings = ()
    pattern: Patterns = ()
    only: Strings = ()
    each: Strings = ()
    where: Where = "anywhere"
    abuse: Annotated[tuple[Level, ...], BeforeValidator(_listed), one_or_more(enum=get_args(Level))] = ()
    software: Annotated[Strings, AfterValidator(_version_test)] = ()
    lacks: Annotated[tuple[Aspect, ...], BeforeValidator(_listed), one_or_more(enum=get_args(Aspect))] = ()
    header: HeaderTest | None = None

    sender: Strings = ()
    attachment: Literal["picture", "withheld", "any", "none"] | None = None
    longer_than: Annotated[int, Field(ge=0)] | None = None
    shorter_than: Annotated[int, Field(ge=1)] | None = None
    language: Annotated[tuple[Tongue, ...], BeforeValidator(_listed), one_or_more(enum=get_args(Tongue))] = ()
    letter: Literal["first", "follow_up"] | None = None
    time: Annotated[str, AfterValidator(_clock)] | None = None
    priority: Annotated[tuple[Priority, ...], BeforeValidator(_listed), one_or_more(enum=[*Priority])] = ()
    label: Strings = ()

    @model_validator(mode="after")
    def _something(self) -> Condition:
        if not any(getattr(self, name) not in (None, ()) for name in type(self).model_fields if name != "where"):
            raise ValueError("asks for nothing; it would always hold, or never")
        return self

    @cached_property
    def node(self) -> Node:
        """The condition as a tree for judging."""
        asked = [(kind, getattr(self, kind)) for kind in (*LETTER_KINDS, *TEXT_KINDS)]
        parts: list[Node] = [Leaf(kind, value, self.where if kind in PLACED else "anywhere") for kind, value in asked if value not in (None, ())]
        if self.every:
            parts.extend(condition.node for condition in self.every)
        if self.either:
            parts.append(Branch("any", tuple(condition.node for condition in self.either)))
        if self.never:
            parts.append(Branch("not", (self.never.node,)))
        return parts[0] if len(parts) == 1 else Branch("all", tuple(parts))


@dataclass(frozen=True)
class Leaf:
    """One question. `value` is taken from the file; the first word of `key` is the kind."""

    kind: str
    value: Any
    where: str = "anywhere"

    @cached_property
    def key(self) -> str:
        """Equal for equal questions, in every rule and every process."""
        digest = blake2b(repr((self.value, self.where)).encode(), digest_size=8).hexdigest()
        return f"{self.kind}:{digest}"

    def asks(self, where: str) -> bool:
        """Whether it is about this part of the letter."""
        return self.where in ("anywhere", where)

    def __str__(self) -> str:
        if isinstance(self.value, HeaderTest):
            shown = self.value.name + "".join(f" {word!r}" for word in (*self.value.contains, *self.value.pattern))
        else:
            shown = ", ".join(map(str, self.value)) if isinstance(self.value, tuple) else str(self.value)
        place = "" if self.where == "anywhere" else f" in {self.where}"
        return f"{self.kind}{place}: {shown}"


@dataclass(frozen=True)
class Branch:
    """all, any or not of its parts."""

    how: str
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return self.how


Node = Leaf | Branch


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf of the tree, in order."""
    if isinstance(node, Leaf):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def needs(node: Node) -> frozenset[str] | None:
    """Keys of text leaves, at least one of them needed for the tree to hold; None if there is no such set.

    Thanks to it, only those rules are judged that a letter can fire at all, however many there are.
    """
    if isinstance(node, Leaf):
        return frozenset((node.key,)) if node.kind in TEXT_KINDS else None
    if node.how == "not":
        return None
    sets = [needs(part) for part in node.parts]
    if node.how == "any":
        found = [keys for keys in sets if keys is not None]
        return frozenset().union(*found) if len(found) == len(sets) else None
    return min((keys for keys in sets if keys is not None), key=len, default=None)
