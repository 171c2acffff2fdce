"""The desk behind a real Postfix, with the very lines of docs/operations.md."""

from __future__ import annotations

import asyncio
import errno
import json
import smtplib
import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from daemon import Running
from peers import Postfix, World, block, free_port, program, wait_for

from bot.intake.lmtp import LmtpListener
from bot.intake.reception import Reception
from bot.intake.session import Limits
from bot.store.letter_ids import Ids

pytestmark = pytest.mark.postfix
DESK = "support@providence.film"


@pytest.fixture(scope="module")
def dkim(tmp_path_factory):
    """OpenDKIM with the documented configuration; the key of example.org in a file instead of in DNS. Its port and the private key."""
    opendkim, genkey = program("opendkim"), program("opendkim-genkey")
    folder, port = tmp_path_factory.mktemp("dkim"), free_port()
    subprocess.run([genkey, "-D", str(folder), "-d", "example.org", "-s", "test"], check=True, timeout=20)
    public = "".join(part for part in (folder / "test.txt").read_text().split('"')[1::2])
    (folder / "public").write_text(f"test._domainkey.example.org {public}\n")
    conf = folder / "conf"
    conf.write_text(f"{block('opendkim.conf').replace('8891', str(port))}TestPublicKeys {folder}/public\nUMask 007\n")
    server = subprocess.Popen([opendkim, "-f", "-x", str(conf)], stderr=subprocess.DEVNULL)
    yield port, (folder / "test.private").read_bytes()
    server.terminate()
    server.wait(10)


