"""What staff are shown: the context of a letter to them, in which no stranger's line can be a command."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from bot.model import Value
from bot.rendering import contexts
from bot.tickets.agents.parser import escaped

# What the desk itself says, with commands to copy; what agents wrote, which they get back to send it again; and
# what is escaped already, with a line of ours below it.
OURS: dict[type[Value], tuple[str, ...]] = {
    contexts.Button: contexts.Button.__struct_fields__, contexts.DeskView: contexts.DeskView.__struct_fields__,
    contexts.TicketLine: ("url",), contexts.Help: ("commands",), contexts.Receipt: ("done",),
    contexts.Kept: ("text",), contexts.CommandError: ("lines", "text", "reason"), contexts.Handed: ("text",),
    contexts.Notice: ("text",),
}  # fmt: skip


def for_staff(value: Any) -> Any:
    """The same context with every stranger's word in it escaped: backslashes before signs, nothing else."""
    shown = value
    if type(value) is str:
        shown = escaped(value)
    elif isinstance(value, tuple):
        parts = tuple(map(for_staff, value))
        shown = parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    elif isinstance(value, Value):
        names = (name for name in value.__struct_fields__ if name not in OURS.get(type(value), ()))
        changed = {name: new for name in names if (new := for_staff(old := getattr(value, name))) is not old}
        shown = replace(value, **changed) if changed else value
    return shown
