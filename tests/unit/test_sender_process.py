"""The process that makes outgoing letters and sends them: what it does, and that nothing is lost with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from contract import outgoing

from bot.delivery.sender import LAST, OutgoingMail, SenderProcess
from bot.model.markup import literal
from bot.rendering.compose import composed
from bot.settings import RelayTarget

ROOT = Path(__file__).parent.parent.parent


class Desk:
    """A post into a folder, with the layout in our hands."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.layout = folder, "<html>one {{ body }}</html>"
        self.sender = SenderProcess(folder, lambda: self.layout, composed)

    def pages(self) -> dict[str, str]:
        """The HTML parts in the folder by recipient."""
        found = {}
        for path in self.folder.glob("*.eml"):
            message = message_from_bytes(path.read_bytes(), policy=default)
            body = message.get_body(("html",))  # type: ignore[attr-defined]
            found[str(message["Delivered-To"])] = body.get_content()
        return found

    @property
    def process(self) -> int:
        """Its process id."""
        assert self.sender._process is not None
        assert self.sender._process.pid is not None
        return self.sender._process.pid


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "outbox")
    yield made
    await made.sender.close()


def mail(number: int, text: str = "Привет", **more: object) -> OutgoingMail:
    return OutgoingMail(outgoing(number, f"{number}@x.example", body=literal(text), **more), "desk@x.example", "Служба")


async def test_letters_of_one_moment_leave_together_with_their_files(desk: Desk) -> None:
    picture = os.urandom(1_000_000)  # more than a socket takes at once
    alone = OutgoingMail(outgoing(9, "9@x.example"), "desk@x.example", "", (("p.png", "image/png", picture),))
    results = await asyncio.gather(*(desk.sender.send(mail(number)) for number in range(8)), desk.sender.send(alone))
    assert [result.state for result in results] == ["sent"] * 9
    assert len(desk.pages()) == 9
    [file] = [path for path in desk.folder.glob("*.eml") if b"Delivered-To: 9@" in path.read_bytes()]
    [part] = list(message_from_bytes(file.read_bytes(), policy=default).iter_attachments())  # type: ignore[attr-defined]
    assert part.get_payload(decode=True) == picture


async def test_a_letter_that_cannot_be_made_keeps_no_other(desk: Desk) -> None:
    bad = mail(2, headers=(("no header name", "x"),))
    first, second, third = await asyncio.gather(*(desk.sender.send(one) for one in (mail(1), bad, mail(3))))
    assert (first.state, second.state, third.state) == ("sent", "retry", "sent")
    assert "no header name" in second.words


async def test_a_changed_layout_is_that_of_the_next_letter(desk: Desk) -> None:
    await desk.sender.send(mail(1))
    desk.layout = "<html>two {{ body }}</html>"
    await desk.sender.send(mail(2))
    desk.layout = "{{ nothing }}"
    broken = await desk.sender.send(mail(3))
    pages = desk.pages()
    assert pages["1@x.example"].startswith("<html>one")
    assert pages["2@x.example"].startswith("<html>two")
    assert broken.state == "retry"
    assert "layout.html" in broken.words


async def test_what_a_killed_process_had_in_hand_is_tried_again_and_the_next_letter_has_another_process(desk: Desk) -> None:
    await desk.sender.send(mail(1))
    old = desk.process
    os.kill(old, signal.SIGSTOP)  # so that it surely has them in hand
    waiting = [asyncio.ensure_future(desk.sender.send(mail(number))) for number in (2, 3)]
    await asyncio.sleep(0.05)
    os.kill(old, signal.SIGKILL)
    assert [result.state for result in await asyncio.gather(*waiting)] == ["retry", "retry"]
    assert (await desk.sender.send(mail(4))).state == "sent"
    assert desk.process != old


async def test_the_process_ends_with_the_daemons_side_of_the_socket_and_not_before(desk: Desk) -> None:
    await desk.sender.send(mail(1))
    process = desk.process
    os.kill(process, signal.SIGTERM)
    os.kill(process, signal.SIGINT)
    assert (await desk.sender.send(mail(2))).state == "sent"
    assert desk.process == process
    assert desk.sender._transport is not None
    desk.sender._transport.abort()
    with suppress(ProcessLookupError):
        for _ in range(500):
            os.kill(process, 0)
            assert desk.sender._process is not None
            if desk.sender._process.exitcode is not None:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("it goes on without its daemon")


