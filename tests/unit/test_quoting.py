"""A notice with hostile words, quoted as every mail program does it: only what the agent wrote above is carried out, and that exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk import TestDesk
from looking import rows_of
from msgspec.structs import replace
from quoting import AGENT, Program, Sent, flat, letter, replies, sent, wrapped
from spoken import SHIPPED

from bot.desk import decided
from bot.model import Decision, Delivery, Envelope
from bot.parsing.history import unmarked
from bot.rendering.leak_check import INVISIBLE
from bot.store import parts
from bot.store.interface import Lookup
from bot.tickets.agents.parser import BY_WORD, NEAR, fold
from bot.tickets.agents.quotations import Ours, is_command
from bot.tickets.digest import digest
from bot.tickets.threading import look

IVAN = "ivan@example.org"
ANSWER = "Здравствуйте! Мы уже чиним, зайдите, пожалуйста, через час."
PROBLEM = "Здравствуйте! Чёрный экран после Play в Firefox 132, Windows 11, с самого утра."
COMMANDS = "#авария Сбой входа, войдите на http://evil.example\n#копия evil@evil.example\n#спам\n#решено\n#передать разработка"
MADE_UP = "On Mon, 23 Nov 2026 at 12:00, Anna <anna@providence.film> wrote:"
HEADERS = "From: Anna <anna@providence.film>\nSent: Monday, November 23, 2026 1:00 PM\nTo: x@y.example\n"
OUR_SENTENCE = "Нажмите кнопку и отправьте письмо или ответьте на это письмо командой на отдельной строке:"
HOSTILE = {
    "plain": f"{PROBLEM}\n{COMMANDS}",
    "spellings": f"{PROBLEM}\n№спам\n＃спам\n# спам\n  #спам\n• #спам\n- #спам\n1. #спам\n*#спам*\n**#спам**\n#СПАМ.\n\u00a0#спам\n№\u00a0спам\n"
    "N°спам\n##спам\n(#спам\n«#спам»",
    "unseen": f"{PROBLEM}\n#\u200bспам\n#с\u00adпам\n\u2060#спам\n#\u034fспам\n#{chr(0x200b) * 300}спам",
    "cells": f"{PROBLEM}\n| #спам\n| № спам | #решено |\n#спам | x",
    "end of a forwarded letter": f"{PROBLEM}\n\n----- End of forwarded message -----\n{COMMANDS}\n\n-----Original Message-----\n",
    "fake marks": f"{PROBLEM}\n-------- Конец пересылаемого сообщения --------\n{COMMANDS}\n{MADE_UP}\n{COMMANDS}\n{HEADERS}\n{COMMANDS}",
    "fake line": f"{PROBLEM}\n--- Пишите ответ выше этой черты ---\n{COMMANDS}\n--- Write your answer above this line ---\n{COMMANDS}",
    "fake notice": f"{PROBLEM}\n{OUR_SENTENCE}\n\n- #решено — Решено\n{COMMANDS}",
    "separators": f"{PROBLEM}\u2028#спам\u2029#решено\x85#копия evil@evil.example\u202e\n\x81#спам\n\x81----- End of forwarded message -----\n"
    f"\x81{COMMANDS}",
    "long": f"{PROBLEM} {'слово ' * 60}#спам {'ещё слово ' * 40}#копия evil@evil.example {'x' * 900}#спам",
    "on the edge": PROBLEM + "".join(f"\n{'y' * size} #спам и #решено{' z' * 30}" for size in range(40, 80)),
    "in one word": PROBLEM + "".join(f"\n{'y' * size}#спам{'-z' * 30}" for size in range(60, 80)),
    "signature": f"{PROBLEM}\n-- \n{COMMANDS}\n\nС уважением,\n{COMMANDS}",
    "quoted": f"{PROBLEM}\n> {COMMANDS}\n>> #спам\n>#спам",
}


# What the agent writes in answer to the notice, the receipt, the whole ticket, and the notice of a second letter.
PLAIN = (f"#ответ\n{ANSWER}", "#заметка\nЗвонили.\n#приоритет низкий", f"#уточнить\n{ANSWER}", f"#решено\n{ANSWER}")


class Attacked(TestDesk):
    """A desk with one ticket of a hostile customer, whose every word is hostile."""

    async def letters(self, text: str) -> list[Sent]:
        """The notice of the ticket, a receipt, the whole case and the notice of a second letter, as the agent has them."""
        await self.send(IVAN, text, subject="Фильм #спам #решено", name="#спам Иван", files=(("#спам.exe", b"MZ"),))
        [notice] = self.mail(AGENT, "notice_new")
        await self.reply(notice, AGENT, "#ответ\nПосмотрим.\n#показать\n#очередь")
        await self.pass_time(minutes=5)
        await self.send(IVAN, text, subject="Re: [PF-1] Фильм")
        return [one for one in (sent(raw) for raw, _, to in self.sender.letters if to == AGENT) if "[PF-1]" in one.subject]

    async def decision(self, raw: bytes, to: str) -> Decision:
        """What the desk would do about a letter; nothing is changed by asking."""
        envelope = Envelope(letter="20261124T093000.000000Z-1-1", received=self.now, mail_from=AGENT, recipients=(to,))
        letter = await self.desk.parser_pool.read(raw, envelope)
        sender_facts = look(letter, self.context, self.now)
        async with self.store.unit_of_work() as unit:
            known = await self.desk.find(unit, letter, sender_facts, self.now)
            return decided(letter, sender_facts, known, self.context, self.now)

    def told(self, decision: Decision) -> dict[str, Any]:
        """Everything that a decision changes, says and sends."""
        said: dict[str, Any] = {"records": [(one.about, one.who, one.words) for one in decision.records]}
        letters = [one for record in decision.records for one in record.outgoing]
        for ticket in decision.tickets:
            old = self.store.get(ticket.number)
            before, sent_before = (len(old.entries), len(old.outgoing)) if old else (0, 0)
            said[f"ticket {ticket.number}"] = (
                ticket.status, ticket.owner, ticket.priority, ticket.participants, ticket.labels, ticket.waiting_for, ticket.department,
                [(one.kind, one.text) for one in ticket.entries[before:]],
            )  # fmt: skip
            letters += ticket.outgoing[sent_before:]
        return said | {"letters": [(one.to, one.template, one.text) for one in letters]}


@pytest.fixture(params=HOSTILE)
async def attacked(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Attacked, list[Sent]]:
    """These letters are kept whole, however long; what happens to older ones is tried apart."""
    monkeypatch.setattr(parts, "MOST_WHOLE", 10**6)
    desk = await Attacked.opened(tmp_path)
    assert isinstance(desk, Attacked)
    letters = await desk.letters(HOSTILE[request.param])
    assert len(letters) == len(PLAIN)
    return desk, letters


async def test_what_stands_above_is_carried_out_and_nothing_else(attacked: tuple[Attacked, list[Sent]]) -> None:
    desk, letters = attacked
    for one, command in zip(letters, PLAIN, strict=True):
        expected = desk.told(await desk.decision(letter(one, Program(command), 1), one.reply_to))
        assert "command_error" not in str(expected)
        for name, program in list(replies(one, command, "above"))[letters.index(one) :: len(letters)]:
            assert desk.told(await desk.decision(letter(one, program, 1), one.reply_to)) == expected, name


@pytest.mark.parametrize("attacked", ["plain", "fake marks", "fake notice"], indirect=True)
@pytest.mark.parametrize("place", ["below", "between"])
async def test_what_stands_below_is_not_carried_out_and_the_agent_is_told(attacked: tuple[Attacked, list[Sent]], place: str) -> None:
    desk, letters = attacked
    for one in letters:
        for name, program in list(replies(one, f"#ответ\n{ANSWER}", place))[letters.index(one) :: len(letters)]:
            decision = await desk.decision(letter(one, program, 1), one.reply_to)
            [(to, template, text)] = desk.told(decision)["letters"]
            assert (decision.tickets, to, template) == ((), AGENT, "command_error"), name
            assert "под цитатой" in text or "кусок нашего письма" in text, name
            assert ANSWER in text, name


async def test_letters_that_no_ticket_keeps_are_quoted_too(tmp_path: Path) -> None:
    """The morning's digest, an error, a question whether it was the agent, a kept text, the help."""
    desk = await Attacked.opened(tmp_path)
    assert isinstance(desk, Attacked)
    await desk.letters(HOSTILE["plain"])
    notice = desk.mail(AGENT, "notice_new")[0]
    await desk.reply(notice, AGENT, "#ответ\nГотово.\n#решно")
    await desk.reply(notice, AGENT, "Текст без команды, совсем короткий.")
    await desk.reply(notice, AGENT, "#помощь")
    await desk.send(AGENT, HOSTILE["plain"], subject="[PF-1]", mail_from="eve@evil.example")
    rows = tuple(await rows_of(desk.store))
    async with desk.store.unit_of_work() as unit:
        unit.commit(digest(rows, desk.context, "2026-11-23", desk.now))
    await desk.deliver()
    for template in ("command_error", "kept", "help", "digest", "confirm"):
        raw = [raw for (raw, _, _), one in zip(desk.sender.letters, desk.delivered, strict=True) if (one.to, one.template) == (AGENT, template)]
        assert raw, template
        one = sent(raw[-1])
        command = "#подтвердить" if template == "confirm" else "#очередь"
        for place in ("above", "below", "between"):
            for name, program in replies(one, command, place):
                decision = await desk.decision(letter(one, program, 1), one.reply_to)
                to, answer, text = desk.told(decision)["letters"][0]
                assert to == AGENT
                done = "уже выполнено" in text if template == "confirm" else answer == "receipt"
                doubtful = "without our first line" in name and answer == "command_error"  # an agent's words stand in it, unmarked
                assert done == (place == "above") or (doubtful and not done), (template, place, name)


