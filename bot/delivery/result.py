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
TOO_LARGE = re.compile(r"^552\b(?!.{0,5}5\.2\.2)|\b5\.3\.4\b|(?:message|size)[^.]{0,40}(?:too (?:large|big)|exceed)", re.IGNORECASE)
THE_RECIPIENT = re.compile(
    r"\b[45]\.1\.(?!7\b|8\b)\d{1,2}\b|\b[45]\.2\.\d{1,2}\b|(?:user|mailbox|recipient|address|account)[^.]{0,40}"
    r"(?:unknown|unavailable|not found|does ?n[o']t exist|not exist|invalid|is full|disabled|inactive|over quota)"
    r"|no such (?:user|recipient|mailbox|address|person)|unknown (?:user|recipient|mailbox)|invalid (?:recipient|mailbox)"
    r"|to (?:this|the) recipient",
    re.IGNORECASE,
)
Cause = Literal["login", "relaying", "sender", "limit", "blocked", ""]
CAUSES: dict[Cause, re.Pattern[str]] = {  # what servers refuse us for, in the order in which it is looked for
    "login": re.compile(r"\b5\.7\.[89]\b|authenticat\w*[^.]{0,30}(?:required|first|failed)|must authenticate", re.IGNORECASE),
    "relaying": re.compile(
        r"\brelay(?:ing)?\b[^.]{0,40}(?:denied|prohibited|not (?:permitted|allowed))|(?:unable|not permitted|not allowed) to relay",
        re.IGNORECASE,
    ),
    "sender": re.compile(
        r"\b[45]\.1\.[78]\b|\b5\.7\.(?:57|60)\b|(?:sender|return.path|mail.from|envelope.from)\b.{0,60}?(?:reject|denied|refused|mismatch"
        r"|not (?:owned|allowed|permitted|authori[sz]ed))|not owned by user|send as\b|not (?:allowed|authori[sz]ed|permitted) to send",
        re.IGNORECASE,
    ),
    "limit": re.compile(
        r"\b[45]\.4\.5\b|(?:sending|daily|hourly|outgoing|outbound|messages?|user|account)[^.]{0,20}\b(?:limit|quota)"
        r"|(?:limit|quota)[^.]{0,30}exceeded|rate.?limit|too many (?:messages|mails|e-?mails|connections)",
        re.IGNORECASE,
    ),
    "blocked": re.compile(r"\b5\.7\.708\b|(?:client|host|ip|account)\b.{0,60}?(?:blocked|suspended|listed)", re.IGNORECASE),
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
    of_recipient = step in ("rcpt", "data") and THE_RECIPIENT.search(words) is not None
    of_letter = step != "connect" and lasting and TOO_LARGE.search(words) is not None
    of_us = login or code in LOGIN_WANTED or step == "connect" or cause(words) != "" or step == "mail"
    if of_us and not of_recipient and not of_letter:
        return Result("retry", words, code, True, lasting or login)
    if not lasting:
        return Result("retry", words, code)
    return Result("failed" if of_recipient or of_letter else "held", words, code)


def cause(words: str) -> Cause:
    """What a server's words refuse us for; "" where they do not say so."""
    return next((name for name, pattern in CAUSES.items() if pattern.search(words)), "")


def safe(words: str) -> str:
    """A server's words on one line, without control characters, of a length that a note can carry."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:300]
