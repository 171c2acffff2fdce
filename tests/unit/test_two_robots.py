"""Every conversation of the desk with a robot ends, and after the caps there is silence, not a slow drip (section 7; lessons 8, 9, 10, 24)."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from desk import TestDesk

Robot = Callable[[EmailMessage, int], tuple[str, str, str, dict[str, str]] | None]  # our letter, how many so far -> sender, subject, text, headers
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."
PERIOD = 14  # days that a conversation is watched


async def converse(desk: TestDesk, robot: Robot, first: tuple[str, str, dict[str, str]], minutes: int = 5) -> list[float]:
    """Lets the robot answer each of our letters to it, some minutes later; the days at which letters to it left."""
    sender, subject, headers = first
    begun, read, times, pending = desk.now, 0, [], [(sender, subject, PROBLEM, headers)]
    while (desk.now - begun).days < PERIOD:
        for who, about, text, marks in pending:
            await desk.send(who, text, subject=about, headers=marks, mail_from="" if marks.get("X-Null") else who)
        pending = []
        letters, read = desk.sender.letters[read:], len(desk.sender.letters)
        for raw, _, to in letters:
            if to.endswith("@providence.film"):
                continue
            times.append((desk.now - begun).total_seconds() / 86400)
            answer = robot(message_from_bytes(raw, _class=EmailMessage, policy=policy.default), len(times))
            pending += [answer] if answer else []
        await desk.pass_time(minutes=minutes if pending else 60)
        assert len(times) < 200, "this conversation does not end"
    return times


def replied(letter: EmailMessage) -> dict[str, str]:
    """What a program that replies puts into the header."""
    return {"In-Reply-To": letter["Message-ID"], "References": f"{letter['References'] or ''} {letter['Message-ID']}".strip()}


def polite(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]] | None:
    """A vacation responder as RFC 3834 wants it: it does not answer Auto-Submitted mail at all."""
    if letter["Auto-Submitted"]:
        return None
    return "ivan@example.org", f"Auto: {letter['Subject']}", "I am away.", {**replied(letter), "Auto-Submitted": "auto-replied"}


def marked(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]]:
    """One that answers everything, but says what it is."""
    return "ivan@example.org", f"Auto: {letter['Subject']}", "I am away.", {**replied(letter), "Auto-Submitted": "auto-replied"}


def silent(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]]:
    """One that says nothing of itself and answers everything, by the subject alone."""
    return "ivan@example.org", f"Re: {letter['Subject']}", f"Я в отпуске, вернусь не скоро. Ваше письмо важно для меня ({count}).", {}


def shifting(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]]:
    """One whose subject is another each time, without a tag or References: every answer of it is a new ticket."""
    return "ivan@example.org", f"Заявка {count}7{count}", f"Ваша заявка {count} принята, номер {count * 7919}. Мы ответим Вам.", {}


def many_faced(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]] | None:
    """One that changes subject and sender each time, but answers only what it is sent: it has no more addresses than letters."""
    return (f"bot{count}@robots.example", f"Ticket {count}", f"We have received your request number {count * 31}.", {}) if count < 60 else None


def desk_of_its_kind(letter: EmailMessage, count: int) -> tuple[str, str, str, dict[str, str]]:
    """Another help desk with the same acknowledgements as ours, its marks stripped on the way: a new number and a new ticket each time."""
    text = letter.get_body(("plain",))
    return "help@other.example", f"[HD-{count}] Обращение зарегистрировано", str(text.get_content()) if text else "", {}


@pytest.mark.parametrize(
    ("robot", "most"),
    [(polite, 1), (marked, 1), (silent, 1), (shifting, 10), (desk_of_its_kind, 10)],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_a_robot_is_soon_left_alone(robot: Robot, most: int, tmp_path: Path) -> None:
    """Every five minutes: ten letters in the first hour (the cap of three hours), and silence in the fortnight after it."""
    desk = await TestDesk.opened(tmp_path)
    sender = "help@other.example" if robot is desk_of_its_kind else "ivan@example.org"
    times = await converse(desk, robot, (sender, "Не открывается фильм", {}))
    assert len(times) <= most, times
    assert all(day < 1 / 24 for day in times), times
    assert desk.ledger_adds_up()


async def test_a_robot_that_answers_slowly_is_latched_by_the_longer_caps(tmp_path: Path) -> None:
    """Twenty minutes apart it stays under the caps of ten minutes and three hours; the day's cap latches it, and it stays closed."""
    desk = await TestDesk.opened(tmp_path)
    times = await converse(desk, shifting, ("ivan@example.org", "Не открывается фильм", {}), minutes=20)
    assert len(times) <= 20, times
    assert all(day < 0.5 for day in times), times


async def test_a_robot_with_many_faces_costs_one_letter_each(tmp_path: Path) -> None:
    """Each address is a new person to the desk; what bounds it is the robot's own supply, and the window of its domain."""
    desk = await TestDesk.opened(tmp_path)
    times = await converse(desk, many_faced, ("bot0@robots.example", "Ticket 0", {}))
    assert len(times) <= 60


