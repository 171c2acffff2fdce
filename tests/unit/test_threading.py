"""Which ticket a letter joins, and how sure that is."""

from pathlib import Path

import pytest
from desk import TestDesk

IVAN, ANNA, EVIL, VICTIM = "ivan@example.org", "anna@providence.film", "e@evil.example", "victim@bank.example"
GOOD = "После входа открываю фильм в Chrome 130, жму «Смотреть», экран чёрный, ошибка 500. Вчера работало."


async def test_a_made_up_token_is_no_better_than_a_tag(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, GOOD, subject="Чёрный экран")
    await desk.send(IVAN, "Пришлите пароль", subject="hi", headers={"References": "<pf.1-r-aaaaaaaaaaaaaaaa@providence.film>"}, mail_from=EVIL)
    assert desk.ticket().entries[-1].unconfirmed


async def test_a_participant_does_not_prove_the_requester(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(VICTIM, GOOD, subject="Чёрный экран", mail_from=EVIL)
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, f"#копия {EVIL}\n#уточнить\nКакой браузер?")
    asked = desk.mail(EVIL, "clarify")[-1]
    await desk.reply(asked, EVIL, "Хром")
    assert not desk.ticket().proved
    named = " ".join(value for name, value in asked.headers if name in ("References", "In-Reply-To"))
    assert all(one.message_id not in named for one in desk.ticket().outgoing if one.to == VICTIM)


async def test_the_same_message_id_of_another_person_is_another_letter(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for person in (IVAN, "maria@example.org", IVAN):
        await desk.send(person, GOOD, subject="x", message_id="same@client")
    assert desk.tickets() == [1, 2]


@pytest.mark.parametrize(("text", "status"), [("Ок", "done"), ("👍", "done"), ("Не за что!", "done"), ("Хорошо?", "created"), ("👎", "created")])
async def test_agreement_alone_reopens_nothing(text: str, status: str, tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, GOOD, subject="Чёрный экран")
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#решено\nПочинили.")
    await desk.reply(desk.mail(IVAN, "resolved_solved")[0], IVAN, text)
    assert desk.ticket().status.replace("in_progress", "created") == status
