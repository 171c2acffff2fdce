"""The command line. Exit codes: 0 fine, 1 found something, 2 wrong usage or settings, 75 try again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot import cli_admin, cli_data
from bot.reports.page import report
from bot.settings import Settings, SettingsError
from bot.terminal import AGAIN, fail, rules, settings, shelf

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A support desk that lives in e-mail. Without a command it serves. Settings: DESK_* (docs/operations.md).",
)
app.add_typer(cli_admin.parked_app, name="parked")
app.add_typer(cli_admin.held_app, name="held")
app.add_typer(cli_admin.suppressed_app, name="suppressed")
app.add_typer(cli_admin.secret_app, name="secret")
app.command()(cli_admin.overrides)
app.command()(report)
for command in (cli_data.backup, cli_data.restore, cli_data.move, cli_data.export, cli_data.forget):
    app.command()(command)

USAGE = 64  # EX_USAGE of sysexits.h


def main() -> None:
    """The entry point."""
    if sys.argv[1:2] == ["deliver"]:
        sys.exit(piped())
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        app()


def piped() -> int:
    """`deliver` for mail servers, which know sysexits.h alone: all that is no fault of the letter's own means "try again"."""
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        return {1: AGAIN, 2: USAGE}.get(code, code)
    except BaseException as error:  # noqa: BLE001  the letter must stay in the mail server's queue
        typer.echo(f"cannot be stored: {type(error).__name__}: {error}", err=True)
        return AGAIN
    return 0


# ------------------------------------------------------------------------------------------------------- the daemon


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Serves when no command is given."""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve() -> None:
    """Run the desk: take letters, answer them, until SIGTERM or Ctrl-C."""
    from bot.daemon import serve as run
    from bot.office import RulesRefused
    from bot.store.files import LockedError

    chosen = settings()
    try:
        asyncio.run(run(chosen, lambda line: print(line, flush=True)))
    except RulesRefused as error:
        fail(str(error), 1)
    except (LockedError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot start: {error}", AGAIN)


@app.command()
def deliver(
    sender: Annotated[str | None, typer.Option(help="envelope sender; default: $SENDER, or the Return-Path line")] = None,
    recipient: Annotated[list[str] | None, typer.Option(help="envelope recipient, may be repeated; default: $RECIPIENT")] = None,
) -> None:
    """Take one letter on stdin into the inbox, for pipes. Exit 0 stored, 75 try again, 64 wrong usage, 65 no letter or too large."""
    from bot.control import ask
    from bot.intake.pipe import deliver as take
    from bot.store.files import Disk
    from bot.stores import open_store

    async def work() -> tuple[int, str]:
        chosen, now = Settings.load(), datetime.now(UTC)
        inbox, _ = open_store(chosen, Disk(), now)
        taken = await take(sys.stdin.buffer, inbox, now, sender=sender, recipients=tuple(recipient or ()), environ=os.environ)
        await inbox.close()
        with contextlib.suppress(OSError, ValueError):
            await ask(chosen.data, {"do": "look"})
        return taken

    try:
        code, words = asyncio.run(work())
    except (OSError, ValueError, SettingsError) as error:
        fail(f"cannot be stored: {error}", AGAIN)
    if code:
        fail(words, code)


@app.command()
def demo() -> None:
    """Watch a conversation: a user, a stranger and an agent over real SMTP, in a temporary data folder."""
    from bot.demo import play

    raise typer.Exit(play(settings()))


@app.command()
def doctor(letter: Annotated[bool, typer.Option(help="send a test letter all the way round")] = True) -> None:
    """Examine the whole installation; each line says what to do. Exit 1 where something is red."""
    from bot.doctor import examine

    worst = 0
    for state, what, todo in examine(settings(), letter):
        mark, colour = {"green": ("ok  ", "green"), "yellow": ("look", "yellow"), "red": ("BAD ", "red")}[state]
        typer.echo(f"{typer.style(mark, fg=colour)}  {what}" + (f"\n      -> {todo}" if todo else ""))
        worst |= state == "red"
    raise typer.Exit(worst)


@app.command()
def init(
    language: Annotated[str, typer.Option(help="ru or en", prompt="Язык · Language (ru, en)")] = "ru",
    service: Annotated[str, typer.Option(help="what users call the product")] = "",
    address: Annotated[str, typer.Option(help="the support address")] = "",
    prefix: Annotated[str, typer.Option(help="letters of a ticket number")] = "",
    hours: Annotated[str, typer.Option(help="working hours, every day")] = "",
    timezone: Annotated[str, typer.Option(help="such as Europe/Moscow")] = "",
    agents: Annotated[str, typer.Option(help="Name <address>, Name <address>; the lead first")] = "",
) -> None:
    """Write a rules.yaml for your company; asks what is not given. The old file is kept as rules.yaml.old."""
    from bot.init import QUESTIONS, SHIPPED, Answers, rules_for, write

    if language not in ("ru", "en"):
        fail("ru or en")
    given = Answers(service, address, prefix, hours, timezone, agents)._asdict()
    for key, (russian, english, proposed) in QUESTIONS.items():
        given[key] = given[key] or typer.prompt(russian if language == "ru" else english, default=proposed or None)
    path = settings().rules
    try:
        kept = write(path, rules_for(Answers(**given), language, SHIPPED.read_text("utf-8")))
    except ValueError as error:
        fail(str(error))
    typer.echo(f"{path}" + (f" ({kept})" if kept else ""))
    check(path)


# -------------------------------------------------------------------------------------------------------- the rules


@app.command()
def check(
    rules: Annotated[Path | None, typer.Argument(help="default: DESK_RULES")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of rules.yaml, for editors")] = False,
) -> None:
    """Validate rules.yaml, its examples and the templates."""
    from bot.office import RulesRefused, open_office
    from bot.policy import json_schema

    if schema:
        print(json.dumps(json_schema(), ensure_ascii=False, indent=1))
        return
    chosen = settings()
    try:
        office = open_office(chosen.model_copy(update={"rules": rules}) if rules else chosen, b"x" * 32)
    except RulesRefused as error:
        mistakes = str(error).splitlines()
        typer.echo("\n".join(mistakes))
        fail(f"{len(mistakes)} mistake(s)", 1)
    policy = office.policy
    examples = sum(len(rule.examples.match) + len(rule.examples.ignore) for rule in policy.rules)
    typer.echo(f"{policy.name}: good. {len(policy.rules)} rules, {examples} examples, {len(office.templates.sources)} template files.")


@app.command()
def explain(
    files: Annotated[list[Path], typer.Argument(help="letters as files; - is stdin")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Tell how each letter is read, classed and judged. Changes nothing."""
    from bot.explain import explain_files

    raise typer.Exit(asyncio.run(explain_files(settings(), files, as_json)))


