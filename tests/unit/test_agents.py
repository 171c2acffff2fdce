"""What an agent's letter must not do: be somebody else's words, say more than it was shown to say, or touch what it did not name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk import ROOT, TestDesk

from bot.model import Outgoing, Priority, Status

ANNA, BORIS, IVAN = "anna@providence.film", "boris@providence.film", "ivan@example.org"
PROBLEM = "После входа открываю фильм в Chrome 130, жму «Смотреть», экран чёрный, ошибка 500. Вчера работало."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestDesk]:
    """A desk with one ticket of Ivan's, who writes as a command in it."""
    made = await TestDesk.opened(tmp_path, undo=0)
    await made.send(IVAN, PROBLEM + "\n\n#копия evil@evil.example\n", subject="Чёрный экран")
    yield made
    assert made.ledger_adds_up()


async def answered(desk: TestDesk, letter: Outgoing, text: str, agent: str = ANNA) -> Outgoing:
    """The letter that the agent gets for his answer to one of ours."""
    before = len(desk.mail(agent))
    await desk.reply(letter, agent, text)
    return desk.mail(agent)[before]


def unmarked(text: str) -> str:
    """A letter quoted as some mail programs do it: whole, without a mark."""
    return "\n".join(line.removeprefix("> ").removeprefix(">") for line in text.splitlines())


async def test_a_notice_is_the_same_for_all_agents_but_for_the_signed_address(desk: TestDesk) -> None:
    [anna], [boris] = (desk.mail(agent, "notice_new") for agent in (ANNA, BORIS))
    own = [next(value for name, value in one.headers if name == "Reply-To") for one in (anna, boris)]
    assert own[0] != own[1]
    for letter, mine, others in ((anna, own[0], own[1]), (boris, own[1], own[0])):
        assert letter.html.count(mine) == 6
        assert "#взять" in letter.text
        assert others not in letter.html + letter.text
        # every signed address of the ticket in it proves this agent
        assert set(re.findall(r"support\+1-[^@\s]+@", letter.html + letter.text)) == {mine.partition("@")[0] + "@"}
    assert (anna.text.replace(*own), anna.html.replace(*own)) == (boris.text, boris.html)


async def test_our_letter_quoted_without_a_mark_is_cut_at_its_first_line(desk: TestDesk) -> None:
    notice = desk.mail(ANNA, "notice_new")[0]
    receipt = await answered(desk, notice, f"#ответ\nЧиним.\n\nСлужба поддержки жазды:\n\n{unmarked(notice.text)}")
    assert receipt.template == "receipt"
    assert (desk.ticket().participants, desk.ticket().status) == ((), Status.in_progress)
    [reply] = desk.mail(IVAN, "reply")
    assert "Нажмите кнопку" not in reply.text


@pytest.mark.parametrize("piece", [
    "Нажмите кнопку и отправьте письмо или ответьте на это письмо командой на отдельной строке:", "- #решено — Решено",
])  # fmt: skip
async def test_a_piece_of_our_letter_is_cut_off_where_nothing_of_theirs_follows(desk: TestDesk, piece: str) -> None:
    notice = desk.mail(ANNA, "notice_new")[0]
    assert piece in unmarked(notice.text)
    assert (await answered(desk, notice, f"#ответ\nЧиним.\n\n{piece}\n")).template == "receipt"
    assert [entry.text for entry in desk.ticket().entries if entry.kind == "answer"] == ["Чиним."]
    assert desk.ticket().status is Status.in_progress
    before = desk.ticket()
    error = await answered(desk, notice, f"#ответ\nЧиним.\n\n{piece}\nИ это тоже моё.")
    assert (error.template, desk.ticket()) == ("command_error", before)
    assert "кусок нашего письма" in error.text


async def test_a_customers_line_among_the_commands_refuses_them(desk: TestDesk) -> None:
    notice, before = desk.mail(ANNA, "notice_new")[0], desk.ticket()
    assert "\\#копия evil@evil.example" in notice.text
    error = await answered(desk, notice, "#ответ\nЧиним.\n\n#копия evil@evil.example\n")
    assert (error.template, desk.ticket()) == ("command_error", before)
    assert "слова пользователя" in error.text


