"""What time alone does to a ticket (clauses 2.1, 4.6, 5.2): warnings, alarms, reminders, closing."""

from __future__ import annotations

from dataclasses import replace as other

from msgspec.structs import replace
from spoken import SHIPPED as TEMPLATES
from tables import MOSCOW, SHIPPED, at, opened, played, table

from bot.model import Audience, Decision, Delivery, Entry, Ground, Outgoing, Status, Ticket
from bot.rules import Policy, load
from bot.store.interface import AddressFacts
from bot.tickets.context import DeskContext
from bot.tickets.timers import Nudge, address, armed, decide, moments, nudged
from bot.tickets.tokens import Signer, Subjects

IVAN, ANNA, BORIS = "ivan@example.org", "anna@providence.film", "boris@providence.film"
DEV, LIST = "dev@providence.film", "list@example.org"
CONTEXT = DeskContext(SHIPPED, TEMPLATES, Signer([b"key"], "support@providence.film", "PF"), Subjects("PF"))


def changed(*changes: tuple[str, str]) -> Policy:
    """The shipped rules with some of their words exchanged."""
    source = SHIPPED.source.decode()
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return load(source.encode(), "rules.yaml")


def letter(to: str, **more: object) -> Outgoing:
    """A letter of the ticket that has left."""
    made = Outgoing(
        id=1, template="reply", audience=Audience.requester, to=to, message_id=f"{to}.1", subject="Звук",
        body="", language="ru", created=at("Mon 12:00"), due=at("Mon 12:00"), state=Delivery.sent,
    )  # fmt: skip
    return replace(made, **more)


# ------------------------------------------------------------------------------------------------------- when

HASTY = changed(("high: 24", "high: 6"))
AT_WEEKDAYS = changed(("  hours: 10:00-22:00", "  hours: closed\n  days: {mon-fri: 10:00-22:00}"))

UNREACHED = "opened Mon 12:00, suspended Mon 15:00, unreachable Thu 15:00"

