"""Plays a story: a text that a support lead can read, each line of which is done or checked.

    It is 2026-11-23 12:00.                              the clock, in the desk's timezone
    3 hours later.                                       minutes, hours, days
    ivan@example.org writes "Subject":                   a new letter; the text stands indented below
    ivan@example.org writes "Subject" with Precedence: bulk:
    ivan@example.org writes "Subject" with file a.exe:   a .png is a real picture
    ivan@example.org answers acknowledgement:            an answer to the last letter of that template that this address got
    ivan@example.org answers notice_new of anna@providence.film:    somebody else's letter, got hold of
    anna@providence.film gets notice_new:                a letter that has left; each indented line stands in its subject or text
    anna@providence.film gets notice_new without:        no indented line stands there
    ivan@example.org clicks 5 in resolved_solved:        the mailto: button whose label is 5, sent with the text below
    ivan@example.org gets nothing.                       since the last line of somebody doing something
    Ticket 1 is done, solved, owner anna.                words for status, resolution, ground, priority, owner, label, waiting
    There are 2 tickets.
    The ledger adds up.

At the end every letter that left must have been mentioned by a `gets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from desk import TestDesk, picture

from bot.model import Ticket

STEP = re.compile(r"^(?P<words>\S.*?)(?P<colon>:?)\s*$")


class Step:
    """One line with what stands indented below it."""

    def __init__(self, number: int, words: str) -> None:
        self.number, self.words, self.lines = number, words, list[str]()

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n")


def steps(story: str) -> Iterator[Step]:
    """The steps of a story; the title and lines that begin with # are for people."""
    step: Step | None = None
    for number, line in enumerate(story.splitlines()[1:], 2):
        if line.startswith("    ") or (not line.strip() and step is not None):
            if step is not None:
                step.lines.append(line[4:])
        elif line.strip() and not line.startswith("#"):
            if step is not None:
                yield step
            step = Step(number, line.strip())
    if step is not None:
        yield step


class Player:
    """Does and checks the steps of one story."""

    def __init__(self, desk: TestDesk) -> None:
        self.desk = desk
        self.mentioned: set[int] = set()
        self.since = 0
        self.verbs: list[tuple[re.Pattern[str], Callable[..., Any]]] = [
            (re.compile(pattern), verb)
            for pattern, verb in (
                (r"It is (\d{4}-\d\d-\d\d \d\d:\d\d)\.", self.it_is),
                (r"(\d+) (minute|hour|day)s? later\.", self.later),
                (r"(\S+@\S+) writes \"(.*?)\"((?: with [^\"]+?)*):", self.writes),
                (r"(\S+@\S+) answers (\w+)(?: of (\S+@\S+))?((?: with [^\"]+?)*):", self.answers),
                (r"(\S+@\S+) clicks (.+?) in (\w+)(?: of (\S+@\S+))?((?: with [^\"]+?)*):", self.clicks),
                (r"(\S+@\S+) gets nothing\.", self.gets_nothing),
                (r"(\S+@\S+) gets (\w+)( without)?[.:]", self.gets),
                (r"(\S+@\S+) has got (\d+) letters?\.", self.has_got),
                (r"Ticket (\d+) is (.+)\.", self.ticket_is),
                (r"There (?:is|are) (\d+) tickets?\.", self.there_are),
                (r"The ledger adds up\.", self.ledger),
                (r"The desk is started anew\.", self.desk.restart),
            )
        ]

    async def play(self, story: str) -> None:
        """The whole story; an AssertionError names the line."""
        for step in steps(story):
            for pattern, verb in self.verbs:
                found = pattern.fullmatch(step.words)
                if found:
                    try:
                        result = verb(*(step, *found.groups()) if verb != self.desk.restart else ())
                        if result is not None:
                            await result
                    except AssertionError as error:
                        raise AssertionError(f"line {step.number}: {step.words}\n{error}") from error
                    break
            else:
                raise AssertionError(f"line {step.number}: nobody understands {step.words!r}")
        left = [one for index, one in enumerate(self.desk.delivered) if index not in self.mentioned]
        assert not left, "letters that the story does not mention:\n" + "\n".join(f"{one.template} to {one.to}: {one.subject}" for one in left)

    def it_is(self, step: Step, when: str) -> None:
        self.desk.now = datetime.fromisoformat(when).replace(tzinfo=self.desk.context.policy.calendar.zone)

    async def later(self, step: Step, count: str, unit: str) -> None:
        self.since = len(self.desk.delivered)
        await self.desk.pass_time(**{unit + "s": int(count)})

    async def writes(self, step: Step, who: str, subject: str, extras: str) -> None:
        self.since = len(self.desk.delivered)
        await self.desk.send(who, step.text, subject=subject, **more(extras))

    async def answers(self, step: Step, who: str, template: str, of: str | None, extras: str) -> None:
        letters = self.desk.mail(of or who, template)
        assert letters, f"{of or who} has got no {template}"
        self.since = len(self.desk.delivered)
        await self.desk.reply(letters[-1], who, step.text, **more(extras))

    async def clicks(self, step: Step, who: str, label: str, template: str, of: str | None, extras: str) -> None:
        letters = self.desk.mail(of or who, template)
        assert letters, f"{of or who} has got no {template}"
        found = re.search(rf'href="mailto:([^?"]+)\?subject=([^&"]*)[^"]*"[^>]*>{re.escape(label)}<', letters[-1].html)
        assert found, f"no button {label!r}"
        self.since = len(self.desk.delivered)
        await self.desk.send(who, step.text, subject=unquote(found[2]), to=unquote(found[1]), **more(extras))

    def gets(self, step: Step, who: str, template: str, without: str | None) -> None:
        fitting = [
            index for index, one in enumerate(self.desk.delivered)
            if one.to == who and one.template == template and (without or index not in self.mentioned)
        ]  # fmt: skip
        assert fitting, f"no such letter; to {who} went: {[one.template for one in self.desk.mail(who)]}"
        index = fitting[-1] if without else fitting[0]
        self.mentioned.add(index)
        letter = self.desk.delivered[index]
        for line in filter(None, (line.strip() for line in step.lines)):
            there = line in f"{letter.subject}\n{letter.text}"
            assert there != bool(without), f"{line!r} {'stands' if without else 'does not stand'} in:\n{letter.subject}\n\n{letter.text}"

    def has_got(self, step: Step, who: str, number: str) -> None:
        mail = {index: one.template for index, one in enumerate(self.desk.delivered) if one.to == who}
        assert len(mail) == int(number), f"to {who} went: {list(mail.values())}"
        self.mentioned.update(mail)

    def gets_nothing(self, step: Step, who: str) -> None:
        got = [one.template for one in self.desk.delivered[self.since :] if one.to == who]
        assert not got, f"{who} got {got}"

    def ticket_is(self, step: Step, number: str, words: str) -> None:
        ticket = self.desk.ticket(int(number))
        facts = facts_of(ticket)
        wrong = [word for word in (part.strip() for part in words.split(",")) if word not in facts]
        assert not wrong, f"ticket {number} is not {wrong}, but {sorted(facts)}"

    def there_are(self, step: Step, count: str) -> None:
        numbers = self.desk.tickets()
        assert len(numbers) == int(count), f"there are {numbers}"

    def ledger(self, step: Step) -> None:
        assert self.desk.ledger_adds_up(), "it does not"


