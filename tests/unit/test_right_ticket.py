"""Whoever answers what they see reaches the one they mean, whatever was commanded before: random talk.

What is checked is read from the letters themselves, as a mail program has them: subject, Reply-To,
References, mailto: links, text. Each letter that somebody writes carries a word of its own, so that it can
be seen whose words stand in a letter of ours.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from desk import TestDesk

from bot.model import Outgoing, Ticket

SEQUENCES = 2000 if os.environ.get("TEST_ALL") == "1" else 40
CHUNK = 20
NAMES = {"ivan@example.org": "Иван", "petr@example.net": "Пётр", "olga@example.com": "Ольга"}
AGENTS = ("anna@providence.film", "boris@providence.film")
STAFF = (*AGENTS, "dev@providence.film")
WORD = re.compile(r"знак\d+")
BOUND = (
    "#ответ\n{}", "#reply\n{}\n#next", "#уточнить\n{}", "#решено\n{}", "#refuse scope\n{}", "#вышло\n{}",
    "#переписка\n{}", "#resolve complaint\n{}", "#show {n}\n#reply\n{}", "#next\n#reply\n{}",
    *["#копия {p}\n#ответ\n{}"] * 4,
    "#без_копии {p}\n#ответ\n{}",
)  # fmt: skip
OTHERS = (
    "#взять", "#следующее", "#показать", "#показать {n}", "#очередь", "#найти код", "#срок",
    "#заметка\nЗнать не надо.",
    *["#отмена", "#отмена {n}"] * 3, "#передать разработка\nВзгляните.", "#назначить Борис", "#копия {p}",
    "#без_копии {p}", *["#объединить {m}"] * 5, "#разделить\nДругой вопрос.",
    "#новое {p}\nСлова пользователя, {}",
    "#освободить", "#вернуть", "#метка важно", "#помощь", "слова без команды", "#приоритет высокий",
    "#отсутствую завтра", "#вернулся", "#отправить", "#напомнить завтра",
)  # fmt: skip


class Seen:
    """What a letter of ours shows to whoever gets it."""

    def __init__(self, letter: Outgoing) -> None:
        headers, page = dict(letter.headers), letter.html
        self.tags = {int(number) for number in re.findall(r"\[PF-(\d+)\]", letter.subject)}
        self.reply = re.search(r"\+(\d+)-([a-z])", headers.get("Reply-To", ""))
        self.threads = {int(one) for one in re.findall(r"<pf\.(\d+)-", headers.get("References", ""))}
        links = re.findall(r'href="mailto:([^?"]+)\?subject=([^&"]*)', page)
        self.links = [(number_in(address), unquote(subject)) for address, subject in links]
        self.words = set(WORD.findall(letter.text)) | set(WORD.findall(page))
        self.greeted = set(re.findall(r"Здравствуйте, (\w+)", letter.text.partition("-" * 40)[0]))


def number_in(address: str) -> int:
    """The ticket of a signed address; -1 for another one."""
    found = re.search(r"\+(\d+)-", address)
    return int(found[1]) if found else -1


class Conversation:
    """A desk with a few customers, two agents and a department, and what this test knows of it."""

    def __init__(self, desk: TestDesk, seed: int) -> None:
        self.desk, self.dice, self.log = desk, random.Random(seed), [f"seed {seed}"]
        self.count, self.checked = 0, 0
        self.origin: dict[str, int] = {}  # word -> the ticket in which it was said
        self.parser_pool: dict[str, set[str]] = {}  # word -> who may read it
        self.sent: dict[str, tuple[int, set[str]]] = {}  # of an answer: ticket, participants

    def now(self, number: int) -> int:
        """What the ticket of that number is by now, merges followed."""
        while (ticket := self.desk.ticket(number)).merged_into:
            number = ticket.merged_into
        return number

    def others(self, number: int) -> dict[int, Ticket]:
        """All tickets but that one, without what was sent to staff about them."""
        return {one: self.desk.ticket(one) for one in self.desk.tickets() if one != number}

    def like(self, number: int) -> int:
        """Another ticket of the same requester, if there is one."""
        tickets = {one: self.desk.ticket(one).requester.email for one in self.desk.tickets()}
        return next((one for one, who in tickets.items() if one != number and who == tickets.get(number)), 1)

    def new_word(self) -> str:
        self.count += 1
        return f"знак{self.count}"

    def heard(self, word: str, author: str) -> None:
        """Where a new word stands; its author may read it, and `learn` adds who takes part in that ticket."""
        for number in self.desk.tickets():
            said = [entry.text for entry in self.desk.ticket(number).entries if entry.kind != "command"]
            if any(word in text for text in said):
                self.origin[word] = number
        self.parser_pool[word] = {author}

    def learn(self) -> None:
        """Who takes part in what: each may read what was said there."""
        for word, number in self.origin.items():
            ticket = self.desk.ticket(number)
            self.parser_pool[word] |= {ticket.requester.email}
            self.parser_pool[word] |= set(ticket.participants) if not ticket.merged_into else set()

    # ------------------------------------------------------------------------------------------- what is done

    async def customer_writes(self) -> None:
        person, word = self.dice.choice(list(NAMES)), self.new_word()
        text = f"Добрый день! Не приходит код подтверждения на почту, {word}, пробовал дважды в Chrome 131."
        mail = self.desk.mail(person)
        if mail and self.dice.random() < 0.5:
            await self.desk.reply(self.dice.choice(mail), person, text)
        else:
            await self.desk.send(person, text, subject=f"Нет кода {self.count}", name=NAMES[person])
        self.heard(word, person)

    async def department_answers(self) -> None:
        mail, word = self.desk.mail("dev@providence.film"), self.new_word()
        if mail:
            text = f"Внутри: {word}, скидку не давать."
            await self.desk.reply(self.dice.choice(mail), "dev@providence.film", text)
            self.heard(word, "")
            self.parser_pool[word] = set()

    async def agent_writes(self) -> None:
        agent = self.dice.choice(AGENTS)
        mail = self.desk.mail(agent)
        if not mail:
            return
        bound, word = self.dice.random() < 0.5, self.new_word()
        text = self.dice.choice(BOUND if bound else OTHERS)
        latest = text.startswith("#отмена") or self.dice.random() < 0.3
        letter = mail[-1] if latest else self.dice.choice(mail)
        shown = Seen(letter)
        number = self.now(next(iter(shown.tags))) if shown.tags else 0
        text = text.replace("{n}", str(self.dice.randint(1, 6))).replace("{p}", self.dice.choice(list(NAMES)))
        text = text.replace("{m}", str(self.like(number)))
        text = text.replace("{}", f"Мы посмотрели, {word}, всё в порядке.")
        self.log.append(f"{agent} answers {letter.template} {letter.subject!r}: {text!r}")
        before = self.others(number)
        page = re.findall(r'href="(mailto:[^"]+)"', letter.html)
        if page and self.dice.random() < 0.3:
            address, subject = re.findall(r"mailto:([^?]+)\?subject=([^&]*)", self.dice.choice(page))[0]
            number = self.now(number_in(address)) if number_in(address) > 0 else 0
            before = self.others(number)
            await self.desk.send(agent, text, subject=unquote(subject), to=address)
        else:
            await self.desk.reply(letter, agent, text)
        self.heard(word, "")
        if not bound:
            return
        after = self.others(number)
        taken = [one for one in before if after[one] != before[one]]
        shows = re.match(r"#reply\n.*\n#next", text, re.DOTALL)
        assert not taken or (shows and len(taken) == 1 and "#next" in text), f"of {number}, changed {taken}"
        ticket = self.desk.ticket(number) if number else None
        people = {ticket.requester.email, *ticket.participants} if ticket else set()
        self.sent[word] = (number, people)

    async def step(self) -> None:
        """Somebody does something; what has left since is looked at."""
        deeds = (self.customer_writes, self.agent_writes, self.department_answers)
        await self.dice.choices(deeds, (3, 8, 1))[0]()
        if self.dice.random() < 0.5:
            await self.desk.pass_time(minutes=self.dice.choice((1, 3, 60)))
        self.learn()
        for one in self.desk.delivered[self.checked :]:
            self.staff_letter(one) if one.to in STAFF else self.customer_letter(one)
        self.checked = len(self.desk.delivered)
        assert not [fields for event, fields in self.desk.events if event in ("parked", "error")]

    # -------------------------------------------------------------------------------------- what must be true

    def staff_letter(self, letter: Outgoing) -> None:
        """It is of the one ticket that it shows, or of none and lists some, each with its own link."""
        shown = Seen(letter)
        assert shown.reply, letter.subject
        assert len(shown.tags) <= 1, letter.subject
        number = next(iter(shown.tags), 0)
        proves = 0 if shown.reply[2] == "c" else number
        assert int(shown.reply[1]) == proves, (letter.subject, shown.reply[0])
        assert shown.threads <= {number} - {0}, (letter.subject, shown.threads)
        for ticket, subject in shown.links:
            tags = re.findall(r"\[PF-(\d+)\]", subject)
            assert tags == ([str(ticket)] if ticket else []), subject
            assert number in (0, ticket), f"a button of {ticket} in a letter of {number}"
        if letter.template in ("command_error", "kept", "confirm", "help"):  # their own words, given back
            return
        mixed = {word: self.origin[word] for word in shown.words if word in self.origin}
        own = self.now(number) if number else 0
        foreign = {word for word, origin in mixed.items() if self.now(origin) != own}
        assert not foreign, f"{letter.template} {letter.subject}: {foreign} are words of {mixed}"

    def customer_letter(self, letter: Outgoing) -> None:
        """It greets whom it goes to, and shows them nothing that was said where they take no part."""
        shown = Seen(letter)
        assert shown.greeted <= {NAMES.get(letter.to)}, f"{letter.to} is greeted as {shown.greeted}"
        for word in WORD.findall(letter.text.partition("-" * 40)[0]):
            number, people = self.sent.get(word, (0, set()))
            assert letter.to in people, f"{word} of {number} reached {letter.to}, not one of {people}"
            assert {self.now(tag) for tag in shown.tags} == {self.now(number)}
        known = shown.words & self.parser_pool.keys()
        secret = {word for word in known if letter.to not in self.parser_pool[word]}
        assert not secret, f"{letter.to} reads {secret} in {letter.subject}"


@pytest.mark.parametrize("chunk", range(SEQUENCES // CHUNK))
async def test_answering_a_letter_changes_only_the_ticket_that_it_shows(chunk: int, tmp_path: Path) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        desk = await TestDesk.opened(tmp_path / str(seed), aligned=tuple(NAMES), caps=False)
        one = Conversation(desk, seed)
        try:
            for _ in range(3):
                await one.customer_writes()
            for _ in range(10):
                await one.step()
        except AssertionError as error:
            raise AssertionError("\n".join([*one.log, str(error)])) from error
        await desk.store.close()