MOMENTS = (
    # the sentence, the rules, what happened, what comes if nobody does anything (looked at on Mon 12:00)
    (
        "5.2: warned four hours before, alarmed when due", SHIPPED, "opened Mon 15:00",
        "warned Wed 11:00, overdue Wed 15:00",
    ),
    (
        "2.1: what falls into the night waits for the morning", SHIPPED, "opened Mon 23:00",
        "warned Wed 19:00, overdue Thu 10:00",
    ),
    ("so does a warning", SHIPPED, "opened Mon 13:00", "warned Wed 10:00, overdue Wed 13:00"),
    ("as work ends is night", SHIPPED, "opened Mon 22:00", "warned Wed 18:00, overdue Thu 10:00"),
    ("a minute before is not", SHIPPED, "opened Mon 21:59", "warned Wed 17:59, overdue Wed 21:59"),
    (
        "2.1: high priority does not wait", SHIPPED, "high opened Mon 23:00",
        "warned Tue 19:00, overdue Tue 23:00",
    ),
    ("a weekend waits for Monday", AT_WEEKDAYS, "opened Thu 15:00", "warned +Mon 10:00, overdue +Mon 10:00"),
    (
        "high priority works at weekends", AT_WEEKDAYS, "high opened Fri 15:00",
        "warned Sat 11:00, overdue Sat 15:00",
    ),
    (
        "no warning before half of a short time", HASTY, "high opened Mon 15:00",
        "warned Mon 18:00, overdue Mon 21:00",
    ),
    ("warned once", SHIPPED, "opened Mon 15:00, warned Wed 11:00", "overdue Wed 15:00"),
    ("alarmed once, and not warned after that", SHIPPED, "opened Mon 15:00, overdue Wed 15:00", ""),
    (
        "raised: the count begins again", SHIPPED,
        "opened Mon 12:00, warned Wed 08:00, overdue Wed 12:00, high Wed 13:00", "",
    ),
    (
        "raised before: warned and alarmed once more", SHIPPED,
        "low opened Mon 12:00, warned Tue 10:00, overdue Tue 10:30, high Tue 11:00",
        "warned Wed 07:00, overdue Wed 11:00",
    ),
    (
        "reopened: once more", SHIPPED,
        "opened Mon 12:00, warned Wed 08:00, overdue Wed 12:00, closed Wed 13:00, reopened Thu 12:00",
        "warned Sat 10:00, overdue Sat 12:00",
    ),
    (
        "reopened in the moment of its alarm: that was of before", SHIPPED,
        "opened Mon 12:00, warned Wed 12:00, overdue Wed 12:00, closed Wed 12:00, reopened Wed 12:00",
        "warned Fri 10:00, overdue Fri 12:00",
    ),
    ("done: nothing", SHIPPED, "low opened Mon 12:00, closed Mon 13:00", ""),
    ("done while waiting: nothing", SHIPPED, "opened Mon 12:00, asked Mon 13:00, closed Mon 14:00", ""),
    (
        "5.2: a low one is offered to the lead after 72 hours", SHIPPED, "low opened Mon 13:00",
        "low_offered Thu 13:00, warned Fri 10:00, overdue Fri 13:00",
    ),
    (
        "offered once", SHIPPED, "low opened Mon 13:00, low_offered Thu 13:00",
        "warned Fri 10:00, overdue Fri 13:00",
    ),
    (
        "not a medium one", SHIPPED, "low opened Mon 13:00, medium Mon 14:00",
        "warned Wed 10:00, overdue Wed 14:00",
    ),
    (
        "while asked: reminded after three days, no due time", SHIPPED, "opened Mon 12:00, asked Mon 15:00",
        "reminded Thu 15:00",
    ),
    ("a low one too", SHIPPED, "low opened Mon 12:00, asked Mon 15:00", "reminded Thu 15:00"),
    (
        "answered: the due time again", SHIPPED, "opened Mon 12:00, asked Mon 13:00, answered Mon 14:00",
        "warned Wed 10:00, overdue Wed 13:00",
    ),
    (
        "asked again: from the last question", SHIPPED, "opened Mon 12:00, asked Mon 15:00, said Tue 16:00",
        "reminded Fri 16:00",
    ),
    (
        "a letter of theirs is no question", SHIPPED, "opened Mon 12:00, asked Mon 15:00, wrote Tue 16:00",
        "reminded Thu 15:00",
    ),
    (
        "nor what a department answers", SHIPPED, "opened Mon 12:00, asked Mon 15:00, heard Tue 16:00",
        "reminded Thu 15:00",
    ),
    (
        "another priority is no question either", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, high Tue 16:00",
        "reminded Thu 15:00",
    ),
    (
        "the machine's question is one", SHIPPED, "opened Mon 12:00, suspended Mon 15:00, high Tue 16:00",
        "reminded Thu 15:00",
    ),
    (
        "its second one too: reminded again", SHIPPED,
        "opened Mon 12:00, suspended Mon 15:00, reminded Thu 15:00, answered Fri 12:00, suspended Fri 15:00",
        "reminded +Mon 15:00",
    ),
    (
        "and tried again", SHIPPED,
        f"{UNREACHED}, answered Fri 12:00, suspended Fri 15:00",
        "reminded +Mon 15:00",
    ),
    (
        "only an event is an alarm", SHIPPED, "opened Mon 15:00, noted Wed 15:00",
        "warned Wed 11:00, overdue Wed 15:00",
    ),
    (
        "a note is no question", SHIPPED, "opened Mon 12:00, asked Mon 15:00, noted Tue 16:00",
        "reminded Thu 15:00",
    ),
    (
        "closed seven days after the question", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Thu 15:00",
        "closed_silence +Mon 15:00",
    ),
    (
        "closed four days after a late reminder", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Sat 15:00",
        "closed_silence +Wed 15:00",
    ),
    (
        "after a reminder asked again: reminded again", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Thu 15:00, said Fri 15:00", "reminded +Mon 15:00",
    ),
    (
        "asked in the moment of the reminder, after it: reminded again", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Thu 15:00, said Thu 15:00", "reminded Sun 15:00",
    ),
    (
        "a reminder of a clock that was set back is of before", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Thu 15:00, said Thu 14:00", "reminded Sun 14:00",
    ),
    (
        "a reminder of the question's moment counts", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, reminded Mon 15:00", "closed_silence +Mon 15:00",
    ),
    (
        "whom nobody reaches is not closed", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, unreachable Thu 15:00", "",
    ),
    (
        "in the question's moment neither", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, unreachable Mon 15:00", "",
    ),
    (
        "asked again, they are tried again", SHIPPED,
        "opened Mon 12:00, asked Mon 15:00, unreachable Thu 15:00, said Fri 15:00", "reminded +Mon 15:00",
    ),
    (
        "2.2: another department is waited for three days, the due time runs", SHIPPED,
        "opened Mon 12:00, passed Mon 13:00",
        "warned Wed 10:00, overdue Wed 12:00, department_silent Thu 13:00",
    ),
    (
        "an update: the clock stands", SHIPPED, "opened Mon 12:00, developed Mon 13:00",
        "department_silent Thu 13:00",
    ),
    (
        "and nobody offers to refuse it", SHIPPED, "low opened Mon 12:00, developed Mon 13:00",
        "department_silent Thu 13:00",
    ),
    ("told once", SHIPPED, "opened Mon 12:00, developed Mon 13:00, department_silent Thu 13:00", ""),
    ("told as it began", SHIPPED, "opened Mon 12:00, developed Mon 13:00, department_silent Mon 13:00", ""),
    (
        "told before it was passed on: once more", SHIPPED,
        "opened Mon 12:00, department_silent Mon 12:30, developed Mon 13:00", "department_silent Thu 13:00",
    ),
)  # fmt: skip


