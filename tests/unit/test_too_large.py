"""A letter that a listener cannot take: its sender and the leads are told, and nobody waits for it in vain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from desk import ROOT, TestDesk
from spoken import EN, RU

from bot.app.daemon import Daemon
from bot.intake.imap import TOO_LARGE
from bot.intake.pipe import LIMIT
from bot.model import Delivery, Disposition, Envelope, Outgoing, Status
from bot.settings import HostPort, Settings

ANNA, BORIS, OLGA = "anna@providence.film", "boris@providence.film", "olga@example.org"
SIZE = 41 * 1024 * 1024
PROBLEM = "Не открывается раздел с фильмами, ошибка 403 на странице. Chrome 131, Windows 11."


async def large(
    desk: TestDesk, sender: str = OLGA, subject: str = "Видео с ошибкой", intake: str = "imap", **headers: str
) -> list[Outgoing]:
    """The headers of a letter, as a listener stores them; what left because of it."""
    desk.now += timedelta(seconds=1)
    desk.count = getattr(desk, "count", 0) + 1
    named = {"To": "support@providence.film", "Message-ID": f"<{desk.count}.large@client.example>"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    head += "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    raw = f"From: Ольга <{sender}>\r\nSubject: {subject}\r\n{head}"
    desk.client = intake if intake == "imap" else ""
    sent = await desk.raw(raw.encode(), sender, (), intake=intake, too_large=SIZE)
    desk.client = ""
    return sent


def templates(sent) -> list[tuple[str, str]]:
    return [(one.template, one.to) for one in sent]


async def test_a_proved_sender_and_the_leads_are_told(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    sent = await large(desk)
    assert templates(sent) == [("alert", ANNA), ("too_large", OLGA)]
    alert, answer = sent
    assert alert.subject == f"Письмо слишком большое, мы его не приняли: {OLGA}, 41 МБ, Видео с ошибкой"
    assert "Desk/Too large" in alert.text
    assert "Отправителю мы написали" in alert.text
    said = ("«Видео с ошибкой»", "41 МБ", "25 МБ", "18 МБ", "ссылку", "https://providence.film/support")
    assert all(words in answer.text for words in said)
    assert "PF-" not in answer.subject + answer.text
    assert dict(answer.headers)["Auto-Submitted"] == "auto-replied"
    assert dict(answer.headers)["In-Reply-To"] == "<1.large@client.example>"
    assert desk.tickets() == []
    assert desk.ledger_adds_up()
    assert ("machine", {"letter": answer.letter, "kind": "too_large"}) in desk.events


async def test_nobody_is_written_to_whom_nothing_proves(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    [alert] = await large(desk)
    assert (alert.template, alert.to) == ("alert", ANNA)
    assert "отправитель не подтверждён" in alert.text
    assert "DESK_TRUSTED_RELAYS=imap=" in alert.text
    [alert] = await large(desk, intake="pipe")
    assert "вернул его отправителю" in alert.text
    assert "Too large" not in alert.text
    assert "DESK_TRUSTED_RELAYS" not in alert.text


async def test_whose_word_counts_is_not_asked_for_where_it_is_known(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    desk.context = replace(desk.context, relays=desk.context.relays | {"imap"})
    await desk.restart()
    [alert] = await large(desk)
    assert "отправитель не подтверждён" in alert.text
    assert "DESK_TRUSTED_RELAYS" not in alert.text


async def test_whom_the_mail_server_tells_is_not_told_twice(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    [alert] = await large(desk, intake="pipe")
    assert (alert.template, alert.to) == ("alert", ANNA)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Auto_Submitted": "auto-replied"}, "machine"),
        ({"Precedence": "bulk"}, "machine"),
        ({"X_Auto_Response_Suppress": "All"}, "asked_not_to"),
    ],
)
async def test_robots_are_not_answered_and_the_leads_are_told(tmp_path: Path, headers, why) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    [alert] = await large(desk, **headers)
    assert (alert.template, alert.to) == ("alert", ANNA)
    assert RU.say(why) in alert.text
    assert desk.ledger_adds_up()


async def test_a_letter_that_answers_a_ticket_stands_in_it_as_a_line(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    await desk.send(OLGA, PROBLEM, subject="Фильмы")
    [notice] = desk.mail(BORIS, "notice_new")
    await desk.reply(notice, BORIS, "#уточнить\nПришлите, пожалуйста, видео.")
    await desk.pass_time(minutes=3)
    assert desk.ticket().status is Status.clarification
    asked = desk.mail(OLGA, "clarify")[-1]
    sent = await large(desk, subject=f"Re: {asked.subject}", To=dict(asked.headers)["Reply-To"])
    ticket = desk.ticket()
    assert (ticket.status, ticket.owner) == (Status.in_progress, BORIS), "the silence timer does not close it"
    assert (ticket.entries[-1].about, ticket.entries[-1].public) == ("too_large", False)
    assert ticket.seen[-1].disposition is Disposition.machine
    assert f"{OLGA}, 41 МБ" in ticket.entries[-1].text
    assert templates(sent) == [("alert", ANNA), ("case", BORIS), ("too_large", OLGA)]
    _, case, told = sent
    assert all(one.subject.startswith("[PF-1]") for one in sent)
    assert "41 МБ" in case.text
    assert "сообщение почты" in case.text
    assert "«Фильмы»" in told.text
    assert (told, told.created) == (ticket.outgoing[-1], desk.now)
    await desk.reply(told, OLGA, "Вот ссылка: https://cloud.example/video", headers={})
    assert desk.tickets() == [1]
    assert desk.ticket().entries[-1].text.startswith("Вот ссылка")
    assert desk.ledger_adds_up()


async def test_an_agent_is_told_at_the_signed_address_of_the_ticket(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(BORIS,))
    await desk.send(OLGA, PROBLEM, subject="Фильмы")
    [notice] = desk.mail(BORIS, "notice_new")
    sent = await large(desk, BORIS, f"Re: {notice.subject}", To=dict(notice.headers)["Reply-To"])
    assert templates(sent) == [("alert", ANNA), ("too_large", BORIS)]
    [receipt] = await desk.reply(sent[1], BORIS, "#взять")
    assert receipt.template == "receipt"
    assert desk.ticket().owner == BORIS


async def test_a_strangers_letter_with_a_number_says_nothing_of_the_ticket(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=("eve@evil.example",))
    await desk.send(OLGA, PROBLEM, subject="Фильмы")
    before = desk.ticket()
    sent = await large(desk, "eve@evil.example", "[PF-1] Фильмы")
    assert desk.ticket() == before
    assert "PF-1" not in sent[-1].text.replace("[PF-1]", "") + sent[-1].subject


async def test_many_are_answered_within_the_caps_and_told_to_the_leads_in_one_letter(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    for number in range(15):
        await large(desk, subject=f"Видео {number}")
    assert len(desk.mail(OLGA, "too_large")) == 3
    held = [one.letter.template for one in await desk.store.stuck(Delivery.held)]
    assert held == ["too_large"] * 12
    assert len([one for one in desk.mail(ANNA, "alert") if "Видео" in one.subject]) == 10
    await desk.pass_time(minutes=1)
    [gathered] = desk.mail(ANNA, "gathered")
    assert all(f"{OLGA}, 41 МБ, Видео {number}" in gathered.text for number in range(10, 15))
    assert desk.ledger_adds_up()


async def test_what_a_blocked_address_sends_is_only_kept(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    await desk.send(OLGA, PROBLEM, subject="Фильмы")
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#блок")
    assert await large(desk) == []
    assert desk.ledger_adds_up()


async def test_the_same_letter_is_told_once(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(OLGA,))
    await large(desk, Message_ID="<same@client.example>")
    assert await large(desk, Message_ID="<same@client.example>") == []
    await desk.restart()
    assert await large(desk, Message_ID="<same@client.example>") == []
    assert desk.ledger_adds_up()


async def test_letters_that_a_mailbox_keeps_back_are_told_once_a_day_and_gathered(tmp_path: Path) -> None:
    place = HostPort("127.0.0.1", 0)
    settings = Settings(
        data=tmp_path, rules=ROOT / "rules.yaml", templates=ROOT / "templates", smtp=place, readers=1
    )
    desk = Daemon(settings)
    await desk.start()
    try:
        for uid in (*range(15), *range(15)):
            await desk.refused(f"imap.example, INBOX, UID {uid}", "mailbox_letter")
    finally:
        await desk.close()
    log = (tmp_path / "log" / "desk.jsonl").read_text("utf-8")
    assert (log.count('"event":"alert"'), log.count('"event":"gathered"')) == (15, 5)


def test_the_words_name_what_the_doors_do() -> None:
    assert all("/".join(TOO_LARGE) in terms.say("too_large_imap") for terms in (RU, EN))
    old = b'{"letter":"a","received":"2026-11-22T12:00:00Z","mail_from":"?"}'
    assert msgspec.json.decode(old, type=Envelope).too_large == 0
    assert LIMIT == 25 * 1024 * 1024, "the templates name it"
    assert b"too_large" not in msgspec.json.encode(msgspec.json.decode(old, type=Envelope))
