"""Whether a letter of staff is theirs, and what an unproved one is asked: a From line proves nothing."""

from __future__ import annotations

from dataclasses import replace as other
from datetime import date, timedelta

from msgspec.structs import replace
from spoken import SHIPPED as TEMPLATES
from tables import SHIPPED, at, opened, table

from bot.model import Address, Attachment, Decision, Entry, Envelope, Hit, Letter, Priority, Ticket
from bot.rules import load
from bot.store.interface import AddressFacts, KnownFacts
from bot.tickets.agents import proof
from bot.tickets.agents.command_run import CommandRun
from bot.tickets.agents.parser import Parsed, Wrong, parse
from bot.tickets.context import DeskContext
from bot.tickets.threading import look
from bot.tickets.tokens import Purpose, Signer, Subjects

ANNA, BORIS, IVAN, DEV = (
    "anna@providence.film",
    "boris@providence.film",
    "ivan@example.org",
    "dev@providence.film",
)
DESK = "support@providence.film"
NOW = at("Mon 12:00")
TODAY, YESTERDAY = NOW.date(), NOW.date() - timedelta(days=1)
OLD, OTHER = b"the key of last year", b"somebody else's key"
SIGNER = Signer([b"this year's key", OLD], DESK, "PF")


def context(trust: str = "reply", plus: bool = True) -> DeskContext:
    """The shipped desk, where Anna has this trust."""
    source = SHIPPED.source.decode().replace(
        "address: anna@providence.film,", f"address: anna@providence.film, trust: {trust},"
    )
    signer = Signer(SIGNER.keys, DESK, "PF", plus=plus)
    return DeskContext(load(source.encode(), "rules.yaml"), TEMPLATES, signer, Subjects("PF"))


REPLY, DKIM, BOTH, PLAIN = context(), context("dkim"), context("both"), context(plus=False)
PLAIN_DKIM = context("dkim", plus=False)


ENVELOPE = Envelope(letter="in1", received=NOW, mail_from=ANNA, client="192.0.2.1")


def letter(where: str = DESK, /, sender: str = ANNA, text: str = "#взять", **more: object) -> Letter:
    """A letter to the desk, written at Mon 12:00."""
    address = (Address(email=where),)
    made = Letter(
        envelope=replace(ENVELOPE, mail_from=sender, recipients=(where,)),
        sender=(Address(email=sender),), to=address, date=NOW, message_id="1@client.example",
        text=text, top=text, full_text=text,
    )  # fmt: skip
    return replace(made, **more)


def own(
    purpose: Purpose = Purpose.agent,
    person: str = ANNA,
    number: int = 7,
    until: date = TODAY,
    serial: int = 0,
) -> str:
    """A signed reply address of the desk."""
    return SIGNER.address(number, purpose, person, serial, until)


def ident(person: str = ANNA, purpose: Purpose = Purpose.agent) -> str:
    """A Message-ID of the desk."""
    return SIGNER.message_id(7, purpose, person, 3, TODAY)


def answering(*ids: str) -> dict[str, object]:
    return {"references": ids, "headers": (("in-reply-to", " ".join(f"<{one}>" for one in ids)),)}


# ------------------------------------------------------------------------------------- what is obeyed at once