def told(ticket: Ticket, policy: Policy, now: str) -> str:
    found = sorted(moments(ticket, policy, at(now)), key=lambda pair: (pair[0], pair[1] == "overdue"))
    week = {23 + day: "" for day in range(7)}
    local = [(one.astimezone(MOSCOW), what) for one, what in found]
    return ", ".join(f"{what} {'+' * (one.day not in week)}{one:%a %H:%M}" for one, what in local)


@table("policy story expected", MOMENTS)
def test_what_comes_if_nobody_does_anything(policy: Policy, story: str, expected: str) -> None:
    assert told(played(story, policy), policy, "Mon 12:00") == expected


LATE = (
    # the sentence, what happened, when the desk looks, what it finds
    ("what is late is due now", "opened Mon 12:00", "Fri 15:00", "warned Fri 15:00, overdue Fri 15:00"),
    (
        "found at night it waits for the morning", "opened Mon 12:00", "Fri 23:00",
        "warned Sat 10:00, overdue Sat 10:00",
    ),
    (
        "of high priority it does not", "high opened Mon 12:00", "Fri 23:00",
        "warned Fri 23:00, overdue Fri 23:00",
    ),
    (
        "a reminder comes first, however late", "opened Mon 12:00, asked Mon 15:00", "+Sun 15:00",
        "reminded +Sun 15:00",
    ),
)  # fmt: skip


@table("story now expected", LATE)
def test_a_look_that_comes_late(story: str, now: str, expected: str) -> None:
    assert told(played(story), SHIPPED, now) == expected


def test_a_department_is_waited_for_from_the_last_letter_to_it() -> None:
    def silent(*letters: Outgoing) -> str:
        return told(
            replace(played("opened Mon 12:00, developed Mon 13:00"), outgoing=letters), SHIPPED, "Mon 12:00"
        )

    def case(created: str) -> Outgoing:
        return letter(DEV, audience=Audience.department, created=at(created))

    assert (
        silent(case("Tue 11:00"), case("Wed 11:00"), letter(IVAN, created=at("Thu 11:00")))
        == "department_silent Sat 11:00"
    )
    assert silent(letter(IVAN, created=at("Thu 11:00"))) == "department_silent Thu 13:00"


def test_a_ticket_without_a_due_time_is_never_late() -> None:
    ticket = replace(opened(at("Mon 12:00")), due=None)
    assert told(ticket, SHIPPED, "Mon 12:00") == ""


