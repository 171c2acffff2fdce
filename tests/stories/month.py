"""A month in a minute: letters, agents, nights, a holiday, an outage, robots and a loop, played through the real desk by a fake clock.

`Month` plays and keeps its own simple account of what should come of it; test_month.py compares. It knows nothing of the desk's
arithmetic: working hours are walked through minute by minute, due times by hours left. `python tests/stories/month.py` prints the report.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from desk import TestDesk  # noqa: E402  the product is not installed where this is run by hand

MOSCOW = timezone(timedelta(hours=3))  # without the desk's own timezone arithmetic
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = datetime(2026, 12, 1, tzinfo=MOSCOW)
LAST = datetime(2027, 1, 1, tzinfo=MOSCOW)
HOURS = {"high": 24, "medium": 48, "low": 96}
HOLIDAY, SHORT = date(2026, 12, 12), date(2026, 12, 31)
ANNA, BORIS = "anna@providence.film", "boris@providence.film"
FILMS = ("Сталкер", "Солярис", "Зеркало", "Метод", "Ностальгия", "Жертвоприношение", "Андрей Рублёв")


def opens(at: datetime) -> bool:
    """Whether people work: ten to ten, to six on the last of December, not on the twelfth."""
    local = at.astimezone(MOSCOW)
    return local.date() != HOLIDAY and 10 <= local.hour < (18 if local.date() == SHORT else 22)


def morning(at: datetime) -> datetime:
    """The moment itself while people work, or when they begin again; walked minute by minute."""
    while not opens(at):
        at += MINUTE
    return at


@dataclass
class Case:
    """What the script knows of one ticket; `turns` are (when, asked / answered / done / reopened)."""

    number: int
    person: str
    opened: datetime
    priority: str
    turns: list[tuple[datetime, str]] = field(default_factory=list)
    owner: str = ""
    answers: list[tuple[datetime, str]] = field(default_factory=list)
    questions: int = 0
    asked_score: datetime | None = None
    score: int = 0
    scored: datetime | None = None
    left_out: bool = False

    def state(self) -> str:
        """The last turn, or "" for a fresh ticket."""
        return self.turns[-1][1] if self.turns else ""


class Month:
    """One desk, one December."""

    def __init__(self, desk: TestDesk, seed: int = 7) -> None:
        self.desk, self.dice = desk, random.Random(seed)
        self.cases: dict[int, Case] = {}
        self.letters: Counter[date] = Counter()
        self.plan: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self.count = 0

    # ---------------------------------------------------------------------------------------------- the script

    def later(self, at: datetime, deed: Callable[[], Awaitable[None]]) -> None:
        """Plans a deed for a whole minute of the month."""
        self.count += 1
        heapq.heappush(self.plan, (at.replace(second=0, microsecond=0), self.count, deed))

    def write(self) -> None:
        """Who will write, and when."""
        kinds = [self.solved] * 5 + [self.vague] * 3 + [self.clarified] * 2 + [self.wish] + [self.forgotten]
        for day in range(30):
            for _ in range(self.dice.choice((2, 3, 4))):
                at = FIRST + day * DAY + self.dice.randrange(1440) * MINUTE
                person = f"user{self.count}@example.org"
                kind = self.dice.choice(kinds)
                self.later(at, lambda kind=kind, person=person: kind(person))
        for number in range(12):
            at = FIRST + 8 * DAY + 20 * HOUR + 3 * number * MINUTE
            self.later(at, lambda number=number: self.outage(f"viewer{number}@example.net"))
        for number in range(8):
            self.later(FIRST + 15 * DAY + 13 * HOUR + number * MINUTE, lambda number=number: self.loop(number))

    def reasonable(self, at: datetime, hours: int) -> datetime:
        """Some working moment within so many hours."""
        return morning(at + self.dice.randrange(5, 60 * hours) * MINUTE)

    async def solved(self, person: str) -> None:
        """Asked, answered, scored perhaps, or asked again."""
        film = self.dice.choice(FILMS)
        text = f"В фильме «{film}» субтитры отстают от речи секунды на три. Смотрю в Firefox 132 на ноутбуке. Письмо {self.count}."
        case = await self.open(person, "Субтитры", text, "medium")
        at = self.reasonable(self.desk.now, self.dice.choice((8, 30, 70)))
        self.later(at, lambda: self.resolve(case, ANNA if self.dice.random() < 0.5 else BORIS))

    async def resolve(self, case: Case, agent: str) -> None:
        """An agent closes it; what the requester makes of that."""
        if case.state() in ("done", "asked") or not await self.command(case, agent, "#решено\nПочинили, проверьте, пожалуйста."):
            return
        self.turn(case, "done")
        case.answers.append((self.desk.now, agent))
        case.asked_score = case.asked_score or self.desk.now
        then = self.desk.now + self.dice.randrange(5, 3000) * MINUTE
        what = self.dice.choice(("score", "score", "score", "seven", "thanks", "robot", "again", ""))
        if what:
            self.later(then, lambda: self.react(case, what, agent))

    async def react(self, case: Case, what: str, agent: str) -> None:
        """The requester's answer to a closed ticket."""
        mark = self.dice.choice((5, 5, 4, 3, 1))
        texts = {"score": f"Оценка: {mark}", "seven": "7", "thanks": "Спасибо!", "robot": "Я в отпуске.", "again": "Нет, субтитры отстают снова."}
        headers = {"Auto-Submitted": "auto-replied"} if what == "robot" else {}
        await self.answer(case, texts[what], headers, counted=what != "robot")
        if what == "score" and not case.score:
            case.score, case.scored = mark, self.desk.now
        if what == "again":
            self.turn(case, "reopened")
            self.later(self.reasonable(self.desk.now, 20), lambda: self.resolve(case, agent))

    async def vague(self, person: str) -> None:
        """Without a description: the machine asks. He answers, or not."""
        case = await self.open(person, "Помогите", "Ничего не работает!!!", "medium")
        case.questions += 1
        self.turn(case, "asked")
        self.waited(case)

    async def clarified(self, person: str) -> None:
        """An agent asks. He answers, or not."""
        text = f"Плеер не запоминает скорость воспроизведения, каждый раз ставлю заново. Chrome 131, Windows 11. Письмо {self.count}."
        case = await self.open(person, "Плеер", text, "medium")
        self.later(self.reasonable(self.desk.now, 40), lambda: self.clarify(case))

    async def clarify(self, case: Case) -> None:
        """The agent's question."""
        if case.state() == "" and await self.command(case, BORIS, "#уточнить\nКакой у Вас тариф?"):
            case.questions += 1
            case.answers.append((self.desk.now, BORIS))
            self.turn(case, "asked")
            self.waited(case)

    def waited(self, case: Case) -> None:
        """Within days, or never."""
        if self.dice.random() < 0.6:
            self.later(self.desk.now + self.dice.randrange(30, 6 * 1440) * MINUTE, lambda: self.explain(case))

    async def explain(self, case: Case) -> None:
        """The requester answers the question, and an agent closes the matter later."""
        if case.state() == "asked":
            await self.answer(case, "Тариф базовый, браузер Chrome 131, Windows 11, не открывается каталог: белый экран.")
            self.turn(case, "answered")
            self.later(self.reasonable(self.desk.now, 60), lambda: self.resolve(case, BORIS))

    async def wish(self, person: str) -> None:
        """A wish of low priority; the lead refuses it when it is offered to her, or nobody does anything."""
        text = f"Здравствуйте! Было бы здорово добавить тёмную тему в каталог. Это предложение, не проблема. Письмо {self.count}."
        case = await self.open(person, "Пожелание", text, "low")
        if self.dice.random() < 0.5:
            self.later(morning(self.desk.now + 80 * HOUR), lambda: self.refuse(case))

    async def refuse(self, case: Case) -> None:
        """Clause 5.2."""
        if await self.command(case, ANNA, "#отказать низкий_приоритет\nВ ближайших планах этого нет."):
            case.answers.append((self.desk.now, ANNA))
            self.turn(case, "done")

    async def forgotten(self, person: str) -> None:
        """Nobody ever looks at it."""
        await self.open(person, "Звук", f"В сериале «Метод» нет звука в третьей серии, в остальных есть. Chrome 131. Письмо {self.count}.", "medium")

    async def outage(self, person: str) -> None:
        """Everybody writes at once, at night too."""
        text = "Сайт providence.film не открывается ни у кого в нашем офисе, ошибка 502 на всех страницах, Сервис недоступен."
        case = await self.open(person, "Сайт лежит", text, "high")
        self.later(self.desk.now + 2 * HOUR, lambda: self.resolve(case, ANNA))

    async def loop(self, number: int) -> None:
        """A robot that does not say so. An agent puts an end to it."""
        text = f"В фильме «Зеркало» нет звука в сцене номер {number}. Смотрю в Chrome 131 на ноутбуке."
        case = await self.open("loop@example.com", f"Звук {number}", text, "medium")
        case.left_out = True
        self.letters[self.desk.now.astimezone(MOSCOW).date()] -= 1
        self.later(self.desk.now + HOUR, lambda: self.command(case, ANNA, "#спам"))

    # ------------------------------------------------------------------------------------------------- the deeds

    async def open(self, person: str, subject: str, text: str, priority: str) -> Case:
        """A first letter."""
        self.letters[self.desk.now.astimezone(MOSCOW).date()] += 1
        await self.desk.send(person, text, subject=subject)
        number = max(self.desk.tickets())
        assert number not in self.cases
        case = self.cases[number] = Case(number, person, self.desk.now, priority)
        return case

    async def answer(self, case: Case, text: str, headers: dict[str, str] | None = None, *, counted: bool = True) -> None:
        """The requester answers what he got last about his ticket."""
        got = [one for one in self.desk.mail(case.person) if f"-{case.number}]" in one.subject]
        self.letters[self.desk.now.astimezone(MOSCOW).date()] += counted
        await self.desk.reply(got[-1], case.person, text, headers=headers or {})

    async def command(self, case: Case, agent: str, text: str) -> bool:
        """An agent answers the last thing he got about the ticket; nothing where he knows nothing of it yet."""
        sent = [one for one in self.desk.ticket(case.number).outgoing if one.to == agent and one.state == "sent" and one.template != "command_error"]
        if not sent:
            return False
        await self.desk.reply(sent[-1], agent, text)
        case.owner = case.owner or ("" if text.startswith("#спам") else agent)
        return True

    def turn(self, case: Case, what: str) -> None:
        """Something that the clock knows of."""
        case.turns.append((self.desk.now, what))

    async def play(self) -> None:
        """The whole month, minute by minute: first what time does, then what people do. Silence is noted as it is expected, not as it is seen."""
        self.write()
        now = FIRST
        while now < LAST:
            self.desk.now = now.astimezone(UTC)
            await self.desk.timers.look()
            await self.desk.weekly.send()
            await self.desk.deliver()
            for case in self.cases.values():
                if case.state() == "asked" and now >= silent(case)[1]:
                    case.turns.append((now, "silence"))
            while self.plan and self.plan[0][0] <= now:
                _, _, deed = heapq.heappop(self.plan)
                self.desk.now = now.astimezone(UTC)
                await deed()
            now += MINUTE