PASS = {"aligned": "dkim"}
LOCAL, DOMAIN = own().split("@")
CUT = f"{LOCAL[:-1]}@{DOMAIN}"
ALTERED = f"{LOCAL[:-1]}{'a' if LOCAL[-1] != 'a' else 'b'}@{DOMAIN}"
PROLONGED = LOCAL.rpartition("-")[0] + "-" + own(until=YESTERDAY).rpartition("-")[2]
PROVED = (
    # the sentence, the desk, the letter, whether it is obeyed
    ("at the address of their own notice", REPLY, letter(own()), True),
    ("in capitals, as some programs write it", REPLY, letter(own().upper()), True),
    ("among the recipients of the envelope alone", REPLY, letter(own(), to=(Address(email=DESK),)), True),
    (
        "in To alone", REPLY, letter(own(), envelope=ENVELOPE),
        True,
    ),
    ("in Cc", REPLY, letter(cc=(Address(email=own()),)), True),
    ("on the address's last day", REPLY, letter(own(until=TODAY)), True),
    ("expired", REPLY, letter(own(until=YESTERDAY)), False),
    ("that never expires", REPLY, letter(SIGNER.address(7, Purpose.agent, ANNA)), True),
    (
        "made with last year's key", REPLY, letter(Signer([OLD], DESK, "PF").address(7, Purpose.agent, ANNA)),
        True,
    ),
    (
        "made with another key", REPLY, letter(Signer([OTHER], DESK, "PF").address(7, Purpose.agent, ANNA)),
        False,
    ),
    ("another agent's address", REPLY, letter(own(person=BORIS)), False),
    ("another agent's From at it", REPLY, letter(own(), sender=BORIS), False),
    ("a stranger's From at it", REPLY, letter(own(), sender=IVAN), False),
    ("a stranger at a stranger's own", REPLY, letter(own(person=IVAN), sender=IVAN), False),
    ("the number exchanged for another ticket's", REPLY, letter(own().replace("+7-", "+8-")), False),
    (
        "the purpose changed, of a requester's address", REPLY,
        letter(own(Purpose.requester).replace("7-r", "7-a")), False,
    ),
    ("an expired one, with a later day", REPLY, letter(PROLONGED), False),
    ("the MAC cut by a letter", REPLY, letter(CUT), False),
    ("one letter of the MAC changed", REPLY, letter(ALTERED), False),
    ("without its MAC", REPLY, letter(f"{LOCAL.rpartition('-')[0]}@{DOMAIN}"), False),
    ("an address for another purpose: a requester's", REPLY, letter(own(Purpose.requester)), False),
    ("a department's", REPLY, letter(own(Purpose.department)), False),
    ("a kept text's", REPLY, letter(own(Purpose.kept)), False),
    ("a confirmation's", REPLY, letter(own(Purpose.confirm)), False),
    ("a bounce's", REPLY, letter(own(Purpose.bounce)), False),
    (
        "expired beside one that is not", REPLY,
        letter(own(until=YESTERDAY), cc=(Address(email=own(number=8)),)), True,
    ),
    ("a Message-ID is no key", REPLY, letter(**answering(ident())), False),
    ("nor as an address", REPLY, letter(f"support+{ident().split('.', 1)[1]}"), False),
    ("DMARC failed: asked, whatever the address", REPLY, letter(own(), dmarc_failed=True), False),
    ("a From that may be read in two ways", REPLY, letter(own(), from_defect="two"), False),
    ("DKIM alone, where the address is wanted", REPLY, letter(**PASS), False),
    ("nothing at all", REPLY, letter(), False),
    # trust: dkim
    ("trust: dkim, aligned DKIM", DKIM, letter(**PASS), True),
    ("trust: dkim, aligned DMARC", DKIM, letter(aligned="dmarc"), True),
    ("trust: dkim, a trusted relay says so", DKIM, letter(aligned="relay"), True),
    ("trust: dkim, not aligned", DKIM, letter(), False),
    ("trust: dkim, the form proves nothing", DKIM, letter(aligned="form"), False),
    ("trust: dkim, the address alone is enough, too", DKIM, letter(own()), True),
    ("trust: dkim, of two days ago", DKIM, letter(**PASS, date=at("Mon 12:01") - timedelta(days=3)), True),
    (
        "trust: dkim, of three days ago: sent again by somebody", DKIM,
        letter(**PASS, date=NOW - timedelta(days=3)), False,
    ),
    ("trust: dkim, of the future", DKIM, letter(**PASS, date=NOW + timedelta(days=3)), False),
    ("trust: dkim, without a date", DKIM, letter(**PASS, date=None), False),
    ("trust: dkim, written to somebody else", DKIM, letter(**PASS, to=(Address(email=IVAN),)), False),
    (
        "trust: dkim, written to others as well", DKIM,
        letter(**PASS, to=(Address(email=IVAN), Address(email=DESK))), True,
    ),
    ("trust: dkim, DMARC failed", DKIM, letter(**PASS, dmarc_failed=True), False),
    ("trust: dkim is Anna's, not Boris's", DKIM, letter(sender=BORIS, **PASS), False),
    # trust: both
    ("trust: both, the address alone", BOTH, letter(own()), False),
    ("trust: both, DKIM alone", BOTH, letter(**PASS), False),
    ("trust: both, both", BOTH, letter(own(), **PASS), True),
    ("trust: both, but old", BOTH, letter(own(), **PASS, date=NOW - timedelta(days=3)), False),
    ("trust: both is Anna's, not Boris's", BOTH, letter(own(person=BORIS), sender=BORIS), True),
    # DESK_PLUS=off
    ("no plus addresses: In-Reply-To and DKIM", PLAIN, letter(**PASS, **answering(ident())), True),
    ("no plus addresses: In-Reply-To alone", PLAIN, letter(**answering(ident())), False),
    ("no plus addresses: DKIM alone", PLAIN, letter(**PASS), False),
    (
        "no plus addresses: two in In-Reply-To", PLAIN, letter(**PASS, **answering("x@y.example", ident())),
        False,
    ),
    ("no plus addresses: in References only", PLAIN, letter(**PASS, references=(ident(),)), False),
    ("no plus addresses: another agent's", PLAIN, letter(**PASS, **answering(ident(BORIS))), False),
    (
        "no plus addresses: a requester's letter", PLAIN,
        letter(**PASS, **answering(ident(purpose=Purpose.requester))), False,
    ),
    (
        "no plus addresses: a week old", PLAIN,
        letter(**PASS, **answering(ident()), date=NOW - timedelta(days=7)), False,
    ),
    ("no plus addresses: an old address alone", PLAIN, letter(own()), False),
    ("no plus addresses: trust: dkim", PLAIN_DKIM, letter(**PASS), True),
)  # fmt: skip


