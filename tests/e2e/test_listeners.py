"""Every listener on every store, with letters of every size, the whole way: accepted, answered, archived as they came."""

from __future__ import annotations

import http.client
import io
import random
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from cluster import Cluster
from daemon import PATIENCE, Running
from peers import free_port, wait_for
from PIL import Image
from test_imap_dovecot import Dovecot

from bot.intake.pipe import LIMIT
from bot.intake.spool import MEMORY
from bot.settings import Settings
from bot.store.factory import open_data_reader

KB = 1024
SIZES = {"1 KB": KB, "in memory": MEMORY - KB, "on disk": MEMORY + KB, "3 MB": 3 * KB * KB, "most": LIMIT}
US = "support@providence.film"
TEXT = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"


class Desks:
    """A desk for each store, started when a test first asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, dict[str, Running]()

    def on(self, store: str, url: str) -> Running:
        if store not in self.running:
            settings = {"DESK_STORE": url} if url else {}
            self.running[store] = Running(
                self.folder / store, DESK_LMTP=f"127.0.0.1:{free_port()}", DESK_FORM="127.0.0.1:0", **settings
            ).start()
        return self.running[store]


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    made = Desks(tmp_path_factory.mktemp("doors"))
    yield made
    for one in made.running.values():
        one.stop()


@pytest.fixture(params=["files", pytest.param("postgresql", marks=(pytest.mark.postgres, pytest.mark.long))])
def desk(request: pytest.FixtureRequest, desks: Desks) -> Running:
    url = ""
    if request.param != "files":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.url("desk_doors")
        if request.param not in desks.running:
            cluster.sql("create database desk_doors template template_desk")
    return desks.on(request.param, url)


def noise(size: int) -> bytes:
    """A picture of about so many octets, which no program can make smaller."""
    out, side = io.BytesIO(), max(1, int((size / 3) ** 0.5))
    Image.frombytes("RGB", (side, side), random.Random(size).randbytes(side * side * 3)).save(out, "PNG")
    return out.getvalue()


def letter(sender: str, size: int, recipients: int = 1) -> bytes:
    """A letter of exactly so many octets, with a picture where one has room."""
    made = EmailMessage()
    made["From"], made["Subject"], made["Message-ID"] = sender, "Не открывается фильм", f"<{time.time_ns()}@client.example>"
    made["To"] = ", ".join([US, *(f"friend{number}@example.org" for number in range(1, recipients))])
    made.set_content(TEXT)
    if size > 10 * KB:
        made.add_attachment(noise(min(size // 3, 2 * KB * KB)), "image", "png", filename="экран.png")
    raw = made.as_bytes(policy=SMTP)
    assert len(raw) < size
    return raw + filler(size - len(raw)) if size > 10 * KB else raw


def filler(size: int) -> bytes:
    """So many octets of short lines behind the last part: what stands there is nobody's words."""
    lines = (b"y" * 76 + b"\r\n") * (size // 78 + 1)
    return lines[: size - 2] + b"\r\n" if size >= 2 else b""


def by_smtp(desk: Running, raw: bytes, sender: str, recipients: int = 1) -> None:
    with smtplib.SMTP("127.0.0.1", desk.port, timeout=PATIENCE) as client:
        client.sendmail(sender, [US, *(f"support+{number}@providence.film" for number in range(1, recipients))], raw)


def by_lmtp(desk: Running, raw: bytes, sender: str, recipients: int = 1) -> None:
    port = int(desk.ready.split("lmtp=127.0.0.1:")[1].split()[0])
    with smtplib.LMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        client.sendmail(sender, [US, *(f"support+{number}@providence.film" for number in range(1, recipients))], raw)
        for _ in range(1, recipients):  # one reply for each of them, RFC 2033 section 4.2, of which smtplib reads one
            assert client.getreply()[0] == 250


def by_pipe(desk: Running, raw: bytes, sender: str, recipients: int = 1) -> None:
    more = [word for number in range(1, recipients) for word in ("--recipient", f"support+{number}@providence.film")]
    done = desk.run("deliver", "--sender", sender, "--recipient", US, *more, stdin=raw)
    if done.returncode:
        raise smtplib.SMTPResponseException(552 if done.returncode == 65 else 451, done.stderr)


DOORS: dict[str, Callable[..., None]] = {"smtp": by_smtp, "lmtp": by_lmtp, "pipe": by_pipe}


def archived(desk: Running, ident: bytes) -> list[bytes]:
    """The bytes of the letters with this Message-ID, as they are kept."""
    settings = Settings(data=desk.data, store=desk.env.get("DESK_STORE") or None)
    with closing(open_data_reader(settings)) as reader:
        return [raw for one, _ in reader.letters() if ident in (raw := reader.letter(one)[1])[: 4 * KB]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("listener", DOORS)
def test_a_letter_of_any_size_goes_the_whole_way(desk: Running, listener: str, size: str) -> None:
    sender = f"{listener}-{SIZES[size]}@example.org"
    raw = letter(sender, SIZES[size])
    DOORS[listener](desk, raw, sender)
    [ack] = desk.wait(sender, 1)
    assert ack["Subject"].startswith("[PF-")
    ident = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    [kept] = archived(desk, ident)
    assert kept.endswith(raw), "not a byte of it is changed"
    assert desk.run("ledger").returncode == 0


@pytest.mark.parametrize("listener", DOORS)
def test_what_is_larger_is_refused_with_a_word_and_not_kept(desk: Running, listener: str) -> None:
    raw = letter("large@example.org", LIMIT) + b"\r\n"
    with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as refused:
        DOORS[listener](desk, raw, "large@example.org")
    assert "552" in str(refused.value)
    kept = archived(desk, raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0])
    assert all(listener == "pipe" and one.endswith(b"\r\n\r\n") for one in kept), "its headers at most"


@pytest.mark.parametrize("listener", DOORS)
def test_a_letter_to_a_hundred_is_one_letter(desk: Running, listener: str) -> None:
    sender = f"{listener}-hundred@example.org"
    raw = letter(sender, 2 * MEMORY, recipients=100)
    DOORS[listener](desk, raw, sender, recipients=100)
    assert len(desk.wait(sender, 1)) == 1
    assert len(archived(desk, raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0])) == 1
    assert desk.run("ledger").returncode == 0


