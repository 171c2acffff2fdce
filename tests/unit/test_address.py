"""An address ends where atext ends, whoever looks for one: `o'brien@` is not `brien@`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from busy import PROBLEM, erase
from desk import TestDesk, opened

from bot.data.erasure import log_without, raw_without, wrote
from bot.data.export import view
from bot.language.abuse import find
from bot.model import Address, Entry, Envelope, Status, Ticket
from bot.model.address import FOUND, MAILBOX
from bot.model.markup import literal
from bot.parsing import read
from bot.rendering.reply_policy import sendable
from bot.tickets.agents.parser import parse
from bot.tickets.erasure import NOBODY, Person
from bot.tickets.queue import bears
from bot.tickets.threading import look, takes_part

BRIEN, NOW = "brien@client.example", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OTHERS = (
    *(f"{before}{BRIEN}" for before in ("o'", "x+", "a/", "/", "=", "a=", "x.", "o’", "é", "_", "a-",
    *"!#$%&*?^`{|}~")),
    "brien@client.example.com", "brien@client.example-x", "brien@client.example-x.org",
    "brien@client.exampleé", "brien@client.example_x",
)  # fmt: skip
HIS = (
    BRIEN, "Brien@Client.Example", f"<{BRIEN}>", f"{BRIEN}.", f"{BRIEN}, {BRIEN}", f"mailto:{BRIEN}",
    f"({BRIEN})", f"«{BRIEN}»",
    f'"{BRIEN}"', f"'{BRIEN}'", f"*{BRIEN}*", f"{BRIEN}...", f"{BRIEN}- he", quote(f"a {BRIEN} b", safe=""),
    f"https://x.example/?to={quote(BRIEN, safe='')}&a=b", f"https://x.example/?a=b&to={BRIEN}",
    f"https://x.example/{BRIEN}",
    escape(f'"{BRIEN}"'), literal(f"[{BRIEN}]"), f"spf=pass smtp.mailfrom={BRIEN}",
    f"client-ip=1.2.3.4; envelope-from={BRIEN}; x", f"info sent to={BRIEN} x",
    f"error words='{BRIEN} is unknown'", f"rfc822;{BRIEN}",
)  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_another_address_is_left_alone(other: str) -> None:
    person = Person(address=BRIEN)
    ways = (
        other,
        f"<{other}>",
        escape(other),
        quote(other, safe=""),
        quote(f"<{other}>", safe=""),
        literal(other),
        f"x {other.upper()} y",
    )
    assert [person.unnamed(one) for one in ways] == list(ways)
    assert not any(one == BRIEN for one in FOUND.findall(f"x {other} y"))
    assert not bears(other, BRIEN)
    assert not takes_part(
        Ticket(number=1, opened=NOW, changed=NOW, requester=Address(email=other), participants=(other,)),
        BRIEN,
    )


@pytest.mark.parametrize("text", HIS)
def test_his_own_is_found_wherever_it_stands(text: str) -> None:
    clean = Person(address=BRIEN).unnamed(text)
    assert NOBODY in clean
    assert "brien" not in clean.lower()


@pytest.mark.parametrize(
    "address", [BRIEN, f"o'{BRIEN}", "a/b=c?d|e~{f}@x-y.example", "дом@пример.example", "root@localhost"]
)
def test_what_is_a_mailbox(address: str) -> None:
    assert MAILBOX.fullmatch(address)
    assert sendable(address, lambda _: False) == ""
    assert FOUND.findall(f"write to «{address}», please") == (
        [address] if "." in address.partition("@")[2] else []
    )


@pytest.mark.parametrize("text", [
    "brien@", "@client.example", "a b@x.example", "a@b@x.example", "a@-x.example", "a@x..example",
    "a,b@x.example", "<a@x.example>", "a@x.example\n",
])  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert not MAILBOX.fullmatch(text)
    assert sendable(text, lambda _: False) == "no_address"


@pytest.mark.parametrize(("piece", "found"), [
    (BRIEN, False), ("brien@", False), ("brien@cli", False),
    (f"o'{BRIEN}", True), ("o'brien", True), ("o'brien@cli", True), ("@client", True), ("@client.example",
    True),
])  # fmt: skip
def test_a_search_for_a_piece_of_an_address(piece: str, found: bool) -> None:
    assert bears(f"o'{BRIEN}", piece) is found


def test_commands_take_the_whole_address() -> None:
    context = opened(Path(__file__).parents[2] / "rules.yaml")
    for address in (f"o'{BRIEN}", "x+y/z@client.example"):
        parsed = parse(f"#копия Пат <{address}>\n#ответ\nДобрый день.", context.policy, date(2026, 11, 23))
        assert parsed.commands[0].argument == address


def test_a_torn_from_is_not_the_agents_at_its_end() -> None:
    context = opened(Path(__file__).parents[2] / "rules.yaml")
    for value in (
        "o'boris@providence.film (",
        "x/boris@providence.film",
        "=boris@providence.film <",
        "o'boris@providence.film, (",
    ):
        letter = read(
            f"From: {value}\r\nSubject: x\r\n\r\n#взять\r\n".encode(),
            Envelope(letter="x", received=NOW, mail_from="?"),
        )
        assert letter.requester.email != "boris@providence.film"
        assert look(letter, context, NOW).agent == ""


def test_abuse_is_not_looked_for_in_an_address() -> None:
    assert not find("Пишите на f'uck@client.example или shit/x@client.example")


def test_a_bounce_names_whole_addresses() -> None:
    failed = f"X-Failed-Recipients: o'{BRIEN}, <{BRIEN}>, (x"
    raw = f"From: MAILER-DAEMON@x.example\r\n{failed}\r\nSubject: Undelivered\r\n\r\nuser unknown\r\n"
    assert read(raw.encode(), Envelope(letter="x", received=NOW, mail_from="")).bounced == (
        (f"o'{BRIEN}", ""),
        (BRIEN, ""),
    )


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_quoted_printable_parts_no_address(end: str) -> None:
    head = f"From: a@x.example{end}Content-Transfer-Encoding: quoted-printable{end}{end}"
    raw = f"{head}write to o'={end}{BRIEN} or {BRIEN}={end}-x.org{end}".encode()
    assert raw_without(raw, Person(address=BRIEN)) == raw
    split = f"{head}write to bri={end}en@client.example today{end}".encode()
    assert NOBODY.encode() in raw_without(split, Person(address=BRIEN))


async def test_who_is_forgotten_takes_nothing_of_others_along(tmp_path: Path) -> None:
    """Tickets, letters, records, logs, and what lies beside the store."""
    desk = await TestDesk.opened(tmp_path / "data", undo=0)
    other = f"o'{BRIEN}"
    for who in (BRIEN, other, f"x+{BRIEN}", f"{BRIEN}.com"):
        await desk.send(who, f"{PROBLEM} Пишите мне на {who}.", subject=f"Фильм не открывается у {who}")
    await desk.pass_time(hours=1)
    log = tmp_path / "log"
    log.write_text(
        f'{{"event": "sent", "to": "{other}"}}\n2026-11-23 sent to={other}\n2026-11-23 sent to={BRIEN}\n'
    )
    broken = tmp_path / "data" / "tickets" / "broken"
    broken.mkdir(parents=True, exist_ok=True)
    (broken / "7.json").write_text(f'{{"requester": "{other}"')
    (broken / "8.json").write_text(f'{{"text": "write to\\n{BRIEN}"')
    before = [desk.ticket(number) for number in (2, 3, 4)]
    letters = {ident: desk.inbox.read(ident) for ticket in before for ident in [ticket.seen[0].letter]}
    plan = await erase(desk, BRIEN)
    assert (plan.own, plan.others) == ((1,), ())
    assert [desk.ticket(number) for number in (2, 3, 4)] == before
    assert {ident: desk.inbox.read(ident) for ident in letters} == letters
    assert log_without(log, plan.person) == 1
    assert log.read_text().count(other) == 2
    assert BRIEN not in log.read_text().replace(other, "")
    assert (broken / "7.json").read_text()
    assert not (broken / "8.json").read_text()


def test_a_copy_of_what_is_kept_is_of_one_person() -> None:
    other = f"o'{BRIEN}"
    ticket = Ticket(number=1, opened=NOW, changed=NOW, requester=Address(email=other), participants=(other,),
    status=Status.created,
                    entries=(Entry(at=NOW, kind="letter", public=True, who=other, text="x"),))  # fmt: skip
    assert view(ticket, BRIEN) is None
    envelope = Envelope(letter="x", received=NOW, mail_from=other)
    for value in (other, f"Pat <{other}>", f"{other} (", f"<{other}"):
        assert not wrote(BRIEN, envelope, f"From: {value}\r\n\r\nx".encode())
        assert wrote(other, envelope, f"From: {value}\r\n\r\nx".encode())