def letter(sender: str, to: str, text: str, subject: str = "", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Message-ID"] = f"<{abs(hash((sender, text)))}@client.example>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


@pytest.fixture(scope="module")
def context(tmp_path_factory, dkim):
    """World, Postfix and desk, wired as the documentation says."""
    lmtp = free_port()
    data = tmp_path_factory.mktemp("desk") / "data"
    files = {"desk": block("postfix-desk").replace("8024", str(lmtp))}
    main = block("main.cf") + block("main.cf-milter").replace("8891", str(dkim[0]))
    with World() as world, Postfix(world, main, files=files) as postfix:
        desk = Running(data, DESK_LMTP=f"127.0.0.1:{lmtp}", DESK_SMTP="127.0.0.1:0", DESK_RELAY=f"smtp://127.0.0.1:{postfix.port}",
                       DESK_TRUSTED_RELAYS="127.0.0.1=mx.providence.film", DESK_READERS="1")  # fmt: skip
        with desk:
            yield world, postfix, desk


def post(postfix: Postfix, raw: bytes, sender: str, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as client:
        client.sendmail(sender, to, raw)


def ticket(desk: Running, number: int) -> dict:
    [found] = json.loads((desk.data / "tickets" / "live" / f"{number}.json").read_text())["ticket"].values()
    return found


def number_of(answer: EmailMessage) -> int:
    return int(str(answer["Subject"]).split("[PF-")[1].split("]")[0])


def test_a_letter_comes_in_through_postfix_and_its_answer_goes_out_through_it(context):
    world, postfix, desk = context
    assert "lmtp=127.0.0.1:" in desk.ready
    first = letter("olga@example.org", DESK, "При входе в личный кабинет появляется ошибка 403, пароль верный.", "Не могу войти")
    post(postfix, first.as_bytes(), "olga@example.org", DESK)
    [answer] = wait_for(lambda: world.mail("olga@example.org"), words=lambda: postfix.log() + desk.log())
    assert answer["Auto-Submitted"] == "auto-replied"
    assert '"intake":"lmtp"' in (desk.data / "log" / "desk.jsonl").read_text()
    to, ours = str(answer["Reply-To"]), str(answer["Message-ID"])
    more = letter("olga@example.org", to, "Забыла сказать: браузер Chrome 130.", f"Re: {answer['Subject']}", In_Reply_To=ours)
    post(postfix, more.as_bytes(), "olga@example.org", str(answer["Reply-To"]))
    number = number_of(answer)
    wait_for(lambda: "Chrome 130" in json.dumps(ticket(desk, number), ensure_ascii=False), words=lambda: postfix.log() + desk.log())


def test_the_findings_of_the_own_server_prove_a_sender_and_forged_ones_do_not(context, dkim):
    dkimpy = pytest.importorskip("dkim")
    world, postfix, desk = context
    proved = letter("petr@example.org", DESK, "Видео останавливается на десятой минуте фильма, ошибка 17.", "Останавливается").as_bytes()
    signed = dkimpy.sign(proved.replace(b"\n", b"\r\n"), b"test", b"example.org", dkim[1]) + proved.replace(b"\n", b"\r\n")
    post(postfix, signed, "petr@example.org", DESK)
    forged = letter("zoya@example.org", DESK, "Субтитры отстают от звука на пять секунд в каждом фильме.", "Субтитры")
    for server in ("mx.providence.film", "mx.elsewhere.example"):
        forged["Authentication-Results"] = f"{server}; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"
    post(postfix, forged.as_bytes(), "zoya@example.org", DESK)
    states = []
    for user in ("petr@example.org", "zoya@example.org"):
        [answer] = wait_for(lambda user=user: world.mail(user), words=lambda: postfix.log() + desk.log())
        states.append(bool(ticket(desk, number_of(answer)).get("proved")))
    assert states == [True, False]


def test_every_recipient_hears_of_his_own_copy(context):
    _, _, desk = context
    port = int(desk.ready.split("lmtp=127.0.0.1:")[1].split()[0])
    with smtplib.LMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo()
        client.mail("ivan@example.org")
        codes = [client.rcpt(to)[0] for to in (DESK, "nobody@providence.film", "support+x@providence.film")]
        assert codes[:2] == [250, 550]
        taken = codes.count(250)
        code, _ = client.data(letter("ivan@example.org", DESK, "Плеер показывает чёрный экран вместо видео в Firefox 131.").as_bytes())
        assert code == 250
        others = [client.getreply()[0] for _ in range(taken - 1)]
        assert others == [250] * (taken - 1)
        assert client.docmd("EHLO", "x")[0] == 500
        assert client.docmd("NOOP")[0] == 250


def test_a_desk_that_is_down_keeps_the_letter_in_postfix(context):
    world, postfix, desk = context
    desk.stop()
    raw = letter("lena@example.org", DESK, "После оплаты доступ к фильмам не появился, прошло два часа.", "Нет доступа").as_bytes()
    post(postfix, raw, "lena@example.org", DESK)
    wait_for(lambda: "status=deferred" in postfix.log(), words=postfix.log)
    desk.start()
    answers = wait_for(lambda: world.mail("lena@example.org"), 30, words=lambda: postfix.log() + desk.log())
    assert len(answers) == 1
    assert desk.run("ledger").returncode == 0


def test_lmtp_on_a_socket(tmp_path):
    path = tmp_path / "lmtp"
    with Running(tmp_path / "data", DESK_LMTP=f"unix:{path}", DESK_READERS="1") as desk:
        assert f"lmtp={path}" in desk.ready
        with smtplib.LMTP(str(path)) as client:
            raw = letter("ivan@example.org", DESK, "Не воспроизводится трейлер, ошибка 12 в Chrome 131.").as_bytes()
            client.sendmail("ivan@example.org", [DESK], raw)
        desk.wait("ivan@example.org", 1)
        wait_for(lambda: '"client":"unix"' in (desk.data / "log" / "desk.jsonl").read_text())  # lines are written a moment later
        desk.stop(9)
        desk.start()  # the socket of the dead one is replaced


async def test_a_refusal_after_data_is_told_once_a_recipient(tmp_path):
    told, taken = [], []

    async def accept(raw, envelope):
        taken.append(envelope)
        raise OSError(errno.ENOSPC, "no space left")

    tell = lambda event, **fields: told.append(event)  # noqa: E731
    reception = Reception(accept, lambda address: True, Ids().new, lambda: datetime.now(UTC), tell)
    listener = LmtpListener(reception, hostname="desk.example", limits=Limits(size=1000))
    host, port = await listener.start("127.0.0.1", 0)

    def talk() -> list[list[int]]:
        codes = []
        for size in (2000, 100):
            with smtplib.LMTP(host, port, timeout=10) as client:
                client.ehlo()
                client.mail("ivan@example.org")
                for to in ("a@desk.example", "b@desk.example", "b@desk.example"):
                    client.rcpt(to)
                first, _ = client.data(b"Subject: x\r\n\r\n" + b"x" * size)
                codes.append([first, *(client.getreply()[0] for _ in range(2)), client.noop()[0]])
        return codes

    try:
        assert await asyncio.to_thread(talk) == [[552] * 3 + [250], [452] * 3 + [250]]
    finally:
        await listener.stop(1)
    assert [one.recipients for one in taken] == [("a@desk.example", "b@desk.example")]