@pytest.mark.parametrize("size", [KB, MEMORY // 2, 2 * MEMORY, 9 * KB * KB])
def test_a_form_with_pictures_goes_the_whole_way(desk: Running, size: int) -> None:
    sender, parts = f"form-{size}@example.org", b""
    for name, value in {"name": "Ольга", "email": sender, "text": TEXT, "consent": "1"}.items():
        parts += f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    parts += b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    parts += noise(size) + b"\r\n--x--\r\n"
    client = http.client.HTTPConnection(desk.ready.split("form=")[1].split()[0], timeout=PATIENCE)
    client.request("POST", "/", parts, {"Content-Type": "multipart/form-data; boundary=x"})
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (303, b"")
    client.close()
    assert desk.wait(sender, 1)[0]["Subject"].startswith("[PF-")
    assert desk.run("ledger").returncode == 0


@pytest.mark.dovecot
@pytest.mark.parametrize("store", ["files", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_mailbox_with_letters_of_every_size(tmp_path: Path, store: str, request: pytest.FixtureRequest) -> None:
    server, secret = Dovecot(), tmp_path / "password"
    secret.write_text("geheim\n")
    settings = {}
    if store != "files":
        cluster = request.getfixturevalue("cluster")
        settings["DESK_STORE"] = cluster.url(request.getfixturevalue("database"))
    server.start()
    try:
        letters = {f"imap-{place}@example.org": size for place, size in enumerate(SIZES.values())}
        for sender, size in letters.items():
            server.put(f"Return-Path: <{sender}>\r\n".encode() + letter(sender, size - 100))
        place = f"imap://support%40providence.film@127.0.0.1:{server.port}"
        with Running(tmp_path / "data", DESK_IMAP=place, DESK_IMAP_PASSWORD_FILE=str(secret), **settings) as desk:
            for sender in letters:
                assert len(desk.wait(sender, 1)) == 1
            wait_for(lambda: server.letters(".Desk.Done") == len(letters), words=server.log)
            assert desk.run("ledger").returncode == 0
    finally:
        server.stop()


def test_a_folder_that_somebody_removed_is_made_again(desk: Running) -> None:
    spool = desk.data / "spool"
    if spool.exists():
        spool.rmdir()
    by_smtp(desk, letter("again@example.org", 2 * MEMORY), "again@example.org")
    desk.wait("again@example.org", 1)
    assert list(spool.iterdir()) == [], "its files have no names"


def test_the_doctor_goes_the_way_of_a_large_letter(desk: Running) -> None:
    found = desk.run("doctor", "--no-letter").stdout.decode()
    assert "takes letters" in found
    spool = desk.data / "spool"
    if spool.exists():
        spool.rmdir()
    spool.touch()
    found = desk.run("doctor", "--no-letter").stdout.decode()
    spool.unlink()
    assert "no large letter can come in" in found
    assert desk.run("ledger").returncode == 0, "it has left nothing behind"
    assert not list(desk.data.rglob("*.tried"))
