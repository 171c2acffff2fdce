"""A desk where Ivan has left traces everywhere, and a look for them; for the law, for copies and for moves."""

from __future__ import annotations

import gzip
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from desk import TestDesk

from bot import parsing
from bot.app.log import Log
from bot.data.erasure import Plan, files_without, forget, log_without, trace
from bot.delivery.folder import Folder
from bot.disk import Disk
from bot.model import Envelope
from bot.store.files.letters import FileLetters
from bot.store.files.reader import FileDataReader

ANNA, IVAN, MARIA = "anna@providence.film", "ivan@example.org", "maria@example.org"
PHRASE = "the purple badger ate my download at dawn"
TRACES = (IVAN, PHRASE, "Badgerov", "Badger trouble")
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


def found(data: Path, *words: str) -> list[str]:
    """Where any of the words stands in the data folder, whatever the file; letters are decoded, packed files unpacked."""
    hits = []
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8", "replace")
        if path.suffix == ".eml":
            letter = parsing.read(raw.partition(b"\n")[2], Envelope(letter="x", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from=""))
            text += f"{letter.subject}\n{letter.full_text}\n{letter.headers}"
        hits += [f"{word} in {path.relative_to(data)}" for word in words if word.lower() in f"{path.name}\n{text}".lower()]
    return hits


async def busy(data: Path) -> TestDesk:
    """A desk where Ivan has a ticket of his own, a part in Maria's, and is named in all kinds of places."""
    desk = await TestDesk.opened(data, undo=0)
    log = Log(data / "log", lambda: desk.now)
    tell = desk._log
    desk._log = lambda event, /, **fields: (tell(event, **fields), log(event, **fields))  # type: ignore[method-assign]
    desk.sender = Folder(data / "outbox", Disk())  # type: ignore[assignment]
    await desk.restart()
    await desk.send(IVAN, f"{PROBLEM} {PHRASE}", subject="Badger trouble on Tuesday", name="Ivan Badgerov")
    mine = desk.mail(ANNA)[0]
    await desk.reply(mine, ANNA, f"#взять\n#заметка\n{IVAN} звонил: {PHRASE}")
    await desk.reply(mine, ANNA, "#ответ\nПришлите, пожалуйста, снимок экрана, мы посмотрим.")
    await desk.send(MARIA, f"{PROBLEM} Это Мария, у меня то же самое, что у {IVAN}.", subject="Фильм Марии")
    hers = desk.mail(ANNA, "notice_new")[-1]
    await desk.reply(hers, ANNA, f"#копия {IVAN}\n#ответ\nСмотрим вместе с Иваном, {IVAN} в копии.")
    joint = desk.mail(IVAN)[-1]
    await desk.reply(joint, IVAN, f"I can add that {PHRASE} here as well, every single time.", name="Ivan Badgerov")
    await desk.reply(desk.mail(MARIA)[-1], MARIA, "Спасибо, у меня уже работает лучше, чем вчера.")
    await desk.reply(desk.mail(ANNA)[-1], ANNA, "#очередь")
    await desk.send("mailer-daemon@example.org", f"The mail system\n\n<{IVAN}>: user unknown", mail_from="", subject="Undelivered")
    await desk.send(IVAN, "Я в отпуске до понедельника.", headers={"Auto-Submitted": "auto-replied"}, subject="Автоответ")
    await desk.send(ANNA, f"#найти {IVAN}", subject="поиск")
    ident = desk.inbox.new_id(desk.now)
    (data / "parked").mkdir(exist_ok=True)
    desk.inbox.accept(f"From: {IVAN}\r\nSubject: {PHRASE}\r\n\r\n{PHRASE}".encode(), Envelope(letter=ident, received=desk.now, mail_from=IVAN))
    desk.inbox.park(ident, f"could not be read: {PHRASE}", "trace", desk.now)
    await desk.pass_time(hours=20)
    rotated = data / "log" / "desk.jsonl.2.gz"
    rotated.write_bytes(gzip.compress(f'{{"event": "sent", "to": "{IVAN}"}}\n'.encode()))
    return desk


async def erase(desk: TestDesk, person: str = IVAN, letters: Any = None, store: Any = None) -> Plan:
    """What `run.py forget` does under the lock."""
    with closing(FileDataReader(desk.data)) as reader:
        plan = trace(reader, person, desk.now)
    files_without(desk.data, plan)
    await forget(plan, letters or FileLetters(desk.inbox), store or desk.store, desk.now)
    for path in (desk.data / "log").glob("desk.*"):
        log_without(path, plan.person)
    return plan
