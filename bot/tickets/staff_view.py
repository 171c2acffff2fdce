"""What staff are shown: the context of a letter to them, in which no stranger's word can begin a line as a command."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from bot.model import Value
from bot.replies.contexts import Button, CommandError, DeskView, Handed, Help, Kept, Receipt, TicketLine
from bot.tickets.commands import escaped

# What the desk itself says, with commands to copy, and what agents wrote, which they get back to send it again.
OURS: dict[type[Value], tuple[str, ...]] = {
    Button: Button.__struct_fields__, DeskView: DeskView.__struct_fields__, Help: ("commands",), Receipt: ("done",), Kept: ("text",),
    CommandError: ("lines", "text", "reason"), TicketLine: ("url",), Handed: ("text",),
}  # fmt: skip


def for_staff(value: Any) -> Any:
    """The same context with every stranger's word in it escaped; a backslash before a sign is all that changes."""
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
