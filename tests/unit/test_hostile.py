"""Hostile letters, each a file that says what it teaches: what they may cause, and that they cause nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from desk import ROOT, TestDesk
from ruamel.yaml import YAML

from bot.data.ledger import account, read_dispositions
from bot.letter_order import LetterOrder, Position
from bot.model import Audience, Envelope, Letter, Outgoing, Ticket
from bot.store.files.reader import FileDataReader
from bot.tickets.tokens import Purpose
from bot.workers.authentication import authenticator

HERE = Path(__file__).parent.parent / "hostile"
ANNA, IVAN, PETR = "anna@providence.film", "ivan@example.org", "petr@example.net"
PEOPLE = {"anna": ANNA, "boris": "boris@providence.film"}
PLACE = re.compile(r"\{\{(\w+):([^:}]+)(?::([^:}]+))?(?::([^:}]+))?\}\}")
KEYS = dict(line.split(" ", 1) for line in (HERE / "keys.txt").read_text().splitlines())
LETTERS = sorted(HERE.glob("*.eml"))


class Hostile(TestDesk):
    """A desk with real authentication, keys out of a file, and one trusted relay."""

    client = ""

    async def prepared(self) -> None:
        """Two tickets, and a note in the first."""

        async def lookup(name: str) -> str:
            return KEYS.get(name, "")

        self.check = authenticator(self.settings, lookup)
        await self.send(IVAN, "Good day! The code that should come by mail has not come since morning, I tried twice.", subject="Code")
        await self.send(PETR, "Hello! The picture in the player stays black in Chrome 131 on Windows 11.", subject="Player")
        notice = next(one for one in self.mail(ANNA) if "[PF-1]" in one.subject)
        await self.reply(notice, ANNA, "#note\nthe customer owes us money since March and lies about it")
        await self.pass_time(minutes=20)

    async def _authenticate(self, raw: bytes, letter: Letter, parser_pool: Any) -> Letter:
        return await self.check(raw, letter, parser_pool) if hasattr(self, "check") else letter

    def filled(self, found: re.Match[str] | None) -> str:
        """A signed address or Message-ID, or what only looks so."""
        assert found
        kind, person, number, how = found.groups()
        signer, until = self.context.signer, (self.now + timedelta(days=9)).date()
        if kind == "notice":
            return next(one.message_id for one in self.mail(person) if "[PF-1]" in one.subject)
        if kind == "first":  # the Message-ID of the person's own first letter
            entries = (*self.ticket(1).entries, *self.ticket(2).entries)
            return next(entry.message_id for entry in entries if entry.who == person)
        if kind == "turned":  # a Message-ID of ours made into an address
            ident = self.filled(PLACE.fullmatch(f"{{{{notice:{person}}}}}"))
            token = ident.partition(".")[2].partition("@")[0]
            return f"support+{token}@providence.film"
        ticket = int(number)
        if kind == "older":  # the same of a desk that signed both alike
            return signer.address(ticket, Purpose.agent, person, int(how), until)
        if kind == "id":
            return signer.message_id(ticket, Purpose[how], person, 9)
        good = signer.address(ticket, Purpose.agent, person, until=until)
        if kind in ("agent", "requester", "department", "bounce"):
            until = (self.now - timedelta(days=2)).date() if how == "expired" else until
            return signer.address(ticket, Purpose[kind], person, until=until)
        local, _, domain = good.partition("@")
        wrong = {"cut": local[:-1], "moved": local.replace(f"+{ticket}-", f"+{how}-")}
        wrong["repurposed"] = signer.address(ticket, Purpose.requester, person, until=until).partition("@")[0].replace("-r", "-a")
        return f"{wrong[kind]}@{domain}"


def state(ticket: Ticket) -> tuple[Any, ...]:
    """What no hostile letter may change."""
    customers = [one for one in ticket.outgoing if one.audience is Audience.requester]
    said = [entry for entry in ticket.entries if entry.kind in ("note", "answer", "command")]
    return (ticket.status, ticket.owner, ticket.priority, ticket.participants, ticket.labels, ticket.merged_into, len(customers), len(said))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules with an agent whose DKIM counts."""
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    text = (ROOT / "rules.yaml").read_text("utf-8").replace("address: anna@providence.film,", "address: anna@providence.film, trust: dkim,")
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("path", LETTERS, ids=lambda path: path.stem)
async def test_hostile_letter(path: Path, tmp_path: Path, rules: Path) -> None:
    expected, template = YAML(typ="safe").load(path.with_suffix(".expect.yaml")), path.read_bytes()
    desk = await Hostile.opened(tmp_path / "data", rules, trusted_relays={"192.0.2.7": "mx.providence.film"})
    await desk.prepared()
    if "before" in expected:  # what the customer has written last
        await desk.send(IVAN, expected["before"], subject="Re: [PF-1] Code")
    before = {number: state(desk.ticket(number)) for number in (1, 2)}
    raw = PLACE.sub(desk.filled, template.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    to = re.search(rb"^To: <?([^>\r\n]+)", raw, re.MULTILINE)
    assert to
    kept = "kept" in str(expected.get("answers"))
    idents: list[str] = []
    desk.desk.parser_pool.asked.clear()  # type: ignore[attr-defined]
    for _ in range(2 if expected.get("twice") else 1):
        sent = await came(desk, raw, expected, to[1].decode(), idents)
        if not idents[1:]:
            first = sent
    for name, templates in (expected.get("answers") or {}).items():
        assert [one.template for one in first if one.to == PEOPLE[name]] == templates
    if not expected.get("answers"):
        assert not [one for one in first if one.template in ("receipt", "confirm", "command_error", "kept", "case")]
    changed = {number for number in (1, 2) if state(desk.ticket(number)) != before[number] and not kept}
    assert changed == set(expected.get("changes", ())), {number: (before[number], state(desk.ticket(number))) for number in (1, 2)}
    if "said" in expected:  # every word to the customer and every note, in ticket 1
        assert [one.text for one in desk.ticket(1).entries if one.letter == idents[-1] and one.kind in ("answer", "note")] == expected["said"]
    if "status" in expected:
        assert (desk.ticket(1).status, desk.ticket(1).participants) == (expected["status"], ())
    if "asked" in expected:  # what readers were asked for
        assert desk.desk.parser_pool.asked == expected["asked"]  # type: ignore[attr-defined]
    for name, words in (expected.get("tells") or {}).items():
        assert any(words in one.text for one in first if one.to == PEOPLE[name])
    unconfirmed = {number for number in (1, 2) if desk.ticket(number).entries[-1].unconfirmed}
    assert unconfirmed == set(expected.get("unconfirmed", ()))
    assert not await desk.store.suppressed([*PEOPLE.values(), IVAN, PETR], desk.now)
    await desk.pass_time(minutes=5)
    for one in desk.delivered:
        if one.audience in (Audience.requester, Audience.stranger):
            assert "lies about it" not in one.text + one.html
            assert one.to in (IVAN, PETR) or "The code that should come" not in one.text
    if "never" in expected:  # neither words nor files that leave hold this
        pieces = [message_from_bytes(raw) for raw, *_ in desk.sender.letters]
        files = [part for piece in pieces for part in piece.walk() if not part.is_multipart()]
        assert not any(expected["never"].encode() in (part.get_payload(decode=True) or b"") for part in files)
        assert set(expected.get("files", ())) == {part.get_filename() for part in files} - {None}
    defects = [fields["defects"] for event, fields in desk.events if event == "read" and fields["letter"] == idents[-1]]
    assert not expected.get("defect") or [expected["defect"] in those for those in defects] == [True]
    dispositions = {ident: disposition for ident, disposition, _ in read_dispositions(FileDataReader(desk.data))}
    assert dispositions[idents[-1]] == expected["fate"]
    assert account(FileDataReader(desk.data)).adds_up


async def came(desk: Hostile, raw: bytes, expected: dict[str, Any], to: str, idents: list[str]) -> list[Outgoing]:
    """The letter through the whole desk; what left because of it."""
    before = len(desk.delivered)
    mail_from = expected.get("mail_from", "eve@evil.example")
    idents.append(desk.inbox.new_id(desk.now))
    envelope = Envelope(
        letter=idents[-1], received=desk.now, mail_from=mail_from, recipients=(expected.get("recipient", to),),
        client=expected.get("client", "203.0.113.5"),
    )  # fmt: skip
    desk.inbox.accept(raw, envelope)
    await desk.desk.handle(envelope.letter, Position(LetterOrder()))
    assert not [fields for event, fields in desk.events if event in ("parked", "error")]
    await desk.deliver()
    return desk.delivered[before:]


def test_there_are_enough_of_them() -> None:
    assert len(LETTERS) >= 60
    assert all(path.with_suffix(".expect.yaml").exists() for path in LETTERS)