@table("desk read obeyed", PROVED)
def test_whether_an_agents_letter_is_obeyed(desk: DeskContext, read: Letter, obeyed: bool) -> None:
    assert proof.proved(read, look(read, desk, NOW), desk, NOW) is obeyed


def test_a_proved_letter_is_about_the_ticket_that_its_address_names() -> None:
    [reference] = look(letter(own(number=8), subject="[PF-7]"), REPLY, NOW).references
    assert (reference.ticket, reference.person) == (8, ANNA)


FILES = (
    # the sentence, the letter, whether its files may go on to a customer
    ("an agent's, proved", letter(own()), True),
    ("an agent's, unproved", letter(), False),
    ("a department's at its own address", letter(own(Purpose.department, DEV), DEV), True),
    ("a department's without it", letter(sender=DEV), False),
    ("a requester's at their own address", letter(own(Purpose.requester, IVAN), IVAN), False),
)  # fmt: skip


@table("read theirs", FILES)
def test_whose_files_may_go_on_to_a_customer(read: Letter, theirs: bool) -> None:
    assert proof.brings_files(read, look(read, REPLY, NOW), REPLY, NOW) is theirs


def test_files_of_an_agent_whom_dkim_proves_may_go_on() -> None:
    for read, theirs in ((letter(**PASS), True), (letter(**PASS, date=NOW - timedelta(days=3)), False)):
        assert proof.brings_files(read, look(read, DKIM, NOW), DKIM, NOW) is theirs


# ------------------------------------------------------------------------------------------- what confirms it


def answer(text: str = "#подтвердить", to: str = "", sender: str = ANNA, **more: object) -> Letter:
    """An answer to the confirmation with the serial 99."""
    return letter(to or own(Purpose.confirm, number=0, serial=99), sender, text, **more)


