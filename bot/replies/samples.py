"""Sample contexts: every kind of letter with its cases, so that `Templates.check` and people see each template at work.

Each case is (what it shows, context). The nasty one holds markup, HTML, line breaks and terminal escapes in every value
that a person can choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bot.model import Attachment, Ground, Priority, Resolution, Status, Waiting
from bot.replies import contexts as c

Case = tuple[str, c.Context]

AT = datetime(2026, 11, 22, 14, 45, tzinfo=UTC)
NASTY = "**a** [b](https://evil.example) <script>x</script> {{ 7 * 7 }} {% if %}\r\nBcc: x@evil.example\n\n---\n## h\n- l\n> q \x1b[31m \ue000\u202e"
DESK = {
    "ru": c.DeskView(
        name="Служба технической поддержки providence.film",
        address="support@providence.film",
        url="https://providence.film",
        regulation_url="https://providence.film/support-regulation",
        hours="каждый день с 10:00 до 22:00 по московскому времени",
    ),
    "en": c.DeskView(
        name="providence.film Support",
        address="support@providence.film",
        url="https://providence.film",
        regulation_url="https://providence.film/support-regulation",
        hours="every day from 10:00 to 22:00 Moscow time",
    ),
}
SAID = {
    "ru": "Добрый день!\n\nПосле вчерашнего обновления не открывается фильм: крутится колесо, потом «Ошибка 1007».\nChrome 131, Windows 11.",
    "en": "Good afternoon,\n\nSince yesterday's update the film does not open: the wheel spins, then “Error 1007”.\nChrome 131, Windows 11.",
}
ANSWER = {
    "ru": "Мы нашли причину: вчера вечером сбился один из серверов.\n\nПожалуйста, обновите страницу (Ctrl+F5) и проверьте: https://providence.film/check?a=1&b=2.",
    "en": "We have found the cause: one of the servers failed last night.\n\nPlease reload the page (Ctrl+F5) and check: https://providence.film/check?a=1&b=2.",
}
WORDS = {
    "ru": ("Не открывается фильм", "Иван Петров", "Анна", "Отдел разработки", "снимок экрана.png", "отчёт.exe", "Взять в работу", "#взять"),
    "en": ("The film does not open", "John Smith", "Anna", "Development", "screenshot.png", "report.exe", "Take it", "#take"),
}


def cases(name: str, language: str) -> tuple[Case, ...]:
    """The cases of a template of `render.REQUIRED`; a language without words of its own gets the English ones."""
    return tuple(_Samples(language).of(name))


class _Samples:
    """The pieces of which one language's cases are put together."""

    def __init__(self, language: str) -> None:
        source = language if language in DESK else "en"
        self.topic, self.person, self.agent, self.department, picture, program, take, say = WORDS[source]
        self.said, self.answer, self.ru = SAID[source], ANSWER[source], source == "ru"
        self.base = {"desk": DESK[source], "language": language}
        self.bare = {"desk": c.DeskView(name="Support", address="support@x.example"), "language": language}
        self.files = (
            Attachment(name=picture, type="image/png", size=348_160, accepted=True),
            Attachment(name=program, type="application/octet-stream", size=1_258_291, why="format"),
        )
        mail = "mailto:support+12-a3-k7q2mzn4xw5rtbvc@providence.film?subject=%5BPF-12%5D&body="
        self.buttons = (
            c.Button(label=take, url=mail + "%23take", say=say),
            c.Button(label="Не воспроизводится" if self.ru else "Not reproducible", url=mail + "x", say="#решено не воспроизводится" if self.ru else "#resolve not_reproducible"),
            c.Button(label="Спам" if self.ru else "Spam", url=mail + "%23spam", say="#спам" if self.ru else "#spam"),
        )
        self.score = tuple(c.Button(label=str(n), url=f"{mail}{n}", say=str(n)) for n in range(1, 6))
        self.history = (
            c.PublicEntry(at=AT, name=self.person, text=self.said, mine=True),
            c.PublicEntry(at=AT + timedelta(hours=2), name=self.agent, text=self.answer + "\n\n> цитата\n"),
        )

    def of(self, name: str) -> Iterator[Case]:
        kind, _, which = name.partition("_")
        if name == "acknowledgement":
            yield from self._acknowledgement()
        elif kind == "ground":
            yield from self._ground(Ground(which))
        elif kind == "topic":
            yield from self._topic()
        elif kind == "resolved":
            yield from self._agent(name, Status.done, Resolution(which))
        elif name in ("notice_new", "notice_update"):
            yield from self._notice()
        elif staff := dict(self._staff()).get(name):
            yield from staff
        else:
            done = name == "closed_silence"
            yield from self._agent(name, Status.done if done else Status.clarification, Resolution.solved if name == "transcript" else None)

    def ticket(self, *, status: Status = Status.created, resolution: Resolution | None = None, proved: bool = True) -> c.PublicTicket:
        subject, person = (self.topic, self.person) if proved else ("", "")
        waiting = Waiting.requester if status is Status.clarification else Waiting.nobody
        return c.PublicTicket(
            number=12, tag="PF-12", status=status, waiting_for=waiting, opened=AT, subject=subject, requester_name=person, resolution=resolution
        )

    @property
    def nasty(self) -> c.PublicTicket:
        return c.PublicTicket(
            number=12, tag="PF-12", status=Status.created, waiting_for=Waiting.nobody, opened=AT, subject=NASTY, requester_name=NASTY
        )

    def case(self, **changed: object) -> c.AgentTicket:
        fields = {
            "number": 12, "tag": "PF-12", "subject": self.topic, "status": Status.created, "waiting_for": Waiting.nobody, "priority": Priority.high,
            "opened": AT, "due": AT + timedelta(days=1), "owner": "", "requester_name": self.person, "requester_email": "ivan.petrov@example.com",
        }  # fmt: skip
        return c.AgentTicket(**{**fields, **changed})  # type: ignore[arg-type]

    def _acknowledgement(self) -> Iterator[Case]:
        opens = {"open_now": False, "opens_at": AT + timedelta(hours=16, minutes=15), "first": True}
        yield "day", c.Acknowledgement(**self.base, ticket=self.ticket(), first=True)
        yield "night", c.Acknowledgement(**self.base, ticket=self.ticket(proved=False), **opens)
        yield "files", c.Acknowledgement(**self.base, ticket=self.ticket(), first=True, withheld=self.files[1:] * 2, forwarded_to=self.department)
        yield "bare", c.Acknowledgement(**self.bare, ticket=self.ticket(proved=False))
        yield "nasty", c.Acknowledgement(**self.base, ticket=self.nasty, withheld=(Attachment(name=NASTY, type="x", size=1, why=NASTY),), forwarded_to=NASTY)

    def _ground(self, ground: Ground) -> Iterator[Case]:
        low = {"clause": "5.2"} if ground is Ground.low_priority else {}
        known = {"software": "Chrome 98", "minimum": ("Chrome 109", "Firefox 115", "Safari 15.6")} if ground is Ground.outdated_software else {}
        asked, closed = self.ticket(status=Status.clarification), self.ticket(status=Status.done)
        stranger = self.ticket(status=Status.clarification, proved=False)
        yield "machine", c.GroundLetter(**self.base, ticket=asked, first=True, evidence=self.topic, missing=("what", "device"), withheld=self.files[1:], **known, **low)
        yield "stranger", c.GroundLetter(**self.bare, ticket=stranger, first=True, **low)
        yield "agent", c.GroundLetter(**self.base, ticket=asked, text=self.answer, agent=self.agent, history=self.history, **known, **low)
        yield "refused", c.GroundLetter(**self.base, ticket=closed, refused=True, agent=self.agent, text=self.answer, history=self.history, **low)
        yield "refused_plain", c.GroundLetter(**self.base, ticket=closed, refused=True, **known, **low)
        yield "nasty", c.GroundLetter(**self.base, ticket=self.nasty, evidence=NASTY, software=NASTY, minimum=(NASTY,), text=NASTY, agent=NASTY, history=self._nasty_history())

    def _topic(self) -> Iterator[Case]:
        change = "31 декабря — с 10:00 до 16:00, 1 и 2 января — выходные" if self.ru else "31 December: 10:00 to 16:00; 1 and 2 January: closed"
        news = "Сейчас у части зрителей не открываются фильмы. Мы восстанавливаем работу." if self.ru else "Some viewers cannot open films at the moment. We are restoring the service."
        night = {"open_now": False, "opens_at": AT + timedelta(hours=16, minutes=15)}
        yield "only", c.TopicLetter(**self.base, ticket=self.ticket(status=Status.done), first=True, closes=True, changes=(change,))
        yield "more", c.TopicLetter(**self.base, ticket=self.ticket(), first=True, announcement=news, forwarded_to=self.department, **night)
        yield "later", c.TopicLetter(**self.bare, ticket=self.ticket(proved=False), text=self.answer, closes=True)
        yield "nasty", c.TopicLetter(**self.base, ticket=self.nasty, text=NASTY, announcement=NASTY, changes=(NASTY,), forwarded_to=NASTY)

    def _agent(self, name: str, status: Status, resolution: Resolution | None) -> Iterator[Case]:
        ticket, score = self.ticket(status=status, resolution=resolution), self.score if resolution is Resolution.solved else ()
        told = {"agent": self.agent, "text": self.answer} if name not in ("reminder", "closed_silence", "merged", "transcript") else {}
        stranger = self.ticket(status=status, resolution=resolution, proved=False)
        yield "full", c.AgentLetter(**self.base, ticket=ticket, history=self.history, score=score, department=self.department, other="PF-9", **told)
        yield "plain", c.AgentLetter(**self.bare, ticket=stranger)
        yield "nasty", c.AgentLetter(**self.base, ticket=self.nasty, text=NASTY, agent=NASTY, department=NASTY, other=NASTY, history=self._nasty_history())

    def _notice(self) -> Iterator[Case]:
        what = "приоритет: высокий" if self.ru else "priority: high"
        found = (c.Finding(rule="outage", clause="2.1", what=what, evidence=self.topic), c.Finding(rule="label", clause="", what="label", evidence=""))
        old = ("PF-3 (Выполнено, Решена): Нет звука" if self.ru else "PF-3 (Done, Solved): No sound",)
        answered = "регистрация обращения" if self.ru else "acknowledgement"
        full = {"findings": found, "files": self.files, "earlier": old, "linked": ("PF-7",), "answered": answered, "buttons": self.buttons}
        yield "full", c.Notice(**self.base, ticket=self.case(), text=self.said, **full)
        yield "later", c.Notice(**self.base, ticket=self.case(owner=self.agent), text=self.said, subject="Re: x", joined="unconfirmed", reopened=True, history=self.history)
        yield "tag", c.Notice(**self.base, ticket=self.case(subject="", requester_name="", due=None), text="", joined="tag", unanswered="машина", defects=("charset",))
        yield "nasty", c.Notice(**self.base, ticket=self._nasty_case(), text=NASTY, subject=NASTY, earlier=(NASTY,), linked=(NASTY,), answered=NASTY, defects=(NASTY,))

    def _staff(self) -> Iterator[tuple[str, tuple[Case, ...]]]:
        base, ticket, nasty, until = self.base, self.case(owner=self.agent), self._nasty_case(), AT + timedelta(days=1)
        preview = c.Preview(to="ivan.petrov@example.com", subject=f"[PF-12] Re: {self.topic}", text=self.answer, leaves=AT, files=("инструкция.pdf",))
        undo = c.Button(label="Отменить" if self.ru else "Undo", url=self.buttons[0].url, say="#отмена" if self.ru else "#undo")
        done = ("Статус заявки: Выполнено (Решена)", "Письмо уйдёт пользователю") if self.ru else ("Status: Done (Solved)", "A letter goes to the requester")
        wrong = c.Line(number=2, line="#решно", reason="нет такой команды", hint="Может быть, #решено?") if self.ru else c.Line(number=2, line="#reslove", reason="no such command", hint="Did you mean #resolve?")
        bad = c.Line(number=1, line=NASTY, reason=NASTY, hint=NASTY)
        yield "receipt", (
            ("full", c.Receipt(**base, ticket=ticket, done=done, previews=(preview,), undo=undo, buttons=self.buttons[2:])),
            ("inside", c.Receipt(**base, ticket=ticket, done=done[:1], undo=undo)),
            ("nasty", c.Receipt(**base, ticket=nasty, done=(NASTY,), previews=(c.Preview(to=NASTY, subject=NASTY, text=NASTY),))),
        )
        yield "command_error", (
            ("line", c.CommandError(**base, ticket=ticket, lines=(wrong,), text=f"{self.answer[:20]}\n{wrong.line}\n\nОк", marked=(2,), buttons=self.buttons[:1])),
            ("whole", c.CommandError(**base, lines=(), text=self.answer, reason="Адрес для ответа устарел." if self.ru else "The reply address has expired.")),
            ("nasty", c.CommandError(**base, ticket=nasty, lines=(bad,), text=NASTY, marked=(1, 2, 3, 4, 5), reason=NASTY)),
        )
        yield "kept", (("full", c.Kept(**base, ticket=ticket, text=self.answer, until=until, buttons=self.buttons)), ("nasty", c.Kept(**base, ticket=nasty, text=NASTY, until=until)))
        yield "confirm", (("full", c.Confirm(**base, ticket=ticket, text=self.answer, until=until)), ("nasty", c.Confirm(**base, text=NASTY, until=until)))
        commands = (("#take, #взять", "взять обращение себе" if self.ru else "take the ticket"), ("#note, #заметка", "заметка для своих" if self.ru else "a note for the staff"))
        yield "help", (("full", c.Help(**base, commands=commands)), ("ticket", c.Help(**base, commands=commands, ticket=ticket)))
        yield "escalation", (
            ("full", c.Handed(**base, ticket=ticket, text=self.answer, agent=self.agent, history=self.history, files=self.files)),
            ("nasty", c.Handed(**base, ticket=nasty, text=NASTY, agent=NASTY)),
        )
        title = "Письмо отложено: его не удалось обработать" if self.ru else "A letter is parked: it could not be handled"
        yield "alert", (
            ("full", c.Alert(**base, title=title, details=("20261122T144500-7f", "timeout"), buttons=self.buttons[:1])),
            ("ticket", c.Alert(**base, title=title, ticket=ticket)),
            ("nasty", c.Alert(**base, title=NASTY, details=(NASTY,), ticket=nasty)),
        )

    def _nasty_case(self) -> c.AgentTicket:
        return self.case(subject=NASTY, requester_name=NASTY, requester_email=NASTY, owner=NASTY)

    def _nasty_history(self) -> tuple[c.PublicEntry, ...]:
        return (c.PublicEntry(at=AT, name=NASTY, text=NASTY),)
