"""The whole desk under random weather: users, strangers, agents, forgers, robots and the clock, in any order (issue: agents by mail)."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from busy import erase, found
from desk import TestDesk
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.model import Audience, Outgoing, Status, Ticket
from bot.store.files.documents import read_day

USERS = ("ivan@example.org", "petr@example.net", "olga@example.com")
AGENTS = ("anna@providence.film", "boris@providence.film")
ANSWERS = {"receipt", "command_error", "confirm", "kept", "help"}
SECRET = "zznote{0} этого клиента мы считаем весьма сложным и деньги ему не вернём никогда zznote{0}"
GOOD = (
    "#take", "#взять\n#приоритет высокий",
    "#reply\nПосмотрите, пожалуйста, ещё раз.", "#clarify\nКакой у Вас браузер?", "#решено\nИсправили.", "#free",
    "#refuse out_of_scope\nЭтим мы не занимаемся.", "#reopen",
    "#передать разработка\nПосмотрите журнал.", "#назначить Борис", "#assign anna", "#undo",
    "#next", "#queue", "#search код", "#show", "#label vip", "#cc olga@example.com\n#reply\nДобавили коллегу.", "#uncc olga@example.com", "#merge 1",
    "#merge 2", "#split\nВторой вопрос из того же письма.", "#transcript", "#remind завтра", "#spam", "#sla", "#send", "#away завтра", "#back",
    "#template cache\nбраузер: Firefox", "#open new@example.com\nКлиент написал мне лично, что не может войти.", "#release", "#update", "#help",
)  # fmt: skip
WRONG = (
    "#reply\nДобрый день!\n#qwerty", "#resolve\nГотово.\n#priority none", "#reply", "#cc никого", "#merge", "#reply\nДа.\n#merge 999", "#confirm",
)  # fmt: skip
WISHES = ("Вот подробности.", "Спасибо!", "#status", "#close", "#resolve\nУра")
TALK = ("notice_new", "notice_update", "receipt", "case", "kept", "digest", "command_error")


class DeskMachine(RuleBasedStateMachine):
    """One desk in a folder of its own; every rule is a letter or some time."""

    @initialize()
    def opened(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.desk: TestDesk = self.run(TestDesk.opened(self.folder))
        self.notes = self.letters = 0
        self.checked = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            assert self.desk.ledger_adds_up()
            self.run(self.desk.store.close())
            self.loop.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------------------------------------------------ helpers

    def all(self) -> list[Ticket]:
        return [self.desk.ticket(number) for number in self.desk.tickets()]

    def ident(self) -> str:
        """The id of the last letter."""
        return max(path.stem for path in (self.folder / "archive").rglob("*.eml"))

    def caused(self, ident: str) -> list[Outgoing]:
        """Every outgoing letter of that letter, wherever it is kept."""
        made = [one for ticket in self.all() for one in ticket.outgoing]
        made += [one for path in (self.folder / "desk").glob("*.json") for _, record in read_day(path) for one in record.outgoing]
        return [one for one in made if one.letter == ident]

    def notice(self, agent: str, number: int) -> Outgoing | None:
        mail = [one for one in self.desk.mail(agent) if one.template in TALK]
        return mail[number % len(mail)] if mail else None

    def answered_once(self, ident: str, agent: str) -> list[Outgoing]:
        """A receipt or an error; of two tickets, two receipts; a ticket that is shown answers as well."""
        made = self.caused(ident)
        answers = [(one.template, one.subject) for one in made if one.to == agent and one.template in ANSWERS]
        shown = [one for one in made if one.to == agent and one.template == "case"]
        assert answers or shown, (self.desk.now, [(one.template, one.to, one.state) for one in made])
        assert len(set(answers)) == len(answers)
        assert len(answers) == 1 or {template for template, _ in answers} <= {"receipt"}
        return made

    def frozen(self) -> list[tuple[Any, ...]]:
        """What only a proved letter may change; a stranger's own tickets are his to write to."""
        return [
            (one.number, one.status, one.owner, one.priority, one.participants, one.labels, one.merged_into, one.waiting_for)
            for one in self.all() if one.requester.email != "eve@evil.example"
        ]  # fmt: skip

    # -------------------------------------------------------------------------------------------------------- rules

    @rule(user=st.sampled_from(USERS), number=st.integers(0, 9))
    def a_user_writes(self, user: str, number: int) -> None:
        self.letters += 1
        text = f"Добрый день! Не приходит код подтверждения на почту, вопрос {self.letters}. Пробовал дважды в Chrome 131."
        self.run(self.desk.send(user, text, subject=f"Нет кода {number}"))

    @rule(user=st.sampled_from(USERS), number=st.integers(0, 50), text=st.sampled_from(WISHES))
    def a_user_answers(self, user: str, number: int, text: str) -> None:
        mail = self.desk.mail(user)
        if mail:
            self.run(self.desk.reply(mail[number % len(mail)], user, text))

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50), text=st.sampled_from(GOOD))
    def an_agent_commands(self, agent: str, number: int, text: str) -> None:
        notice = self.notice(agent, number)
        if notice:
            self.run(self.desk.reply(notice, agent, text))
            made = self.answered_once(self.ident(), agent)
            if any(one.template in ("command_error", "kept", "help") for one in made):
                assert not [one for one in made if one.audience is Audience.requester]

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50), text=st.sampled_from(WRONG))
    def an_agent_errs(self, agent: str, number: int, text: str) -> None:
        notice, before = self.notice(agent, number), self.frozen()
        if notice:
            self.run(self.desk.reply(notice, agent, text))
            made = self.answered_once(self.ident(), agent)
            assert {one.template for one in made} == {"command_error"}
            assert self.frozen() == before

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50))
    def an_agent_notes(self, agent: str, number: int) -> None:
        notice = self.notice(agent, number)
        if notice:
            self.notes += 1
            self.run(self.desk.reply(notice, agent, "#note\n" + SECRET.format(self.notes)))
            self.answered_once(self.ident(), agent)

    @precondition(lambda self: self.notes)
    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50), which=st.integers(1, 9))
    def an_agent_pastes_a_note(self, agent: str, number: int, which: int) -> None:
        notice = self.notice(agent, number)
        note = SECRET.format(1 + which % self.notes)
        if notice and any(note in entry.text for ticket in self.all() for entry in ticket.entries if ticket.number == self.about(notice)):
            self.run(self.desk.reply(notice, agent, f"#reply\nДобрый день! {note.upper()}"))
            assert "zznote" not in "".join(one.text.lower() for one in self.caused(self.ident()) if one.audience is Audience.requester)

    def about(self, notice: Outgoing) -> int:
        return self.desk.context.subjects.tag(notice.subject)

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50), text=st.sampled_from(GOOD), how=st.integers(0, 2))
    def a_forger_writes(self, agent: str, number: int, text: str, how: int) -> None:
        """An agent's From with a number, or with an address made for somebody else."""
        before = self.frozen()
        other = self.notice(AGENTS[agent == AGENTS[0]], number)
        address = dict(other.headers).get("Reply-To", "") if other and how else ""
        sender = agent if how < 2 else "eve@evil.example"
        self.run(self.desk.send(sender, text, subject=f"Re: [PF-{number % 5 + 1}] Нет кода", to=address, mail_from="eve@evil.example"))
        after = self.frozen()
        assert after[: len(before)] == before
        assert not [one for one in self.caused(self.ident()) if one.to in USERS]
        if sender == agent:
            assert len(after) == len(before)

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(0, 50), text=st.sampled_from(["#confirm", "#подтвердить", "#confirm\n#resolve\nДа."]))
    def an_agent_confirms(self, agent: str, number: int, text: str) -> None:
        mail = self.desk.mail(agent, "confirm")
        if mail:
            self.run(self.desk.reply(mail[number % len(mail)], agent, text))
            self.answered_once(self.ident(), agent)

    @rule(sender=st.sampled_from((*USERS, *AGENTS)), number=st.integers(0, 50))
    def a_robot_answers(self, sender: str, number: int) -> None:
        before, mail = self.frozen(), self.desk.mail(sender)
        if mail:
            text = "Меня нет на месте.\n#resolve\nГотово."
            self.run(self.desk.reply(mail[number % len(mail)], sender, text, headers={"Auto-Submitted": "auto-replied"}))
            assert self.frozen() == before
            assert self.caused(self.ident()) == []

    @rule(user=st.sampled_from(USERS))
    def a_user_is_forgotten(self, user: str) -> None:
        others = [(one.number, one.status, one.owner) for one in self.all() if one.requester.email != user]
        self.run(erase(self.desk, user))
        assert found(self.folder, user) == []
        assert self.desk.ledger_adds_up()
        assert [(one.number, one.status, one.owner) for one in self.all() if one.number in {number for number, _, _ in others}] == others

    @rule(minutes=st.sampled_from([1, 3, 30, 60 * 10]))
    def time_passes(self, minutes: int) -> None:
        self.run(self.desk.pass_time(minutes=minutes))

    # --------------------------------------------------------------------------------------------------- always true

    @invariant()
    def no_note_reaches_a_customer(self) -> None:
        if hasattr(self, "desk"):
            for ticket in self.all():
                for one in ticket.outgoing:
                    if one.audience in (Audience.requester, Audience.stranger):
                        assert "zznote" not in (one.subject + one.text + one.html).lower()
            for one in self.desk.delivered[self.checked :]:
                assert one.to not in USERS or "zznote" not in one.text
            self.checked = len(self.desk.delivered)

    @invariant()
    def tickets_are_whole(self) -> None:
        if hasattr(self, "desk"):
            assert not [fields for event, fields in self.desk.events if event in ("parked", "error")]
            for ticket in self.all():
                assert ticket.status is not Status.done or ticket.resolution or ticket.ground
                assert len({one.id for one in ticket.outgoing}) == len(ticket.outgoing)
                idents = [seen.letter for seen in ticket.seen]
                assert len(set(idents)) == len(idents)


TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