CONFIRMS = (
    # the sentence, the letter, whether it confirms number 99
    ("#подтвердить alone", answer(), True),
    ("in English", answer("#confirm"), True),
    ("in capitals, with a full stop", answer("#Подтвердить."), True),
    ("twice", answer("#подтвердить\n#confirm"), True),
    ("with a greeting above", answer("Это я.\n#подтвердить"), True),
    ("whatever DMARC says: the address is for one time", answer(dmarc_failed=True), True),
    ("another command beside it", answer("#подтвердить\n#взять"), False),
    ("a command with a word beside it", answer("#подтвердить\n#приоритет высокий"), False),
    ("a command with a day beside it", answer("#подтвердить\n#напомнить завтра"), False),
    ("an address for another purpose, with that number", answer(to=own(Purpose.kept, serial=99)), False),
    ("another command", answer("#взять"), False),
    ("no command", answer("Да"), False),
    ("quoted", answer("> #подтвердить"), False),
    ("misspelt", answer("#подтвердит"), False),
    ("our question stands there, which names it: theirs or ours?", answer(
        "Если писали Вы, ответьте на это письмо строкой #подтвердить до завтра. "
        "Если не Вы, ничего не делайте: команды не выполнятся.\n#подтвердить\nСпасибо"), False),
    ("expired", answer(to=own(Purpose.confirm, number=0, serial=99, until=YESTERDAY)), False),
    ("another agent's", answer(to=own(Purpose.confirm, BORIS, 0, serial=99)), False),
    (
        "a stranger's own address for it", answer(to=own(Purpose.confirm, IVAN, 0, serial=99), sender=IVAN),
        False,
    ),
    ("an agent's address on a ticket", answer(to=own()), False),
    ("a From that may be read in two ways", answer(from_defect="two"), False),
)  # fmt: skip


@table("read given", CONFIRMS)
def test_what_confirms_an_unproved_letter(read: Letter, given: bool) -> None:
    assert proof.confirms(read, look(read, REPLY, NOW), REPLY, NOW) == (99 if given else 0)


def test_the_first_confirmation_that_has_not_expired_counts() -> None:
    past = Address(email=own(Purpose.confirm, number=0, serial=98, until=YESTERDAY))
    read = answer(cc=(past, Address(email=own(Purpose.confirm, number=0, serial=97))))
    assert proof.confirms(read, look(read, REPLY, NOW), REPLY, NOW) == 99
    assert (
        proof.confirms(replace(read, to=(past,)), look(replace(read, to=(past,)), REPLY, NOW), REPLY, NOW)
        == 99
    )


# ---------------------------------------------------------------------------------------------- what is asked

TICKET = replace(opened(at("Mon 10:00")), priority=Priority.high)
PICTURE = Attachment(name="screen.png", type="image/png", size=2048, accepted=True)
LOGO = Attachment(name="logo.png", type="image/png", size=512, accepted=True, logo=True)


def run_of(text: str, language: str = "ru", **more: object) -> tuple[CommandRun, Parsed]:
    """A letter of Anna's that nothing proves, and how it is understood."""
    read = letter(text=text, **more)
    agent = REPLY.policy.people.agent(ANNA)
    assert agent
    run = CommandRun(
        REPLY, agent, read, KnownFacts(fresh=8, tickets={7: TICKET}), NOW, language, "in1", read.message_id
    )
    return run, parse(text, REPLY.policy, TODAY)


def shown(text: str, ticket: Ticket | None = TICKET, language: str = "ru", **more: object) -> str:
    run, parsed = run_of(text, language, **more)
    before = replace(run.letter)
    words = proof.shown(run, ticket, parsed)
    assert (run.letter, run.others, run.records, dict(run.said), run.own) == (before, {}, [], {}, 0), (
        "only tried out"
    )
    return words


SHOWN = (
    # the sentence, what they wrote, what confirming it would carry out
    ("a command", "#взять", "#взять"),
    ("as it was understood", "#Take", "#взять"),
    (
        "its argument in the desk's words", "#решено user_error\nНажмите F5.",
        "#решено ошибка_пользователя\nНажмите F5.",
    ),
    ("a priority by its name", "#priority high", "#приоритет высокий"),
    ("several, each with its text", "#метка важное\n#заметка\nЗвонил.", "#метка важное\n\n#заметка\nЗвонил."),
    ("the text above", "Привет\n#взять", "Привет\n\n#взять"),
    ("a day as a day", "#напомнить 2026-12-31", "#напомнить 2026-12-31"),
    ("a moment as a moment", "#напомнить 2026-12-31 14:30", "#напомнить 2026-12-31 14:30:00"),
    ("the words of a reminder, once", "#напомнить завтра\nПозвонить", "#напомнить 2026-11-24\nПозвонить"),
    ("what is wrong, as it was written", "#взятьь\n#ответ\nДа", "#взятьь\n#ответ\nДа"),
    ("what asks for help carries nothing out", "#помощь", "#помощь"),
    ("what cannot be carried out, all the same", "#взять\n#вернуть", "#взять\n\n#вернуть"),
)  # fmt: skip


