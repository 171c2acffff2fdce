"""The law: whoever is forgotten is found nowhere any more, the others keep what is theirs, and the ledger adds up."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from base64 import b64encode, encodebytes
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from busy import ANNA, IVAN, MARIA, PROBLEM, TRACES, busy, erase, found
from desk import TestDesk

from bot import parsing
from bot.data.erasure import Plan, files_without, forget, raw_without, trace, wrote
from bot.model import Envelope
from bot.model.markup import literal, quoted
from bot.store.files.letters import FileLetters
from bot.store.files.reader import FileDataReader
from bot.tickets.erasure import NOBODY, Person, runs
from bot.tickets.tokens import Purpose


async def test_nothing_of_him_is_left_anywhere(tmp_path: Path) -> None:
    desk = await busy(tmp_path / "data")
    assert len(found(desk.data, *TRACES)) > 20
    assert desk.ledger_adds_up()
    plan = await erase(desk)
    assert plan.own == (1,)
    assert 2 in plan.others
    assert found(desk.data, *TRACES) == []
    assert desk.ledger_adds_up()
    await desk.restart()
    assert trace(FileDataReader(desk.data), IVAN, desk.now).empty


class Cut:
    """In the place of a store or of letters: the power goes before the step `at` of all that share the count."""

    def __init__(self, real: Any, count: list[int], at: int) -> None:
        self._real, self._count, self._at = real, count, at

    def __getattr__(self, name: str) -> Any:
        self._count[0] += 1
        if self._count[0] == self._at:
            raise OSError(name)
        return getattr(self._real, name)


async def test_cut_off_anywhere_a_second_run_finishes(tmp_path: Path) -> None:
    """Before each letter, record and ticket in turn."""
    desk = await busy(tmp_path / "whole")
    at, cut = 0, True
    while cut:
        at += 1
        data = tmp_path / str(at)
        shutil.copytree(desk.data, data)
        one, count = await TestDesk.opened(data, undo=0), [0]
        one.now = desk.now
        try:
            await erase(one, IVAN, Cut(FileLetters(one.inbox), count, at), Cut(one.store, count, at))
            cut = False
        except OSError:
            await one.restart()
            await erase(one)
        assert found(data, *TRACES) == []
        assert one.ledger_adds_up()
    assert at > 15


async def test_the_others_keep_what_is_theirs(tmp_path: Path) -> None:
    desk = await busy(tmp_path / "data")
    await erase(desk)
    ticket = desk.ticket(2)
    assert (ticket.requester.email, ticket.subject, ticket.status) == (MARIA, "Фильм Марии", "in_progress")
    hers = [entry.text for entry in ticket.entries if entry.who == MARIA]
    assert hers[0].startswith(PROBLEM + " Это Мария, у меня то же самое, что у ")
    assert hers[1] == "Спасибо, у меня уже работает лучше, чем вчера."
    await desk.pass_time(hours=4)
    [letter] = await desk.reply(desk.mail(MARIA)[-1], MARIA, "Ещё один вопрос по тому же поводу, если можно.")
    assert (letter.to, desk.ticket(2).entries[-1].who) == (ANNA, MARIA)
    assert desk.ticket(1).owner == ANNA


@pytest.mark.parametrize("how", ["afresh", "to the signed address", "with the tag"])
@pytest.mark.parametrize("awake", [True, False])
async def test_writing_again_he_is_a_new_person(tmp_path: Path, how: str, awake: bool) -> None:
    """With the desk running on or started anew: a new number, an acknowledgement, no link to what was."""
    desk = await busy(tmp_path / "data")
    old = desk.mail(IVAN, "acknowledgement")[0]
    await erase(desk)
    if not awake:
        await desk.restart()
    if how == "to the signed address":
        sent = await desk.reply(old, IVAN, f"{PROBLEM} Снова я.")
    else:
        sent = await desk.send(IVAN, f"{PROBLEM} Снова я.", subject="Re: [PF-1] Фильм" if how == "with the tag" else "Фильм")
    assert [one.template for one in sent if one.to == IVAN] == ["acknowledgement"]
    ticket = desk.ticket(max(desk.tickets()))
    assert (ticket.number > 2, ticket.requester.email, ticket.links) == (True, IVAN, ())
    assert IVAN not in str(desk.ticket(1))
    assert desk.ledger_adds_up()


async def test_an_agent_cannot_answer_in_what_is_erased(tmp_path: Path) -> None:
    desk = await busy(tmp_path / "data")
    notice = desk.mail(ANNA)[0]
    await erase(desk)
    for text in ("#ответ\nЗдравствуйте, всё починили, проверьте.", "#вернуть", "#заметка\nкто это был?"):
        before = desk.ticket(1)
        sent = await desk.reply(notice, ANNA, text)
        assert [one.to for one in sent] == [ANNA]
        assert desk.ticket(1) == before


async def test_somebody_of_the_same_name_keeps_it(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    for sender in (IVAN, MARIA):
        await desk.send(sender, PROBLEM, subject="Чёрный экран", name="Саша Иванов")
    await desk.reply(desk.mail(ANNA, "notice_new")[1], ANNA, f"#копия {IVAN}\n#ответ\nСаша, посмотрите, пожалуйста, ещё раз.")
    await desk.reply(desk.mail(IVAN)[-1], IVAN, "Посмотрел, Саша Иванов.", name="Саша Иванов")
    before = desk.ticket(2)
    await erase(desk)
    after = desk.ticket(2)
    assert (after.requester, after.subject, after.entries[0]) == (before.requester, before.subject, before.entries[0])
    assert found(tmp_path, IVAN) == []


async def test_what_waits_to_leave_to_him_does_not(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=120)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.send(MARIA, PROBLEM, subject="Фильм")
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#ответ\nПопробуйте, пожалуйста, другой браузер.")
    await desk.reply(desk.mail(ANNA, "notice_new")[1], ANNA, f"#копия {IVAN}\n#ответ\nПопробуйте, пожалуйста, другой браузер.")
    before = len(desk.mail(IVAN))
    await erase(desk)
    assert {one.to for one in await desk.pass_time(minutes=10)} == {MARIA}
    assert len(desk.mail(IVAN)) == before


async def test_a_block_a_bounce_and_a_latch_are_forgotten(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#блок")
    await desk.send(IVAN, "Эй!")
    assert len(desk.mail(IVAN)) == 1
    await erase(desk)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    assert len(desk.mail(IVAN)) == 2
    assert desk.ledger_adds_up()


async def test_an_example_that_an_agent_saved_of_his_letter_goes_too(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, "Вы там все сволочи и дебилы, ничего не работает, purple badger ate everything", subject="Фильм")
    await desk.send(ANNA, "#правило_неверно", to=desk.context.signer.address(1, Purpose.agent, ANNA))
    assert any("purple badger ate" in path.read_text("utf-8") for path in (tmp_path / "desk").glob("*.json"))
    await erase(desk)
    assert found(tmp_path, IVAN, "purple badger", "сволочи") == []


def test_only_what_is_his_is_cut() -> None:
    person = Person(address=IVAN, said=("Badger trouble on Tuesday", "The film stops. It shows a black page & nothing else"), tickets=(3,))
    same = ["ivan@example.org.uk", "xivan@example.org", "no-ivan@example.org", "It shows a black page", "see PF-31: It shows a black page"]
    assert [person.cleaned(text) for text in same] == same
    assert person.cleaned(f"<{IVAN.upper()}>, ok") == f"<{NOBODY}>, ok"
    assert person.cleaned("mailto:x?body=%3Civan%40example.org%3E") == f"mailto:x?body=%3C{NOBODY}%3E"
    assert person.cleaned("PF-3 · Anna · Badger trouble on Tuesday!") == "PF-3 · Anna · […]!"
    assert person.cleaned("[PF-3]<p>It shows a <b>black</b> page &amp; nothing else</p>") == "[PF-3]<p>[…] <b>[…]</b> […]</p>"
    assert person.cleaned("said elsewhere: it SHOWS a\n> black page", known=True) == "said elsewhere: […]"
    spared = runs(["It shows a black page"])
    assert person.cleaned("It shows a black page", True, spared) == "It shows a black page"


def test_he_is_cut_out_of_the_bodies_of_our_letters_too() -> None:
    said = ("<b>It shows</b> a black page", "Привет <3 мой пароль от кабинета\nвторая строка")
    person = Person(address="anna-maria@x-y.example", said=said, tickets=(3,))
    assert person.cleaned(quoted("\n".join(said)), known=True) == "> " + literal("<") + "[…]"
    assert person.cleaned(literal("(anna-maria@x-y.example) wrote")) == literal("(") + NOBODY + literal(") wrote")
    assert person.cleaned(literal("[PF-3] <b>It shows</b> a black page")) == literal("[PF-3] <") + "[…]"
    for other in ("an-anna-maria@x-y.example", "anna-maria@x-y.example-z.org", "PF-31: It shows a black page"):
        assert person.cleaned(literal(other)) == literal(other)
        assert person.hint.search(literal(person.address))


TEXT = "It shows a black page"
LETTERS = {
    "the subject is the text": f"Subject: {TEXT}\r\n\r\n{TEXT}",
    "base64": f"Subject: =?utf-8?B?{b64encode(TEXT.encode()).decode()}?=\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + encodebytes(TEXT.encode()).decode(),
    "quoted-printable": "Content-Transfer-Encoding: quoted-printable\r\n\r\nIt shows =\r\na bl=61ck page\r\n",
    "two parts": 'Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nIt shows a black page\r\n--b\r\n'
    "Content-Type: text/html\r\n\r\n<p>It shows <b>a black</b> page</p>\r\n--b--\r\n",
    "koi8-r": "Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + encodebytes(f"Вот: {TEXT}".encode("koi8-r")).decode(),
}  # fmt: skip


@pytest.mark.parametrize("how", LETTERS)
def test_a_letter_of_another_is_cut_whatever_its_coding(how: str) -> None:
    person = Person(address=IVAN, said=(TEXT,), tickets=(3,))
    envelope = Envelope(letter="x", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from=MARIA)
    raw = f"From: {MARIA}\r\nTo: {IVAN}\r\n{LETTERS[how]}".encode()
    assert TEXT.split() == parsing.read(raw, envelope).text.split()[-5:]
    left = parsing.read(raw_without(raw, person), envelope)
    assert "black" not in f"{left.subject} {left.full_text}"
    assert (left.sender[0].email, left.to[0].email) == (MARIA, NOBODY)
    assert left.text.startswith("Вот: […]" if how == "koi8-r" else "[…]")
    unnamed = raw.replace(IVAN.encode(), b"support@providence.film")
    assert raw_without(unnamed, person) == unnamed


def test_a_letter_without_a_sender_is_that_of_its_envelope() -> None:
    envelope = Envelope(letter="x", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from="Ivan@Example.org")
    assert wrote(IVAN, envelope, b"Subject: x\r\n\r\ny")
    assert not wrote(IVAN, envelope, f"From: {MARIA}\r\nSubject: x\r\n\r\ny".encode())
    assert wrote(IVAN, envelope, b"From: =?utf-8?B?0K8=?= <IVAN@example.org>\r\n\r\ny")
    assert not wrote(IVAN, envelope, f"From: {MARIA}, {IVAN}\r\n\r\ny".encode())


async def test_a_letter_that_comes_after_the_plan_was_made_breaks_no_ledger(tmp_path: Path) -> None:
    """To read a large desk through takes minutes, and it goes on meanwhile."""
    desk = await busy(tmp_path / "data")
    with closing(FileDataReader(desk.data)) as reader:
        plan = trace(reader, IVAN, desk.now)
    await desk.reply(desk.mail(IVAN, "acknowledgement")[0], IVAN, "Ещё одно: теперь не работает и звук.")
    await forget(plan, FileLetters(desk.inbox), desk.store, desk.now)
    assert desk.ledger_adds_up()


async def test_a_ticket_that_is_opened_while_the_plan_is_made_leaves_no_letter_behind(tmp_path: Path) -> None:
    desk = await busy(tmp_path / "data")

    class Early(FileDataReader):
        """A new letter of his comes when the tickets have been looked through once, and the letters too."""

        def __init__(self, data: Path) -> None:
            super().__init__(data)
            self.looks = 0

        def tickets(self, *, filed: bool = True) -> Any:
            self.looks += 1
            return (one for one in super().tickets(filed=filed) if one.number != late or self.looks > 1)

        def letters(self) -> Any:
            return (one for one in super().letters() if one[0] != came)

    await desk.send(IVAN, PROBLEM + " Теперь и на телефоне.", subject="Совсем другое")
    late = max(desk.tickets())
    came = desk.ticket(late).seen[0].letter
    plan = trace(Early(desk.data), IVAN, desk.now)
    await forget(plan, FileLetters(desk.inbox), desk.store, desk.now)
    assert not desk.inbox.has(came)
    assert desk.ledger_adds_up()


def test_what_a_crash_left_half_written_goes_too(tmp_path: Path) -> None:
    names = (
        "tickets/live/.7.json.tmp", "inbox/tmp/20261122T000000000000-abcdef.eml", "outbox/.tmp/undated-0123456789abcdef.eml",
        "desk/.2026-11-22.json.tmp",
    )  # fmt: skip
    for name in names:
        for path in (tmp_path / "old" / name, tmp_path / "fresh" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(IVAN)
        os.utime(tmp_path / "old" / name, (0, 0))
    for data in (tmp_path / "old", tmp_path / "fresh"):
        files_without(data, Plan(person=Person(address=IVAN)))
    assert [path.parts[len(tmp_path.parts)] for path in tmp_path.rglob("*") if path.is_file()] == ["fresh"] * 4


@pytest.mark.parametrize(("end", "pack"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_a_log_is_unpacked_however_it_was_packed(tmp_path: Path, end: str, pack: Any) -> None:
    log = tmp_path / "log" / f"desk.jsonl-20261122.{end}"
    log.parent.mkdir()
    log.write_bytes(pack.compress(f"{IVAN}\nx{IVAN}\n".encode() * 99))
    whole, plan = log.read_bytes(), Plan(person=Person(address=IVAN))
    assert files_without(tmp_path, plan) == 1
    assert pack.decompress(log.read_bytes()).decode() == f"{NOBODY}\nx{IVAN}\n" * 99
    log.write_bytes(whole[:-9])
    with pytest.raises(OSError, match="mend or remove"):
        files_without(tmp_path, plan)
    assert list(log.parent.iterdir()) == [log]


def test_an_address_that_is_not_ascii_is_found_in_any_case() -> None:
    who, raw = "иван@почта.рф", "From: Иван <Иван@Почта.РФ>\r\nSubject: x\r\n\r\ny\r\n".encode()
    envelope = Envelope(letter="x", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from="")
    assert wrote(who, envelope, raw)
    hers = raw.replace(b"From:", f"From: {MARIA}\r\nTo:".encode()) + bytes(range(256))
    assert raw_without(hers, Person(address=who)) == hers.replace("Иван@Почта.РФ".encode(), NOBODY.encode())