def more(extras: str) -> dict[str, Any]:
    """`with …` parts: a file, an envelope sender, a Message-ID, or a header."""
    given: dict[str, Any] = {"headers": {}, "files": ()}
    for part in re.split(r" with (?=\S)", extras)[1:]:
        if part.startswith("file "):
            name = part.removeprefix("file ")
            given["files"] = (*given["files"], (name, picture() if name.endswith(".png") else b"MZ not a picture"))
        elif part.startswith("envelope "):
            given["mail_from"] = part.removeprefix("envelope ").strip("<>")
        elif part.startswith("Message-ID "):
            given["message_id"] = part.removeprefix("Message-ID ")
        elif part.startswith("name "):
            given["name"] = part.removeprefix("name ")
        else:
            key, _, value = part.partition(": ")
            given["headers"][key] = value
    return given


def facts_of(ticket: Ticket) -> set[str]:
    """What a story may say of a ticket."""
    facts = {str(one) for one in (ticket.status, ticket.resolution, ticket.ground, ticket.priority) if one}
    facts |= {f"waits for {ticket.waiting_for}", f"owner {ticket.owner.partition('@')[0] or 'nobody'}", f"score {ticket.score}"}
    facts |= {f"label {one}" for one in ticket.labels}
    facts |= {f"linked to {number}" for number in ticket.links} | {f"of {ticket.requester.email}"}
    facts |= {"has a note" for entry in ticket.entries if entry.kind == "note"}
    return facts | ({"unconfirmed"} if any(entry.unconfirmed for entry in ticket.entries) else set())


async def play(path: Path, data: Path) -> None:
    """Plays the story of a file on a fresh desk. Its first line is the title; a line `# aligned: a, b` names proved senders."""
    story = path.read_text("utf-8")
    first = re.search(r"^# aligned: (.+)$", story, re.MULTILINE)
    aligned = tuple(part.strip() for part in first[1].split(",")) if first else ()
    await Player(await TestDesk.opened(data, aligned=aligned)).play(story)