@table("text expected", SHOWN)
def test_every_word_that_would_be_carried_out_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_what_was_said_in_the_ticket_before_is_not_shown() -> None:
    before = Entry(at=at("Mon 11:00"), kind="answer", public=True, text="Старый ответ", letter="in0")
    assert shown("#взять", replace(TICKET, entries=(before,))) == "#взять"


def test_in_an_agents_language_commands_are_shown_in_it() -> None:
    assert shown("#решено ошибка_пользователя\nF5", language="en") == "#resolve user_error\nF5"


def test_what_commands_without_a_text_would_say_is_shown_as_well() -> None:
    words = shown("#шаблон cache\nбраузер: Firefox")
    assert words.startswith("#шаблон cache\nбраузер: Firefox\n\n")
    assert "Откройте настройки браузера Firefox" in words


def test_what_a_new_ticket_would_say_is_shown_with_its_subject() -> None:
    words = shown("#новое olga@example.org\nНе проходит оплата.", None, subject="По телефону")
    assert words == "#новое olga@example.org\nНе проходит оплата.\n\nПо телефону"


NAMES = (
    # the sentence, the files, how the question names them
    ("none", (), ()),
    ("with its size", (PICTURE,), ("screen.png (2 КБ)",)),
    ("logos are not kept", (LOGO, PICTURE, LOGO), ("screen.png (2 КБ)",)),
)  # fmt: skip


@table("attachments names", NAMES)
def test_the_question_names_what_goes_along(
    attachments: tuple[Attachment, ...], names: tuple[str, ...]
) -> None:
    assert proof.files(run_of("#взять", attachments=attachments)[0]) == names


def serial(text: str = "#взять", ticket: Ticket | None = TICKET, **more: object) -> int:
    return proof.serial(run_of("#взять", **more)[0], ticket, text)


def test_only_what_was_shown_can_be_confirmed() -> None:
    first = serial()
    assert serial() == first
    moved = letter(text="#взять").envelope
    others = (
        serial("#взять\n#решено"),
        serial(ticket=replace(TICKET, number=8)),
        serial(ticket=None),
        serial(attachments=(PICTURE,)),
        serial(attachments=(replace(PICTURE, size=4096),)),
        serial(envelope=replace(moved, letter="in2")),
        proof.serial(other(run_of("#взять")[0], agent=REPLY.policy.people.agents[1]), TICKET, "#взять"),
    )
    assert len({first, *others}) == 8


LONG = "Починили. " * 1200
UNASKED = (
    # the sentence, what they wrote, the ticket, why they are not asked ("": they are)
    ("a command on a ticket", "#взять", TICKET, ""),
    ("words on a ticket, to be kept", "Починили.", TICKET, ""),
    ("words on nothing", "Починили.", None, "no_command"),
    ("a command on nothing", "#очередь", None, ""),
    ("what cannot be shown whole", f"#ответ\n{LONG}", TICKET, "too_long"),
)  # fmt: skip


@table("text ticket reason", UNASKED)
def test_what_is_not_even_asked_about(text: str, ticket: Ticket | None, reason: str) -> None:
    run, parsed = run_of(text)
    assert proof.unasked(run, ticket, parsed, proof.shown(run, ticket, parsed)) == reason


def test_a_command_below_the_quotation_is_not_asked_about() -> None:
    run, _ = run_of("#взять")
    below = Parsed(wrong=(Wrong(line=1, reason="unknown_command"), Wrong(line=2, reason="below_quote")))
    assert proof.unasked(run, TICKET, below, "") == "below_quote"
    assert proof.unasked(run, TICKET, Parsed(wrong=below.wrong[:1]), "") == ""


