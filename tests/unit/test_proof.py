"""What proves who wrote a letter, be it an agent's, a requester's, a department's or a bounce."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk import ROOT, TestDesk
from msgspec import structs

from bot.model import Letter, Outgoing, Status, Waiting
from bot.tickets.tokens import Purpose, Signer

ANNA, BORIS, IVAN, DEV = (
    "anna@providence.film",
    "boris@providence.film",
    "ivan@example.org",
    "dev@providence.film",
)
DESK = "support@providence.film"
PROBLEM = "После входа открываю фильм в Chrome 130, жму «Смотреть», экран чёрный, ошибка 500. Вчера работало."


class Failing(TestDesk):
    """A desk whose relay reports dmarc=fail for the `failing`, and that doubts the From of the `doubtful`."""

    failing: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()

    async def _authenticate(self, raw: bytes, letter: Letter, parser_pool: Any) -> Letter:
        known = await super()._authenticate(raw, letter, parser_pool)
        doubt = "two fields" if letter.requester.email in self.doubtful else letter.from_defect
        return structs.replace(known, dmarc_failed=letter.requester.email in self.failing, from_defect=doubt)


@pytest.fixture
async def desk(tmp_path: Path) -> Failing:
    """One ticket of Ivan's, free."""
    desk = await Failing.opened(tmp_path / "data", undo=0)
    assert isinstance(desk, Failing)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    return desk


def plain(desk: TestDesk) -> None:
    """As with DESK_PLUS=off and DESK_RETURN=plain."""
    signer = desk.context.signer
    desk.context = replace(desk.context, signer=Signer(signer.keys, DESK, "PF", plus=False), verp=False)
    desk.desk.context = desk.context


async def by_message_id(
    desk: TestDesk, to: Outgoing, sender: str, text: str, subject: str = ""
) -> list[Outgoing]:
    """An answer to the desk's plain address that names our letter in In-Reply-To and References."""
    headers = {"In-Reply-To": f"<{to.message_id}>", "References": f"<{to.message_id}>"}
    return await desk.send(sender, text, subject=subject or f"Re: {to.subject}", headers=headers)


async def solved(desk: TestDesk) -> Outgoing:
    """Ticket 1 closed by Anna; the letter that says so and asks for a score."""
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#решено\nПочинили, проверьте.")
    await desk.deliver()
    return desk.mail(IVAN, "resolved_solved")[-1]


# ------------------------------------------------------------------------------------------------ requesters


async def test_a_letter_that_nothing_proves_opens_a_ticket_beside_the_one_that_is_done(desk: Failing) -> None:
    closing = await solved(desk)
    before = len(desk.mail(ANNA))
    await by_message_id(desk, closing, IVAN, "Вы идиоты, опять не работает")
    assert (desk.ticket(1).status, desk.ticket(1).links) == (Status.done, (2,))
    assert (desk.ticket(2).status, desk.ticket(2).ground, desk.ticket(2).links) == (
        Status.created,
        None,
        (1,),
    )
    assert desk.ticket(2).entries[0].unconfirmed
    [notice] = desk.mail(ANNA)[before:]
    assert "Отправитель не подтверждён" in notice.text
    assert "PF-1" in notice.text
    assert "правило insult" in notice.text
    assert [one.template for one in desk.mail(IVAN)][-1] == "acknowledgement"
    await by_message_id(desk, closing, IVAN, "Ответьте же, всё ещё не работает")
    assert [one.template for one in desk.mail(IVAN)].count("acknowledgement") == 2, (
        "one acknowledgement a day through one ticket"
    )
    await desk.reply(closing, IVAN, "Всё ещё не работает, экран чёрный.")
    assert desk.ticket(1).status is Status.in_progress, "by the signed address it is the customer's"


async def test_a_first_letter_of_anybody_is_judged_as_ever(desk: Failing) -> None:
    await desk.send("olga@example.org", "У меня хром 98 версии, видео не грузится", subject="Видео")
    assert desk.ticket(2).status is Status.clarification
    assert not desk.ticket(2).entries[0].unconfirmed


@pytest.mark.parametrize("thanks", ["Спасибо!", "Ок", "👍"])
async def test_thanks_that_nothing_proves_are_filed_without_a_word(thanks: str, desk: Failing) -> None:
    closing, before = await solved(desk), len(desk.delivered)
    await by_message_id(desk, closing, IVAN, thanks)
    assert (desk.tickets(), desk.ticket().status, len(desk.delivered)) == ([1], Status.done, before)
    assert (desk.ticket().entries[-1].text, desk.ticket().entries[-1].unconfirmed, desk.ticket().proved) == (
        thanks,
        True,
        False,
    )


