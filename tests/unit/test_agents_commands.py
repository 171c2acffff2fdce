"""Every command, as an agent gives it: by mail, on a whole desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from desk import ROOT, TestDesk, picture
from looking import rows_of

from bot.letter_order import LetterOrder, Position
from bot.model import Audience, Envelope, Outgoing, Priority, Resolution, Status, Waiting
from bot.store.interface import Lookup
from bot.tickets.tokens import Purpose

IVAN, PETR, ANNA, BORIS, DEV = "ivan@example.org", "petr@example.net", "anna@providence.film", "boris@providence.film", "dev@providence.film"
PROBLEM = "Добрый день! Не приходит код подтверждения на почту, жду уже час. Пробовал дважды, в папке «Спам» тоже пусто."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestDesk]:
    """A desk with one ticket of Ivan's."""
    made = await TestDesk.opened(tmp_path)
    await made.send(IVAN, PROBLEM, subject="Нет кода", name="Иван")
    yield made
    assert made.ledger_adds_up()


async def say(desk: TestDesk, text: str, agent: str = ANNA, number: int = 1, **more: object) -> Outgoing:
    """An agent's answer to their notice of that ticket; the one letter of that ticket, or of the desk, that
    answers it.
    """
    notice = next(one for one in reversed(desk.mail(agent)) if f"[PF-{number}]" in one.subject)
    sent = await desk.reply(notice, agent, text, **more)  # type: ignore[arg-type]
    answers = [one for one in sent if one.to == agent and one.template != "case"]
    answers = [one for one in answers if f"[PF-{number}]" in one.subject] or answers
    assert len(answers) == 1, [one.template for one in sent]
    return answers[0]


async def done(desk: TestDesk, text: str, agent: str = ANNA, number: int = 1, **more: object) -> Outgoing:
    """The same, for commands that are carried out."""
    receipt = await say(desk, text, agent, number, **more)
    assert receipt.template == "receipt", receipt.text
    return receipt


async def wrong(desk: TestDesk, text: str, agent: str = ANNA, number: int = 1) -> str:
    """The same, for those that are refused: nothing has changed."""
    before = {number: desk.ticket(number) for number in desk.tickets()}
    error = await say(desk, text, agent, number)
    assert error.template == "command_error", error.text
    assert {number: desk.ticket(number) for number in desk.tickets()} == before
    return error.text


async def test_receipt_shows_what_leaves_byte_for_byte(desk: TestDesk) -> None:
    receipt = await done(desk, "#ответ\nЗдравствуйте! Код уже ушёл.\n\n  - проверьте *спам*\n#решено")
    assert desk.mail(IVAN, "resolved_solved") == []
    await desk.pass_time(minutes=3)
    [letter] = desk.mail(IVAN, "resolved_solved")
    quoted = [line[2:] for line in receipt.text.splitlines() if line.startswith(">")]
    assert "\n".join(quoted).strip() == letter.text.strip()
    assert desk.ticket().status is Status.done


async def test_undo_takes_the_whole_letter_back(desk: TestDesk) -> None:
    receipt = await done(desk, "#приоритет высокий\n#решено\nГотово, проверьте, пожалуйста.")
    await desk.reply(receipt, ANNA, "#отмена")
    await desk.pass_time(minutes=5)
    ticket = desk.ticket()
    assert (ticket.status, ticket.owner, ticket.priority) == (Status.created, "", Priority.medium)
    assert desk.mail(IVAN, "resolved_solved") == []
    assert "Отменять нечего" in await wrong(desk, "#отмена")


async def test_undo_too_late_and_after_a_change(desk: TestDesk) -> None:
    await done(desk, "#ответ\nПопробуйте ещё раз.")
    await desk.send(IVAN, "Попробовал, не помогло.", subject="Re: [PF-1] Нет кода")
    assert "остаются как есть" in (await done(desk, "#отмена")).text
    await done(desk, "#ответ\nПопробуйте ещё раз.")
    await desk.pass_time(minutes=3)
    assert "Поздно" in await wrong(desk, "#отмена")