async def test_no_line_of_a_letter_to_staff_is_a_strangers_command(attacked: tuple[Attacked, list[Sent]]) -> None:
    _, letters = attacked
    shown = Ours((), SHIPPED)
    ours = ("#файл ", "#показать", "#отмен")  # of our own sentences
    for one in letters:
        forms = (one.text, flat(one.html), flat(one.html, cells=" "), flat(one.html, bullet="* "), one.subject)
        for line in {line for form in forms for width in (10_000, 40, 60, 72, 76) for line in wrapped(form, width=width).split("\n")}:
            bare = unmarked(line)
            near = NEAR.match(INVISIBLE.sub("", bare))
            assert shown.is_button(bare) or bare.startswith(ours) or not (is_command(bare) or (near and fold(near[1]) in BY_WORD)), line


async def test_an_old_letter_of_which_a_line_is_left_is_cut_off_or_the_agent_is_told(
    attacked: tuple[Attacked, list[Sent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is carried out or reaches the customer, whatever program quotes it (bot.store.parts)."""
    desk, letters = attacked
    monkeypatch.setattr(parts, "WHOLE", 0)
    monkeypatch.setattr(parts, "MOST_WHOLE", 0)
    async with desk.store.unit_of_work() as unit:
        ticket = (await unit.find(Lookup(letter="", requester="", tickets=(1,)), desk.now)).tickets[1]
        assert ticket is not None
        short = tuple(parts.as_line(one) for one in ticket.outgoing)
        unit.commit(Decision(tickets=(replace(ticket, outgoing=short, changed=desk.now),)))
    assert all(len(one.body) <= parts.LEAD for one in desk.ticket(1).outgoing if one.to == AGENT and one.state is Delivery.sent)
    for one in letters:
        expected = desk.told(await desk.decision(letter(one, Program(f"#ответ\n{ANSWER}"), 1), one.reply_to))
        for name, program in list(replies(one, f"#ответ\n{ANSWER}", "above"))[letters.index(one) :: len(letters)]:
            decision = await desk.decision(letter(one, program, 1), one.reply_to)
            found = desk.told(decision)
            if found != expected:
                assert decision.tickets == (), name
                assert [(to, template) for to, template, _ in found["letters"]] == [(AGENT, "command_error")], name
