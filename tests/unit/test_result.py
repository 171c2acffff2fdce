"""What a mail server's refusal means: a table in the words of servers, and of whom each of them speaks."""

from __future__ import annotations

import pytest

from bot.delivery.result import cause, refused

OF_US = [  # step, reply, the cause that the leads are told
    ("connect", "421 4.7.0 too many connections from your host", "limit"),
    ("connect", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using a list", "blocked"),
    ("connect", "535 5.7.8 authentication failed", "login"),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first", ""),
    ("mail", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "sender"),
    ("mail", "553 5.7.1 <support+1@desk.example>: Sender address rejected: not owned by user desk", "sender"),
    ("rcpt", "553 5.7.1 <support+1@desk.example>: Sender address rejected: not owned by user desk", "sender"),
    ("rcpt", "554 5.7.1 <ivan@example.org>: Relay access denied", "relaying"),
    ("rcpt", "550 relaying denied for <ivan@example.org>", "relaying"),
    ("rcpt", "550 5.7.1 Unable to relay", "relaying"),
    ("rcpt", "550 5.4.5 Daily user sending limit exceeded", "limit"),
    ("rcpt", "451 4.7.1 Hourly quota of outgoing messages exceeded", "limit"),
    ("data", "550 5.4.5 Daily sending quota exceeded. Try tomorrow", "limit"),
    ("data", "554 5.7.1 Sender rejected", "sender"),
    ("rcpt", "550 Authentication required", "login"),
    ("mail", "452 4.3.1 Insufficient system storage", ""),
    ("data", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException; Failed to process message", "sender"),
    ("data", "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; verdict is RefuseQuota", "blocked"),
    ("data", "554 5.7.1 Your account has been disabled for sending junk", "blocked"),
    ("rcpt", "554 5.7.1 Your account is inactive. Contact support", "blocked"),
    ("rcpt", "550 5.7.1 Sender account is disabled", "sender"),
    ("rcpt", "550 5.7.1 Sender address invalid", "sender"),
    ("rcpt", "550 Verification failed for <bounce+1@desk.example>: no such user; Sender verify failed", "sender"),
    ("rcpt", "550 5.1.0 Sender denied by SPF", "sender"),
    ("data", "550 5.1.1 sender rejected", "sender"),
    ("data", "550 From address invalid: not a verified sender", "sender"),
    ("data", "552 sending limit exceeded for account", "limit"),
    ("data", "552 5.2.2 daily quota exceeded", "limit"),
    ("data", "550 5.7.1 Your mailbox is over quota, sending is not possible", "limit"),
    ("rcpt", "550 Domain example.com has exceeded the max emails per hour (200/200) allowed. Message discarded", "limit"),
    ("rcpt", "503 5.5.4 Error: send AUTH command first", "login"),
]
OF_THE_LETTER = [
    ("rcpt", "550 5.1.1 <ivan@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "failed"),
    ("rcpt", "550 No such user here", "failed"),
    ("rcpt", "552 5.2.2 Mailbox quota exceeded", "failed"),
    ("rcpt", "452 4.2.2 The email account that you tried to reach is over quota", "retry"),
    ("rcpt", "450 4.2.0 Greylisted, try again in 300 seconds", "retry"),
    ("rcpt", "550 5.7.1 You are not authorized to send to this recipient", "failed"),
    ("rcpt", "550 5.7.1 rejected by policy", "held"),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", "failed"),
    ("data", "552 5.3.4 Message too large", "failed"),
    ("data", "550 5.1.1 no such mailbox", "failed"),
    ("data", "554 5.7.1 Message rejected under suspicion of SPAM", "held"),
    ("data", "550 5.7.0 content not accepted", "held"),
    ("data", "451 4.3.0 temporary failure", "retry"),
    ("rcpt", "450 4.7.1 <sender@shop.example>: Recipient address rejected: Greylisted", "retry"),
    ("rcpt", "554 5.7.1 <rate-limit@shop.example>: Recipient address rejected: Access denied", "held"),
    ("rcpt", "554 5.7.1 <mail-from.denied@shop.example>: rejected by policy", "held"),
    ("rcpt", "550 5.7.1 Recipient account is suspended", "held"),
    ("rcpt", "451 4.7.1 <a@b.example>: too many messages to this user", "retry"),
    ("rcpt", "450 4.7.1 Recipient rate limit exceeded", "retry"),
    ("rcpt", "550 5.7.1 You are not allowed to send to this group; recipient only accepts internal senders", "held"),
    ("data", "554 5.7.1 Message rejected: URL host evil.example is listed in DBL", "held"),
    ("data", "550 5.7.1 blocked: message contains host evil.example listed at URIBL", "held"),
    ("data", "550 5.7.1 Message refused: Subject 'daily limit' is spam", "held"),
    ("data", "552 5.7.0 This message was blocked because its content presents a potential security issue", "held"),
    ("data", "552 5.2.3 Message too long for this mailbox", "failed"),
]


@pytest.mark.parametrize(("step", "reply", "why"), OF_US)
def test_what_is_said_of_us_fails_no_letter(step, reply, why):
    code, _, words = reply.partition(" ")
    result = refused(int(code), words, step)
    assert (result.state, result.of_us) == ("retry", True)
    assert cause(result.words) == why
    assert result.alarm == (code[0] == "5")


@pytest.mark.parametrize(("step", "reply", "state"), OF_THE_LETTER)
def test_what_is_said_of_a_letter_stops_no_other(step, reply, state):
    code, _, words = reply.partition(" ")
    result = refused(int(code), words, step)
    assert (result.state, result.of_us, result.alarm) == (state, False, False)