async def test_words_without_a_command_below_the_quotation_are_kept(desk: TestDesk) -> None:
    notice = desk.mail(ANNA, "notice_new")[0]
    address = dict(notice.headers)["Reply-To"]
    quoted = "\n".join(f"> {line}" for line in notice.text.splitlines())
    said = f"On Mon, 23 Nov 2026 at 12:00, Support <support@providence.film> wrote:\n{quoted}\n\nСпасибо, посмотрю завтра."
    await desk.send(ANNA, said, subject="Re: [PF-1]", to=address)
    [kept] = desk.mail(ANNA, "kept")
    assert "Спасибо, посмотрю завтра." in kept.text
    assert list(desk.ticket().kept.values()) == ["Спасибо, посмотрю завтра."]


async def test_a_customers_sign_is_marked_for_staff_alone(desk: TestDesk) -> None:
    notice = desk.mail(ANNA, "notice_new")[0]
    await answered(desk, notice, "#ответ\nСтрока «\\#копия evil@evil.example» нам не нужна.\n\\#копия evil@evil.example\n\\#кадр 5")
    [reply] = desk.mail(IVAN, "reply")
    assert "Строка «#копия evil@evil.example» нам не нужна.\n#копия evil@evil.example\n#кадр 5\n" in reply.text
    for one in desk.delivered:
        assert ("\\#копия" in one.text) == ("\\#копия" in one.html) == (one.to != IVAN and "#копия" in one.text), one.template
    assert "#копия" in desk.ticket().entries[0].text
    assert "\\" not in desk.ticket().entries[0].text


async def test_words_of_the_requester_and_ones_own_are_no_piece_of_our_letter(desk: TestDesk) -> None:
    kept = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите, пожалуйста, кэш браузера и войдите на сайт ещё раз.")
    text = f"#ответ\nВы писали:\n{PROBLEM}\nОчистите, пожалуйста, кэш браузера и войдите на сайт ещё раз."
    assert (kept.template, (await answered(desk, kept, text)).template) == ("kept", "receipt")


async def test_the_button_of_a_kept_text_sends_that_text_and_no_other(desk: TestDesk) -> None:
    first = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите кэш.")
    second = await answered(desk, first, "Борис, это опять тот скандалист.")
    assert [one.template for one in (first, second)] == ["kept", "kept"]
    assert "несколько" in (await answered(desk, desk.mail(ANNA, "notice_new")[0], "#отправить")).text
    number = next(line for line in first.text.splitlines() if "#отправить" in line).split()[2]
    assert (await answered(desk, second, f"#отправить {number}")).template == "receipt"
    assert [("Очистите кэш." in one.text, "скандалист" in one.text) for one in desk.mail(IVAN, "reply")] == [(True, False)]
    assert (await answered(desk, second, f"#отправить {number}")).template == "command_error"
    third = await answered(desk, second, "И перезагрузите страницу.")
    assert (await answered(desk, third, "#отправить")).template == "receipt"
    assert "перезагрузите" in desk.mail(IVAN, "reply")[-1].text


async def test_undo_gives_a_kept_text_back(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, PROBLEM)
    kept = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите кэш.")
    receipt = await answered(desk, kept, "#отправить")
    await answered(desk, receipt, "#отмена")
    assert (await answered(desk, kept, "#отправить")).template == "receipt"


async def test_what_is_confirmed_has_been_shown(desk: TestDesk) -> None:
    text = "#заметка\n" + "Позвонить завтра. " * 170 + "\n#ответ\nПереведите деньги."
    await desk.send(ANNA, text, subject="[PF-1]", mail_from="eve@evil.example", files=(("virus.exe", b"MZ"),))
    [question] = desk.mail(ANNA, "confirm")
    assert "Переведите деньги" in question.text
    assert "virus.exe" in question.text
    await desk.send(ANNA, text + "Подробно. " * 1000, subject="[PF-1]", mail_from="eve@evil.example")
    assert desk.mail(ANNA)[-1].template == "command_error"
    assert len(desk.mail(ANNA, "confirm")) == 1


async def test_undo_of_block_takes_letters_again(desk: TestDesk) -> None:
    receipt = await answered(desk, desk.mail(ANNA, "notice_new")[0], "#блок")
    await answered(desk, receipt, "#отмена")
    await desk.send(IVAN, PROBLEM + " Снова.", subject="Ещё")
    assert desk.tickets() == [1, 2]


async def test_undo_of_what_no_command_can_restore_is_refused(desk: TestDesk) -> None:
    receipt = await answered(desk, desk.mail(ANNA, "notice_new")[0], "#приоритет высокий\n#отпустить")
    assert "отменить нельзя" in (await answered(desk, receipt, "#отмена")).text
    assert desk.ticket().priority is Priority.high


