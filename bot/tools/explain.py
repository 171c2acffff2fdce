"""`explain`: how a letter is read, classed and judged, for people and as JSON (design, section 10). Changes nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.rule import Rule
from rich.text import Text

from bot.app.context_loading import RulesRefused, read
from bot.disk.regular_files import LETTER, read_regular
from bot.model import Envelope, Letter, Span, Verdict
from bot.printing import say, to_json
from bot.rules import Facts, Policy, RulesError, judge, load, why
from bot.rules.judge import Answer
from bot.settings import Settings
from bot.tickets.tokens import Subjects
from bot.tools.window import Window
from bot.workers.parser_pool import ParserPool, Unreadable


async def explain_files(settings: Settings, files: Sequence[Path], as_json: bool) -> int:
    """Prints an explanation for each file; 0, or 1 when a file or the rules cannot be read."""
    try:
        policy = load(read(settings.rules), str(settings.rules))
    except (RulesRefused, RulesError) as error:
        say(str(error), err=True)
        return 1
    parser_pool = ParserPool(policy.source, settings.readers)
    gate = asyncio.Semaphore(settings.readers * 2)

    async def one(path: Path) -> tuple[Path, Letter | str]:
        async with gate:
            try:
                raw = await asyncio.to_thread(_bytes, path)
                return path, await parser_pool.read(raw, Envelope(letter=str(path), received=datetime.now(UTC), mail_from="?"))
            except (OSError, Unreadable) as error:
                return path, str(error)

    failed = False
    try:
        for task in [asyncio.ensure_future(one(path)) for path in files]:
            path, letter = await task
            if as_json:
                say(to_json(row(path, letter, policy)))
            else:
                picture(path, letter, policy)
            failed = failed or isinstance(letter, str)
    finally:
        parser_pool.close()
    return int(failed)


def _bytes(path: Path) -> bytes:
    """A letter's file; "-" is standard input, for pipes."""
    return sys.stdin.buffer.read(LETTER) if str(path) == "-" else read_regular(path, LETTER)


def facts_of(letter: Letter, policy: Policy, now: datetime) -> tuple[int, Facts]:
    """(ticket that the subject names, what the rules are asked with)."""
    tag = Subjects(policy.desk.prefix).tag(letter.subject)
    return tag, Facts(now=now, first=not tag)


def row(path: Path, letter: Letter | str, policy: Policy) -> dict[str, Any]:
    """The JSON object of one letter, with exactly the fields of section 10."""
    if isinstance(letter, str):
        empty = letter_row(path, Letter(envelope=Envelope(letter="", received=datetime.now(UTC), mail_from="?"), defects=(letter,)), Verdict(), 0)
        return {**empty, "class": "", "may_answer": False}
    tag, facts = facts_of(letter, policy, datetime.now(UTC))
    return letter_row(path, letter, judge(policy, letter, facts), tag)


def letter_row(path: Path, letter: Letter, verdict: Verdict, tag: int) -> dict[str, Any]:
    """A letter and its verdict as plain data."""
    hits = [{"rule": hit.rule, "clause": hit.clause, "ground": hit.ground, "action": hit.action, "topic": hit.topic, "priority": hit.priority,
             "department": hit.department, "labels": list(hit.labels), "evidence": hit.evidence} for hit in verdict.hits]  # fmt: skip
    plain = {
        "file": str(path),
        "subject": letter.subject,
        "from": [one.email for one in letter.sender],
        "text": letter.text,
        "full_text": letter.full_text,
        "class": letter.kind,
        "class_hits": [{"rule": hit.rule, "evidence": hit.evidence} for hit in letter.class_hits],
        "may_answer": letter.may_answer,
        "ticket_tag": tag or None,
        "attachments": [
            {"name": one.name, "type": one.type, "size": one.size, "accepted": one.accepted, "why": one.why} for one in letter.attachments
        ],
        "verdict": {
            "ground": verdict.ground,
            "action": verdict.action,
            "topic": verdict.topic,
            "priority": verdict.priority,
            "department": verdict.department,
            "rule": verdict.rule,
            "clause": verdict.clause,
            "evidence": verdict.evidence,
            "labels": list(verdict.labels),
            "hits": hits,
        },
        "defects": list(letter.defects),
        "ms": letter.ms,
    }
    built: dict[str, Any] = msgspec.to_builtins(plain)
    return built


def picture(path: Path, letter: Letter | str, policy: Policy) -> None:
    """The same for people: evidence marked in the text, and the rules that nearly fired."""
    out = Window()
    out.print(Rule(str(path), align="left"))
    if isinstance(letter, str):
        out.print(f"cannot be read: {letter}", style="red")
        return
    tag, facts = facts_of(letter, policy, datetime.now(UTC))
    verdict = judge(policy, letter, facts)
    sender = ", ".join(one.email for one in letter.sender) or "nobody"
    out.print(letter.subject or "(no subject)", style="bold")
    out.print(f"from {sender} · {letter.ms:.1f} ms" + (f" · ticket {tag}" if tag else ""))
    answer = ("may be answered", "") if letter.may_answer else ("is not answered", "yellow")
    hits = (f"\n  · {hit.rule}: {hit.evidence}" for hit in letter.class_hits)
    out.tell("class ", (letter.kind, "bold"), ", ", answer, *hits)
    out.print(marked(letter, verdict))
    for file in letter.attachments:
        fate = ("accepted", "") if file.accepted else (f"withheld: {file.why}", "yellow")
        out.tell(f"  · {file.name}, {file.type}, {file.size} bytes, ", fate)
    for defect in letter.defects:
        out.tell("  · ", (f"defect: {defect}", "yellow"))
    said = [f"ground {verdict.ground} ({verdict.action or 'no action'})" if verdict.ground else "", f"topic {verdict.topic}" if verdict.topic else ""]
    said += [f"priority {verdict.priority}" if verdict.priority else "", f"department {verdict.department}" if verdict.department else ""]
    said += [f"labels {', '.join(verdict.labels)}" if verdict.labels else ""]
    ordinary = "an ordinary letter: acknowledge it, agents read it"
    out.tell(("verdict ", "bold"), " · ".join(filter(None, said)) or ordinary)
    for hit in verdict.hits:
        out.tell("  ", ("✓", "green"), " rule ", (hit.rule, "bold"), f", clause {hit.clause}: {hit.evidence}")
    for one in why(policy, letter, facts):
        words = dict.fromkeys(span.words for span in found_in(one.answer))
        if words and not one.fired:
            lacks = next((part.asked for part in one.answer.parts if not part.holds), one.answer.asked)
            but = f"“not” forbids it: {lacks}" if lacks.startswith("not") else f"also needs {lacks}"
            out.print(f"  · rule {one.rule} nearly fired on {' … '.join(words)}; {but[:100]}", style="dim")


def found_in(answer: Answer) -> tuple[Span, ...]:
    """Everything that a condition found, in itself and its parts; what stands under a “not” does not count."""
    inside = () if answer.asked.startswith("not") else tuple(span for part in answer.parts for span in found_in(part))
    return (*answer.spans, *inside)


def marked(letter: Letter, verdict: Verdict) -> Text:
    """The author's text with the evidence of every rule that fired shown in colour."""
    text = Text(letter.text, style="none")
    for hit in verdict.hits:
        for span in hit.spans:
            if span.where == "text":
                text.stylize("bold black on yellow", span.start, span.end)
    return text
