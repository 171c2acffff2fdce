"""Jinja with limits: whatever a template says, it stops after a number of steps and of characters. Pure.

Turns of loops, included pieces and values that are set are counted. Whatever makes much out of one number, or
calls itself, is removed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from itertools import islice
from typing import Any, cast

from jinja2 import TemplateRuntimeError, TemplateSyntaxError, nodes, pass_context, pass_eval_context
from jinja2.filters import do_join, do_replace
from jinja2.runtime import Context as Names
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS = 200_000  # for one letter; the longest transcript needs a tenth of them
MOST = 32 * 2**20  # characters; more than mail servers accept
AT_ONCE = 256  # pieces of text that are counted together
LONG = f"it makes more than {MOST:,} characters"
COUNTED, WEIGHED = "counted", "weighed"  # internal filters, which templates cannot name
# These make much text out of one number; docs/templates.md lists them.
FILTERS = (
    "batch", "center", "filesizeformat", "format", "indent", "pprint",
    "round", "slice", "tojson", "urlize", "wordwrap", "xmlattr",
)  # fmt: skip
METHODS = frozenset(("center", "expandtabs", "format", "format_map", "ljust", "rjust", "to_bytes", "zfill"))
# These call themselves, or make text in which values cannot be told from the markup around them.
STATEMENTS = (
    nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block,
    nodes.Macro, nodes.CallBlock, nodes.AssignBlock, nodes.FilterBlock,
)  # fmt: skip


class TooMuchError(TemplateRuntimeError):
    """A template exceeds a limit; the text says which."""


class Bounded(ImmutableSandboxedEnvironment):
    """An environment in which every template ends, soon and small."""

    intercepted_binops = frozenset(("*", "**", "%"))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in ("range", "lipsum"):
            del self.globals[name]
        for name in FILTERS:
            del self.filters[name]
        self.filters |= {COUNTED: self._counted, WEIGHED: self._weighed, "join": _join, "replace": _replace}
        self._left = STEPS

    def call_binop(self, context: Names, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and not isinstance(left, str):
            return left % right
        raise TypeError(f"there is no {operator} in templates" + " but of numbers" * (operator == "%"))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in METHODS and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Always empty, since METHODS does not allow str.format."""

    def join_path(self, template: str, parent: str) -> str:
        self._spend(1)
        return template

    def bounded(self, file: str, given: Mapping[str, object]) -> str:
        """The text of a template; raises whatever is wrong with it, and TooMuchError."""
        self._left, made, size = STEPS, list[str](), 0
        template = self.get_template(file)
        pieces = cast(Generator[str], template.root_render_func(template.new_context(dict(given))))
        try:
            while some := list(islice(pieces, AT_ONCE)):
                size += sum(map(len, some))
                if size > MOST:
                    pieces.throw(TooMuchError(LONG))
                made += some
        except Exception:  # noqa: BLE001  it is raised again, with the lines of the template
            self.handle_exception()
        return "".join(made)

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooMuchError(f"it takes more than {STEPS:,} steps: loops, pieces, parts of lists")

    @pass_context  # else a constant would be counted only once, at compile time
    def _counted(self, _: Names, items: Any) -> Any:
        """The items of a loop; its turns are counted."""
        if not hasattr(items, "__len__"):
            items = list(islice(items, self._left + 1))
        self._spend(len(items))
        return items

    @pass_context
    def _weighed(self, _: Names, value: Any) -> Any:
        """The value that a name is set to: not too long a text, and lists with all their parts counted."""
        todo = [value]
        while todo:
            one = todo.pop()
            if isinstance(one, str):
                _short(len(one))
            elif isinstance(one, list | tuple | dict):
                self._spend(len(one))
                todo += one.values() if isinstance(one, dict) else one
        return value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(STATEMENTS):
            kind = type(node).__name__.lower()
            raise TemplateSyntaxError(f"no {kind} here: include a _piece.txt instead", node.lineno, name)
        for used in (one for one in tree.find_all(nodes.Filter) if one.name not in self.filters):
            raise TemplateSyntaxError(f"there is no filter {used.name} here", used.lineno, name)
        for asked in (one for one in tree.find_all(nodes.Getattr) if one.attr in METHODS):
            raise TemplateSyntaxError(f"there is no .{asked.attr} here", asked.lineno, name)
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                raise TemplateSyntaxError("no recursive loops here", loop.lineno, name)
            loop.iter = _through(COUNTED, loop.iter)
        for named in tree.find_all(nodes.Assign):
            named.node = _through(WEIGHED, named.node)
        for scope in tree.find_all(nodes.With):
            scope.values = [_through(WEIGHED, value) for value in scope.values]
        return tree


def _through(name: str, value: nodes.Node) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, value), name, [], [], None, None, lineno=value.lineno)


def _short(size: int) -> None:
    if size > MOST:
        raise TooMuchError(LONG)


@pass_eval_context
def _join(context: nodes.EvalContext, value: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
    parts = list(value)
    _short(len(parts) * len(str(d)) + sum(len(part) for part in parts if isinstance(part, str)))
    return str(do_join(context, parts, d, attribute))


@pass_eval_context
def _replace(context: nodes.EvalContext, s: str, old: str, new: str, count: int | None = None) -> str:
    _short(str(s).count(str(old)) * len(str(new)))
    return do_replace(context, s, old, new, count)