ARMED = (
    # the sentence, what happened, when the desk looks again at the ticket
    ("the first of what comes", "low opened Mon 13:00", "Thu 13:00"),
    ("nothing comes: never", "opened Mon 12:00, closed Mon 13:00", ""),
)  # fmt: skip


@table("story timer", ARMED)
def test_the_next_look(story: str, timer: str) -> None:
    made = Decision(tickets=(played(story), played(story)), events=(("closed", {}),))
    after = armed(made, SHIPPED, at("Mon 12:00"))
    assert [one.timer for one in after.tickets] == [at(timer) if timer else None] * 2
    assert after.events == made.events


# ------------------------------------------------------------------------------------------------------- what

ADDRESSES = (
    # the sentence, the letters so far, whether From is proved, where timer mail goes
    ("nobody has written yet: From", [], False, IVAN),
    ("where the automatic answer went", [letter(LIST)], False, LIST),
    ("where the last one went", [letter(LIST), letter("new@example.org")], False, "new@example.org"),
    ("proved: From", [letter(LIST)], True, IVAN),
    ("a person has written: From", [letter(IVAN, automatic=False), letter(LIST)], False, IVAN),
    ("a letter to staff is no answer", [letter(ANNA, audience=Audience.agent)], False, IVAN),
    (
        "nor is a person's to staff", [letter(LIST), letter(ANNA, audience=Audience.agent, automatic=False)],
        False, LIST,
    ),
    ("an answer to their letter", [letter(LIST, letter="theirs")], False, LIST),
    ("an answer to somebody else's", [letter(LIST, letter="olgas")], False, IVAN),
)  # fmt: skip


@table("letters proved expected", ADDRESSES)
def test_whom_timer_mail_goes_to(letters: list[Outgoing], proved: bool, expected: str) -> None:
    entries = (
        Entry(at=at("Mon 12:00"), kind="letter", public=True, who=IVAN, letter="theirs"),
        Entry(at=at("Mon 12:00"), kind="letter", public=True, who="olga@example.org", letter="olgas"),
    )
    ticket = replace(opened(at("Mon 12:00")), outgoing=tuple(letters), entries=entries, proved=proved)
    assert address(ticket) == expected