@app.command()
def replay(
    rules: Annotated[Path, typer.Option(help="the new rules.yaml")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only letters that came on this day or later")] = None,
) -> None:
    """Past letters under new rules: what would change, as a table. Changes nothing; exit 1 when something would."""
    from rich.console import Console

    from bot.office import RulesRefused
    from bot.policy import RulesError
    from bot.replay import replay as run

    try:
        raise typer.Exit(asyncio.run(run(settings(), rules, since.date() if since else None, Console())))
    except (RulesRefused, RulesError) as error:
        fail(str(error), 2)


# ----------------------------------------------------------------------------------------------------- looking at it


@app.command("list")
def list_tickets(
    everything: Annotated[bool, typer.Option("--all", help="filed tickets too")] = False,
) -> None:
    """List the tickets: number, status, priority, owner, requester, subject."""
    from rich.console import Console
    from rich.table import Table

    from bot.store.rows import Row

    table = Table(box=None, pad_edge=False)
    for title in ("ticket", "status", "priority", "owner", "requester", "opened", "subject"):
        table.add_column(title, overflow="fold")
    for row in shelf().tickets(Row, filed=everything):
        state = " ".join(filter(None, (row.status, row.resolution or row.ground or "")))
        owner = row.owner.partition("@")[0] or "-"
        table.add_row(str(row.number), state, row.priority, owner, row.requester.email, f"{row.opened.astimezone():%Y-%m-%d %H:%M}", row.subject)
    Console().print(table)


@app.command()
def show(
    ticket: Annotated[str, typer.Argument(help="number, with or without the prefix")],
    sla: Annotated[bool, typer.Option("--sla", help="only how its due time is reckoned, piece by piece")] = False,
) -> None:
    """Show one ticket: everything said and done in it, and what it sent."""
    from bot.show import show_ticket
    from bot.tickets.due import told

    found = shelf().ticket(int("".join(filter(str.isdigit, ticket)) or 0))
    if found is None:
        fail(f"there is no ticket {ticket}", 1)
    elif sla:
        typer.echo("\n".join(told(found, rules(), datetime.now(UTC), "en")))
    else:
        show_ticket(found)


@app.command()
def ledger(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Prove from the disk that every accepted letter ended in exactly one place. Exit 1 where it does not add up."""
    from bot.ledger import account

    result = account(shelf())
    typer.echo(json.dumps(result.as_dict()) if as_json else result.as_text())
    raise typer.Exit(0 if result.adds_up else 1)


@app.command()
def health() -> None:
    """Tell monitoring how the desk is, in one line of JSON. Exit 1 when something needs a look; `why` says what."""
    from bot.control import ask
    from bot.health import health as look

    data = settings().data
    if not data.is_dir():
        fail(f"{data}: there is no desk here", 1)
    found = look(data, shelf(), asyncio.run(ask(data, {"do": "health"})), datetime.now(UTC))
    typer.echo(json.dumps(found))
    raise typer.Exit(0 if found["healthy"] else 1)


@app.command()
def migrate() -> None:
    """Make the tables of DESK_STORE, or bring them up to date. Stop all daemons first; a second time changes nothing."""
    from bot.stores import needed

    url = settings().store
    if not url:
        fail("DESK_STORE is not set: files need no migration")
    try:
        with needed():
            from bot.store.postgres.schema import migrate as bring
        before, after = bring(url)
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot migrate: {error}", AGAIN)
    typer.echo(f"schema {after}" if before == after else f"schema {before or 'none'} -> {after}")


@app.command()
def repair() -> None:
    """Set files that cannot be read aside and handle their letters anew. Stop the desk first. Exit 1 when there were any."""
    from bot.health import repair as mend
    from bot.store.files import DataLock, LockedError

    if settings().store:
        fail("repair mends files; PostgreSQL looks after its own: restore from a backup what it cannot read")
    data = settings().data
    try:
        with DataLock(data):
            found = mend(data, typer.echo)
    except LockedError as error:
        fail(str(error), AGAIN)
    typer.echo(f"{found} file(s) set aside" if found else "everything can be read")
    raise typer.Exit(1 if found else 0)


