"""What a template may know. Those for customers get a `PublicTicket` and public entries only."""

from __future__ import annotations

from datetime import datetime

from bot.model import Attachment, Ground, Priority, Resolution, Status, Value, Waiting
from bot.rules.schema import Clauses


class DeskView(Value, frozen=True):
    """The desk as `rules.yaml` describes it."""

    name: str
    address: str
    url: str = ""
    regulation_url: str = ""
    links: dict[str, str] = {}  # desk.links of rules.yaml: form, install, obtain …
    clauses: Clauses = Clauses()  # of the regulation, which letters name
    hours: str = ""  # "каждый день с 10:00 до 22:00 по московскому времени", in the letter's language


class PublicTicket(Value, frozen=True):
    """A ticket as its requester may see it. `subject` is "" until the address is proved (section 7, item 4)."""

    number: int
    tag: str  # PF-12, without brackets
    status: Status
    waiting_for: Waiting
    opened: datetime
    subject: str = ""
    resolution: Resolution | None = None
    requester_name: str = ""


class PublicEntry(Value, frozen=True):
    """One letter of the correspondence, for the quoted history and the transcript."""

    at: datetime
    # of its author; to the staff with their part and whether customers know it: "Анна (поддержка,
    # внутреннее)"
    name: str
    text: str
    mine: bool = False  # the recipient of this letter wrote it


class Button(Value, frozen=True):
    """A mailto: link; `say` is what to write for those who cannot click."""

    label: str
    url: str
    say: str = ""


class AgentTicket(Value, frozen=True):
    """A ticket as the staff sees it."""

    number: int
    tag: str
    subject: str
    status: Status
    waiting_for: Waiting
    priority: Priority
    opened: datetime
    due: datetime | None
    owner: str  # name of the agent, "" if nobody has it
    requester_name: str
    requester_email: str
    labels: tuple[str, ...] = ()
    resolution: Resolution | None = None


class Finding(Value, frozen=True):
    """A rule that fired, as a notice shows it."""

    rule: str
    clause: str
    what: str  # in the letter's language: "основание: устаревшее ПО", "приоритет: высокий"
    evidence: str


class Line(Value, frozen=True):
    """A wrong line of a command letter."""

    number: int
    line: str
    reason: str
    hint: str = ""


class Preview(Value, frozen=True):
    """A letter to a customer as a receipt shows it: `text` is exactly the text part that will leave."""

    to: str  # everybody who gets exactly this text
    subject: str
    text: str
    leaves: datetime | None = None  # end of the undo window; None: at once
    files: tuple[str, ...] = ()


class Context(Value, frozen=True):
    """What every template gets; the other contexts add to it. Their docstrings name their templates."""

    desk: DeskView
    language: str


class ToRequester(Context, frozen=True):
    """Every letter to a requester."""

    ticket: PublicTicket
    first: bool = False  # this letter is also the acknowledgement, with number and time
    withheld: tuple[Attachment, ...] = ()  # files that are not accepted, with `why` (clause 4.5)
    forwarded_to: str = ""  # name of the department that the letter was passed on to
    copy: bool = False  # for a participant, who reads an answer to somebody else


class Acknowledgement(ToRequester, frozen=True):
    """acknowledgement: clause 4.3 and 4.7."""

    open_now: bool = True
    opens_at: datetime | None = None  # set when closed


class GroundLetter(ToRequester, frozen=True, kw_only=True):
    """ground_<ground>: clause 4.6; by a machine (it asks) or by an agent (`text` and `agent`, `refused` perhaps)."""

    ground: Ground
    clause: str = ""
    refused: bool = False  # False: suspended; a plain answer calls a person
    evidence: str = ""  # only to proved addresses
    missing: tuple[str, ...] = ()  # of policy.judge.ASKED: description, steps, environment, screenshot
    software: str = ""  # "Chrome 98", or the author's words for it
    minimum: tuple[str, ...] = ()  # "Chrome 109 и новее"
    text: str = ""
    agent: str = ""
    history: tuple[PublicEntry, ...] = ()


class TopicLetter(ToRequester, frozen=True):
    """topic_hours, topic_obtain_service, topic_outage: clauses 3.3 and 7."""

    open_now: bool = True
    opens_at: datetime | None = None
    changes: tuple[str, ...] = ()  # announced exceptions: holidays, breaks, in words
    announcement: str = ""
    text: str = ""  # the admin's text for this topic in rules.yaml
    closes: bool = False  # nothing else was asked, so the ticket is done


class AgentLetter(ToRequester, frozen=True):
    """reply, clarify, resolved_<resolution>, escalated, update_out, outage_over, reminder, closed_silence, reopened, merged, transcript."""

    text: str = ""
    agent: str = ""
    department: str = ""
    clause: str = ""
    history: tuple[PublicEntry, ...] = ()
    score: tuple[Button, ...] = ()  # 1 to 5, clause 6
    other: str = ""  # merged: the old tag, replaced by ticket.tag


