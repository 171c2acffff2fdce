"""The command line. Exit codes: 0 fine, 1 found something, 2 wrong usage or settings, 75 try again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bot.settings import Settings, SettingsError

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A support desk that lives in e-mail. Without a command it serves. Settings: DESK_* (docs/operations.md).",
)
parked_app = typer.Typer(help="Letters that could not be handled: list, retry, drop.", no_args_is_help=True)
held_app = typer.Typer(help="Outgoing letters that the gate holds: list, release, drop.", no_args_is_help=True)
app.add_typer(parked_app, name="parked")
app.add_typer(held_app, name="held")
secret_app = typer.Typer(help="The key that signs addresses: rotate.", no_args_is_help=True)
app.add_typer(secret_app, name="secret")

AGAIN = 75  # EX_TEMPFAIL of sysexits.h


def main() -> None:
    """The entry point."""
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        app()


def fail(words: str, code: int = 2) -> NoReturn:
    """Says what is wrong on stderr and ends."""
    typer.echo(words, err=True)
    raise typer.Exit(code)


def settings() -> Settings:
    """The settings, or the end with every wrong one named."""
    try:
        return Settings.load()
    except SettingsError as error:
        fail(str(error))


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
    recipient: Annotated[list[str] | None, typer.Option(help="envelope recipient, may be repeated; default: the desk's address")] = None,
) -> None:
    """Take one letter on stdin into the inbox, for pipes. Exit 75 when it cannot be stored."""
    from bot.control import ask
    from bot.intake.pipe import deliver as take
    from bot.store.files import Disk
    from bot.store.inbox import Inbox

    chosen = settings()
    try:
        inbox = Inbox(chosen.data, Disk())
    except OSError as error:
        fail(f"cannot be stored: {error}", AGAIN)
    now = datetime.now(UTC)
    code, words = take(sys.stdin.buffer, inbox, now, sender=sender, recipients=tuple(recipient or ()), environ=os.environ)
    if code:
        fail(words, code)
    else:
        with contextlib.suppress(OSError, ValueError):
            asyncio.run(ask(chosen.data, {"do": "look"}))


@app.command()
def demo() -> None:
    """Watch a conversation: a user, a stranger and an agent over real SMTP, in a temporary data folder."""
    from bot.demo import play

    raise typer.Exit(play(settings()))


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

    table = Table(box=None, pad_edge=False)
    for title in ("ticket", "status", "priority", "owner", "requester", "opened", "subject"):
        table.add_column(title, overflow="fold")
    for row in tickets_on_disk(settings().data, everything):
        state = " ".join(filter(None, (row.status, row.resolution or row.ground or "")))
        owner = row.owner.partition("@")[0] or "-"
        table.add_row(str(row.number), state, row.priority, owner, row.requester.email, f"{row.opened.astimezone():%Y-%m-%d %H:%M}", row.subject)
    Console().print(table)


def tickets_on_disk(data: Path, everything: bool) -> Iterator[Any]:
    """Register rows of the ticket files, by number."""
    import msgspec

    from bot.store.register import Row

    places = [data / "tickets" / "live", *(sorted((data / "tickets" / "done").glob("*")) if everything else ())]
    paths = {int(path.stem): path for place in places for path in place.glob("[0-9]*.json")}
    for number in sorted(paths):
        yield from msgspec.json.decode(paths[number].read_bytes(), type=dict[str, dict[str, Row]])["ticket"].values()


@app.command()
def show(ticket: Annotated[str, typer.Argument(help="number, with or without the prefix")]) -> None:
    """Show one ticket: everything said and done in it, and what it sent."""
    from bot.show import show_ticket
    from bot.store.documents import read_ticket

    digits = "".join(filter(str.isdigit, ticket))
    data = settings().data / "tickets"
    number = int(digits or 0)
    for path in (data / "live" / f"{number}.json", data / "done" / f"{number // 1000:03}" / f"{number}.json"):
        if path.exists():
            show_ticket(read_ticket(path))
            return
    fail(f"there is no ticket {ticket}", 1)


@app.command()
def ledger(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Prove from the disk that every accepted letter ended in exactly one place. Exit 1 where it does not add up."""
    from bot.ledger import account

    result = account(settings().data)
    typer.echo(json.dumps(result.as_dict()) if as_json else result.as_text())
    raise typer.Exit(0 if result.adds_up else 1)