async def test_two_take_at_once(desk: TestDesk) -> None:
    await done(desk, "#Взять")
    assert "Анна" in await wrong(desk, "#взять", BORIS)
    assert desk.ticket().owner == ANNA


async def test_next_takes_the_oldest_of_the_highest_priority(desk: TestDesk) -> None:
    await desk.send(PETR, "Сервис лежит у всех пользователей, ничего не открывается, сайт недоступен!", subject="Всё упало")
    assert desk.ticket(2).priority is Priority.high
    receipt = await done(desk, "#следующее", BORIS)
    assert "PF-2" in receipt.text
    assert (desk.ticket(2).owner, desk.ticket(1).owner) == (BORIS, "")
    await done(desk, "#решено\nПочинили.\n#next", BORIS, 2)
    assert (desk.ticket(2).status, desk.ticket(1).owner) == (Status.done, BORIS)
    assert "Очередь пуста" in await wrong(desk, "#next", BORIS, 2)


@pytest.mark.parametrize("text", [
    "#note\nодно\n#next", "#merge 3", "#split\nВторой вопрос.", "#note\nТретий вопрос.\n#split\nВторой вопрос.",
    "#reply\nДа.\n#open new@example.com\nНе могу войти.", "#away завтра",
])  # fmt: skip
async def test_a_crash_between_two_writes_is_made_good_by_the_repeat(desk: TestDesk, text: str) -> None:
    """What touches two tickets is written in an order in which repeating the letter finishes the work (section 9)."""
    await desk.send(IVAN, PROBLEM + " И вот ещё что.", subject="Ещё")
    await desk.send(IVAN, PROBLEM + " И последнее.", subject="Последнее")
    await done(desk, "#take", BORIS, 2)
    await done(desk, "#take", BORIS, 1)
    before = {number: desk.ticket(number) for number in desk.tickets()}
    await done(desk, text, BORIS, 1)
    after = {number: desk.ticket(number) for number in desk.tickets()}
    ident = max(path.stem for path in (desk.data / "archive").rglob("*.eml"))
    [last] = [number for number, ticket in after.items() if any(seen.letter == ident for seen in ticket.seen)]
    assert [number for number in after if number != last and after[number] != before.get(number)], "two tickets are touched"
    path = desk.data / "tickets" / "live" / f"{last}.json"
    path.write_bytes(msgspec.json.encode({"ticket": {str(last): msgspec.to_builtins(before[last])}}))
    [archived] = (desk.data / "archive").rglob(f"{ident}.eml")
    archived.rename(desk.data / "inbox" / "new" / archived.name)
    await desk.restart()
    await desk.desk.handle(ident, Position(LetterOrder()))
    assert desk.tickets() == list(after)
    for number, ticket in after.items():
        again = desk.ticket(number)
        assert (again.status, again.owner, again.merged_into, again.links) == (ticket.status, ticket.owner, ticket.merged_into, ticket.links)
        assert [one.text for one in again.entries] == [one.text for one in ticket.entries]
        assert [one.template for one in again.outgoing] == [one.template for one in ticket.outgoing]

async def test_queue_search_sla_and_show(desk: TestDesk) -> None:
    await desk.send(PETR, "Картинка в плеере не загружается, хотя обновил Chrome 131 на Windows 11.", subject="Плеер", name="Пётр")
    assert "PF-2" in (await done(desk, "#очередь")).text
    assert "PF-2" in (await done(desk, "#найти картинки")).text
    assert "Найдено: 1" in (await done(desk, "#найти картинки")).text
    assert "PF-2" in (await done(desk, "#search petr@example.net создана 23.11")).text
    assert "Найдено: 0" in (await done(desk, "#search 01.01.2020")).text
    assert "Найдено: 1" in (await done(desk, "#search PF-1")).text
    assert "48 ч" in (await done(desk, "#срок")).text
    assert any("Просрочены: 0" in one.text for one in desk.mail(ANNA, "receipt"))
    await done(desk, "#заметка\nклиент важный")
    assert "Картинка" not in (await done(desk, "#показать PF-2")).text
    assert "Картинка в плеере" in desk.mail(ANNA, "case")[-1].text
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#показать")
    assert "клиент важный" in desk.mail(ANNA, "case")[-1].text


