"""An outage that a lead announces by mail: who is told that it is over."""

from pathlib import Path

from desk import TestDesk

IVAN, ANNA, VICTIM, EVIL = "ivan@example.org", "anna@providence.film", "victim@bank.example", "e@evil.example"
DOWN = "У всех не работает сервис, не открывается ни один фильм ни у кого"


async def test_the_end_is_told_where_the_answer_went_and_closes_what_it_could_tell(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, "Не приходит код на почту, жду час, в папке «Спам» пусто.", subject="Код")
    notice = desk.mail(ANNA, "notice_new")[0]
    await desk.reply(notice, ANNA, "#авария Видео не открывается у всех")
    await desk.send(VICTIM, DOWN, subject="Авария", mail_from=EVIL)
    await desk.send("owner-list@lists.example", DOWN, subject="Авария")
    assert len(desk.mail(EVIL, "topic_outage")) == 1
    await desk.reply(notice, ANNA, "#авария конец")
    await desk.pass_time(minutes=2)
    assert not desk.mail(VICTIM)
    assert len(desk.mail(EVIL, "outage_over")) == 1
    assert [desk.ticket(number).status for number in (2, 3)] == ["done", "created"]
