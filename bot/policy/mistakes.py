"""A mistake in rules.yaml, and the error that carries all of them."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[int | str, ...]


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: where (line and column from 1), what, and what would help."""

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