async def test_assign_free_and_away(desk: TestDesk) -> None:
    await done(desk, "#назначить Борис")
    assert [one.template for one in desk.mail(BORIS)][-1] == "case"
    receipt = await done(desk, "#отсутствую до 30.11", BORIS)
    assert "1" in receipt.text
    assert (desk.ticket().owner, desk.ticket().status) == ("", Status.created)
    before = len(desk.mail(BORIS))
    await desk.send(PETR, PROBLEM, subject="Другое")
    assert len(desk.mail(BORIS)) == before, "who is away gets no notice"
    await done(desk, "#вернулся", BORIS)
    await desk.send(PETR, PROBLEM + " И ещё раз.", subject="Третье")
    assert len(desk.mail(BORIS)) > before + 1
    assert "31" in await wrong(desk, "#away until 2027-06-01", BORIS)


async def test_participants_get_answers_and_may_write(desk: TestDesk) -> None:
    await done(desk, "#копия Пётр <petr@example.net>\n#ответ\nВот что мы узнали: письмо задержал почтовый сервер.")
    await desk.pass_time(minutes=3)
    [to_petr] = desk.mail(PETR, "reply")
    assert desk.mail(IVAN, "reply")
    await desk.reply(to_petr, PETR, "Спасибо, у меня то же самое было вчера.")
    assert desk.tickets() == [1]
    assert len([one for one in desk.ticket().entries if one.kind == "letter"]) == 2
    await done(desk, "#uncc petr@example.net")
    await desk.send(PETR, "Ещё одно письмо от меня по тому же делу.", subject="Re: [PF-1] Нет кода")
    assert desk.tickets() == [1, 2]
    assert "не участвует" in await wrong(desk, "#uncc petr@example.net")


async def test_merge_and_letters_to_the_old_number(desk: TestDesk) -> None:
    await desk.send(IVAN, "Код так и не пришёл, пишу ещё раз с подробностями: почта example.org.", subject="Код не пришёл")
    await done(desk, "#объединить PF-1", number=2)
    assert (desk.ticket(2).merged_into, desk.ticket(2).status) == (1, Status.done)
    assert sum("пишу ещё раз" in entry.text for entry in desk.ticket(1).entries) == 1
    await desk.pass_time(minutes=3)
    [told] = desk.mail(IVAN, "merged")
    assert "PF-2" in told.text
    assert "[PF-1]" in told.subject
    await desk.send(IVAN, "Новости есть?", subject="Re: [PF-2] Код не пришёл")
    assert desk.tickets() == [1, 2]
    assert desk.ticket(1).entries[-1].text == "Новости есть?"
    await desk.send(PETR, PROBLEM, subject="Чужое")
    assert "последней" in await wrong(desk, "#merge 3\n#reply\nДобрый день!")
    assert "другого пользователя" in await wrong(desk, "#merge 3", number=1)


async def test_merge_undone(desk: TestDesk) -> None:
    await desk.send(IVAN, "Код так и не пришёл, пишу ещё раз с подробностями: почта example.org.", subject="Код не пришёл")
    before = desk.ticket(1)
    receipt = await done(desk, "#merge 1", number=2)
    await desk.reply(receipt, ANNA, "#undo")
    await desk.pass_time(minutes=5)
    assert desk.mail(IVAN, "merged") == []
    assert (desk.ticket(2).merged_into, desk.ticket(2).status) == (0, Status.created)
    assert desk.ticket(1).public_entries() == before.public_entries()