WAITS, REMINDED = "opened Mon 12:00, asked Mon 15:00", "opened Mon 12:00, asked Mon 15:00, reminded Thu 15:00"
NOBODY, CLOSED = AddressFacts(), "closed_silence to ivan"
TO_BOTH = "case to anna, case to boris"
PROVED, OWNED = {"proved": True}, {"owner": BORIS}
SOFT = AddressFacts(soft_blocked=True)
FULL = AddressFacts(sent=(at("Thu 14:55"),) * 3)
DECISIONS = (
    # the sentence, what happened, more of the ticket, what is known of its requester, now, letters, events
    ("a minute too early", "opened Mon 15:00", {}, NOBODY, "Wed 10:59", "", ""),
    (
        "5.2: warned, those on duty while it is free", "opened Mon 15:00", {}, NOBODY, "Wed 11:00", TO_BOTH,
        "warned",
    ),
    ("a minute later as well", "opened Mon 15:00", {}, NOBODY, "Wed 11:01", TO_BOTH, "warned"),
    ("its owner alone", "opened Mon 15:00", OWNED, NOBODY, "Wed 11:00", "case to boris", "warned"),
    (
        "an owner who has left is nobody", "opened Mon 15:00", {"owner": "eve@providence.film"}, NOBODY,
        "Wed 11:00", TO_BOTH, "warned",
    ),
    ("a minute before it is due", "opened Mon 15:00, warned Wed 11:00", OWNED, NOBODY, "Wed 14:59", "", ""),
    (
        "5.2: due, the lead", "opened Mon 15:00, warned Wed 11:00", OWNED, NOBODY, "Wed 15:00",
        "case to anna", "overdue",
    ),
    (
        "a minute after", "opened Mon 15:00, warned Wed 11:00", OWNED, NOBODY, "Wed 15:01", "case to anna",
        "overdue",
    ),
    (
        "both late: the alarm says it all", "opened Mon 15:00", OWNED, NOBODY, "Wed 15:00", "case to anna",
        "overdue",
    ),
    ("2.1: at night nothing", "opened Mon 12:00", {}, NOBODY, "Fri 23:00", "", ""),
    (
        "5.2: low, the lead may refuse", "low opened Mon 15:00", OWNED, NOBODY, "Thu 15:00", "case to anna",
        "low_offered",
    ),
    (
        "several at once, the earliest first", "low opened Mon 15:00", OWNED, NOBODY, "Fri 12:00",
        "case to anna, case to boris", "low_offered, warned",
    ),
    (
        "a silent department: its owner", "opened Mon 12:00, developed Mon 13:00", OWNED, NOBODY, "Thu 13:00",
        "case to boris", "department_silent",
    ),
    ("4.6: reminded", WAITS, {}, NOBODY, "Thu 15:00", "reminder to ivan", "reminded"),
    ("4.6: closed", REMINDED, {}, NOBODY, "+Mon 15:00", CLOSED, "closed_silence"),
    (
        "its owner hears of it", REMINDED, OWNED, NOBODY, "+Mon 15:00", f"{CLOSED}, case to boris",
        "closed_silence",
    ),
    ("never reminded and closed at once", WAITS, {}, NOBODY, "+Sun 15:00", "reminder to ivan", "reminded"),
    (
        "who bounces is not written to", WAITS, {}, AddressFacts(suppressed=True), "Thu 15:00", TO_BOTH,
        "unreachable",
    ),
    (
        "nor who is blocked", WAITS, {}, AddressFacts(auto_reply_blocked=True), "Thu 15:00", TO_BOTH,
        "unreachable",
    ),
    ("nor whom others' letters have blocked, unproved", WAITS, {}, SOFT, "Thu 15:00", TO_BOTH, "unreachable"),
    ("proved, they are written to", WAITS, PROVED, SOFT, "Thu 15:00", "reminder to ivan", "reminded"),
    (
        "a block for all is one for the proved too", WAITS, PROVED, AddressFacts(auto_reply_blocked=True),
        "Thu 15:00", TO_BOTH, "unreachable",
    ),
    (
        "section 7: nor who has had three letters in ten minutes", WAITS, {}, FULL, "Thu 15:00", TO_BOTH,
        "unreachable",
    ),
    ("but two", WAITS, {}, AddressFacts(sent=FULL.sent[:2]), "Thu 15:00", "reminder to ivan", "reminded"),
    (
        "nor who never reads", WAITS, {"outgoing": (letter("noreply@example.org"),)}, NOBODY, "Thu 15:00",
        TO_BOTH, "unreachable",
    ),
    (
        "nor the desk itself", WAITS, {"outgoing": (letter("support@providence.film"),)}, NOBODY, "Thu 15:00",
        TO_BOTH, "unreachable",
    ),
    (
        "nobody is closed behind their back", REMINDED, {}, AddressFacts(suppressed=True), "+Mon 15:00",
        TO_BOTH, "unreachable",
    ),
    ("their owner is told", REMINDED, OWNED, SOFT, "+Mon 15:00", "case to boris", "unreachable"),
)  # fmt: skip


def told_why(letters: list[Outgoing], events: list[str]) -> list[tuple[Outgoing, str]]:
    """Each letter to staff with the event that it is about: the lead's first, where there are two."""
    return [(one, events[0] if one.to == ANNA or len(events) == 1 else events[1]) for one in letters]


def letters(before: Ticket, after: Ticket) -> str:
    return ", ".join(
        f"{one.template} to {one.to.partition('@')[0]}" for one in after.outgoing[len(before.outgoing) :]
    )