# ----------------------------------------------------------------------------------------------- parked and held


def tell_daemon(request: dict[str, Any], otherwise: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The running daemon's answer, or that of `otherwise`, done under the lock when none runs."""
    from bot.control import ask
    from bot.store.files import DataLock, LockedError

    data = settings().data
    answer = asyncio.run(ask(data, request))
    if answer is None:
        try:
            with DataLock(data):
                answer = otherwise(data)
        except LockedError as error:
            fail(str(error), AGAIN)
        except LookupError as error:
            answer = {"error": str(error)}
    if "error" in answer:
        fail(answer["error"], 1)
    return answer


@parked_app.command("list")
def parked_list() -> None:
    """List parked letters with their reasons. Exit 1 when there are any."""
    from bot.store.files import Disk
    from bot.store.inbox import Inbox

    found = Inbox(settings().data, Disk()).parked()
    for one in found:
        typer.echo(f"{one.letter}  {one.at.astimezone():%Y-%m-%d %H:%M}  {one.reason}")
    raise typer.Exit(1 if found else 0)


@parked_app.command("retry")
def parked_retry(letter: str) -> None:
    """Handle a parked letter again."""
    _parked("retry", letter)


@parked_app.command("drop")
def parked_drop(letter: str) -> None:
    """Give a parked letter up; it stays in the archive and accounted for."""
    _parked("drop", letter)


def _parked(do: str, letter: str) -> None:
    from bot.store.files import Disk
    from bot.store.inbox import Inbox

    def otherwise(data: Path) -> dict[str, Any]:
        inbox = Inbox(data, Disk())
        inbox.retry(letter) if do == "retry" else inbox.drop(letter, datetime.now(UTC))
        return {"ok": True}

    tell_daemon({"do": do, "letter": letter}, otherwise)
    typer.echo("done")


@held_app.command("list")
def held_list() -> None:
    """List held letters: ticket, recipient, why. Exit 1 when there are any."""
    found = False
    for row in tickets_on_disk(settings().data, everything=False):
        for one in row.outgoing:
            if one.state == "held":
                found = True
                typer.echo(f"{row.number}/{one.id}  {one.to}  {one.created.astimezone():%Y-%m-%d %H:%M}  {one.result}")
    raise typer.Exit(1 if found else 0)


@held_app.command("release")
def held_release(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Let held letters go and open the latch of their address."""
    _held("release", to)


@held_app.command("drop")
def held_drop(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Cancel held letters and open the latch of their address."""
    _held("discard", to)


def _held(do: str, to: str) -> None:
    def otherwise(_: Path) -> dict[str, Any]:
        return {"error": "no desk is running on this data folder; start it first (run.py serve)"}

    answer = tell_daemon({"do": do, "to": to}, otherwise)
    typer.echo(f"{answer['ok']} letter(s)")


# ---------------------------------------------------------------------------------------------- keys and examples


@secret_app.command("rotate")
def secret_rotate() -> None:
    """Sign with a new key from now on; what older keys signed stays good until it expires."""
    from bot.office import rotate
    from bot.store.files import Disk, new_key, read_secret

    def otherwise(_: Path) -> dict[str, Any]:
        path, disk = settings().secret_file, Disk()
        rotate(path, disk, read_secret(path, disk), new_key())
        return {"ok": True}

    tell_daemon({"do": "rotate"}, otherwise)
    typer.echo("done")


@app.command()
def overrides() -> None:
    """Print the letters that agents said a rule was wrong about, as `ignore:` examples to take over into rules.yaml."""
    from bot.store.documents import read_day

    found: dict[str, list[str]] = {}
    for path in sorted((settings().data / "desk").glob("????-??-??.json")):
        for _, record in read_day(path):
            if record.about == "override":
                rule, _, text = record.words.partition("\n")
                found.setdefault(rule, []).append(text)
    for rule, texts in found.items():
        typer.echo(f"# {rule}\n  ignore:")
        for text in texts:
            typer.echo(f"    - {json.dumps(text, ensure_ascii=False)}")
    raise typer.Exit(1 if found else 0)
