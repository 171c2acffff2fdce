"""Opens the desk context: reads rules.yaml and the templates from the disk, checks them together, and watches them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bot.data.secret_file import keys
from bot.delivery.outbox import SendingRules
from bot.disk.regular_files import RULES, TEMPLATE, files_under, read_regular
from bot.model import OUR_OWN
from bot.rendering.outcomes import with_own, without_letter
from bot.rendering.templates import Templates
from bot.rendering.terms import FILE
from bot.rules import Policy, RulesError, load
from bot.settings import Settings
from bot.tickets.agents.parser import BY_NAME
from bot.tickets.context import DeskContext
from bot.tickets.tokens import Signer, Subjects
from bot.workers.parser_pool import ParserPool, Unreadable


class RulesRefused(Exception):
    """rules.yaml or a template cannot be used; the text is one mistake a line, each with file, line and a hint."""


async def open_context(settings: Settings, secret: bytes) -> DeskContext:
    """The desk context of these settings. Raises RulesRefused with every mistake there is, and OSError."""
    context, parser_pool = untried(settings, secret), ParserPool(b"", 2)
    try:
        await tried(context, parser_pool)
    finally:
        parser_pool.close()
    return context


async def tried(context: DeskContext, parser_pool: ParserPool) -> None:
    """Raises RulesRefused for examples and templates that fail; parsers try them, within limits."""
    policy, templates = context.policy, context.templates
    try:
        both = parser_pool.check(policy), parser_pool.fit(templates, policy.desk.timezone)
        examples, unfit = await asyncio.gather(*both)
    except Unreadable as error:
        words = f"{policy.name} and its templates: they could not be tried: {error}"
        raise RulesRefused(words) from None
    refuse([*examples, *unfit, *missing(policy, templates)])


def refuse(mistakes: Sequence[object]) -> None:
    """Raises RulesRefused where there is a mistake."""
    if mistakes:
        raise RulesRefused("\n".join(map(str, mistakes)))


def missing(policy: Policy, templates: Templates) -> list[str]:
    """What these rules and our commands need of the templates, and what is not there."""
    language = policy.desk.language
    topics = {rule.then.topic for rule in policy.rules if rule.then.topic and not rule.announcement}
    wanted = (f"topic_{topic}" for topic in sorted(topics))
    lacking = (name for name in wanted if language not in templates.languages_of(name))
    words = "a rule answers with it, and it is not there"
    found = [f"templates/{language}/{name}.txt: {words}" for name in lacking]
    found += [
        f"{policy.name}: {place} has no letter: give it text: {{{language}: …}}, or write templates/{file}"
        for place, file in without_letter(templates.files, policy)
    ]
    for spoken, terms in templates.all_terms().items():
        unsaid = [name for name in BY_NAME if name not in terms.commands]
        found += [f"templates/{spoken}/{FILE}: commands.{name} is missing" for name in unsaid]
    return found


def untried(settings: Settings, secret: bytes) -> DeskContext:
    """The desk context of rules that load; whether their examples and the templates are good, nobody has looked. Raises as open_office."""
    try:
        policy = load(read(settings.rules), str(settings.rules))
    except RulesError as error:
        raise RulesRefused("\n".join(str(mistake) for mistake in error.mistakes)) from None
    desk = policy.desk
    return DeskContext(
        policy=policy,
        templates=Templates(with_own(sources(settings.templates), policy), desk.timezone),
        signer=signer_of(policy, secret, settings),
        subjects=Subjects(desk.prefix),
        undo=timedelta(seconds=settings.undo),
        verp=settings.return_path == "verp" and settings.plus,
        caps=settings.caps,
        relays=OUR_OWN | settings.trusted_relays.keys(),
    )


def sending_rules(context: DeskContext) -> SendingRules:
    """What the outbox goes by."""
    desk, caps = context.policy.desk, context.policy.caps if context.caps else None

    def left_out(names: Sequence[str], language: str) -> str:
        return context.terms(language).say("left_out", ", ".join(names))

    return SendingRules((desk.address, desk.name), caps, left_out)


def signer_of(policy: Policy, secret: bytes, settings: Settings) -> Signer:
    """What signs the addresses of this desk."""
    desk = policy.desk
    return Signer(keys(secret), desk.address, desk.prefix, desk.aliases, settings.plus)


def read(path: Path) -> bytes:
    """The bytes of rules.yaml; RulesRefused where there is none."""
    try:
        return read_regular(path, RULES, links=True)
    except OSError as error:
        raise RulesRefused(f"{path}: cannot be read: {error.strerror}") from None


def sources(folder: Path) -> dict[str, str]:
    """Every template by its name under the folder, such as "ru/reply.txt"; RulesRefused where there are none."""
    found, broken = {}, []
    try:
        for path in files_under(folder) if folder.is_dir() else ():
            known = path.suffix in (".txt", ".html") or path.name == FILE
            if not known or path.parent == folder / "form":
                continue  # the form's pages are no letters
            name, source = path.relative_to(folder).as_posix(), read_regular(path, TEMPLATE, links=True)
            try:
                found[name] = source.decode()
            except UnicodeDecodeError as error:
                broken.append(f"{path}: not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8")
    except OSError as error:
        raise RulesRefused(f"{error.filename}: cannot be read: {error.strerror}") from None
    if broken:
        raise RulesRefused("\n".join(broken))
    if not found:
        raise RulesRefused(f"{folder}: there are no templates (DESK_TEMPLATES)")
    return found