@table("story more sender now expected events", DECISIONS)
def test_what_is_due_is_done_once(
    story: str, more: dict[str, object], sender: AddressFacts, now: str, expected: str, events: str
) -> None:
    ticket = replace(played(story), **more)
    decision = decide(ticket, sender, CONTEXT, at(now))
    [after] = decision.tickets
    assert letters(ticket, after) == expected
    about = [one.about for one in after.entries[len(ticket.entries) :]]
    assert ", ".join(about) == events
    assert {(one.at, one.kind, one.public) for one in after.entries[len(ticket.entries) :]} <= {
        (at(now), "event", False)
    }
    assert [dict(fields) for name, fields in decision.events if name == "timer"] == [
        {"ticket": 7, "about": one} for one in about
    ]
    silent = about == ["closed_silence"]
    assert (after.status is Status.done, after.ground) == (
        silent,
        Ground.insufficient_information if silent else ticket.ground,
    )
    closed = ("closed", {"ticket": 7, "ground": Ground.insufficient_information, "by": "silence"})
    assert [one for one in decision.events if one[0] == "closed"] == [closed] * silent
    terms, staff = CONTEXT.terms("ru"), [one for one in after.outgoing if one.audience is Audience.agent]
    assert all(terms.say(f"why_{name}") in one.text for one, name in told_why(staff, about))
    assert after.done_at == (at(now) if silent else None)
    assert after.timer == min((one for one, _ in moments(after, SHIPPED, at(now))), default=None)
    assert after.timer is None or after.timer > at(now) or not about
    again = decide(after, sender, CONTEXT, at(now)).tickets[0]
    assert again.outgoing == after.outgoing, "each effect happens once"


def test_without_caps_a_full_window_is_no_reason_and_a_block_neither() -> None:
    free = other(CONTEXT, caps=False)
    for sender in (FULL, SOFT):
        assert (
            decide(played(WAITS), sender, free, at("Thu 15:00")).tickets[0].outgoing[0].template == "reminder"
        )
    assert (
        decide(played(WAITS), AddressFacts(suppressed=True), free, at("Thu 15:00")).tickets[0].outgoing[0].to
        == ANNA
    )


def reminder(**more: object) -> Outgoing:
    """The reminder of a ticket whose requester wrote «Тайна»."""
    secret = Entry(
        at=at("Mon 12:00"), kind="letter", public=True, who=IVAN, text="Тайна", message_id="1@example.org"
    )
    ticket = replace(played(WAITS), entries=(secret,), **more)
    return decide(ticket, AddressFacts(), CONTEXT, at("Thu 15:00")).tickets[0].outgoing[-1]


REPEATS = (
    # the sentence, the ticket, whether the letter repeats what they wrote
    ("unproved: anybody may read it", {}, False),
    ("proved: their own words", PROVED, True),
    ("proved, but to where the answer went: From gets it", {"outgoing": (letter(LIST),), **PROVED}, True),
    ("unproved, elsewhere", {"outgoing": (letter(LIST),)}, False),
)  # fmt: skip


@table("more repeats", REPEATS)
def test_timer_mail_repeats_words_to_who_is_proved_alone(more: dict[str, object], repeats: bool) -> None:
    made = reminder(**more)
    assert ("Тайна" in made.text + made.html) is repeats


def test_timer_mail_is_marked_as_automatic_and_belongs_to_the_thread() -> None:
    headers = dict(reminder().headers)
    assert (headers["Auto-Submitted"], headers["In-Reply-To"]) == ("auto-generated", "<1@example.org>")
    [closing] = decide(played(REMINDED), AddressFacts(), CONTEXT, at("+Mon 15:00")).tickets[0].outgoing
    assert SHIPPED.grounds[Ground.insufficient_information].clause in closing.text
    assert (closing.audience, closing.to, closing.created) == (Audience.requester, IVAN, at("+Mon 15:00"))


def test_a_desk_without_that_ground_closes_without_a_clause() -> None:
    source = SHIPPED.model_copy(update={"grounds": {}})
    context = other(CONTEXT, policy=source)
    [closing] = decide(played(REMINDED), AddressFacts(), context, at("+Mon 15:00")).tickets[0].outgoing
    assert (closing.template, "XX" in closing.text, "(п." in closing.text) == ("closed_silence", False, False)


# ------------------------------------------------------------------------------------------- notices to staff


def notices(
    ticket: Ticket, now: str, why: str = "warned", context: DeskContext = CONTEXT, **more: object
) -> list[Outgoing]:
    agents = context.policy.people.agents
    return list(nudged(ticket, Nudge(why, **more), agents, context, at(now)).outgoing)  # type: ignore[arg-type]


