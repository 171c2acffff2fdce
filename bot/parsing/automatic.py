"""Whether a machine wrote a letter, and whether it may be answered. All signs are kept (design, section 7).

Only headers and the structure of the body are looked at here. Whether a letter is our own or answers one of
ours takes the desk's signatures; bot.tickets.threading judges that from the same hits.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from bot.model import Hit, LetterClass
from bot.model.address import MAILBOX
from bot.parsing.headers import message_ids
from bot.parsing.mime import Part, fields
from bot.parsing.vocabulary import pattern, table

_COMMENT = re.compile(r"\([^()]*\)")
_MACHINES = table("machines")
_ORDER = {rule: LetterClass(kind) for kind, rules in _MACHINES["classes"].items() for rule in rules.split()}
_NAMING = {type_: name for name, types in _MACHINES["naming"].items() for type_ in types.split()}
_HEADERS: dict[str, list[dict[str, str]]] = defaultdict(list)
for _entry in _MACHINES["headers"]:
    for _name in _entry["names"].split():
        _HEADERS[_name].append(_entry)
_MOST_PARTS = 10  # most parts of a report that are read
_DELIVERY = {"message/delivery-status", "message/global-delivery-status"}
_DAEMON, _POSTMASTER, _NOBODY = map(pattern, ("daemon", "postmaster", "nobody"))
_SUBJECT, _BOUNCE_WORDS, _REPORT_WORDS = map(pattern, ("machine_subject", "bounce_subject", "bounce_text"))
SAID = 1500  # characters of a text whose words are looked at
_TOLD = {  # what programs say in words alone: the subject that goes with them, and the words
    "recall": (pattern("recall_subject"), pattern("recall_text")),
    "receipt": (pattern("receipt_subject"), pattern("receipt_text")),
    "reaction": (None, pattern("reaction_text")),
    "absence": (None, pattern("absence_text")),
}
_DMARC = re.compile(r"\s*report domain:\s*\S+\s+submitter:", re.IGNORECASE)
_ANSWER = re.compile(rb"^METHOD:(?:REPLY|COUNTER)\s*$", re.MULTILINE | re.IGNORECASE)
_COMPLAINT = re.compile(r"^complaint about message from [\d.x]+", re.IGNORECASE)
_COPIED_ID = re.compile(r"^[> \t]*message-id:[ \t]*(<[^<>\s]{1,300}>)", re.IGNORECASE | re.MULTILINE)
_NULL = re.compile(r"\s*<?\s*(?:MAILER-DAEMON)?\s*>?\s*", re.IGNORECASE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def hits(headers: Iterable[tuple[str, str]], root: Part, mail_from: str, subject: str, sender: str, text: str) -> tuple[Hit, ...]:
    """Every sign that a machine wrote it or that it wants no answer, in the order of the headers.

    `headers` are decoded, with names in lower case; `mail_from` is the envelope sender ("" the null sender,
    "?" unknown), `sender` the first From.
    """
    headers = tuple(headers)
    found = [Hit(rule=rule, evidence=f"{name}: {value}"[:200]) for name, value in headers if (rule := _of_header(name, value))]
    found += _of_structure(root, subject)
    found += [Hit(rule=rule, evidence=match[0].strip()[:200]) for rule, (title, said) in _TOLD.items()
              if (match := said.search(text[:SAID])) and (title is None or title.match(subject))]  # fmt: skip
    null = mail_from == "" or any(name == "return-path" and _NULL.fullmatch(value) for name, value in headers)
    if null:
        found.append(Hit(rule="null-sender", evidence="<>"))
    shown = next((value for name, value in headers if name == "from"), "")
    titled, system = _BOUNCE_WORDS.match(subject) is not None, null or _POSTMASTER.match(sender) is not None
    told = (titled or system) and _REPORT_WORDS.search(text[:4000]) is not None
    returned = titled and told and (any(part.type == "message/rfc822" for part in root.children) or _COPIED_ID.search(text[:32_000]))
    if _DAEMON.search(shown) or (system and (titled or told)) or returned:
        found.append(Hit(rule="bounce", evidence=shown[:200]))
    if not sender or _NOBODY.match(sender) or _DAEMON.match(sender.partition("@")[0]):
        found.append(Hit(rule="no-answer-address", evidence=shown[:200]))
    if match := _SUBJECT.match(subject):
        found.append(Hit(rule="subject-hint", evidence=match[0].strip()))
    return tuple(found)


def judge(found: Iterable[Hit], own_lists: Iterable[str] = (), reply: bool = False) -> tuple[LetterClass, bool]:
    """The class, and whether an automatic answer is allowed.

    The lists in `own_lists` are ignored: addresses or List-Ids, in any case, of groups that forward to the
    desk. `reply`: the letter answers one of ours. Only then a hint in the subject decides.
    """
    found = tuple(found)
    kinds = {kind for hit in found if (kind := _ORDER.get(hit.rule)) is not None}
    if reply and any(hit.rule in ("subject-hint", "absence") for hit in found):
        kinds.add(LetterClass.automatic)
    if LetterClass.bulk in kinds and _only_own_list(found, own_lists):
        kinds.discard(LetterClass.bulk)
    kind = next((kind for kind in LetterClass if kind in kinds), LetterClass.human)
    return kind, kind is LetterClass.human and not any(hit.rule in ("suppress", "no-answer-address") for hit in found)


def report(root: Part, found: Iterable[Hit], text: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """A delivery report's (recipient, status code) pairs, and the Message-IDs of the letters reported on."""
    bounced: dict[str, str] = {}
    ids: list[str] = []
    told = [part for part in root.walk() if part.type in _DELIVERY or part.type in _NAMING]
    for part in told[:_MOST_PARTS]:
        if part.type in _DELIVERY:
            bounced.update(_recipients(part.body()))
        else:
            ids += message_ids(value for key, value in fields(part.body()[: 256 * 1024], [])[0] if key == _NAMING[part.type])
    for value in (value for name, value in root.fields if name == "x-failed-recipients"):
        for address in re.split(r"[,\s<>]+", value.decode("utf-8", "replace").lower()):
            if MAILBOX.fullmatch(address):
                bounced.setdefault(address, "")
    if not ids and any(hit.rule in ("bounce", "null-sender") for hit in found):
        # Mail systems without MIME copy the headers of a returned letter into the text.
        ids = list(message_ids(match[1].encode() for match in _COPIED_ID.finditer(text[: 256 * 1024])))
    return tuple(list(bounced.items())[:50]), tuple(dict.fromkeys(ids))[:20]


