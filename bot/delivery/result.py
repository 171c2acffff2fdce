"""What became of a letter at the relay; and of whom a refusal speaks: of its recipient, of the letter, or of us (RFC 5321, RFC 3463).

A refusal of us would meet every letter, so it must not be held against one. What cannot be told apart holds the one letter.
"""

from __future__ import annotations

import re
import ssl
from typing import Literal, NamedTuple

import aiosmtplib

Step = Literal["connect", "mail", "rcpt", "data"]

LOGIN_WANTED = (530, 534, 535, 538)  # RFC 4954 section 6
TOO_LARGE = re.compile(
    r"^552(?! [45]\.(?!2\.3|3\.4))|\b5\.(?:3\.4|2\.3)\b|\bsize\b[^.]{0,40}(?:limit|exceed|too)|too (?:large|big)", re.IGNORECASE
)
THE_RECIPIENT = re.compile(
    r"\b[45]\.1\.(?!7\b|8\b)\d{1,2}\b|\b[45]\.2\.\d{1,2}\b|(?:user|mailbox|recipient|address|account)[^.]{0,40}"
    r"(?:unknown|unavailable|not found|does ?n[o']t exist|not exist|invalid|is full|disabled|inactive|over quota)"
    r"|no such (?:user|recipient|mailbox|address|person)|unknown (?:user|recipient|mailbox)|invalid (?:recipient|mailbox)"
    r"|to (?:this|the) recipient",
    re.IGNORECASE,
)
# Words that speak of the one who gets the letter, whatever they complain of.
NAMED = re.compile(
    r"\brecipient\b(?! (?:limit|quota|count))|\bto (?:this|the) (?:user|group|mailbox|address)|you tried to reach|RST\.", re.IGNORECASE
)
# What the server repeats: an address or a subject may hold any word, and a customer chooses theirs.
REPEATED = re.compile(r"<[^<>\s]*@[^<>\s]*>|[\w.+=%-]+@[\w.-]+|'[^']{1,200}'|\"[^\"]{1,200}\"")
CONTENT = re.compile(r"\b(?:URL|URI|link|contains?|content)\b", re.IGNORECASE)
Cause = Literal["login", "relaying", "sender", "limit", "blocked", ""]
CAUSES: dict[Cause, re.Pattern[str]] = {  # what servers refuse us for, in the order in which it is looked for
    "login": re.compile(
        r"\b5\.7\.[89]\b|authenticat\w*[^.]{0,30}(?:required|first|failed)|must authenticate|send auth\b", re.IGNORECASE
    ),
    "relaying": re.compile(
        r"\brelay(?:ing)?\b[^.]{0,40}(?:denied|prohibited|not (?:permitted|allowed))|(?:unable|not permitted|not allowed) to relay",
        re.IGNORECASE,
    ),
    "sender": re.compile(
        r"\b[45]\.1\.[78]\b|\b5\.7\.(?:57|60)\b|(?:sender|return.path|mail.from|envelope.from|from address)\b.{0,60}?(?:reject|denied"
        r"|refused|mismatch|invalid|disabled|inactive|unavailable|verify failed|not (?:owned|allowed|permitted|authori[sz]ed))"
        r"|not owned by user|send ?as(?:\b|denied)|not (?:allowed|authori[sz]ed|permitted) to send|not a verified sender",
        re.IGNORECASE,
    ),
    "limit": re.compile(
        r"\b[45]\.4\.5\b|(?:sending|daily|hourly|monthly|outgoing|outbound|messages?(?! size)|sender|your)\b[^.]{0,30}\b(?:limit|quota)"
        r"|(?<!mailbox )(?<!user )(?<!storage )\b(?:limit|quota)[^.]{0,30}exceeded|rate.?limit|exceeded the max"
        r"|too many (?:messages|mails|e-?mails|connections)",
        re.IGNORECASE,
    ),
    "blocked": re.compile(
        r"\b5\.7\.708\b|(?:client|host|\bip|(?:your|sender) account)\b.{0,60}?(?:blocked|suspended|listed|disabled|inactive)|outbound ?spam",
        re.IGNORECASE,
    ),
}


class Result(NamedTuple):
    """What became of one letter to one recipient."""

    state: Literal["sent", "retry", "failed", "held"]  # held: refused, and nobody can tell whether for good
    words: str  # the server's own, made safe for showing
    code: int  # the SMTP reply code, 0 where there was none
    of_us: bool = False  # it would be said of every letter: the others need not be tried now
    alarm: bool = False  # it will not heal by itself: login refused, bad certificate, sending limit


def judged(error: Exception, step: Step) -> Result:
    """What an exception of the client in that step of the transaction means."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return refused(error.code, error.message, step, isinstance(error, aiosmtplib.SMTPAuthenticationError))
    words = safe(str(error) or type(error).__name__)
    connecting = step == "connect"
    if isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return Result("retry" if connecting else "failed", words, 553, connecting, connecting)
    certificate = any(isinstance(one, ssl.SSLCertVerificationError) for one in (error, error.__cause__))
    unable = type(error) is aiosmtplib.SMTPException or getattr(error, "filename", None)  # no STARTTLS, no login, no password file
    return Result("retry", words, 0, connecting, bool(certificate or unable))


def refused(code: int, message: str, step: Step, login: bool = False) -> Result:
    """What the reply of a server means for the letter, and for those that wait behind it."""
    words = safe(f"{code} {message}")
    lasting = 500 <= code < 600
    of_us = login or code in LOGIN_WANTED or step in ("connect", "mail") or blames_us(words, step)
    too_large = step != "connect" and lasting and TOO_LARGE.search(words) is not None
    if too_large and not blames_us(words, step):
        return Result("failed", words, code)
    if of_us:
        return Result("retry", words, code, True, lasting or login)
    if not lasting:
        return Result("retry", words, code)
    return Result("failed" if THE_RECIPIENT.search(words) else "held", words, code)


def blames_us(words: str, step: Step) -> bool:
    """Whether a server's words would be said of every letter of ours: not of its recipient, nor of what it holds."""
    said, why = REPEATED.sub(" ", words), cause(words)
    named = NAMED.search(said) is not None and why != "relaying"
    content = step == "data" and why == "blocked" and CONTENT.search(said) is not None
    return why != "" and not named and not content


def cause(words: str) -> Cause:
    """What a server's words refuse us for; "" where they do not say so."""
    said = REPEATED.sub(" ", words)
    return next((name for name, pattern in CAUSES.items() if pattern.search(said)), "")


def safe(words: str) -> str:
    """A server's words on one line, without control characters, of a length that a note can carry."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:300]