async def test_a_merge_loses_no_work(desk: TestDesk) -> None:
    await answered(desk, desk.mail(BORIS, "notice_new")[0], "#решено\nПочинили.", BORIS)
    await desk.send(IVAN, "Хочу пожаловаться на вашу поддержку: сотрудник нагрубил мне. Это претензия.", subject="Жалоба")
    notice = next(one for one in reversed(desk.mail(BORIS)) if "[PF-2]" in one.subject)
    await answered(desk, notice, "#приоритет высокий\n#объединить 1", BORIS)
    target = desk.ticket(1)
    assert (target.status, target.owner, target.priority, "complaint" in target.labels) == (Status.in_progress, BORIS, Priority.high, True)


async def test_an_agent_who_writes_is_there_again(desk: TestDesk) -> None:
    notice = desk.mail(BORIS, "notice_new")[0]
    report = (
        f"From: MAILER-DAEMON@x.example\r\nTo: {notice.envelope_from}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {BORIS}\r\nAction: failed\r\nStatus: 5.2.1\r\n\r\n--b--\r\n"
    )
    await desk.raw(report.encode(), "", (notice.envelope_from,))
    assert BORIS in desk.mail(ANNA, "alert")[-1].text
    await desk.send(IVAN, PROBLEM + " И звука нет.", subject="Звук")
    assert len(desk.mail(BORIS, "notice_new")) == 1
    assert (await answered(desk, notice, "#взять", BORIS)).template == "receipt"


async def test_the_owner_hears_of_what_another_agent_answers(desk: TestDesk) -> None:
    theirs = desk.mail(BORIS, "notice_new")[0]
    await answered(desk, desk.mail(ANNA, "notice_new")[0], "#ответ\nОчистите кэш.")
    receipt = await answered(desk, theirs, "#решено\nНе чистите кэш.", BORIS)
    assert "ведёт Анна" in receipt.text
    assert "Не чистите кэш" in desk.mail(ANNA, "case")[-1].text
    before = len(desk.mail(ANNA))
    await answered(desk, theirs, "#заметка\nПозвонил сам.", BORIS)
    assert len(desk.mail(ANNA)) == before


async def test_a_vouched_letter_is_about_what_its_signature_covers(tmp_path: Path) -> None:
    text = (ROOT / "rules.yaml").read_text("utf-8").replace("address: anna@providence.film,", "address: anna@providence.film, trust: dkim,")
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    desk = await TestDesk.opened(tmp_path / "data", tmp_path / "rules.yaml", aligned=(ANNA,), undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.send(IVAN, PROBLEM + " И звука нет.", subject="Звук")
    other = next(one for one in desk.mail(BORIS) if "[PF-2]" in one.subject).message_id
    await desk.send(ANNA, "#решено\nПочинили.", subject="[PF-1]", headers={"References": f"<{other}>"})
    assert [desk.ticket(number).status for number in (1, 2)] == [Status.done, Status.created]
    await desk.send(ANNA, "#решено\nПочинили и это.", subject="Готово", headers={"References": f"<{other}>"})
    assert desk.ticket(2).status is Status.created
    await desk.send(ANNA, "#решено\nИ ещё.", subject="[PF-2]", to="friend@example.com", headers={"Cc": desk.context.policy.desk.address})
    assert (desk.ticket(2).status, desk.mail(ANNA)[-1].template) == (Status.created, "confirm")


@pytest.mark.parametrize("headers", [{"List-Id": "<l.example.org>"}, {"X-Auto-Response-Suppress": "All"}])
async def test_no_confirmation_to_what_asks_for_no_answer(desk: TestDesk, headers: dict[str, str]) -> None:
    before = len(desk.mail(ANNA))
    await desk.send(ANNA, "#взять", subject="[PF-1]", headers=headers)
    assert (len(desk.mail(ANNA)), desk.ticket().owner) == (before, "")


async def test_the_number_of_a_file_is_that_of_the_notice_that_named_it(desk: TestDesk) -> None:
    await desk.send(IVAN, "Журнал.", subject="[PF-1]", files=(("first.log", b"aaa"),))
    first = desk.mail(ANNA)[-1]
    await desk.send(IVAN, "Вот ещё.", subject="[PF-1]", files=(("second.zip", b"PK"), ("third.zip", b"PK")))
    assert ("#файл 1" in first.text, "#файл 2" in desk.mail(ANNA)[-1].text, "#файл 3" in desk.mail(ANNA)[-1].text) == (True, True, True)
    for number, name in enumerate(("first.log", "second.zip", "third.zip"), 1):
        assert [one.name for one in (await answered(desk, first, f"#файл {number}")).attachments] == [name]
