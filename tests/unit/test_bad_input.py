"""Letters that nobody should send, through the whole desk: each ends in exactly one place, and its sender gets an honest answer."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from contract import IVAN, outgoing
from desk import TestDesk
from typer.testing import CliRunner

from bot.cli import app

LETTERS = Path(__file__).parent.parent / "letters"
USER = "ivan@example.org"


@pytest.fixture
async def desk(tmp_path: Path) -> TestDesk:
    """An empty desk at noon."""
    return await TestDesk.opened(tmp_path)


def letter(name: str) -> bytes:
    """A numbered letter."""
    return next(LETTERS.glob(f"{name}-*.eml")).read_bytes()


async def test_an_empty_letter_is_asked_for_a_description(desk: TestDesk) -> None:
    """01: no text at all; the machine asks, and nothing is lost."""
    await desk.raw(letter("01"), USER)
    [asked] = desk.mail(USER)
    assert asked.template == "ground_insufficient_information"
    assert desk.ticket().status == "clarification"
    assert desk.ledger_adds_up()


async def test_a_letter_without_from_is_answered_to_the_envelope_sender(desk: TestDesk) -> None:
    """02: the requester is then the envelope sender."""
    await desk.raw(letter("02"), USER)
    assert [one.template for one in desk.mail(USER)] == ["acknowledgement"]
    assert desk.ticket().requester.email == USER
    assert desk.ledger_adds_up()


async def test_a_letter_without_from_and_sender_still_is_a_ticket(desk: TestDesk) -> None:
    """02 from nobody: kept for the agents; there is nobody to answer."""
    await desk.raw(letter("02"), "")
    assert {one.to for one in desk.delivered} <= {"anna@providence.film", "boris@providence.film"}
    assert desk.ledger_adds_up()


async def test_a_letter_without_subject(desk: TestDesk) -> None:
    """03: the tag alone is the subject of the answer."""
    await desk.raw(letter("03"), USER)
    assert desk.mail(USER)[0].subject.startswith("[PF-1]")
    assert desk.mail("anna@providence.film")[0].subject.startswith("[PF-1]")


async def test_raw_eight_bit_headers_are_read(desk: TestDesk) -> None:
    """04: windows-1251 bytes in Subject and From, against RFC 5322."""
    await desk.raw(letter("04"), USER)
    assert desk.ticket().subject == "Не приходит письмо для входа"
    assert desk.ticket().requester.name == "Иван Петров"


async def test_a_line_break_inside_an_encoded_subject_makes_no_header(desk: TestDesk) -> None:
    """05: CR LF and a Bcc inside an encoded word stay one line; nothing is added to what leaves."""
    desk.aligned.add(USER)
    await desk.raw(letter("05"), USER)
    assert "\n" not in desk.ticket().subject
    for raw, _, _ in desk.sender.letters:
        sent = message_from_bytes(raw, policy=policy.default)
        assert sent["Bcc"] is None
        assert "evil@example.net" not in str(sent["To"])


async def test_a_subject_of_5000_characters(desk: TestDesk) -> None:
    """06: cut for keeping and showing; the letter is a ticket like any other."""
    await desk.raw(letter("06"), USER)
    assert 0 < len(desk.ticket().subject) <= 500
    assert all(len(one.subject) < 300 for one in desk.delivered)


async def test_a_letter_to_two_of_our_addresses_is_one_ticket(desk: TestDesk) -> None:
    """07: one SMTP dialogue with two recipients, and a copy that came by the other address."""
    await desk.raw(letter("07"), USER, ("support@providence.film", "support+help@providence.film"))
    await desk.raw(letter("07"), USER, ("support+help@providence.film",))
    assert desk.tickets() == [1]
    assert len(desk.mail(USER)) == 1
    assert desk.ledger_adds_up()


async def test_bcc_only(desk: TestDesk) -> None:
    """08: the desk stands in no header; the envelope brought the letter here."""
    await desk.raw(letter("08"), USER)
    assert [one.template for one in desk.mail(USER)] == ["acknowledgement"]


async def test_a_tag_of_no_ticket_opens_a_new_one(desk: TestDesk) -> None:
    """09: [PF-777777] names nothing."""
    await desk.raw(letter("09"), USER)
    assert desk.tickets() == [1]
    assert desk.ticket().links == ()


async def test_the_same_letter_twice_is_one_ticket(desk: TestDesk) -> None:
    """The same Message-ID and body is a duplicate; the same Message-ID with another body is a letter of its own (lesson 16)."""
    raw = letter("03")
    await desk.raw(raw, USER)
    await desk.raw(raw, USER)
    assert desk.tickets() == [1]
    await desk.raw(raw + b"\r\nAnd one thing more: the sound is gone as well, in every film I tried.\r\n", USER)
    assert len(desk.tickets()) == 2
    assert len(desk.mail(USER)) == 2
    assert desk.ledger_adds_up()


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\0" * 2000, b"From: \xff\xfe\r\n\r\n\x80\x81", b"Subject: =?utf-8?q?=" + b"(" * 5000, bytes(range(256)) * 40]
)
async def test_no_bytes_whatever_are_lost(desk: TestDesk, raw: bytes) -> None:
    """Anything accepted is accounted for, and the next letter is handled."""
    await desk.raw(raw, USER)
    await desk.send("olga@example.org", "В каталоге не открывается поиск, Chrome 131: белая страница после Enter.", subject="Поиск")
    assert any(one.to == "olga@example.org" for one in desk.delivered)
    assert desk.ledger_adds_up()


async def test_a_letter_that_breaks_the_desk_is_parked_and_the_next_one_handled(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lesson 13. The leads are told; `parked retry` handles it once the fault is mended."""
    from bot.tickets.requester import requester_letter

    good = requester_letter.judge

    def broken(*args: object) -> object:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(requester_letter, "judge", broken)
    await desk.send(USER, "В каталоге не открывается поиск.", subject="Поиск")
    monkeypatch.setattr(requester_letter, "judge", good)
    [parked] = desk.inbox.parked()
    assert "a fault of ours" in parked.reason
    assert [one.template for one in desk.mail("anna@providence.film")] == ["alert"]
    await desk.send("olga@example.org", "В каталоге не открывается поиск, Chrome 131: белая страница после Enter.", subject="Поиск")
    assert desk.tickets() == [1]
    assert desk.ledger_adds_up()


