"""What every command needs: settings, a way to fail, and a word with the running daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from bot.printing import say
from bot.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bot.store.data_access import DataReader  # in earnest only where it is asked for: `deliver` has to start at once

AGAIN = 75  # EX_TEMPFAIL of sysexits.h


def fail(words: str, code: int = 2) -> NoReturn:
    """Says what is wrong on stderr and ends."""
    say(words, err=True)
    raise typer.Exit(code)


def settings() -> Settings:
    """The settings, or the end with every wrong one named."""
    try:
        return Settings.load()
    except SettingsError as error:
        fail(str(error))


def settings_here() -> Settings:
    """The settings of a desk that lives where they say; exit 75 where it moved, or a restore or a move was cut off, and 2 for
    data of another version.
    """
    from bot.store.data_access import ElsewhereError, FormatError
    from bot.store.factory import must_be_here

    chosen = settings()
    try:
        must_be_here(chosen)
    except ElsewhereError as error:
        fail(str(error), AGAIN)
    except FormatError as error:
        fail(str(error))
    except (ValueError, OSError):
        pass  # whoever opens the store says what is wrong with it
    return chosen


def rules() -> Any:
    """The Policy of rules.yaml, or the end with every mistake named."""
    from bot.app.context_loading import RulesRefused, read
    from bot.rules import RulesError, load

    chosen = settings()
    try:
        return load(read(chosen.rules), str(chosen.rules))
    except RulesError as error:
        fail("\n".join(str(mistake) for mistake in error.mistakes), 1)
    except RulesRefused as error:
        fail(str(error))


def data_reader() -> DataReader:
    """The data at rest, or the end with what keeps us from it."""
    from bot.store.data_access import ElsewhereError
    from bot.store.factory import open_data_reader

    try:
        return open_data_reader(settings())
    except ElsewhereError as error:
        fail(str(error), AGAIN)
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot be read: {error}", AGAIN)


def tell_daemon(request: dict[str, Any], otherwise: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The running daemon's answer, or that of `otherwise`, done under the lock when none runs."""
    from bot.app.control_socket import ask
    from bot.disk import DataLock, LockedError
    from bot.store.data_access import ElsewhereError, FormatError

    data = settings().data
    answer = asyncio.run(ask(data, request))
    if answer is None:
        try:
            with DataLock(data):
                answer = otherwise(data)
        except (LockedError, ElsewhereError, OSError) as error:
            fail(str(error), AGAIN)
        except FormatError as error:
            fail(str(error))
        except (LookupError, ValueError) as error:
            answer = {"error": str(error)}
    if "error" in answer:
        fail(answer["error"], 1)
    return answer


def terms(policy: Any, language: str) -> Any:
    """The desk's Terms in a language, or the end with what is wrong with them."""
    from bot.app.context_loading import RulesRefused, sources
    from bot.rendering.outcomes import with_own
    from bot.rendering.templates import TemplateError, Templates

    try:
        files = with_own(sources(settings().templates), policy)
        return Templates(files, policy.desk.timezone).terms(language)
    except (RulesRefused, TemplateError) as error:
        fail(str(error), 1)


MOST_NAMED = 5  # files that the end of a listing names


def way_out() -> str:
    """What helps where something of the data is broken."""
    return "restore it from a backup" if settings().store else "`run.py repair` sets it aside and handles its letters again"


def end_if_broken(broken: Sequence[str]) -> None:
    """The end, where the listing above is not the whole of it."""
    if broken:
        more = f" and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
        fail(f"left out, since it cannot be read: {', '.join(sorted(broken)[:MOST_NAMED])}{more}; {way_out()}", 1)