async def test_no_merge_is_undone_over_an_answer_that_was_parked_before_it(desk: TestDesk) -> None:
    """Its id is older than the merge, but the ticket has gone on by it."""
    await done(desk, "#уточнить\nКакая у вас почта?")
    await desk.send(IVAN, "Код так и не пришёл, пишу ещё раз с подробностями: почта example.org.", subject="Код не пришёл")
    await desk.pass_time(minutes=3)
    question = desk.mail(IVAN, "clarify")[0]
    ident, at = desk.inbox.new_id(desk.now), desk.now
    receipt = await done(desk, "#merge 1", number=2)
    await desk.pass_time(minutes=1)
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = IVAN, dict(question.headers)["Reply-To"], f"Re: {question.subject}"
    answer.set_content("Почта example.org.")
    desk.inbox.accept(answer.as_bytes(), Envelope(letter=ident, received=at, mail_from=IVAN, recipients=(str(answer["To"]),)))
    await desk.desk.handle(ident, Position(LetterOrder()))
    assert desk.ticket(1).status is Status.in_progress
    [error] = [one for one in await desk.reply(receipt, ANNA, "#undo") if one.template == "command_error"]
    assert "с тех пор обращение изменилось" in error.text
    assert desk.ticket(1).status is Status.in_progress


async def test_what_the_clock_has_closed_is_not_opened_by_undo(desk: TestDesk) -> None:
    """It would be closed again, with another letter to the customer."""
    await done(desk, "#уточнить\nКакая у вас почта?")
    receipt = await done(desk, "#приоритет высокий")
    await desk.pass_time(days=9)
    [closing] = desk.mail(IVAN, "closed_silence")
    await desk.reply(receipt, ANNA, "#отмена")
    await desk.pass_time(days=9)
    assert desk.ticket().status is Status.done
    assert desk.mail(IVAN, "closed_silence") == [closing]


async def test_split_writes_to_nobody_unknown(desk: TestDesk) -> None:
    assert "не писал" in await wrong(desk, "#split secret@example.com\nОн не может войти.")
    await desk.send(PETR, PROBLEM, subject="Мой вопрос")
    before = len(desk.mail(PETR))
    await done(desk, "#разделить petr@example.net\nНе может войти с телефона.")
    assert desk.ticket(3).requester.email == PETR
    assert desk.ticket(3).links == (1,)
    assert len(desk.mail(PETR)) == before
    await done(desk, "#split")
    assert desk.ticket(4).requester.email == IVAN


async def test_open_makes_a_ticket_of_a_forwarded_letter(desk: TestDesk) -> None:
    forwarded = "---------- Пересылаемое сообщение ----------\nОт: petr@example.net\nТема: Не могу войти\n\nПароль не подходит с утра."
    receipt = await done(desk, f"#новое petr@example.net\n{forwarded}")
    assert "PF-2" in receipt.text
    assert desk.ticket(2).requester.email == PETR
    assert "Пароль не подходит" in desk.ticket(2).public_entries()[0].text
    assert desk.mail(PETR) == []


async def test_withheld_file_is_fetched_and_own_files_go_along(desk: TestDesk) -> None:
    await desk.send(IVAN, "Вот журнал.", subject="Re: [PF-1] Нет кода", files=(("screen.png", picture()), ("log.zip", b"PK\x03\x04 log")))
    receipt = await done(desk, "#файл 2")
    assert [one.name for one in receipt.attachments] == ["log.zip"]
    assert "номером 7" in await wrong(desk, "#file 7")
    receipt = await done(desk, "#ответ\nИнструкция во вложении.", files=(("manual.pdf", b"%PDF-1.4 manual"),))
    assert "manual.pdf" in receipt.text
    await desk.pass_time(minutes=3)
    raw = next(letter for letter, _, to in reversed(desk.sender.letters) if to == IVAN)
    assert b"manual.pdf" in raw