NIGHTS = (
    # the sentence, the ticket, when, at once, when the notice may leave
    ("2.1: by day at once", "opened Mon 12:00", "Mon 15:00", False, "Mon 15:00"),
    ("at night in the morning", "opened Mon 12:00", "Mon 23:00", False, "Tue 10:00"),
    ("of high priority at once", "high opened Mon 12:00", "Mon 23:00", False, "Mon 23:00"),
    ("where it is said so, at once", "opened Mon 12:00", "Mon 23:00", True, "Mon 23:00"),
)  # fmt: skip


@table("story now at_once due", NIGHTS)
def test_when_a_notice_may_leave(story: str, now: str, at_once: bool, due: str) -> None:
    made = notices(played(story), now, at_once=True) if at_once else notices(played(story), now)
    assert {(one.due, one.letter) for one in made} == {(at(due), "")}


def test_a_notice_says_why_and_what_was_said_and_goes_to_the_agents_alone() -> None:
    said = Entry(at=at("Mon 14:00"), kind="answer", public=False, who=DEV, text="Починим в четверг")
    made = notices(played("opened Mon 12:00"), "Mon 15:00", said=said)
    assert [(one.to, one.audience, one.template) for one in made] == [
        (ANNA, Audience.agent, "case"),
        (BORIS, Audience.agent, "case"),
    ]
    terms = CONTEXT.terms("ru")
    assert all(terms.say("why_warned") in one.text and "Починим в четверг" in one.text for one in made)
    assert all(
        CONTEXT.signer.check(dict(one.headers)["Reply-To"], (one.to,), at("Mon 15:00").date()) for one in made
    )


def test_a_notice_has_room_for_values() -> None:
    [first, _] = notices(played("opened Mon 12:00"), "Mon 15:00", "low_score", values=(2,))
    assert "Оценка 2 из 5" in first.text


def test_an_agent_in_another_language_is_told_in_it_and_one_who_never_reads_is_not() -> None:
    policy = changed(("address: boris@providence.film", "language: en, address: boris@providence.film"))
    context = other(CONTEXT, policy=policy)
    assert [one.language for one in notices(opened(at("Mon 12:00")), "Mon 15:00", context=context)] == [
        "ru",
        "en",
    ]
    [_, second] = notices(opened(at("Mon 12:00")), "Mon 15:00", context=context)
    assert context.terms("en").say("why_warned") in second.text
    deaf = other(CONTEXT, policy=changed(("anna@providence.film", "noreply@providence.film")))
    assert [one.to for one in notices(opened(at("Mon 12:00")), "Mon 15:00", context=deaf)] == [BORIS]


def test_a_notice_has_the_last_letters_only() -> None:
    letter = Entry(at=at("Mon 12:00"), kind="letter", public=True, who=IVAN)
    said = tuple(replace(letter, text=f"Письмо {one}.") for one in range(9))
    [first, _] = notices(replace(opened(at("Mon 12:00")), entries=said), "Mon 15:00")
    assert ("Письмо 8." in first.text, "Письмо 0." in first.text) == (True, False)


BUTTON = "%23%D0%BE%D1%82%D0%BA%D0%B0%D0%B7%D0%B0%D1%82%D1%8C"  # #отказать, in a link
OFFERS = (
    # the sentence, why the notice is sent, the rules, whether it has the button that refuses
    ("5.2: a low one may be refused", "low_offered", SHIPPED, True),
    ("a warning offers nothing", "warned", SHIPPED, False),
    ("nor does a desk without that ground", "low_offered", None, False),
)  # fmt: skip


@table("why policy button", OFFERS)
def test_the_button_that_refuses_a_low_ticket(why: str, policy: Policy | None, button: bool) -> None:
    grounds = {key: item for key, item in SHIPPED.grounds.items() if key is not Ground.low_priority}
    context = other(CONTEXT, policy=policy or SHIPPED.model_copy(update={"grounds": grounds}))
    [first, _] = notices(played("low opened Mon 12:00"), "Mon 15:00", why, context)
    assert (BUTTON in first.html) is button
    assert ("низкий_приоритет" in first.text or "%D0%BF%D1%80%D0%B8%D0%BE%D1%80" in first.html) or not button
