"""How mail programs quote a letter of ours, each in its own way; `replies` writes an agent's answer as each of them would.

A letter is quoted from the bytes that the desk has sent: its text part, or its HTML made flat as programs do.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape, unescape
from typing import NamedTuple

DESK, AGENT = "support@providence.film", "anna@providence.film"
NAME = "Служба технической поддержки providence.film"
PLACES = ("above", "below", "between")


class Sent(NamedTuple):
    """A letter of ours as its recipient has it."""

    subject: str
    text: str
    html: str
    reply_to: str
    message_id: str


class Program(NamedTuple):
    """One way of quoting: the text part and the HTML part of a reply, "" for none; `flowed` marks the text part."""

    text: str
    html: str = ""
    flowed: bool = False


def sent(raw: bytes) -> Sent:
    """The letter out of the bytes that left."""
    message = message_from_bytes(raw, policy=default)
    parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    return Sent(
        message["Subject"], parts["text/plain"].replace("\r\n", "\n"), parts["text/html"].replace("\r\n", "\n"),
        message["Reply-To"], message["Message-ID"],
    )  # fmt: skip


def flat(html: str, *, cells: str = "\n", bullet: str = "") -> str:
    """HTML as text without any mark of quoting: what most programs make of it for the text part."""
    body = html[html.index("<body") :]
    body = re.sub(r"\s*\n\s*", " ", re.sub(r"<(style|title)[^>]*>.*?</\1>", "", body, flags=re.DOTALL))
    body = re.sub(r"<hr[^>]*>", "\n________________________________\n", body)
    body = re.sub(r"<li[^>]*>", f"\n{bullet}", re.sub(r"<br[^>]*>", "\n", body))
    body = re.sub(r"</t[dh]>", cells, re.sub(r"</?(p|div|tr|table|h2|ul|blockquote)[^>]*>", "\n\n", body))
    lines = unescape(re.sub(r"<[^>]+>", "", body)).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip(" ") for line in lines)).strip()


def wrapped(text: str, prefix: str = "", first: str = "", width: int = 72) -> str:
    """Long lines broken after they were marked: only the first piece of each has `first` before it."""
    rows = [textwrap.wrap(line, width, drop_whitespace=True) or [""] for line in text.split("\n")]
    return "\n".join("\n".join([first + row[0], *(prefix + one for one in row[1:])]) for row in rows)


def marked(text: str, mark: str = "> ") -> str:
    """Every line with a mark before it."""
    return "\n".join((mark + line).rstrip() if line else mark.rstrip() for line in text.split("\n"))


def soft(text: str, width: int = 66) -> str:
    """format=flowed (RFC 3676): long lines go on after a blank at the end."""
    return "\n".join(" \n".join(textwrap.wrap(line, width, break_long_words=False) or [""]) for line in text.split("\n"))


def headers(one: Sent, names: str = "From Sent To Subject", bold: bool = False, colon: str = ": ") -> list[str]:
    """A header block, as Outlook writes it."""
    star = "*" if bold else ""
    values = (f'"{NAME}" <{DESK}>', "Tuesday, November 24, 2026 12:10 PM", f"Anna <{AGENT}>", one.subject)
    return [f"{star}{name}{colon.rstrip()}{star}{colon[len(colon.rstrip()):]}{value}" for name, value in zip(names.split(), values, strict=True)]


def page(answer: str, quoted: str, below: str = "") -> str:
    """An HTML letter with the answer above what is quoted."""
    said, more = (escape(text).replace("\n", "<br>") for text in (answer, below))
    return f"<html><body><div>{said}</div>{quoted}" + (f"<div>{more}</div>" if below else "") + "</body></html>"


def inside(one: Sent) -> str:
    """What stands in the body of our HTML."""
    return one.html[one.html.index("<body") : one.html.rindex("</body>")].partition(">")[2]


def cut(quoted: str, answer: str, place: str) -> str:
    """A quoted letter with the agent's words where they belong."""
    if place == "above":
        return f"{answer}\n\n{quoted}"
    if place == "below":
        return f"{quoted}\n\n{answer}\n"
    lines = quoted.split("\n")
    middle = max(1, len(lines) // 2)
    return "\n".join([*lines[:middle], "", answer, "", *lines[middle:]])


GEORGIAN = "გამომგზავნი დრო მიმღები თემა"
RU = "От Отправлено Кому Тема"
K9 = "-------- Исходное сообщение --------"
Quote = Callable[[Sent], str]
RUSSIAN, PHONE = f"24.11.2026, 12:10, {NAME} <{DESK}>", f"24 нояб. 2026 г., в 12:10, {NAME} <{DESK}>"
ENGLISH = f"On Tue, Nov 24, 2026 at 12:10 PM {NAME} <{DESK}> wrote:"

# What stands in the text part of each program, the answer apart.
TEXTS: dict[str, Quote] = {
    "outlook desktop": lambda one: "\n".join([*headers(one), "", flat(one.html)]),
    "outlook desktop, tabs and bullets": lambda one: "\n".join([*headers(one, RU), "", flat(one.html, cells="\t", bullet="·        ")]),
    "outlook desktop, bold": lambda one: "\n".join([*headers(one, bold=True), "", flat(one.html)]),
    "outlook desktop, no blank after the colon": lambda one: "\n".join([*headers(one, RU, colon=":"), "", flat(one.html)]),
    "outlook desktop, block on one line": lambda one: " ".join(headers(one)) + "\n\n" + flat(one.html),
    "outlook desktop, original message": lambda one: "\n".join(["-----Original Message-----", *headers(one), "", flat(one.html)]),
    "outlook desktop, prefixed": lambda one: marked("\n".join(["-----Original Message-----", *headers(one), "", flat(one.html)])),
    "outlook desktop, wrapped": lambda one: "\n".join(["-----Исходное сообщение-----", *headers(one, RU), "", wrapped(flat(one.html))]),
    "outlook web": lambda one: "\n".join(["_" * 32, *headers(one, RU), "", flat(one.html)]),
    "outlook phone": lambda one: "\n".join(["Get Outlook for iOS<https://aka.ms/o0ukef>", "_" * 32, *headers(one), "", flat(one.html)]),
    "gmail web": lambda one: f"вт, 24 нояб. 2026 г. в 12:10, {NAME} <\n{DESK}>:\n\n" + marked(wrapped(flat(one.html), width=70)),
    "gmail android": lambda one: f"вт, 24 нояб. 2026 г., 12:10 {NAME} <{DESK}>:\n\n" + marked(flat(one.html)),
    "apple mail": lambda one: marked(f"On 24 Nov 2026, at 12:10, {NAME} <{DESK}> wrote:\n\n{one.text}"),
    "iphone": lambda one: f"Отправлено с iPhone\n\n> {PHONE} написал(а):\n> \n" + marked(flat(one.html)),
    "thunderbird": lambda one: f"24.11.2026 12:10, {NAME} пишет:\n" + marked(one.text),
    "thunderbird, flowed": lambda one: f"On 24.11.2026 12:10, {NAME} wrote:\n" + marked(soft(one.text)),
    "thunderbird, rewrapped": lambda one: f"24.11.2026 12:10, {NAME} пишет:\n" + wrapped(one.text, first="> "),
    "yandex web": lambda one: f'{RUSSIAN.replace(NAME, chr(34) + NAME + chr(34))}:\n\n' + flat(one.html),
    "yandex phone": lambda one: f"--\nОтправлено из Яндекс.Почты для Android\n\n{RUSSIAN}:\n\n" + flat(one.html),
    "mail.ru web": lambda one: f"Вторник, 24 ноября 2026, 12:10 +03:00 от {NAME} <{DESK}>:\n\n" + flat(one.html),
    "mail.ru phone": lambda one: "-- \nОтправлено из Mail для Android\n\n"
    f"вторник, 24 ноября 2026г., 12:10 +03:00 от {NAME} {DESK}:\n\n" + marked(one.text),
    "mutt": lambda one: f"On Tue, Nov 24, 2026 at 12:10:00PM +0300, {NAME} wrote:\n" + marked(one.text),
    "mutt, no attribution": lambda one: marked(one.text),
    "mutt, indented with a bar": lambda one: f"On Tue, Nov 24, 2026 at 12:10:00PM +0300, {NAME} wrote:\n" + marked(one.text, "| "),
    "mutt, a bar and no attribution": lambda one: marked(one.text, "| "),
    "mutt, not indented": lambda one: f"On Tue, Nov 24, 2026 at 12:10:00PM +0300, {NAME} wrote:\n" + one.text,
    "mutt, bare": lambda one: one.text,
    "mutt, bare, without our first line": lambda one: one.text.partition("\n\n")[2],
    "mutt, marked, without our first line": lambda one: marked(one.text.partition("\n\n")[2]),
    "phone, flat, without our first line": lambda one: flat(one.html).partition("\n\n")[2],
    "phone, flat and wrapped, without our first line": lambda one: wrapped(flat(one.html).partition("\n\n")[2]),
    "phone, nothing but the letter": lambda one: wrapped(flat(one.html)),
    "phone, all on one line": lambda one: " ".join(flat(one.html).split()),
    "k-9": lambda one: "\n".join([K9, *headers(one, "От Отправлено Кому Тема"), "", one.text]),
    "k-9, marked": lambda one: f"{ENGLISH}\n" + marked(one.text, ">"),
    "the bat": lambda one: "Вы писали 24 ноября 2026 г., 12:10:10:\n\n" + marked(one.text, "С> "),
    "samsung": lambda one: f"{K9}\nОт: {NAME} <{DESK}>\nДата: 24.11.26 12:10 (GMT+03:00)\nКому: {AGENT}\nТема: {one.subject}\n\n{flat(one.html)}",
    "a program that speaks Kazakh": lambda one: f"{NAME} жазды:\n\n" + one.text,
    "a program that speaks Georgian": lambda one: "\n".join([*headers(one, GEORGIAN), "", flat(one.html)]),
    "forwarded": lambda one: f"---------- Пересылаемое сообщение ---------\nОт: {NAME} <{DESK}>\nДата: 24.11.2026, 12:10\nТема: {one.subject}\n"
    f"Кому: <{AGENT}>\n\n{flat(one.html)}",
}
# What stands in the HTML part, by the program's own marks or by nothing but words.
PAGES: dict[str, Quote] = {
    "outlook desktop": lambda one: '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class=MsoNormal>'
    + "<br>".join(escape(line) for line in headers(one)) + f"</p></div>{inside(one)}",
    "outlook desktop, unknown language": lambda one: '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class=MsoNormal>'
    + "<br>".join(escape(line) for line in headers(one, GEORGIAN)) + f"</p></div>{inside(one)}",
    "outlook web": lambda one: '<div id="appendonsend"></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg" dir="ltr">'
    + "<br>".join(escape(line) for line in headers(one, RU)) + f"</div><div>{inside(one)}</div>",
    "outlook phone": lambda one: '<div id="ms-outlook-mobile-signature"><div>Get Outlook for iOS</div></div>'
    '<div id="mail-editor-reference-message-container"><hr>' + "<br>".join(escape(line) for line in headers(one)) + f"{inside(one)}</div>",
    "gmail web": lambda one: f'<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{escape(ENGLISH)}<br></div>'
    f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">{inside(one)}</blockquote></div>',
    "apple mail": lambda one: f'<br><blockquote type="cite"><div>{escape(ENGLISH)}</div><br><div>{inside(one)}</div></blockquote>',
    "thunderbird": lambda one: f'<div class="moz-cite-prefix">24.11.2026 12:10, {NAME} пишет:<br></div>'
    f'<blockquote type="cite" cite="mid:x@y">{inside(one)}</blockquote>',
    "yandex web": lambda one: f"<div>&nbsp;</div><div>{escape(RUSSIAN)}:</div><blockquote>{inside(one)}</blockquote><div>&nbsp;</div>",
    "mail.ru web": lambda one: '<br><blockquote style="border-left:1px solid #0857A6;margin:10px;padding:0 0 0 10px;">'
    f"Вторник, 24 ноября 2026, 12:10 +03:00 от {NAME} &lt;{DESK}&gt;:<br><div>{inside(one)}</div></blockquote>",
    "nothing but the letter": inside,
    "a quotation without a word before it": lambda one: f"<blockquote>{inside(one)}</blockquote>",
}


def replies(one: Sent, answer: str, place: str) -> Iterator[tuple[str, Program]]:
    """The agent's answer in every program; an HTML letter alone, and with the text part of the same kind of program."""
    for name, quote in TEXTS.items():
        yield name, Program(cut(quote(one), answer, place), flowed="flowed" in name)
    for name, quote in PAGES.items():
        quoted = quote(one)
        if place == "between":
            head, tag, rest = quoted.rpartition("<p ")
            quoted = f"{head}<p>{escape(answer).replace(chr(10), '<br>')}</p>{tag}{rest}"
        html = page(answer if place == "above" else "", quoted, answer if place == "below" else "")
        yield f"{name}, HTML alone", Program("", html)
        text = TEXTS.get(name, TEXTS["outlook desktop"])
        yield f"{name}, both", Program(cut(text(one), answer, place), html)
        yield f"{name}, both, the text flat", Program(flat(html), html)


def letter(one: Sent, program: Program, number: int, sender: str = AGENT) -> bytes:
    """The bytes of the reply."""
    message = EmailMessage()
    for name, value in {
        "From": f"Anna <{sender}>", "To": one.reply_to, "Subject": f"RE: {one.subject}", "Message-ID": f"<q{number}@client.example>",
        "In-Reply-To": one.message_id, "References": one.message_id, "Date": "Tue, 24 Nov 2026 09:30:00 +0000",
    }.items():  # fmt: skip
        message[name] = value
    if program.text:
        message.set_content(program.text + "\n", cte="base64", params={"format": "flowed"} if program.flowed else None)
    if program.html and program.text:
        message.add_alternative(program.html, subtype="html", cte="base64")
    elif program.html:
        message.set_content(program.html, subtype="html", cte="base64")
    return message.as_bytes()