async def test_remind(desk: TestDesk) -> None:
    await done(desk, "#напомнить 25.11\nСпросить, пришёл ли код.")
    assert desk.mail(ANNA, "case") == []
    await desk.pass_time(days=3)
    assert any("Вы просили напомнить" in one.text and "Спросить, пришёл ли код" in one.text for one in desk.mail(ANNA, "case"))
    assert "прошло" in await wrong(desk, "#remind 2020-01-01")


async def test_template_with_fields(desk: TestDesk) -> None:
    assert "браузер" in await wrong(desk, "#шаблон cache")
    receipt = await done(desk, "#шаблон cache\nбраузер: Firefox")
    assert "настройки браузера Firefox" in receipt.text
    assert "cache" in await wrong(desk, "#template nothing")


async def test_transcript_holds_no_note(desk: TestDesk) -> None:
    await done(desk, "#заметка\nОсторожно, клиент сложный.\n#переписка")
    await desk.pass_time(minutes=3)
    [letter] = desk.mail(IVAN, "transcript")
    assert "Не приходит код" in letter.text
    assert "сложный" not in letter.text


async def test_kept_text_is_sent_by_its_button_and_by_nobody_else(desk: TestDesk) -> None:
    kept = await say(desk, "Проверьте, пожалуйста, папку «Спам».")
    assert kept.template == "kept"
    assert "Сохранённого текста нет" in await wrong(desk, "#отправить", BORIS)
    receipt = await desk.reply(kept, ANNA, "#отправить")
    assert "папку «Спам»" in receipt[0].text
    await desk.pass_time(minutes=3)
    assert len(desk.mail(IVAN, "reply")) == 1


