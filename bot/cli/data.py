"""The commands about the whole of a desk's data, and about the people in it: backup, restore, move, export, forget."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.terminal import AGAIN, fail, rules, settings, settings_here, tell_daemon, way_out
from bot.data.backup import RefusedError
from bot.data.backup import backup as write
from bot.data.copy import ChangedError
from bot.data.ledger import Account
from bot.disk import is_there
from bot.model.address import FOUND, MAILBOX
from bot.printing import say
from bot.store.factory import MOVED, open_data_reader, open_store
from bot.store.files.names import foreign

Where = Annotated[Path, typer.Argument(help="a .tar.gz")]


@contextmanager
def said() -> Iterator[None]:
    """What cannot be done, in a word: exit 75 where it may go later, 1 where it is refused."""
    from bot.disk import LockedError
    from bot.store.data_access import ElsewhereError

    try:
        yield
    except RefusedError as error:
        fail(str(error), 1)
    except (LockedError, ElsewhereError, ChangedError, OSError) as error:
        fail(str(error), AGAIN)
    except ValueError as error:
        fail(str(error))


def backup(file: Where) -> None:
    """Write a backup of the whole desk, also while it runs: letters, tickets, rules, templates and the secret. Keep the file safe."""
    chosen = settings_here()
    with said(), closing(open_data_reader(chosen)) as reader:
        carried = write(chosen, reader, file, datetime.now(UTC))
    say(f"{file}: {carried.tickets} tickets, {carried.records} records, {carried.letters} letters")
    for path in sorted(reader.broken):
        say(f"{path} cannot be read and is left out; a restore handles its letters again", err=True)
    raise typer.Exit(1 if reader.broken else 0)


def restore(file: Where) -> None:
    """Fill an empty desk from a backup, rules and secret included. Stop the desk first. Exit 1 where the ledger does not add up."""
    from bot.data.move import restore as run
    from bot.disk import DataLock

    chosen = settings()
    with said(), DataLock(chosen.data):
        result = run(chosen, file, datetime.now(UTC), say)
    _told(result)


def move(to: Annotated[str, typer.Option(help="postgresql://… , or files")]) -> None:
    """Carry the desk over to another store. Stop the desk first; cut off at any point, run it again."""
    from bot.data.move import move as run
    from bot.disk import DataLock

    chosen = settings()
    if to != "files" and not to.startswith(("postgresql://", "postgres://")):
        fail("--to files, or --to postgresql://user@host/database")
    goal = chosen.model_copy(update={"store": None if to == "files" else to})
    with said(), DataLock(chosen.data):
        result = run(chosen, goal, datetime.now(UTC), say)
    _told(result)


def _told(result: Account) -> None:
    say(result.as_text())
    raise typer.Exit(0 if result.adds_up else 1)


def export(
    address: str,
    to: Annotated[Path | None, typer.Option(help="a new folder; default: export-ADDRESS")] = None,
) -> None:
    """Copy what a person wrote and was sent into a folder: letters.mbox and tickets.json. Exit 1 where there is nothing."""
    from bot.app.context_loading import RulesRefused, sources
    from bot.data.export import export as run
    from bot.rendering.templates import LAYOUT, Layout

    chosen, desk, who = settings_here(), rules().desk, _address(address)
    folder = to or Path(f"export-{who.replace('/', '_')}")  # RFC 5322 allows / in an address
    if is_there(folder):
        fail(f"{folder} is there already", 1)
    with said(), closing(open_data_reader(chosen)) as reader:
        try:
            layout = Layout(sources(chosen.templates).get(LAYOUT))
        except RulesRefused as error:
            fail(str(error), 1)
        letters, tickets = run(reader, chosen.data, who, folder, (desk.address, desk.name), layout)
    say(f"{folder}: {letters} letters, {tickets} tickets")
    for path in sorted(reader.broken):
        say(f"{path} cannot be read and is left out", err=True)
    raise typer.Exit(0 if (letters or tickets) and not reader.broken else 1)


def forget(
    address: str,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
) -> None:
    """Erase a person everywhere: tickets, letters, records, logs. The figures stay, and the ledger still adds up."""
    from bot.app.context_loading import read
    from bot.app.control_socket import ask
    from bot.data.erasure import Plan, files_without, trace

    chosen, who, now = settings_here(), _address(address), datetime.now(UTC)
    _no_staff(who)
    with said(), closing(open_data_reader(chosen)) as reader:
        plan: Plan = trace(reader, who, now)
        if reader.broken:
            fail(f"{', '.join(sorted(reader.broken))}: cannot be read; {way_out()}, first", 1)
    lines = {
        "ticket(s) of his own: emptied": plan.own, "other ticket(s): he is taken out": plan.others, "record(s)": plan.records,
        "letter(s): erased": plan.erased, "letter(s) of others: his address and words are cut": plan.cut,
    }  # fmt: skip
    for what, found in lines.items():
        some = ", ".join([*map(str, found[:10]), *["…"] * (len(found) > 10)])
        say(f"{len(found):6} {what}" + f" ({some})" * bool(found))
    if dry_run:
        return
    if plan.waiting and (chosen.store or asyncio.run(ask(chosen.data, {"do": "look"})) is not None):
        fail(f"{len(plan.waiting)} letter(s) of his are about to be handled; try again in a minute", AGAIN)
    with said():
        changed = files_without(chosen.data, plan)
        say(f"{changed:6} file(s) beside: old logs, letters in the outbox folder")
        _carry_out(chosen, plan, now)
    say("Not reached: mail that has left, backups, exports, saved reports, and files in others' letters.")
    if chosen.store:
        say("Not reached: logs of other machines at this database; run it there too.")
    if who in FOUND.findall(read(chosen.rules).decode().lower()):
        say(f"Not reached: {chosen.rules} names the address.")
    if next(foreign(chosen.data), ""):
        say(f"Not reached: files in {chosen.data} that are not the desk's; `run.py doctor` names them.")
    if is_there(chosen.data / MOVED):
        say(f"Not reached: {chosen.data / MOVED}, what lay here before the desk moved; remove it.")


def _address(given: str) -> str:
    who = given.strip().lower()
    if not MAILBOX.fullmatch(who):
        fail(f"{given!r} is no address, such as ivan@example.org")
    return who


def _no_staff(who: str) -> None:
    """The desk's own people are taken out of rules.yaml first: they are the other side of everybody's correspondence."""
    policy = rules()
    people = policy.people
    if people.agent(who) or people.department_of(who) or who in {one.address for one in people.leads}:
        fail(f"{who} is one of the staff in rules.yaml: what agents wrote belongs to other people's tickets; take the address out first", 1)
    if who in {policy.desk.address, *policy.desk.aliases}:
        fail(f"{who} is the desk's own address", 1)


def _carry_out(chosen: Any, plan: Any, now: datetime) -> None:
    """Lets the running desk do it, or does it under the lock."""
    import msgspec

    from bot.data.erasure import LOGS, log_without
    from bot.data.erasure import forget as run
    from bot.disk import Disk

    async def work() -> None:
        letters, store = open_store(chosen, Disk(), now)
        try:
            await store.load()
            await run(plan, letters, store, now)
        finally:
            await letters.close()
            await store.close()

    def otherwise(data: Path) -> dict[str, Any]:
        for path in (data / "log" / name for name in LOGS):  # first, while his letters are known
            if is_there(path):
                log_without(path, plan.person)
        asyncio.run(work())
        return {"ok": True}

    tell_daemon({"do": "forget", "plan": msgspec.to_builtins(plan)}, otherwise)


def migrate() -> None:
    """Bring the data up to date, or make the tables of DESK_STORE. Stop the desk and make a backup first."""
    from bot.store.data_access import ElsewhereError
    from bot.store.factory import begun, must_be_here, needed

    chosen = settings()
    url = chosen.store
    with said():
        unfinished = begun(chosen.data, url)
    if unfinished:
        fail(unfinished, AGAIN)
    if not url:
        _migrate_files(chosen.data)
        return
    try:
        with needed():
            from bot.store.postgres.schema import migrate as bring
        before, after = bring(url)
        must_be_here(chosen)
    except ElsewhereError as error:
        fail(str(error), AGAIN)
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot migrate: {error}", AGAIN)
    say(f"schema {after}" if before == after else f"schema {before or 'none'} -> {after}")


def _migrate_files(data: Path) -> None:
    from bot.disk import DataLock, Disk
    from bot.store.files.formats import bring

    with said(), DataLock(data):
        before, after = bring(data, Disk())
    say(f"format {after}" if before == after else f"format {before} -> {after}")


def repair() -> None:
    """Set files that cannot be read aside and handle their letters anew. Stop the desk first. Exit 1 when there were any."""
    from bot.data.health import repair as mend
    from bot.disk import DataLock, LockedError

    if settings_here().store:
        fail("repair mends files; PostgreSQL looks after its own: restore from a backup what it cannot read")
    data = settings_here().data
    try:
        with DataLock(data):
            found = mend(data, say)
    except (LockedError, OSError) as error:
        fail(str(error), AGAIN)
    say(f"{found} file(s) set aside" if found else "everything can be read")
    raise typer.Exit(1 if found else 0)