async def test_a_score_that_nothing_proves_is_told_to_the_owner_and_not_counted(desk: Failing) -> None:
    closing, before = await solved(desk), len(desk.mail(BORIS))
    [told] = await by_message_id(desk, closing, IVAN, "1\nХамы")
    assert (told.to, told.template, "Отправитель не подтверждён" in told.text, "Хамы" in told.text) == (
        ANNA,
        "notice_update",
        True,
        True,
    )
    assert (desk.ticket().score, desk.ticket().status, desk.tickets(), len(desk.mail(BORIS))) == (
        0,
        Status.done,
        [1],
        before,
    )
    desk.failing = frozenset({IVAN})
    score = desk.context.signer.address(1, Purpose.score, IVAN, 1)
    await desk.send(IVAN, "Оценка: 1", subject="[PF-1] Оценка: 1", to=score)
    assert (desk.ticket().score, desk.tickets()) == (0, [1]), "its own address leaks as any other does"
    desk.failing = frozenset()
    await desk.send(IVAN, "Оценка: 5", subject="[PF-1] Оценка: 5", to=score)
    assert desk.ticket().score == 5


async def test_it_ends_clarification_and_proves_nothing(desk: Failing) -> None:
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#уточнить\nКакой браузер?")
    await desk.send(IVAN, "Какого хуя, хром 98", subject="[PF-1]")
    ticket = desk.ticket()
    assert (ticket.status, ticket.waiting_for, ticket.proved, ticket.ground) == (
        Status.in_progress,
        Waiting.nobody,
        False,
        None,
    )
    assert "Отправитель не подтверждён" in desk.mail(ANNA)[-1].text
    assert all(not hit.action for hit in ticket.entries[-1].hits)


