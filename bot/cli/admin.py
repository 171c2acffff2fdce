"""The admin's commands: parked, held and suppressed mail, the signing key, rules that agents said were wrong."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.terminal import AGAIN, data_reader, fail, settings, settings_here, tell_daemon
from bot.printing import one_line, say, to_json

if TYPE_CHECKING:
    from bot.model import Outgoing

BROKEN = """What was signed with the old key proves nothing any more:
- agents' answers to notices sent so far are asked for #confirm; notices from now on are good;
- customers' answers still find their ticket, but are marked unconfirmed; #status and #transcript wait for a new letter of ours;
- links to scores, and confirmations that are waiting, are dead."""

parked_app = typer.Typer(help="Letters that could not be handled: list, retry, drop.", no_args_is_help=True)
held_app = typer.Typer(help="Outgoing letters that the gate holds: list, release, drop.", no_args_is_help=True)
failed_app = typer.Typer(help="Outgoing letters that could not be delivered: list, retry, drop.", no_args_is_help=True)
suppressed_app = typer.Typer(help="Addresses that bounced and get no automatic mail: list, lift.", no_args_is_help=True)
secret_app = typer.Typer(help="The key that signs addresses: rotate, or make a new one.", no_args_is_help=True)


@parked_app.command("list")
def parked_list() -> None:
    """List parked letters with their reasons. Exit 1 when there are any."""

    found = data_reader().parked()
    for one in found:
        say(one_line(one.letter, f"{one.at.astimezone():%Y-%m-%d %H:%M}", one.reason))
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
    from bot.disk import Disk
    from bot.store.factory import open_store

    async def alone() -> None:
        now = datetime.now(UTC)
        letters, _ = open_store(settings(), Disk(), now)
        await (letters.retry(letter) if do == "retry" else letters.drop(letter, now))
        await letters.close()

    def otherwise(_: Path) -> dict[str, Any]:
        asyncio.run(alone())
        return {"ok": True}

    tell_daemon({"do": do, "letter": letter}, otherwise)
    say("done")


@held_app.command("list")
def held_list() -> None:
    """List held letters: ticket, recipient, why. Exit 1 when there are any."""
    _stuck_list("held")


@held_app.command("release")
def held_release(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Let held letters go and lift the auto-reply block of their address."""
    _decide("release", to)


@held_app.command("drop")
def held_drop(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Cancel held letters and lift the auto-reply block of their address."""
    _decide("discard", to)


@failed_app.command("list")
def failed_list() -> None:
    """List letters that could not be delivered: ticket, recipient, the relay's words. Exit 1 when there are any."""
    _stuck_list("failed")


@failed_app.command("retry")
def failed_retry(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Try to deliver failed letters once more."""
    _decide("release", to, "failed")


@failed_app.command("drop")
def failed_drop(to: Annotated[str, typer.Argument(help="address; all when left out")] = "") -> None:
    """Give failed letters up, so that `health` no longer counts them."""
    _decide("discard", to, "failed")


def _stuck(state: str) -> list[tuple[str, Outgoing]]:
    desk = data_reader()
    kept = [(str(ticket.number), ticket.outgoing) for ticket in desk.tickets(filed=False)]
    kept += [(place.partition("/")[0], record.outgoing) for place, record in desk.records()]
    return [(place, one) for place, letters in kept for one in letters if one.state == state]


def _stuck_list(state: str) -> None:
    stuck = _stuck(state)
    for place, one in stuck:
        say(one_line(f"{place}/{one.id}", one.to, f"{one.created.astimezone():%Y-%m-%d %H:%M}", one.result))
    raise typer.Exit(1 if stuck else 0)


def _decide(do: str, to: str, state: str = "held") -> None:
    def otherwise(_: Path) -> dict[str, Any]:
        return {"error": "no desk is running on this data folder; start it first (run.py serve)"}

    settings_here()
    answer = tell_daemon({"do": do, "to": to.lower(), "state": state}, otherwise)
    if to and not answer["ok"] and state == "failed":
        there = ", ".join(dict.fromkeys(one.to for _, one in _stuck(state))) or "none"
        fail(one_line(f"no failed letter goes to {to}; there are failed letters to: {there}"), 1)
    say(f"{answer['ok']} letter(s)")


@suppressed_app.command("list")
def suppressed_list() -> None:
    """List suppressed addresses with the day and the code of the bounce. Exit 1 when there are any."""

    found: dict[str, str] = {}
    for _, record in data_reader().records():
        if record.about == "suppression":
            found[record.who] = f"{record.at.astimezone():%Y-%m-%d %H:%M}  {record.words}"
        elif record.about == "lift":
            found.pop(record.who, None)
    for address, why in found.items():
        say(one_line(address, why))
    raise typer.Exit(1 if found else 0)


@suppressed_app.command("lift")
def suppressed_lift(address: str) -> None:
    """Let automatic mail go to an address again."""
    _decide("lift", address)


@secret_app.command("rotate")
def secret_rotate() -> None:
    """Sign with a new key from now on; what older keys signed stays good until it expires."""
    from bot.data.secret_file import read_secret, rotate
    from bot.disk import Disk

    chosen = settings_here()

    def otherwise(_: Path) -> dict[str, Any]:
        path, disk = chosen.secret_file, Disk()
        rotate(path, disk, read_secret(chosen, disk))
        return {"ok": True}

    tell_daemon({"do": "rotate"}, otherwise)
    say("done")


@secret_app.command("new")
def secret_new() -> None:
    """Make a new key where the old one is lost for good. Stop the desk first; prefer the key of a backup."""
    from bot.data.secret_file import fault, make_secret, put_aside
    from bot.disk import DataLock, Disk, LockedError
    from bot.store.factory import at_work, forget_keys

    chosen = settings_here()
    try:
        with DataLock(chosen.data):
            if os.path.lexists(chosen.secret_file) and not fault(chosen):
                fail(f"{chosen.secret_file} is there: `run.py secret rotate` renews it, and older addresses stay good", 1)
            if running := at_work(chosen):
                fail(f"{running} daemon(s) are at work on the database: their secret file is the one to copy", AGAIN)
            if aside := put_aside(chosen.secret_file, Disk()):
                say(f"what lay there is {aside} now")
            forget_keys(chosen)
            make_secret(chosen.secret_file, Disk())
    except (LockedError, OSError) as error:
        fail(str(error), AGAIN)
    say(f"{chosen.secret_file} is new. {BROKEN}")


def overrides() -> None:
    """Print the letters that agents said a rule was wrong about, as `ignore:` examples to take over into rules.yaml."""

    found: dict[str, list[str]] = {}
    for _, record in data_reader().records():
        if record.about == "override":
            rule, _, text = record.words.partition("\n")
            found.setdefault(rule, []).append(text)
    for rule, texts in found.items():
        say(f"# {one_line(rule)}\n  ignore:")
        for text in texts:
            say(f"    - {to_json(text)}")
    raise typer.Exit(1 if found else 0)