async def test_a_subject_is_no_markup_of_the_terminal_and_no_flood(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run.py list` shows a stranger's subject as it is, and not more of it than fits."""
    await desk.send(USER, "Не открывается фильм, чёрный экран в Chrome 131.", subject="[/b] [red]x " + "very " * 400)
    monkeypatch.setenv("DESK_DATA", str(desk.data))
    monkeypatch.setenv("COLUMNS", "120")
    shown = CliRunner().invoke(app, ["list"])
    assert (shown.exit_code, len(shown.output.splitlines())) == (0, 2)
    assert "[/b] [red]x" in shown.output
    assert {"created", "medium", USER} <= set(shown.output.split()), "nor does it push anything else away"


async def test_a_list_in_a_narrow_window_breaks_no_word_of_ours(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run.py list` in a window of 80 columns: a long ground stands in lines of whole words; in a pipe each ticket has one line."""
    await desk.send(USER, "Не работает", subject="Не работает")
    monkeypatch.setenv("DESK_DATA", str(desk.data))
    monkeypatch.setenv("COLUMNS", "80")
    narrow = CliRunner().invoke(app, ["list"]).output.split()
    assert {"clarification", "insufficient", "information", "medium", "Не"} <= set(narrow)
    assert {"1", "owner", "opened"} <= set(narrow)
    monkeypatch.delenv("COLUMNS")
    titles, one = (line.split("\t") for line in CliRunner().invoke(app, ["list"]).output.splitlines())
    assert (titles[1], one[1], one[-1]) == ("status", "clarification insufficient information", "Не работает")


async def test_a_letter_that_names_no_author_is_its_senders(desk: TestDesk) -> None:
    problem = "Subject: x\nMessage-ID: <{}@client.example>\n\nThe film does not open, Chrome 131 shows a black screen.\n"
    for number, sender in enumerate((USER, "?"), 1):
        await desk.raw(problem.format(number).encode(), sender)
        [entry] = desk.ticket(number).entries
        assert entry.who == desk.ticket(number).requester.email == sender.strip("?")
    named, nameless = (one.text for one in desk.mail("anna@providence.film", "notice_new"))
    assert f"\n{USER} (пользователь):\n" in named
    assert "\n(пользователь):\n" in nameless


@pytest.mark.parametrize("do", ["retry", "drop"])
def test_a_failed_letter_that_is_not_there_is_said_so(do, monkeypatch):
    """With what there is; no address at all means all, and none of them is no mistake."""
    monkeypatch.setattr("bot.cli.admin.tell_daemon", lambda request, otherwise: {"ok": int(request["to"] == IVAN)})
    monkeypatch.setattr("bot.cli.admin._stuck", lambda state: [("7", outgoing(to=IVAN))])
    shown = CliRunner().invoke(app, ["failed", do, "nobody@x"])
    assert (shown.exit_code, "nobody@x" in shown.output, IVAN in shown.output) == (1, True, True)
    assert [CliRunner().invoke(app, ["failed", do, *to]).exit_code for to in ([IVAN], [])] == [0, 0]