async def test_told_to_end_it_finishes_what_it_has_in_hand(desk: Desk) -> None:
    waiting = [asyncio.ensure_future(desk.sender.send(mail(number))) for number in range(200)]
    await asyncio.sleep(0.01)
    await desk.sender.close()
    assert [result.state for result in await asyncio.gather(*waiting)] == ["sent"] * 200
    assert len(desk.pages()) == 200


async def test_a_relay_that_does_not_answer_holds_up_no_end() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    post = SenderProcess(RelayTarget("127.0.0.1", server.sockets[0].getsockname()[1], "plain"), lambda: "{{ body }}", composed)
    waiting = asyncio.ensure_future(post.send(mail(1)))
    await asyncio.sleep(0.5)
    async with asyncio.timeout(LAST):
        await post.close()
    assert (await waiting).state == "retry"
    server.close()


async def test_a_letter_that_comes_after_the_end_waits_for_the_next_start(desk: Desk) -> None:
    """A large file was still being read: no process is started for it that nobody would end."""
    await desk.sender.close()
    assert (await desk.sender.send(mail(1))).state == "retry"
    assert not list(desk.folder.glob("*.eml"))


async def test_a_letter_that_cannot_be_encoded_is_its_callers_trouble(desk: Desk) -> None:
    with pytest.raises(UnicodeEncodeError):
        desk.sender.send(mail(1, headers=(("X", "\udc80"),)))
    assert (await desk.sender.send(mail(2))).state == "sent"


@pytest.mark.parametrize("rounds", range(12))
async def test_a_letter_handed_over_while_the_process_starts_leaves_too(desk: Desk, rounds: int) -> None:
    desk.sender.start()
    for _ in range(rounds):  # the very round of the loop matters
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert (await desk.sender.send(mail(1))).state == "sent"


async def test_a_process_that_cannot_be_started_is_tried_again_with_the_next_letter(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> None:
        raise EOFError("unexpected EOF")  # as the fork server's death is told

    with monkeypatch.context() as patch:
        patch.setattr("multiprocessing.context.ForkServerProcess.start", gone)
        other = SenderProcess(desk.folder, lambda: desk.layout, composed)
        assert [(await one.send(mail(1))).state for one in (desk.sender, other)] == ["retry"] * 2
        await other.close()
    assert (await desk.sender.send(mail(2))).state == "sent"


async def test_what_a_dead_daemon_has_handed_over_is_not_sent_behind_the_back_of_the_next(desk: Desk) -> None:
    await desk.sender.send(mail(1))
    process = desk.process
    os.kill(process, signal.SIGSTOP)
    waiting = [asyncio.ensure_future(desk.sender.send(mail(number))) for number in range(2, 9)]
    await asyncio.sleep(0.05)
    assert desk.sender._transport is not None
    desk.sender._transport.abort()
    assert {result.state for result in await asyncio.gather(*waiting)} == {"retry"}
    os.kill(process, signal.SIGCONT)
    await desk.sender.close()
    assert list(desk.pages()) == ["1@x.example"]


async def test_a_process_that_is_stuck_is_replaced(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.sender.send(mail(1))
    os.kill(desk.process, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr("bot.delivery.sender.STUCK", 0.3)
        async with asyncio.timeout(10):
            assert (await desk.sender.send(mail(2))).state == "retry"
    assert (await desk.sender.send(mail(3))).state == "sent"


UNCLOSED = """
import asyncio, sys
from pathlib import Path
from contract import outgoing
from bot.delivery.sender import OutgoingMail, SenderProcess
from bot.rendering.compose import composed
post = SenderProcess(Path(sys.argv[1]), lambda: "{{ body }}", composed)
async def main():
    print((await post.send(OutgoingMail(outgoing(1), "desk@x.example"))).state)
asyncio.run(main())
"""


def test_a_daemon_that_ends_by_an_error_does_not_wait_for_it(tmp_path: Path) -> None:
    paths = os.pathsep.join(str(ROOT / one) for one in (".", "tests", "tests/store"))
    call = [sys.executable, "-c", UNCLOSED, str(tmp_path)]
    ended = subprocess.run(call, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=20, check=True)
    assert ended.stdout == "sent\n"


async def test_a_folder_that_cannot_be_made_is_a_try_later(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    post = SenderProcess(tmp_path / "outbox", lambda: "{{ body }}", composed)
    assert (await post.send(mail(1))).state == "retry"
    await post.close()


async def test_a_relay_is_asked_from_there_too() -> None:
    post = SenderProcess(RelayTarget("127.0.0.1", 1, "plain"), lambda: "{{ body }}", composed)
    result = await post.send(mail(1))
    assert (result.state, result.alarm) == ("retry", False)
    assert result.words
    await post.close()