async def test_unconfirmed_letters_leave_room_for_the_customers_own(
    desk: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.tickets.threading.MOST_UNCONFIRMED", 3)
    for number in range(5):
        await desk.send(IVAN, f"Письмо {number}. " + "слово " * 20_000, subject="[PF-1]")
    assert [one.unconfirmed for one in desk.ticket(1).entries].count(True) == 3
    assert sum(len(one.text) for one in desk.ticket(1).entries) < 20_000
    assert desk.ticket(1).links == (2, 3)
    await desk.reply(desk.mail(IVAN)[0], IVAN, "А это я.")
    assert desk.ticket(1).entries[-1].text == "А это я."


async def test_what_is_aligned_is_not_unconfirmed(desk: Failing) -> None:
    desk.aligned.add(IVAN)
    await desk.send(IVAN, "Сервис не работает у всех наших сотрудников, срочно помогите", subject="[PF-1]")
    assert (desk.ticket().priority, desk.ticket().entries[-1].unconfirmed, desk.ticket().proved) == (
        "high",
        False,
        True,
    )


async def test_a_signed_address_in_a_letter_that_failed_dmarc_proves_no_requester(desk: Failing) -> None:
    desk.failing, desk.aligned = frozenset({IVAN}), {IVAN}
    await desk.reply(desk.mail(IVAN)[0], IVAN, "#закрыть")
    assert (desk.ticket().status, desk.ticket().entries[-1].unconfirmed) == (Status.created, True)


async def test_a_from_that_may_be_read_in_two_ways_is_nobodys(desk: Failing) -> None:
    notice, case = desk.mail(ANNA, "notice_new")[0], await escalated(desk)
    desk.doubtful, desk.aligned, before = frozenset({ANNA, DEV, IVAN}), {ANNA, DEV, IVAN}, desk.ticket()
    await desk.reply(notice, ANNA, "#решено\nПочинили.")
    await desk.reply(case, DEV, "Скажите ему, что денег не вернём.")
    assert desk.ticket().entries == before.entries + desk.ticket().entries[-2:]
    assert [one.about for one in desk.ticket().entries[-2:]] == ["astray", "astray"], (
        "each is kept inside"
    )
    await desk.reply(desk.mail(IVAN)[0], IVAN, "#закрыть")
    assert (desk.ticket().status, desk.ticket().entries[-1].unconfirmed) == (Status.in_progress, True)


# ---------------------------------------------------------------------------------------------------- agents


async def test_a_signed_address_in_a_letter_that_failed_dmarc_is_asked_about(desk: Failing) -> None:
    desk.failing, desk.aligned = frozenset({ANNA}), {ANNA}
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#решено\nПочинили.")
    [question] = desk.mail(ANNA, "confirm")
    assert desk.ticket().status is Status.created
    assert "[PF-1]" in question.subject
    await desk.reply(question, ANNA, "#подтвердить")
    assert desk.ticket().status is Status.done, "its one-time address is obeyed whatever the relay says"


@pytest.fixture
async def strict(tmp_path: Path) -> Failing:
    """A desk where Anna has `trust: both`."""
    text = (
        (ROOT / "rules.yaml")
        .read_text("utf-8")
        .replace("address: anna@providence.film,", "address: anna@providence.film, trust: both,")
    )
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    desk = await Failing.opened(tmp_path / "data", tmp_path / "rules.yaml", undo=0)
    assert isinstance(desk, Failing)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    return desk


async def test_trust_in_both_wants_both(strict: Failing) -> None:
    notice = strict.mail(ANNA, "notice_new")[0]
    await strict.reply(notice, ANNA, "#взять")
    assert (strict.ticket().owner, len(strict.mail(ANNA, "confirm"))) == ("", 1)
    strict.aligned.add(ANNA)
    await strict.send(ANNA, "#взять", subject="[PF-1]")
    assert (strict.ticket().owner, len(strict.mail(ANNA, "confirm"))) == ("", 2)
    await strict.reply(notice, ANNA, "#взять", message_id="both@client")
    assert strict.ticket().owner == ANNA


async def test_trust_in_both_is_confirmed_without_either(strict: Failing) -> None:
    await strict.reply(strict.mail(ANNA, "notice_new")[0], ANNA, "#взять")
    await strict.reply(strict.mail(ANNA, "confirm")[0], ANNA, "#confirm")
    assert strict.ticket().owner == ANNA


async def test_a_copy_that_nothing_proves_does_not_stand_in_the_way_of_a_proved_one(strict: Failing) -> None:
    notice = strict.mail(ANNA, "notice_new")[0]
    await strict.reply(notice, ANNA, "#взять", message_id="same@client")
    strict.aligned.add(ANNA)
    await strict.reply(notice, ANNA, "#взять", message_id="same@client")
    assert strict.ticket().owner == ANNA


# ------------------------------------------------------------------------------------ without plus addresses


async def test_without_plus_addresses_in_reply_to_and_alignment_prove_together(desk: Failing) -> None:
    plain(desk)
    await desk.send(IVAN, PROBLEM + " И звука нет.", subject="Звук")
    notice = next(one for one in desk.mail(ANNA, "notice_new") if "[PF-2]" in one.subject)
    await desk.reply(notice, ANNA, "#взять")
    assert desk.ticket(2).owner == ""
    desk.aligned.add(ANNA)
    await desk.send(ANNA, "#взять", subject="[PF-2]", headers={"References": f"<{notice.message_id}>"})
    await desk.send(
        ANNA, "#взять", subject="[PF-2]", headers={"In-Reply-To": f"<x@y.example> <{notice.message_id}>"}
    )
    await desk.send(
        ANNA, "#взять", subject="[PF-2]", headers={"In-Reply-To": f"<{desk.mail(BORIS)[-1].message_id}>"}
    )
    assert (desk.ticket(2).owner, len(desk.mail(ANNA, "confirm"))) == ("", 4)
    await desk.reply(notice, ANNA, "#взять")
    assert desk.ticket(2).owner == ANNA


async def test_without_plus_addresses_the_subject_of_a_confirmation_is_its_one_time_address(
    desk: Failing,
) -> None:
    plain(desk)
    await desk.send(ANNA, "#решено\nПочинили.", subject="[PF-1]")
    [question] = desk.mail(ANNA, "confirm")
    await by_message_id(desk, question, ANNA, "#подтвердить", subject="Re: [PF-1]")
    await by_message_id(desk, question, BORIS, "#подтвердить")
    assert desk.ticket().status is Status.created
    await desk.send(ANNA, "#подтвердить", subject=f"Отв: {question.subject}")
    assert desk.ticket().status is Status.done
    await desk.send(ANNA, "#подтвердить.", subject=f"Re: {question.subject}")
    assert desk.mail(ANNA)[-1].template == "command_error", "it is for one time"


async def test_without_plus_addresses_customers_are_served(desk: Failing) -> None:
    plain(desk)
    await desk.send("olga@example.org", PROBLEM + " И звука нет.", subject="Звук")
    ours = desk.mail("olga@example.org")[0]
    await desk.reply(ours, "olga@example.org", "Забыла сказать: это телевизор.")
    assert desk.ticket(2).entries[-1].unconfirmed
    await desk.reply(ours, "olga@example.org", "#закрыть")
    assert desk.ticket(2).status is Status.created
    desk.aligned.add("olga@example.org")
    await desk.reply(ours, "olga@example.org", "#переписка")
    assert desk.mail("olga@example.org")[-1].template == "transcript"
    await desk.reply(ours, "olga@example.org", "#закрыть.")
    assert desk.ticket(2).status is Status.done


# -------------------------------------------------------------------------------------- departments, bounces


async def escalated(desk: TestDesk) -> Outgoing:
    """Ticket 1 waits for development; its case."""
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#передать разработка\nПосмотрите.")
    await desk.deliver()
    return desk.mail(DEV, "escalation")[-1]


async def test_a_department_without_its_address_is_heard_and_not_believed(desk: Failing) -> None:
    case = await escalated(desk)
    await by_message_id(desk, case, DEV, "Скажите ему, что денег не вернём.")
    ticket = desk.ticket()
    assert (
        ticket.waiting_for,
        ticket.entries[-1].unconfirmed,
        ticket.entries[-1].public,
        desk.tickets(),
    ) == (Waiting.department, True, False, [1])
    assert "Отправитель не подтверждён" in desk.mail(ANNA)[-1].text
    desk.failing = frozenset({DEV})
    await desk.reply(case, DEV, "И ещё скажите.")
    assert (desk.ticket().waiting_for, desk.ticket().entries[-1].unconfirmed) == (Waiting.department, True)
    desk.failing = frozenset()
    await desk.reply(case, DEV, "Исправили.")
    assert (desk.ticket().waiting_for, desk.ticket().entries[-1].unconfirmed) == (Waiting.nobody, False)


REPORT = """\
From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered
Message-ID: <{ident}@mx>
References: <{references}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

failed
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; x

Final-Recipient: rfc822; {of}
Action: failed
Status: 5.1.1

--b
Content-Type: message/rfc822

Message-ID: <{inside}>

x
--b--
"""


async def bounced(
    desk: TestDesk, of: str, to: str = DESK, inside: str = "x@y.example", references: str = "x@y.example"
) -> bool:
    """A delivery report of a stranger's; whether that address gets no automatic mail from now on."""
    ident = len(desk.events)
    letter = REPORT.format(to=to, of=of, inside=inside, references=references, ident=ident)
    await desk.raw(letter.encode(), "", (to,))
    return bool(await desk.store.suppressed([of], desk.now))


async def test_bounces_count_for_staff_only_at_their_own_address(desk: Failing) -> None:
    notice, case = desk.mail(ANNA, "notice_new")[0], await escalated(desk)
    for one in (case, notice):
        address = dict(one.headers)["Reply-To"]
        assert not await bounced(desk, one.to, inside=one.message_id, references=one.message_id)
        assert not await bounced(desk, one.to, address, inside=one.message_id)
        assert await bounced(desk, one.to, one.envelope_from), "the address that it was sent from"
    [alert] = desk.mail(ANNA, "alert")
    assert DEV in alert.text


async def test_an_agent_who_takes_part_is_not_made_deaf_by_a_message_id(desk: Failing) -> None:
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, f"#копия {BORIS}\n#ответ\nПочинили.")
    await desk.deliver()
    assert not await bounced(desk, BORIS, inside=desk.mail(BORIS, "reply")[-1].message_id)