# ------------------------------------------------------------------------------------------- what should come of it


def silent(case: Case) -> tuple[datetime, datetime]:
    """When a requester who was asked last is reminded, and when his ticket is closed."""
    cached = getattr(case, "_silent", None)
    at = next(at for at, what in reversed(case.turns) if what == "asked")
    if not cached or cached[0] != at:
        reminded = morning(at + 3 * DAY)
        cached = (at, (reminded, max(morning(at + 7 * DAY), morning(reminded + 4 * DAY))))
        case._silent = cached  # type: ignore[attr-defined]
    return cached[1]


def runs(case: Case) -> list[tuple[datetime, datetime, int]]:
    """The stretches in which the due clock runs: from, to, and which count (a reopening begins another)."""
    found, begin, count = [], case.opened, 0
    running = True
    for at, what in case.turns:
        if what in ("asked", "done") and running:
            found.append((begin, at, count))
            running = False
        elif what in ("answered", "reopened"):
            count += what == "reopened"
            begin, running = at, True
    return [*found, (begin, LAST, count)] if running else found


def alarms(case: Case) -> list[tuple[datetime, str]]:
    """When the agents should be warned and the lead told: hours left, stretch by stretch; at night in the morning."""
    found: list[tuple[datetime, str]] = []
    calm = morning if case.priority != "high" else (lambda at: at)
    for count in {number for _, _, number in runs(case)}:
        left, done = HOURS[case.priority] * HOUR, set[str]()
        for begin, end, number in runs(case):
            if number != count:
                continue
            for what, before in (("warned", 4 * HOUR), ("overdue", timedelta(0))):
                at = calm(max(begin, begin + left - before))
                if what not in done and at <= end and at < LAST:
                    done.add(what)
                    found.append((at, what))
            left -= end - begin
        both = [at for at, what in found if what == "overdue"]
        found = [(at, what) for at, what in found if what == "overdue" or at not in both]
    return sorted(found)