def test_the_longest_text_that_is_asked_about_leaves_room_for_the_files() -> None:
    run, parsed = run_of("#взять", attachments=(PICTURE,))
    room = proof.MOST_SHOWN - len("screen.png (2 КБ)")
    assert [proof.unasked(run, TICKET, parsed, "x" * one) for one in (room, room + 1)] == ["", "too_long"]


def asked(
    text: str = "#взять", ticket: Ticket | None = TICKET, unproved: int | None = None, **more: object
) -> Decision:
    """What a letter that nothing proves changes."""
    run, parsed = run_of(text, **more)
    if unproved is not None:
        before = AddressFacts(unproved=tuple(NOW - timedelta(minutes=one) for one in range(unproved)))
        run = other(run, known=replace(run.known, senders={ANNA: before}))
    return proof.asked(run, look(run.letter, REPLY, NOW), ticket, parsed, proof.shown(run, ticket, parsed))


ALARMS = (
    # the sentence, unproved letters before this one within the hour, whether the lead hears of it
    ("the first", 0, False),
    ("the second", 1, False),
    ("the third", 2, True),
    ("the fourth: once is enough", 3, False),
)  # fmt: skip


@table("before alarmed", ALARMS)
def test_the_lead_hears_of_three_unproved_letters_in_an_hour(before: int, alarmed: bool) -> None:
    decision = asked(unproved=before)
    assert [one.about for one in decision.records] == ["confirmation", "alert_unproved"][: 1 + alarmed]
    assert [name for name, _ in decision.events] == ["command_refused", "alert"][: 1 + alarmed]
    words = f"{ANNA} · {ANNA} · 192.0.2.1"
    assert not alarmed or (decision.records[1].words, decision.records[1].letter) == (words, "in1")
    assert decision.tickets == ()


def test_the_agent_is_asked_at_their_own_address_whether_they_wrote_it() -> None:
    decision = asked("#решено\nПочинили.", attachments=(PICTURE,))
    [record] = decision.records
    [question] = record.outgoing
    assert (record.words, record.letter, record.who, question.to, question.template) == (
        "7",
        "in1",
        ANNA,
        ANNA,
        "confirm",
    )
    assert all(one in question.text for one in ("#решено", "Починили.", "screen.png (2 КБ)"))
    reply = SIGNER.check(dict(question.headers)["Reply-To"], (ANNA,), TODAY)
    assert reply
    assert (reply.purpose, reply.serial) == (
        Purpose.confirm,
        proof.serial(*run_and_text("#решено\nПочинили.", (PICTURE,))),
    )
    assert decision.events == (("command_refused", {"letter": "in1", "reason": "unproved", "who": ANNA}),)
    assert "[PF-7]" in question.subject
    assert asked(ticket=None).records[0].words == "0"
    assert asked("Починили.").records[0].outgoing[0].template == "confirm"


def run_and_text(text: str, attachments: tuple[Attachment, ...]) -> tuple[CommandRun, Ticket, str]:
    run, parsed = run_of(text, attachments=attachments)
    return run, TICKET, proof.shown(run, TICKET, parsed)


def test_a_list_that_writes_in_their_name_is_not_answered() -> None:
    decision = asked(class_hits=(Hit(rule="suppress", evidence="X-Auto-Response-Suppress"),))
    [record] = decision.records
    assert (record.about, record.words, record.outgoing) == ("confirmation", "unproved", ())
    assert decision.events == (("command_refused", {"letter": "in1", "reason": "unproved", "who": ANNA}),)


def test_what_is_not_asked_about_is_told_and_a_proved_copy_may_still_come() -> None:
    decision = asked(f"#ответ\n{LONG}")
    [record] = decision.records
    assert (record.about, record.words, record.outgoing[0].template) == (
        "confirmation",
        "too_long",
        "command_error",
    )
    assert "Починили" not in record.outgoing[0].text
