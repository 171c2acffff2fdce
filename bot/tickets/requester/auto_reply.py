"""The one automatic letter that answers a requester: acknowledgement, ground or topic, with what each template needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from bot.model import Audience, Ground, Letter, Status, Ticket, Verdict
from bot.rendering.contexts import Acknowledgement, GroundLetter, TopicLetter, ToRequester
from bot.rendering.reply_policy import Ruling
from bot.rendering.terms import Terms
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, desk_view, draft, public_ticket, thread_of


def automatic_answer(ticket: Ticket, letter: Letter, verdict: Verdict, ruling: Ruling, context: DeskContext, now: datetime, *, first: bool) -> Ticket:
    """The ticket with the answer posted; a held one waits for `held release`."""
    template, values = chosen(ticket, letter, verdict, ruling, context, now, first)
    drafted = Draft(
        Audience.requester, template, values, ruling.to, letter=letter.envelope.letter,
        answers=thread_of(ticket, letter.message_id), ruling=ruling, mark="auto-replied",
    )  # fmt: skip
    return draft(context, ticket, drafted, now)


def chosen(
    ticket: Ticket, letter: Letter, verdict: Verdict, ruling: Ruling, context: DeskContext, now: datetime, first: bool
) -> tuple[str, ToRequester]:
    """Template and context of the answer."""
    language = context.language(letter.language, ticket.language)
    terms = context.terms(language)
    calendar = context.policy.calendar
    open_now = calendar.is_open(now)
    opens_at = None if open_now else calendar.next_open(now)
    department = context.policy.people.departments.get(verdict.department)
    base = ToRequester(
        desk=desk_view(context, language),
        language=language,
        ticket=public_ticket(context, ticket, ruling.repeats, ruling.to),
        first=first,
        withheld=tuple(one for one in letter.attachments if not one.accepted and not one.logo) if ruling.repeats else (),
        forwarded_to=department.name_in(language) if department else "",
    )
    shared = {name: getattr(base, name) for name in ToRequester.__struct_fields__}
    if verdict.action in ("suspend", "refuse") and verdict.ground:
        return f"ground_{verdict.ground}", GroundLetter(
            **shared,
            ground=verdict.ground,
            clause=context.policy.grounds[verdict.ground].clause,
            refused=verdict.action == "refuse",
            evidence=verdict.evidence if ruling.repeats else "",
            missing=verdict.missing,
            software=verdict.evidence if ruling.repeats and verdict.ground is Ground.outdated_software else "",
            minimum=minimum(context.policy.versions, terms) if verdict.ground is Ground.outdated_software else (),
        )
    topic = verdict.topic or ("outage" if context.outage and "outage" in verdict.labels else "")
    if topic:
        items = context.policy.announced(now)
        announced = (*(item.text_in(language) for item in items), *((context.outage,) if context.outage else ()))
        outage = context.outage or next((item.text_in(language) for item in items if item.kind == "outage"), "")
        if topic == "announcement":  # a rule of rules.yaml's own announcements; its letter is that of an outage
            topic, outage = "outage", next((item.text_in(language) for item in items if f"announcement:{item.id}" in verdict.labels), outage)
        return f"topic_{topic}", TopicLetter(
            **shared,
            open_now=open_now,
            opens_at=opens_at,
            changes=(*calendar.describe_changes(terms.hours, partial(terms.day, year=False), language, now), *announced) if topic == "hours" else (),
            announcement=outage,
            closes=ticket.status is Status.done,
        )
    return "acknowledgement", Acknowledgement(**shared, open_now=open_now, opens_at=opens_at)


def weighed(verdict: Verdict) -> Verdict:
    """Whoever reports an outage or complains, and asks for the working hours as well, is not answered with the hours."""
    heavy = {"outage", "complaint"} & set(verdict.labels) and verdict.topic not in ("", "outage", "announcement")
    return replace(verdict, topic="", labels=tuple(one for one in verdict.labels if one != "only_topic")) if heavy else verdict


SPOKEN = {
    "chrome": "Google Chrome", "firefox": "Mozilla Firefox", "safari": "Safari", "edge": "Microsoft Edge", "opera": "Opera",
    "yandex": "Яндекс Браузер", "windows": "Windows", "macos": "macOS", "ios": "iOS", "android": "Android",
}  # fmt: skip


def minimum(versions: Mapping[str, str], terms: Terms) -> tuple[str, ...]:
    """The oldest supported versions as people say them: «Google Chrome 109 и новее»."""
    return tuple(terms.say("newer", SPOKEN.get(name, name), version) for name, version in versions.items() if version != "none")