def in_time(case: Case) -> bool:
    """Whether the clock of a done ticket stopped before its hours were over, since it counted last."""
    last = runs(case)[-1][2]
    ran = sum((end - begin for begin, end, number in runs(case) if number == last), timedelta(0))
    return ran <= HOURS[case.priority] * HOUR


async def main() -> None:
    """Plays it and prints the report."""
    from bot.reports.figures import Figures
    from bot.reports.tables import tables, title
    from bot.reports.weekly import names
    from bot.store.files.reader import FileDataReader

    with tempfile.TemporaryDirectory() as folder:
        month = await played(Path(folder))
        policy = month.desk.context.policy
        figures = Figures(FIRST.date(), LAST.date(), policy.calendar.zone, names(policy)).add_all(FileDataReader(month.desk.data).tickets())
        print(title(figures, "ru"))  # noqa: T201
        for table in tables(figures, "ru"):
            print("", table.title, *table.lines(), sep="\n")  # noqa: T201


async def played(folder: Path) -> Month:
    """A desk with the holiday and the short day in its rules, after its December."""
    rules = folder / "rules.yaml"
    special = "exceptions: [{date: 2026-12-12}, {date: 2026-12-31, hours: 10:00-18:00}]"
    rules.write_text((ROOT / "rules.yaml").read_text("utf-8").replace("exceptions: []", special), "utf-8")
    desk = await TestDesk.opened(folder / "data", rules)
    desk.now = FIRST.astimezone(UTC)
    month = Month(desk)
    await month.play()
    return month


if __name__ == "__main__":
    asyncio.run(main())
