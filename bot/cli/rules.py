"""The commands about rules.yaml: init, check, explain, replay."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.terminal import fail, settings, settings_here
from bot.printing import say, to_json


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
    from bot.tools.init import QUESTIONS, SHIPPED, Answers, rules_for, write

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
    say(f"{path}" + (f" ({kept})" if kept else ""))
    check(path)


def check(
    rules: Annotated[Path | None, typer.Argument(help="default: DESK_RULES")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of rules.yaml, for editors")] = False,
) -> None:
    """Validate rules.yaml, its examples and the templates."""
    from bot.app.context_loading import RulesRefused, open_context
    from bot.rules import json_schema

    if schema:
        say(to_json(json_schema(), indent=1))
        return
    chosen = settings()
    try:
        chosen = chosen.model_copy(update={"rules": rules} if rules else {})
        context = asyncio.run(open_context(chosen, b"x" * 32))
    except RulesRefused as error:
        mistakes = str(error).splitlines()
        say("\n".join(mistakes))
        fail(f"{len(mistakes)} mistake(s)", 1)
    policy = context.policy
    examples = sum(len(rule.examples.match) + len(rule.examples.ignore) for rule in policy.rules)
    files = len(context.templates.sources)
    say(f"{policy.name}: good. {len(policy.rules)} rules, {examples} examples, {files} template files.")


def explain(
    files: Annotated[list[Path], typer.Argument(help="letters as files; - is stdin")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Tell how each letter is read, classed and judged. Changes nothing."""
    from bot.tools.explain import explain_files

    raise typer.Exit(asyncio.run(explain_files(settings(), files, as_json)))


def replay(
    rules: Annotated[Path, typer.Option(help="the new rules.yaml")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only letters that came on this day or later")] = None,
) -> None:
    """Past letters under new rules: what would change, as a table. Changes nothing; exit 1 when something would."""
    from bot.app.context_loading import RulesRefused
    from bot.rules import RulesError
    from bot.tools.replay import replay as run
    from bot.tools.window import Window

    try:
        raise typer.Exit(asyncio.run(run(settings_here(), rules, since.date() if since else None, Window())))
    except (RulesRefused, RulesError) as error:
        fail(str(error), 2)
