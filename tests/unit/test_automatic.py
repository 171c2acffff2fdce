"""Who is a machine, and who may be answered: section 7's table, header by header."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.model import Envelope, Hit, Letter, LetterClass
from bot.parsing import read
from bot.parsing.automatic import judge


def letter(headers: str = "", body: str = "Не открывается фильм.", mail_from: str = "anna@example.ru", sender: str = "anna@example.ru") -> Letter:
    raw = f"From: {sender}\nSubject: x\n{headers}\n{body}\n" if headers.endswith("\n") or not headers else f"From: {sender}\n{headers}\n\n{body}\n"
    return read(raw.encode(), Envelope(letter="1", received=datetime(2026, 5, 4, tzinfo=UTC), mail_from=mail_from))


def outcome(found: Letter) -> tuple[str, bool]:
    return found.kind.value, found.may_answer


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-Nothing: here", ("human", True)),
        ("Auto-Submitted: no", ("human", True)),
        ("Auto-Submitted: No (typed by hand)", ("human", True)),
        ("Auto-Submitted: auto-replied; owner-email=\"a@example.ru\"", ("automatic", False)),
        ("auto-submitted: (comment) AUTO-Generated", ("automatic", False)),
        ("X-Autoreply: yes", ("automatic", False)),
        ("X-Autorespond: 1", ("automatic", False)),
        ("X-Autoresponse: x", ("automatic", False)),
        ("X-Mail-Autoreply: x", ("automatic", False)),
        ("X-FC-MachineGenerated: true", ("automatic", False)),
        ("X-FC-MachineGenerated: false", ("human", True)),
        ("Precedence: auto_reply", ("automatic", False)),
        ("Precedence: Bulk", ("bulk", False)),
        ("Precedence: junk", ("bulk", False)),
        ("Precedence: list", ("bulk", False)),
        ("Precedence: first-class", ("human", True)),
        ("List-Id: <films.example.ru>", ("bulk", False)),
        ("List-Unsubscribe: <mailto:x@example.ru>", ("bulk", False)),
        ("X-Loop: a@example.ru", ("bulk", False)),
        ("X-Auto-Response-Suppress: OOF, AutoReply", ("human", False)),
        ("X-Auto-Response-Suppress: all", ("human", False)),
        ("X-Auto-Response-Suppress: DR, RN", ("human", True)),
        ("X-Failed-Recipients: a@example.ru", ("bounce", False)),
        ("Received: by x\nReturn-Path: <>", ("automatic", False)),
        ("Return-Path: <anna@example.ru>", ("human", True)),
        ("X-Priority: 1 (Highest)", ("human", True)),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", ("bounce", False)),
        ("Content-Type: multipart/report; report-type=\"disposition-notification\"; boundary=b", ("receipt", False)),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b", ("automatic", False)),
    ],
)
def test_one_header_decides(header: str, expected: tuple[str, bool]) -> None:
    assert outcome(letter(header)) == expected


def test_the_null_envelope_sender_is_a_machine() -> None:
    assert outcome(letter(mail_from="")) == ("automatic", False)
    assert outcome(letter(mail_from="?")) == ("human", True)


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("noreply@example.ru", ("human", False)),
        ("No-Reply.Shop@example.ru", ("human", False)),
        ("owner-films@example.ru", ("human", False)),
        ("films-request@example.ru", ("human", False)),
        ("MAILER-DAEMON@mx.example.ru", ("bounce", False)),
        ("Mail Delivery System <MAILER-DAEMON>", ("bounce", False)),
        ("postmaster@example.ru", ("human", False)),
        ("nora.reply@example.ru", ("human", True)),
        ("postman@example.ru", ("human", True)),
        ("daemon.petrov@example.ru", ("human", True)),
    ],
)
def test_addresses_that_nobody_reads(sender: str, expected: tuple[str, bool]) -> None:
    assert outcome(letter(sender=sender)) == expected


def test_a_postmaster_who_says_that_a_letter_came_back_is_a_bounce() -> None:
    assert outcome(letter("Subject: Undeliverable: [PF-7]", sender="postmaster@example.ru")) == ("bounce", False)
    assert outcome(letter("", "My letter came back: 550 user unknown. Help!")) == ("human", True)


def test_all_hits_are_kept_and_the_first_class_wins() -> None:
    found = letter("Precedence: bulk\nAuto-Submitted: auto-replied\nX-Auto-Response-Suppress: All", mail_from="")
    assert [hit.rule for hit in found.class_hits] == ["precedence-bulk", "auto-submitted", "suppress", "null-sender"]
    assert outcome(found) == ("automatic", False)


@pytest.mark.parametrize(
    "subject", ["Автоответ: ваш вопрос", "Automatic reply: x", "Out of Office", "Я в отпуске до 5 мая", "autoreply", "Abwesenheitsnotiz"]
)
def test_a_subject_hint_decides_only_in_a_reply(subject: str) -> None:
    assert outcome(letter(f"Subject: {subject}")) == ("human", True)
    assert outcome(letter(f"Subject: {subject}\nIn-Reply-To: <pf-1@providence.film>")) == ("automatic", False)


@pytest.mark.parametrize(
    "subject", ["Re: Автоответ: ваш вопрос", "В отпуске не работает приложение", "Ooops", "Vacation rental film", "OOO Ромашка: счёт"]
)
def test_a_person_may_use_such_words(subject: str) -> None:
    assert outcome(letter(f"Subject: {subject}\nIn-Reply-To: <pf-1@providence.film>")) == ("human", True)


def test_lists_of_our_own_are_ignored_and_no_others() -> None:
    own = (Hit(rule="list", evidence="list-id: Support <support.example.com>"), Hit(rule="precedence-bulk", evidence="precedence: list"))
    foreign = Hit(rule="list", evidence="list-id: <films.example.ru>")
    assert judge(own) == (LetterClass.bulk, False)
    assert judge(own, ["Support@example.com"]) == judge(own, ["support.example.com"]) == (LetterClass.human, True)
    assert judge((*own, foreign), ["support@example.com"]) == (LetterClass.bulk, False)
    assert judge((*own, Hit(rule="precedence-bulk", evidence="precedence: bulk")), ["support@example.com"]) == (LetterClass.bulk, False)
    assert judge((Hit(rule="list", evidence="list-id: <support.example.com.evil.net>"),), ["support.example.com"]) == (LetterClass.bulk, False)


REPORT = """Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.ru

Final-Recipient: rfc822; Gone@Example.ru
Action: failed
Status: 5.1.1 (bad mailbox)

Original-Recipient: rfc822;full@example.ru
Action: delayed
Diagnostic-Code: smtp; 452 4.2.2 mailbox full

--b
Content-Type: text/rfc822-headers

Subject: x
Message-ID: <pf-1.r.abc@providence.film>

--b--
"""


def test_a_delivery_report_names_recipients_codes_and_the_letter() -> None:
    found = read(REPORT.encode(), Envelope(letter="1", received=datetime(2026, 5, 4, tzinfo=UTC), mail_from=""))
    assert found.bounced == (("gone@example.ru", "5.1.1"), ("full@example.ru", "4.2.2"))
    assert found.reported_ids == ("pf-1.r.abc@providence.film",)


def test_a_bounce_without_mime_still_names_the_letter() -> None:
    found = letter("X-Failed-Recipients: gone@example.ru", "It failed.\n\n> Message-Id: <pf-2.a.abc@providence.film>", mail_from="")
    assert (found.bounced, found.reported_ids) == ((("gone@example.ru", ""),), ("pf-2.a.abc@providence.film",))
