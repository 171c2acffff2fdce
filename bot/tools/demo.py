"""`run.py demo`: a user, a stranger, a robot and an agent write to a real daemon over real SMTP; their letters are printed as they come."""

from __future__ import annotations

import asyncio
import email
import email.policy
import smtplib
import tempfile
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from rich.panel import Panel
from rich.text import Text

from bot.app.context_loading import read
from bot.settings import HostPort, Settings
from bot.store.factory import open_data_reader
from bot.tools.window import Window

UNDO = 1  # seconds: nobody watches a demo for two minutes
PATIENCE = 10.0  # seconds for a letter to come
USER, STRANGER, ROBOT = "olga@example.org", "mallory@example.net", "ivan@example.org"
COLOURS = {USER: "cyan", STRANGER: "red", ROBOT: "magenta"}


class Stage:
    """The people of the play: they send by SMTP and read what lies in the outbox folder."""

    def __init__(self, port: int, outbox: Path, desk: str, out: Window) -> None:
        self.port, self.outbox, self.desk, self.out = port, outbox, desk, out
        self.read: set[Path] = set()

    async def write(self, sender: str, subject: str, text: str, answers: EmailMessage | None = None, headers: dict[str, str] | None = None) -> None:
        """Somebody sends a letter."""
        letter = EmailMessage()
        letter["From"], letter["Subject"] = sender, subject
        letter["To"] = answers["Reply-To"] if answers is not None else self.desk
        letter["Date"], letter["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.partition("@")[2])
        if answers is not None:
            letter["In-Reply-To"] = letter["References"] = answers["Message-ID"]
        for name, value in (headers or {}).items():
            letter[name] = value
        letter.set_content(text)
        title, colour = Text(f"✉ {sender}: {subject}"), COLOURS.get(sender, "yellow")
        self.out.print(Panel(Text(text), title=title, title_align="left", border_style=colour))
        await asyncio.to_thread(self._send, sender, letter)

    def _send(self, sender: str, letter: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.send_message(letter, sender, [str(letter["To"])])

    async def get(self, who: str, show: bool = True) -> EmailMessage:
        """The next letter to somebody; printed as a person reads it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for path in sorted(set(self.outbox.glob("*.eml")) - self.read):
                    letter = email.message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=email.policy.default)
                    if letter["To"] == who:
                        self.read.add(path)
                        if show:
                            self._print(who, letter)
                        return letter
                await asyncio.sleep(0.05)

    def _print(self, who: str, letter: EmailMessage) -> None:
        body = letter.get_body(("plain",))
        text = body.get_content().strip() if body else ""
        title = Text(f"→ {who}: {letter['Subject']}")
        panel = Panel(Text(text), title=title, title_align="left", border_style="green", padding=(0, 2))
        self.out.print(panel)

    async def silence(self, who: str, seconds: float = 1.0) -> None:
        """Nothing more comes."""
        await asyncio.sleep(seconds)
        new = [path for path in set(self.outbox.glob("*.eml")) - self.read if f"To: {who}".encode() in path.read_bytes()]
        words, style = (f"got {len(new)} letter(s)!", "bold red") if new else ("gets nothing.", "dim")
        self.out.print(f"  {who} {words}", style=style)

    def tell(self, words: str) -> None:
        """The narrator."""
        self.out.print(f"\n{words}", style="bold")


async def act(stage: Stage, anna: str, boris: str) -> None:
    """The play itself."""
    stage.tell("1. A user writes. Within a second she reads an acknowledgement with number and time.")
    await stage.write(
        USER, "Не открывается фильм", "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."
    )
    await stage.get(USER)
    stage.tell("2. The agents get a notice each; its reply address is signed for this agent and this ticket.")
    notice = await stage.get(anna)
    await stage.get(boris, show=False)
    stage.tell("3. Somebody forges Anna's From line and guesses the number. Nothing happens, except that Anna is told.")
    await stage.write(anna, "Re: [PF-1]", "#решено\nПришлите пароль от почты на мой адрес.")
    await stage.get(anna)
    stage.tell("4. A stranger names the ticket. He gets a ticket of his own, and not a word of hers.")
    await stage.write(STRANGER, "Re: [PF-1] Не открывается фильм", "Это я, Ольга, с другого ящика. Перешлите мне, пожалуйста, всю нашу переписку.")
    await stage.get(STRANGER)
    await stage.get(anna, show=False)
    stage.tell("5. A vacation robot answers. Robots are never answered.")
    await stage.write(ROBOT, "Автоответ: я в отпуске", "Вернусь в понедельник.", headers={"Auto-Submitted": "auto-replied"})
    await stage.silence(ROBOT)
    stage.tell("6. Anna replies with a question. Her receipt shows exactly what Olga will read; for a while she can still #undo it.")
    await stage.write(
        anna, f"Re: {notice['Subject']}", "#уточнить\nОльга, подскажите, пожалуйста: в другом браузере фильм открывается?", answers=notice
    )
    receipt = await stage.get(anna)
    question = await stage.get(USER)
    stage.tell("7. Olga answers; Anna mistypes a command, and nothing of the letter is carried out.")
    await stage.write(USER, f"Re: {question['Subject']}", "В Firefox открывается, спасибо. Значит, дело в Chrome?", answers=question)
    await stage.get(anna)
    await stage.write(anna, f"Re: {notice['Subject']}", "#решенно\nДа, отключите расширение AdStop.", answers=receipt)
    await stage.get(anna)
    stage.tell("8. Now it is right. The ticket is closed with the letter that fits its resolution.")
    await stage.write(
        anna, f"Re: {notice['Subject']}", "#решено\nДа, дело в расширении AdStop: отключите его для нашего сайта, и фильм откроется.", answers=receipt
    )
    await stage.get(anna, show=False)
    await stage.get(USER)


async def run(settings: Settings, out: Window) -> int:
    """A daemon in a temporary folder, the play, and the ledger; 0, or 1 when something did not happen."""
    from bot.app.daemon import Daemon
    from bot.data.ledger import account

    with tempfile.TemporaryDirectory(prefix="desk-demo-") as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_bytes(b"".join(awake(read(settings.rules))))
        data = Path(folder) / "data"
        changes = {"data": data, "secret_file": data / "secret", "rules": rules, "smtp": HostPort("127.0.0.1", 0), "relay": None, "undo": UNDO}
        daemon = Daemon(settings.model_copy(update=changes))
        try:
            place = (await daemon.start())[0]
            people = daemon.context.policy.people
            first, second = people.agents[0].address, people.agents[-1].address
            stage = Stage(int(place.rpartition(":")[2]), data / "outbox", daemon.context.policy.desk.address, out)
            await act(stage, first, second)
        except TimeoutError:
            out.print("A letter did not come in time.", style="bold red")
            return 1
        finally:
            await daemon.close()
        stage.tell("9. The proof, from the disk: every accepted letter is in exactly one place.")
        result = account(open_data_reader(daemon.settings))
        out.print(result.as_text())
        return 0 if result.adds_up else 1


def awake(rules: bytes) -> list[bytes]:
    """The rules with a desk that never sleeps, so that the demo can be watched at night as well."""
    lines = rules.splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if line.startswith(b"calendar:"))
    end = next((index for index in range(at + 1, len(lines)) if lines[index][:1].strip() and lines[index][:1] != b"#"), len(lines))
    return [*lines[:at], b"calendar:\n  hours: 00:00-24:00\n\n", *lines[end:]]


def play(settings: Settings) -> int:
    """Plays the demo on the terminal; the exit code."""
    return asyncio.run(run(settings, Window(width=100)))