async def test_a_customers_bounce_counts_by_its_message_id(desk: Failing) -> None:
    ours = desk.mail(IVAN)[0]
    assert not await bounced(desk, IVAN, references=ours.message_id)
    assert await bounced(desk, IVAN, inside=ours.message_id)


# --------------------------------------------------------------------------------------------- confirmations


async def asked(desk: TestDesk, text: str, subject: str = "[PF-1]", **more: Any) -> Outgoing:
    """The question that an unproved letter of Anna's raises."""
    await desk.send(ANNA, text, subject=subject, mail_from="eve@evil.example", **more)
    return desk.mail(ANNA, "confirm")[-1]


async def test_a_confirmation_shows_the_kept_text_that_it_would_send(desk: Failing) -> None:
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "Переведите деньги на карту.")
    question = await asked(desk, "#отправить")
    assert "Переведите деньги на карту." in question.text


async def test_a_confirmation_shows_the_ready_answer_that_it_would_send(desk: Failing) -> None:
    question = await asked(desk, "#шаблон cache\nбраузер: Firefox")
    assert "Откройте настройки браузера Firefox" in question.text


async def test_a_confirmation_shows_what_a_forwarded_letter_would_open(desk: Failing) -> None:
    head = "---------- Forwarded message ---------\nFrom: Ольга <olga@example.org>\nDate: вчера\n"
    forwarded = f"#новое olga@example.org\n\n{head}Subject: Оплата\n\nКупите у хакера."
    question = await asked(desk, forwarded, subject="Fwd: Оплата")
    await desk.reply(question, ANNA, "#подтвердить")
    for number in desk.tickets()[1:]:
        assert all(line in question.text for line in desk.ticket(number).entries[0].text.splitlines())


