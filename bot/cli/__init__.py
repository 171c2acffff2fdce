"""The command line. Exit codes: 0 fine, 1 found something, 2 wrong usage or settings, 75 try again.

Each command is a function of one of these modules; what it does stands in `bot.app.daemon`, `bot.tools`, `bot.data` and `bot.reports`.
They are imported by the command alone: `deliver` has to start at once.
"""

from __future__ import annotations

import contextlib
import sys

import typer

from bot.cli import admin, data, looking, rules, serving
from bot.cli.terminal import AGAIN
from bot.printing import guard, say

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A support desk that lives in e-mail. Without a command it serves. Settings: DESK_* (docs/operations.md).",
)
COMMANDS = (
    serving.serve, serving.deliver, serving.demo, rules.init, rules.check, rules.explain, rules.replay, admin.overrides,
    looking.doctor, looking.health, looking.ledger, looking.tickets, looking.show, looking.report,
    data.backup, data.restore, data.move, data.migrate, data.repair, data.export, data.forget,
)  # fmt: skip
for command in COMMANDS:
    app.command("list" if command is looking.tickets else None)(command)
GROUPS = {
    "parked": admin.parked_app, "held": admin.held_app, "failed": admin.failed_app, "suppressed": admin.suppressed_app,
    "secret": admin.secret_app,
}  # fmt: skip
for name, group in GROUPS.items():
    app.add_typer(group, name=name)

USAGE = 64  # EX_USAGE of sysexits.h


def main() -> None:
    """The entry point."""
    guard()
    if sys.argv[1:2] == ["deliver"]:
        sys.exit(piped())
    try:
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            app()
    except OSError as error:  # a database that went away in the middle, a folder that is not ours: exit 1 would say that something was found
        say(str(error), err=True)
        sys.exit(AGAIN)


def piped() -> int:
    """`deliver` for mail servers, which know sysexits.h alone: all that is no fault of the letter's own means "try again"."""
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        return {1: AGAIN, 2: USAGE}.get(code, code)
    except BaseException as error:  # noqa: BLE001  the letter must stay in the mail server's queue
        say(f"cannot be stored: {type(error).__name__}: {error}", err=True)
        return AGAIN
    return 0


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Serves when no command is given."""
    if context.invoked_subcommand is None:
        serving.serve()