def _of_header(name: str, value: str) -> str:
    """The rule that applies to a header, or "". Comments and parameters in the header do not count."""
    for entry in _HEADERS.get(name, ()):
        words = {word.strip(" \t\"'") for word in _COMMENT.sub(" ", value).lower().split(";")[0].split(",")}
        if words & set(entry["words"].split()) if "words" in entry else words - {"", *entry.get("except", "").split()}:
            return entry["rule"]
    return ""


def _of_structure(root: Part, subject: str) -> list[Hit]:
    kind = root.parameters.get("report-type", b"").decode("ascii", "replace").strip().lower()
    types = {part.type for part in root.walk() if part.depth <= 2} if root.type.startswith(("multipart/", "message/")) else set()
    found = []
    if "message/disposition-notification" in types or kind == "disposition-notification":
        found.append(Hit(rule="receipt", evidence="disposition-notification"))
    if types & _DELIVERY or kind == "delivery-status":
        found.append(Hit(rule="delivery-report", evidence="delivery-status"))
    if "message/feedback-report" in types or kind == "feedback-report":
        found.append(Hit(rule="feedback-report", evidence="feedback-report"))
    elif "message/rfc822" in types and _COMPLAINT.match(subject):
        found.append(Hit(rule="feedback-report", evidence=subject))
    if "application/tlsrpt+gzip" in types or "application/tlsrpt+json" in types or kind in ("tlsrpt", "dmarc") or _is_dmarc(types, subject):
        found.append(Hit(rule="aggregate-report", evidence=subject[:200]))
    if "text/vnd.google.email-reaction+json" in types:
        found.append(Hit(rule="reaction", evidence="text/vnd.google.email-reaction+json"))
    return found + [Hit(rule="calendar-reply", evidence="METHOD:REPLY") for part in root.walk() if part.depth <= 2 and _is_answer(part)][:1]


def _is_dmarc(types: set[str], subject: str) -> bool:
    """Whether it is an aggregate report (RFC 7489, section 7.2.1.1): its subject, and a packed file beside it or alone."""
    return _DMARC.match(subject) is not None and (not types or any(name in one for one in types for name in ("zip", "xml", "octet-stream")))


def _is_answer(part: Part) -> bool:
    """Whether it is a calendar program's answer to an invitation (RFC 5546, section 3.2.3)."""
    if part.type != "text/calendar":
        return False
    return part.parameters.get("method", b"").strip().lower() in (b"reply", b"counter") or _ANSWER.search(part.body()[:4096]) is not None


def _only_own_list(found: tuple[Hit, ...], own_lists: Iterable[str]) -> bool:
    """Whether only lists of our own carried the letter; what they added to it is then ignored."""
    names = "|".join(re.escape(form) for name in own_lists for form in {name.lower().strip("<>"), name.lower().strip("<>").replace("@", ".")})
    named = re.compile(rf"(?<![\w.@-])(?:{names})(?![\w@-]|\.\w)") if names else None
    lists = [hit.evidence.lower() for hit in found if hit.rule == "list"]
    foreign = any(evidence.startswith("list-id:") and not (named and named.search(evidence)) for evidence in lists)
    sent_in_bulk = any(hit.rule == "precedence-bulk" and "list" not in hit.evidence.lower() for hit in found)
    return named is not None and any(map(named.search, lists)) and not foreign and not sent_in_bulk


def _recipients(body: bytes) -> dict[str, str]:
    """Final recipients of a delivery-status body and their codes (RFC 3464, section 2.3)."""
    found: dict[str, str] = {}
    for block in re.split(rb"\r?\n[ \t]*\r?\n", body[: 64 * 1024])[:60]:
        here = dict(reversed([(name, value.decode("utf-8", "replace")) for name, value in fields(block.strip() + b"\r\n\r\n", [])[0]]))
        recipient = here.get("final-recipient") or here.get("original-recipient") or ""
        address = recipient.rpartition(";")[2].strip(" <>\t").lower()
        if MAILBOX.fullmatch(address):
            code = _STATUS.search(here.get("status", "")) or _STATUS.search(here.get("diagnostic-code", ""))
            found.setdefault(address, code[1] if code else "")
    return found