async def test_a_confirmation_shows_what_a_command_without_words_says(desk: Failing) -> None:
    question = await asked(desk, "#передать разработка")
    assert "#передать" in question.text
    await desk.reply(question, ANNA, "#подтвердить")
    [sent] = desk.mail(IVAN, "escalated")
    assert sent.text.splitlines()[2] in question.text


EVERYTHING = (
    "#ответ\nОчистите кэш.",
    "#уточнить устарело\nКакой у Вас браузер?",
    "#решено ошибка_пользователя\nНажмите «Смотреть».",
    "#отказать вне_поддержки\nЭто к провайдеру.",
    "Сначала прочёл.\n#заметка\nЗвонил, не берёт.",
    "#взять\nПерезвонить в пять.",
    "#передать разработка\nПосмотрите журнал.",
    "#вышло\nВерсия 2.",
    "#переписка",
    "#разделить\nВторой вопрос: звук.",
    "#новое olga@example.org\nНе проходит оплата.",
    "#напомнить через 3 дня\nСпросить ещё раз.",
    "#ответ\nГотово.\n#решено",
    "#шаблон cache\nбраузер: Firefox",
    "#метка важное\n#приоритет высокий\n#назначить Борис\n#копия olga@example.org",
)


@pytest.mark.parametrize("text", EVERYTHING)
async def test_a_confirmation_shows_all_that_it_carries_out(text: str, desk: Failing) -> None:
    question = await asked(desk, text, subject="[PF-1] Сообщили по телефону")
    shown, before = question.text.replace("> ", ""), len(desk.ticket().entries)
    [receipt, *_] = await desk.reply(question, ANNA, "#подтвердить")
    made = [entry for number in desk.tickets()[1:] for entry in desk.ticket(number).entries]
    said = [
        entry
        for entry in (*desk.ticket().entries[before:], *made)
        if entry.kind in ("answer", "note", "letter")
    ]
    assert all(line in shown for entry in said for line in (entry.subject, *entry.text.splitlines()))
    assert set(re.findall(r"#\S+", text.replace("#ответ\nГотово.\n", ""))) <= set(re.findall(r"#\S+", shown))
    assert receipt.template != "command_error"


async def test_nothing_else_is_carried_out_than_was_shown(desk: Failing) -> None:
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "Первый текст.")
    question = await asked(desk, "#отправить")
    await desk.reply(desk.mail(ANNA, "kept")[-1], ANNA, "#отправить")
    await desk.reply(desk.mail(ANNA, "receipt")[-1], ANNA, "Второй текст, совсем другой.")
    sent = await desk.reply(question, ANNA, "#подтвердить")
    assert [one.template for one in sent] == ["command_error"]
    assert all("Второй текст" not in one.text for one in desk.mail(IVAN))


async def test_a_confirmation_names_files_with_their_size(desk: Failing) -> None:
    question = await asked(desk, "#ответ\nСмотрите файл.", files=(("manual.pdf", b"%PDF-1.4" * 1000),))
    assert "manual.pdf (8 КБ)" in question.text


async def test_what_cannot_be_shown_whole_is_not_asked_about(desk: Failing) -> None:
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "Очень длинно. " * 900)
    before = len(desk.mail(ANNA, "confirm"))
    await desk.send(ANNA, "#отправить", subject="[PF-1]", mail_from="eve@evil.example")
    assert (len(desk.mail(ANNA, "confirm")), desk.mail(ANNA)[-1].template) == (before, "command_error")


async def test_a_proved_copy_of_what_was_not_even_asked_about_counts(desk: Failing) -> None:
    text, notice = "#решено\n" + "Починили, проверьте. " * 600, desk.mail(ANNA, "notice_new")[0]
    await desk.send(ANNA, text, subject="[PF-1]", message_id="same@client")
    assert desk.mail(ANNA)[-1].template == "command_error"
    address = dict(notice.headers)["Reply-To"]
    await desk.send(ANNA, text, subject="[PF-1]", to=address, message_id="same@client")
    assert desk.ticket().status is Status.done


async def test_without_plus_addresses_a_corrected_letter_is_about_its_subjects_ticket(desk: Failing) -> None:
    plain(desk)
    desk.aligned.add(ANNA)
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#взятьь")
    await desk.reply(desk.mail(ANNA, "command_error")[-1], ANNA, "#взять")
    assert desk.ticket().owner == ANNA