class ScoreLetter(ToRequester, frozen=True):
    """score: thanks for a score, or why it does not count: `why` is twice (there is one already), range (not 1 to 5), or ""."""

    score: int = 0
    why: str = ""


class TooLarge(ToRequester, frozen=True):
    """too_large: the letter could not be taken. Number 0 means that there is no ticket."""

    size: int = 0  # bytes


class Notice(Context, frozen=True):
    """notice_new, notice_update: to agents."""

    ticket: AgentTicket
    text: str
    author: str = ""  # of the text: "Иван (пользователь)", "Отдел разработки (отдел, внутреннее)"
    subject: str = ""
    joined: str = ""  # signed, references, tag, unconfirmed
    reopened: bool = False
    files: tuple[Attachment, ...] = ()
    before: int = 0  # files of earlier letters; #file counts all files of the ticket
    findings: tuple[Finding, ...] = ()
    earlier: tuple[str, ...] = ()  # "PF-3 (Выполнено, Решена): Не открывается фильм"
    linked: tuple[str, ...] = ()
    history: tuple[PublicEntry, ...] = ()
    answered: str = ""  # the automatic answer that went out, "" for none
    unanswered: str = ""  # why none went out: "машина", "адрес закрыт предохранителем"
    defects: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()


class TicketLine(Value, frozen=True):
    """A ticket in a list. `url` is a mailto: link to its own signed address, which asks for the whole ticket.
    """

    title: str  # "PF-3: Не открывается фильм"
    url: str
    facts: str  # "высокий · В работе · Анна · до 23.11 12:00 · ivan@example.org"


class Section(Value, frozen=True):
    """A titled part of a letter to staff: tickets, or lines with figures."""

    title: str
    rows: tuple[str, ...] = ()
    tickets: tuple[TicketLine, ...] = ()
    picture: str = ""  # the Content-ID of a picture in the letter itself


class Shown(Notice, frozen=True):
    """case: a whole ticket with notes, to an agent who asked for it, gets it or should know (`why`).
    """

    why: str = ""


class Digest(Context, frozen=True):
    """digest: what waits; to an agent at the start of the day."""

    sections: tuple[Section, ...] = ()
    buttons: tuple[Button, ...] = ()


class Gathered(Digest, frozen=True):
    """gathered: one letter to an agent with the notices of letters that came too fast to read."""

    count: int = 0


class Report(Context, frozen=True):
    """report: the figures of a week, to a lead."""

    title: str
    sections: tuple[Section, ...] = ()


class Receipt(Context, frozen=True):
    """receipt: what a command letter did and what the customer will read."""

    done: tuple[str, ...]
    ticket: AgentTicket | None = None  # None: the commands were about the desk as a whole
    sections: tuple[Section, ...] = ()  # the answers to #queue, #search and #sla
    previews: tuple[Preview, ...] = ()
    undo: Button | None = None
    buttons: tuple[Button, ...] = ()


class CommandError(Context, frozen=True):
    """command_error: nothing was changed, and why."""

    lines: tuple[Line, ...]
    text: str  # the agent's own letter, with the lines marked by `marked`
    marked: tuple[int, ...] = ()
    ticket: AgentTicket | None = None
    reason: str = ""  # set when the whole letter was refused: unproved, expired, another agent's address
    buttons: tuple[Button, ...] = ()


class Kept(Context, frozen=True):
    """kept: a letter without a command; its text is kept for 24 h."""

    ticket: AgentTicket
    text: str
    until: datetime
    buttons: tuple[Button, ...] = ()


class Confirm(Context, frozen=True):
    """confirm: an unproved letter came from the agent's address; `#confirm` carries it out."""

    text: str
    until: datetime
    files: tuple[str, ...] = ()  # names and sizes of the files that came with it
    ticket: AgentTicket | None = None
    buttons: tuple[Button, ...] = ()


class Handed(Context, frozen=True):
    """escalation: the case as a department gets it."""

    ticket: AgentTicket
    text: str
    agent: str
    history: tuple[PublicEntry, ...] = ()
    files: tuple[Attachment, ...] = ()
    to_requester: bool = False  # rules.yaml sends this department's answers to the requester


class Help(Context, frozen=True):
    """help: the commands, each with its words and a line of explanation."""

    commands: tuple[tuple[str, str], ...]
    ticket: AgentTicket | None = None


class Alert(Context, frozen=True):
    """alert: parked, undelivered, held, rules broken, unproved letters in an agent's name; to the leads."""

    title: str
    details: tuple[str, ...] = ()
    ticket: AgentTicket | None = None
    buttons: tuple[Button, ...] = ()