async def test_escalation_and_answers_to_the_requester(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    text = (ROOT / "rules.yaml").read_text("utf-8")
    head, _, tail = text.partition("address: dev@providence.film")
    rules.write_text(head + "address: dev@providence.film" + tail.replace("answers: note", "answers: requester", 1), "utf-8")
    desk = await TestDesk.opened(tmp_path / "data", rules)
    await desk.send(IVAN, PROBLEM, subject="Нет кода", files=(("screen.png", picture()),))
    await done(desk, "#передать разработка\nПохоже на очередь писем.")
    await desk.pass_time(minutes=3)
    [case] = desk.mail(DEV)
    assert [one.name for one in case.attachments] == ["screen.png"]
    below = "\n".join(f"> {line}" for line in case.text.splitlines())
    address = dict(case.headers)["Reply-To"]
    await desk.send(DEV, f"On Mon, 23 Nov 2026, Support <support@providence.film> wrote:\n{below}\n\nСтоит ниже цитаты.", to=address)
    await desk.pass_time(minutes=3)
    assert ("Стоит ниже цитаты." in desk.ticket().entries[-1].text, desk.ticket().entries[-1].kind) == (True, "note")
    assert "Стоит ниже цитаты." not in desk.mail(IVAN)[-1].text, "whose words stand there is not sure enough for the customer"
    await desk.reply(case, DEV, "Исправили очередь, код придёт.")
    await desk.pass_time(minutes=3)
    assert "Исправили очередь" in desk.mail(IVAN, "reply")[-1].text
    await desk.reply(case, DEV, "Добавлю: похоже на очередь писем. И совсем внутреннее слово.", message_id="second@dev")
    assert "Исправили" in desk.mail(IVAN, "reply")[-1].text
    assert desk.ledger_adds_up()


async def test_department_answer_as_a_note(desk: TestDesk) -> None:
    await done(desk, "#escalate development\nПосмотрите очередь.")
    await desk.pass_time(minutes=3)
    [case] = desk.mail(DEV)
    await desk.reply(case, DEV, "Нашли, исправим.")
    assert desk.ticket().entries[-1].kind == "note"
    assert desk.ticket().waiting_for is Waiting.nobody
    await done(desk, "#вышло")
    await desk.pass_time(minutes=3)
    assert desk.mail(IVAN, "update_out")
    assert desk.ticket().waiting_for is Waiting.requester


async def test_block_release_label_override_outage(desk: TestDesk) -> None:
    await done(desk, "#метка VIP")
    assert desk.ticket().labels == ("vip",)
    await done(desk, "#метка -vip")
    assert "vip" not in desk.ticket().labels
    assert "руководитель" in await wrong(desk, "#авария Лежит плеер", BORIS)
    await done(desk, "#авария Плеер временно не работает, чиним.")
    await desk.send(PETR, "Сервис лежит у всех пользователей, ничего не открывается, сайт недоступен!", subject="Всё упало")
    assert any("Плеер временно не работает" in one.text for one in desk.mail(PETR))
    await done(desk, "#outage over")
    await done(desk, "#блок")
    assert desk.ticket().status is Status.done
    before = len(desk.delivered)
    await desk.send(IVAN, "Ответьте немедленно, прошу ещё раз.", subject="Ещё письмо")
    assert (desk.tickets(), len(desk.delivered)) == ([1, 2], before)
    await done(desk, "#разблокировать ivan@example.org", number=2)
    await desk.send(IVAN, "Ответьте, прошу ещё раз: код не приходит на почту.", subject="Ещё письмо")
    assert desk.tickets() == [1, 2, 3]


async def test_override_returns_the_ticket_and_keeps_the_example(desk: TestDesk) -> None:
    await desk.send(PETR, "У меня не работает", subject="Помогите")
    assert desk.ticket(2).status is Status.clarification
    receipt = await say(desk, "#показать 2")
    ticket = desk.ticket(2)
    assert "PF-2" in receipt.text
    address = desk.context.signer.address(2, Purpose.agent, ANNA)
    await desk.send(ANNA, "#override", subject="Re: [PF-2] Помогите", to=address)
    assert desk.ticket(2).status is Status.created
    assert ticket.entries[0].hits
    assert any("override" in path.read_text("utf-8") for path in (desk.data / "desk").glob("*.json"))


async def test_requesters_own_words(desk: TestDesk) -> None:
    [ack] = desk.mail(IVAN)
    for word, template in (("#статус", "status"), ("№ Переписка", "transcript"), ("#close", "status")):
        sent = await desk.reply(ack, IVAN, word)
        assert [one.template for one in sent if one.to == IVAN] == [template]
        await desk.pass_time(minutes=15)
    assert (desk.ticket().status, desk.ticket().resolution) == (Status.done, Resolution.solved)


@pytest.mark.parametrize("words", ["#1 проблема: код не приходит", "# статус вопроса какой?", "#close не нажимается в плеере", "Какой #статус?"])
async def test_sentences_are_no_commands(desk: TestDesk, words: str) -> None:
    [ack] = desk.mail(IVAN)
    sent = await desk.reply(ack, IVAN, words)
    assert not [one for one in sent if one.template in ("status", "transcript")]
    assert desk.ticket().status is Status.created


async def test_requesters_words_need_a_signed_reference(desk: TestDesk) -> None:
    sent = await desk.send(IVAN, "#переписка", subject="[PF-1] Нет кода")
    assert not [one for one in sent if one.template == "transcript"]


async def test_leak_is_blocked_and_shown(desk: TestDesk) -> None:
    await done(desk, "#заметка\nПо нашим данным у клиента просрочен договор и его учётная запись скоро будет закрыта.")
    text = "#ответ\nЗдравствуйте! По нашим данным у клиента просрочен договор, и ЕГО УЧЕТНАЯ ЗАПИСЬ скоро будет закрыта."
    assert "просрочен договор" in await wrong(desk, text)
    pasted = "По нашим данным у клиента просрочен договор и его учётная запись скоро будет закрыта.".encode("cp1251")
    before = desk.ticket()
    error = await say(desk, "#ответ\nВсё во вложении.", files=(("case.txt", pasted),))
    assert (error.template, desk.ticket()) == ("command_error", before)
    await done(desk, "#ответ\nВы писали: «Не приходит код подтверждения на почту, жду уже час. Пробовал дважды».")


async def test_digest_and_a_command_about_the_desk(desk: TestDesk) -> None:
    from bot.tickets.digest import digest, due

    rows, day = tuple(await rows_of(desk.store)), due(desk.context, "", desk.now)
    assert day == "2026-11-23"
    async with desk.store.unit_of_work() as unit:
        unit.commit(digest(rows, desk.context, day, desk.now))
    assert due(desk.context, desk.store.index.find(Lookup(letter="", requester=""), desk.now).digested, desk.now) == ""
    await desk.deliver()
    [letter] = desk.mail(BORIS, "digest")
    assert "PF-1" in letter.text
    sent = await desk.reply(letter, BORIS, "#следующее")
    assert (desk.ticket().owner, [one.template for one in sent]) == (BORIS, ["case"])
    sent = await desk.reply(letter, BORIS, "#очередь")
    assert sent[0].template == "receipt"
    sent = await desk.reply(letter, BORIS, "#решено\nГотово.")
    assert sent[0].template == "command_error"


async def test_confirmation_carries_the_letter_out_once(desk: TestDesk) -> None:
    await desk.send(ANNA, "#решено\nПочинили, проверьте.", subject="Re: [PF-1] Нет кода", files=(("manual.pdf", b"%PDF-1.4"),))
    [question] = desk.mail(ANNA, "confirm")
    assert desk.ticket().status is Status.created
    await desk.send(ANNA, "#confirm", subject="Re: [PF-1] Нет кода")
    assert desk.ticket().status is Status.created, "a confirmation needs its own signed address"
    sent = await desk.reply(question, BORIS, "#confirm")
    assert desk.ticket().status is Status.created
    address = dict(question.headers)["Reply-To"]
    assert f"mailto:{address}?subject=" in question.html, "its button goes to the same address"
    sent = await desk.reply(question, ANNA, "#подтвердить")
    assert (desk.ticket().status, desk.ticket().owner) == (Status.done, ANNA)
    assert [one.template for one in sent] == ["receipt"]
    await desk.pass_time(minutes=3)
    [letter] = desk.mail(IVAN, "resolved_solved")
    assert [one.name for one in letter.attachments] == ["manual.pdf"]
    sent = await desk.reply(question, ANNA, "#подтвердить!", message_id="again@client")
    assert [one.template for one in sent] == ["command_error"]
    assert len(desk.mail(IVAN, "resolved_solved")) == 1


async def test_confirmation_too_late(desk: TestDesk) -> None:
    await desk.send(ANNA, "#решено\nПочинили, проверьте.", subject="Re: [PF-1] Нет кода")
    [question] = desk.mail(ANNA, "confirm")
    await desk.pass_time(hours=30)
    await desk.reply(question, ANNA, "#confirm")
    assert desk.ticket().status is Status.created


async def test_three_unproved_letters_in_an_hour_tell_the_lead(desk: TestDesk) -> None:
    for number in range(3):
        await desk.send(BORIS, f"#take\nраз {number}", subject="Re: [PF-1] Нет кода")
    assert len(desk.mail(BORIS, "confirm")) == 3
    [alert] = desk.mail(ANNA, "alert")
    assert BORIS in alert.text


async def test_rotated_keys_still_verify(desk: TestDesk) -> None:
    from desk import open_office

    from bot.data.secret_file import keys

    notice = desk.mail(ANNA)[0]
    secret = b"f" * 64 + b"\n" + b"0123456789abcdef0123456789abcdef"
    assert len(keys(secret)) == 2
    desk.context = open_office(desk.settings, secret)
    await desk.restart()
    await desk.reply(notice, ANNA, "#take")
    assert desk.ticket().owner == ANNA
    assert dict(desk.mail(ANNA)[-1].headers)["Reply-To"] != dict(notice.headers)["Reply-To"]


async def test_a_solved_ticket_costs_its_owner_at_most_four_letters(desk: TestDesk) -> None:
    """New, receipt of the question, the answer, receipt of the solution."""
    await done(desk, "#уточнить\nКакой у Вас адрес почты?")
    await desk.pass_time(minutes=3)
    await desk.reply(desk.mail(IVAN, "clarify")[0], IVAN, "ivan@example.org")
    await done(desk, "#решено\nКод отправлен заново.")
    await desk.pass_time(minutes=3)
    assert len(desk.mail(ANNA)) == 4
    assert not [one for one in desk.ticket().outgoing if one.audience is Audience.agent and one.to not in (ANNA, BORIS)]


async def test_a_rule_names_the_agents_who_are_shown_a_ticket(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    text = (ROOT / "rules.yaml").read_text("utf-8")
    assert "then: {priority: high, labels: outage}" in text
    named = text.replace("then: {priority: high, labels: outage}", "then: {priority: high, labels: outage, agents: [boris@providence.film]}")
    rules.write_text(named, "utf-8")
    desk = await TestDesk.opened(tmp_path / "data", rules)
    await desk.send(PETR, "Сервис лежит у всех пользователей, ничего не открывается, сайт недоступен!", subject="Всё упало")
    assert (len(desk.mail(BORIS)), len(desk.mail(ANNA))) == (1, 0)
    await desk.send(IVAN, PROBLEM, subject="Нет кода")
    assert (len(desk.mail(BORIS)), len(desk.mail(ANNA))) == (2, 1)


@pytest.mark.parametrize("html", [
    "<div>#Решено</div><div>Код отправлен заново.</div><br><div>--</div>",
    "<ol><li>#решено</li></ol><p>Код отправлен заново.</p>",
    "<ul><li>#решено</li><li>Код отправлен заново.</li></ul>",
    "<p class=MsoNormal><b>#решено</b><o:p></o:p></p><p class=MsoNormal>Код отправлен заново.<o:p></o:p></p>",
    "<p>№&nbsp;решено<br>Код отправлен заново.</p><div class=gmail_quote_container><blockquote><p>#спам</p></blockquote></div>",
    "<p>#решено</p><p>Код отправлен заново.</p><p>--<br>Анна<br>#спам</p>",
])  # fmt: skip
async def test_commands_in_any_clients_html(desk: TestDesk, html: str) -> None:
    notice = desk.mail(ANNA)[0]
    message = EmailMessage()
    for name, value in {"From": ANNA, "To": dict(notice.headers)["Reply-To"], "Subject": "Re", "Message-ID": "<html@client>"}.items():
        message[name] = value
    message.set_content(html, subtype="html")
    await desk.raw(message.as_bytes(), ANNA, (dict(notice.headers)["Reply-To"],))
    ticket = desk.ticket()
    assert (ticket.status, ticket.resolution) == (Status.done, Resolution.solved)
    answer = next(entry.text for entry in ticket.entries if entry.kind == "answer")
    assert answer.strip("-•* ") == "Код отправлен заново."


async def test_a_letter_laid_out_as_a_table_sends_no_table(desk: TestDesk) -> None:
    html = "<table><tr><td>#приоритет</td><td>высокий</td></tr><tr><td>#ответ</td><td>Починили.</td></tr></table>"
    await desk.send(ANNA, html=html, to=dict(desk.mail(ANNA)[-1].headers)["Reply-To"], subject="[PF-1]")
    await desk.pass_time(minutes=3)
    assert "Починили." in desk.mail(IVAN, "reply")[-1].text.splitlines()
    assert desk.ticket().priority is Priority.high
