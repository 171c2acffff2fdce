"""Plus addresses of one mailbox are one person wherever letters are counted, and nobody's where something is proved."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import TestDesk

from bot.model import Status, person_of

ANNA, VICTIM = "anna@providence.film", "victim@mail.example"
PROBLEM = "Не приходит код подтверждения на почту, жду уже час. Пробовал дважды, в папке «Спам» тоже пусто."


def plus(number: object) -> str:
    """An address that reaches the victim's mailbox."""
    return f"victim+{number}@mail.example"


async def write(desk: TestDesk, who: str, number: int, subject: str = "") -> int:
    """A letter in that name; how many answers its mailbox had."""
    sent = await desk.send(who, f"{PROBLEM} Это письмо {number}.", subject=subject or f"Письмо {number}")
    return sum(person_of(one.to) == VICTIM for one in sent)


@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("Victim+1@Mail.Example", VICTIM), ("victim+a+b@mail.example", VICTIM), (VICTIM, VICTIM), ("+1@mail.example", "+1@mail.example"),
        ("vic.tim@mail.example", "vic.tim@mail.example"), ("vic-tim@mail.example", "vic-tim@mail.example"), ("", ""), ("?", "?"), ("+", "+"),
    ],
)  # fmt: skip
def test_the_person_of_an_address(address: str, person: str) -> None:
    assert person_of(address) == person


async def test_sixty_plus_addresses_get_as_many_acknowledgements_as_one(tmp_path: Path) -> None:
    one, many = await TestDesk.opened(tmp_path / "one"), await TestDesk.opened(tmp_path / "many")
    told = [sum([await write(one, VICTIM, number) for number in range(60)]), sum([await write(many, plus(number), number) for number in range(60)])]
    assert told == [3, 3]
    await many.restart()
    await many.pass_time(minutes=20)
    assert await write(many, plus(99), 99) == 0, "the mailbox is latched, whichever of its addresses comes"
    assert len([one for one in many.mail(ANNA, "alert") if "held release victim" in one.text]) == 1
    assert len(many.tickets()) == 61


async def test_the_same_subject_is_the_same_whatever_the_plus(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    assert [await write(desk, plus(number), number, "Не приходит код") for number in range(3)] == [1, 1, 0]


async def test_release_and_block_are_of_the_mailbox(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for number in range(5):
        await write(desk, plus(number), number)
    last = desk.mail(ANNA, "notice_new")[-1]
    await desk.reply(last, ANNA, "#отпустить")
    await desk.pass_time(minutes=20)
    assert await write(desk, plus(70), 70) == 1, "released through a ticket of another of its addresses"
    await desk.reply(last, ANNA, "#блок")
    assert await write(desk, VICTIM, 71) == 0
    assert len(desk.tickets()) == 6, "a letter of a blocked mailbox opens no ticket"


async def test_a_bounce_is_of_its_address_alone(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await write(desk, plus(1), 1)
    [told] = desk.mail(plus(1))
    report = f"Final-Recipient: rfc822; {plus(1)}\nAction: failed\nStatus: 5.1.1\n"
    raw = (
        f"From: mailer-daemon@mail.example\nTo: {told.envelope_from}\nSubject: failed\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\nContent-Type: text/plain\n\nno such user\n'
        f"--b\nContent-Type: message/delivery-status\n\n{report}\n--b--\n"
    )
    await desk.raw(raw.encode(), "", (told.envelope_from,))
    assert await desk.store.suppressed([plus(1), plus(2), VICTIM], desk.now) == {plus(1)}
    assert await write(desk, plus(2), 2) == 1


async def test_who_takes_part_is_the_whole_address(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await write(desk, VICTIM, 1)
    await desk.reply(desk.mail(VICTIM)[0], plus("x"), "Закройте, пожалуйста.\n#закрыть")
    assert desk.ticket(1).status is Status.created
    assert desk.ticket(2).requester.email == plus("x"), "a stranger's letter with a number is set apart"
    assert [len(desk.ticket(number).entries) for number in (1, 2)] == [2, 1]