async def test_two_desks_with_their_marks_end_at_once(tmp_path: Path) -> None:
    """Desk against desk, each reading the other's letters whole: one acknowledgement, and the other side knows a machine."""
    ours, theirs = await TestDesk.opened(tmp_path / "a"), await TestDesk.opened(tmp_path / "b")
    await ours.send("support@other.example", PROBLEM, subject="Не открывается фильм")
    passed = 0
    for _ in range(10):
        for raw, mail_from, to in ours.sender.letters[passed:]:
            passed += 1
            if to == "support@other.example":
                await theirs.raw(raw, mail_from, ("support@providence.film",))
    assert [one for one in theirs.delivered if not one.to.endswith("@providence.film")] == []
    assert len([one for one in ours.delivered if one.to == "support@other.example"]) == 1
    assert theirs.ledger_adds_up()


def bounce(raw: bytes, mail_from: str, to: str, code: str) -> bytes:
    """A delivery report for a letter of ours, as an MTA makes it (RFC 3464)."""
    returned = raw.split(b"\r\n\r\n")[0]
    return (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: {mail_from}\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: {code}\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    ).encode() + returned + b"\r\n\r\n--b--\r\n"  # fmt: skip


async def bouncing(tmp_path: Path, code: str, forged: bool = False) -> TestDesk:
    """An address that bounces what it is sent; then a letter to it again."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send("gone@example.org", PROBLEM, subject="Не открывается фильм")
    raw, mail_from, to = next(one for one in desk.sender.letters if one[2] == "gone@example.org")
    verp = re.sub(r"-[a-z2-7]{16}@", "-aaaaaaaaaaaaaaaa@", mail_from) if forged else mail_from
    head = re.sub(rb"-[a-z2-7]{16}@", b"-aaaaaaaaaaaaaaaa@", raw) if forged else raw
    await desk.raw(bounce(head, verp, to, code), "", (verp,))
    assert desk.ledger_adds_up()
    return desk


async def test_a_bounce_is_noted_where_its_ticket_lives_on(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for subject in ("Не открывается фильм", "Нет звука"):
        await desk.send("gone@example.org", f"{PROBLEM} {subject}.", subject=subject)
    raw, mail_from, to = next(one for one in desk.sender.letters if one[2] == "gone@example.org" and b"PF-1" in one[0])
    notice = next(one for one in desk.mail("anna@providence.film", "notice_new") if "[PF-1]" in one.subject)
    await desk.reply(notice, "anna@providence.film", "#объединить 2")
    await desk.raw(bounce(raw, mail_from, to, "5.1.1"), "", (mail_from,))
    assert [desk.ticket(number).entries[-1].about == "bounced_requester" for number in (1, 2)] == [False, True]
    assert desk.ledger_adds_up()


@pytest.mark.parametrize("code", ["5.1.1", "5.1.2", "5.1.10", "5.2.1"])
async def test_a_dead_address_gets_no_more_automatic_mail(code: str, tmp_path: Path) -> None:
    """The four codes suppress, the ticket knows, and nobody is written to because of it."""
    desk = await bouncing(tmp_path, code)
    assert desk.store.index.suppressed("gone@example.org", desk.now)
    assert desk.ticket().entries[-1].about == "bounced_requester"
    assert len(desk.delivered) == 3


@pytest.mark.parametrize(("code", "noted"), [("5.7.1", True), ("5.2.2", True), ("4.2.2", False)])
async def test_other_codes_suppress_nothing(code: str, noted: bool, tmp_path: Path) -> None:
    """Other permanent ones are noted on the ticket, temporary ones only logged."""
    desk = await bouncing(tmp_path, code)
    assert not desk.store.index.suppressed("gone@example.org", desk.now)
    assert (desk.ticket().entries[-1].kind == "machine") is noted


async def test_a_forged_bounce_changes_nothing(tmp_path: Path) -> None:
    """Without our signature a bounce is a machine's letter like any other."""
    desk = await bouncing(tmp_path, "5.1.1", forged=True)
    assert not desk.store.index.suppressed("gone@example.org", desk.now)
    assert all(entry.kind != "machine" for entry in desk.ticket().entries)


async def test_suppression_ends_with_a_human_letter_or_after_thirty_days(tmp_path: Path) -> None:
    """Who writes is there again."""
    desk = await bouncing(tmp_path, "5.1.1")
    await desk.send("gone@example.org", "Я снова здесь. В Chrome 131 поиск по каталогу ничего не находит, даже «Сталкера».", subject="Поиск")
    assert desk.mail("gone@example.org")[-1].template == "acknowledgement"
    assert not desk.store.index.suppressed("gone@example.org", desk.now)
    other = await bouncing(tmp_path / "other", "5.1.1")
    await other.pass_time(days=31)
    assert not other.store.index.suppressed("gone@example.org", other.now)


async def test_caps_and_latches_survive_a_restart(tmp_path: Path) -> None:
    """They are counted from the letters themselves (item 6 of the gate)."""
    desk = await TestDesk.opened(tmp_path)
    for number in range(3):
        await desk.send("bob@example.net", f"{PROBLEM} Это уже письмо номер {number}.", subject=f"Письмо {number}")
    await desk.restart()
    await desk.send("bob@example.net", f"{PROBLEM} И ещё одно.", subject="Ещё")
    assert len(desk.mail("bob@example.net")) == 3
    await desk.restart()
    await desk.pass_time(days=2)
    await desk.send("bob@example.net", f"{PROBLEM} Через два дня.", subject="Снова")
    assert len(desk.mail("bob@example.net")) == 3, "a latch lasts seven quiet days"
    await desk.pass_time(days=8)
    await desk.send("bob@example.net", f"{PROBLEM} Через неделю тишины.", subject="Неделя")
    assert len(desk.mail("bob@example.net")) == 4
