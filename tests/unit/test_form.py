"""The form without a browser: what it takes, what it refuses, and the letter that comes of it."""

from __future__ import annotations

import errno
import re
import shutil
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from desk import ROOT, open_office, picture
from hypothesis import given
from hypothesis import strategies as st

from bot import parsing
from bot.app.form_pages import form_pages
from bot.intake import form as module
from bot.intake.reception import Reception
from bot.intake.submission import Picture, Submission, letter
from bot.model import Envelope
from bot.settings import HostPort, Settings
from bot.store.letter_ids import Ids

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD = "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/86.0.4240.75 Safari/537.36"
TEXT = "Не открывается фильм.\r\nОшибка 403."
GOOD = {"name": "Ольга", "email": "olga@example.org", "text": TEXT, "steps": "1. Открыть", "consent": "yes", "once": "a1"}


@pytest.fixture(scope="module")
def context():
    return open_office(Settings(), b"x" * 32)


class Form:
    """The form's application, called as a web server calls it."""

    def __init__(self, context, **settings):
        self.taken, self.told, self.error = [], [], None
        tell = lambda event, **fields: self.told.append((event, fields))  # noqa: E731
        reception, desk = Reception(self.accept, context.signer.is_ours, Ids().new, lambda: NOW, tell), context.policy.desk
        chosen = Settings(**settings)
        self.listener = module.FormListener(
            reception, lambda: desk, form_pages(chosen.templates).bounded, caps=chosen.caps
        )  # fmt: skip

    async def accept(self, raw, envelope):
        if self.error:
            raise self.error
        self.taken.append((raw, envelope))

    async def ask(self, method="GET", path="/", body=b"", headers=None, client="192.0.2.7", query=""):
        chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
        told = iter([{"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1} for at, chunk in enumerate(chunks)])
        sent = []

        async def receive():
            return next(told, {"type": "http.disconnect"})

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
                 "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()], "client": (client, 1),
                 "server": ("desk", 80), "scheme": "http", "http_version": "1.1"}  # fmt: skip
        await self.listener.app(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], head, b"".join(message.get("body", b"") for message in sent[1:]).decode()

    async def send(self, fields=None, files=(), *, agent=OLD, client="192.0.2.7", language="ru"):
        given = (GOOD | (fields or {})).items()
        body = b"".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in given)
        for name, data in files:
            body += f'--x\r\nContent-Disposition: form-data; name="pictures"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x", "User-Agent": agent, "Accept-Language": language}
        return await self.ask("POST", "/", body + b"--x--\r\n", headers, client)

    def letter(self):
        [(raw, envelope)] = self.taken
        return parsing.read(raw, envelope)


@pytest.fixture
def form(context):
    return Form(context)


async def test_a_submission_becomes_a_letter(form):
    status, head, _ = await form.send({"here": "yes"}, [("экран.png", picture())])
    assert (status, head["location"]) == (303, "thanks?lang=ru")
    found = form.letter()
    assert (found.requester.email, found.requester.name, found.subject) == ("olga@example.org", "Ольга", "Не открывается фильм")
    assert found.text == f"Не открывается фильм.\nОшибка 403.\n\nШаги:\n1. Открыть\n\nУстройство: {OLD}"
    assert [(one.name, one.type, one.accepted) for one in found.attachments] == [("экран.png", "image/png", True)]
    assert (found.envelope.intake, found.envelope.mail_from, found.envelope.client) == ("form", "olga@example.org", "192.0.2.7")
    assert found.envelope.recipients == ("support@providence.film",)
    assert not found.aligned
    assert found.defects == ()


async def test_the_browser_counts_only_on_the_device_with_the_problem(form):
    await form.send()
    found = form.letter()
    assert "Chrome" not in found.full_text
    assert found.header("x-form-browser") == OLD


async def test_a_second_click_makes_the_same_letter_and_a_second_page_another(form):
    for fields in ({}, {}, {"once": "b2"}, {"once": ""}, {"once": ""}):
        await form.send(fields | {"email": f"u{len(form.taken)}@example.org"} if "once" in fields else fields)
    ids = [parsing.read(*one).message_id for one in form.taken]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert len({envelope.letter for _, envelope in form.taken}) == 5


@pytest.mark.parametrize(
    ("fields", "files", "status", "words"),
    [
        ({"email": "nobody"}, [], 400, "email"),
        ({"email": "a@b@c.example"}, [], 400, "email"),
        ({"email": "a b@example.org"}, [], 400, "email"),
        ({"email": "support+x@providence.film"}, [], 400, "email"),  # nobody makes us write to ourselves
        ({"text": " \r\n "}, [], 400, "text"),
        ({"text": "x" * 20_001}, [], 400, "text"),
        ({"consent": ""}, [], 400, "consent"),
        ({"website": "https://spam.example"}, [], 400, "website"),
        ({"email": "x", "text": "", "consent": ""}, [], 400, "email text consent"),
        ({}, [("a.png", b"MZ not a picture")], 400, "picture"),
        ({}, [("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>")], 400, "picture"),
        ({}, [("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * module.PICTURE)], 400, "picture"),
        ({}, [(f"{number}.gif", b"GIF89a") for number in range(6)], 400, "too_many"),
        ({}, [("a.gif", b"GIF89a" + b"x" * module.LIMIT)], 413, "too_big"),
        ({}, [(f"{number}.gif", b"GIF89a") for number in range(30)], 400, "too_many"),
    ],
)  # fmt: skip
async def test_what_is_refused_and_why(form, fields, files, status, words):
    got, _, page = await form.send(fields, files)
    assert (got, form.taken) == (status, [])
    [(event, told)] = form.told
    assert (event, told["words"], told["code"]) == ("refused", words, status)
    assert 'role="alert"' in page


async def test_what_was_written_stays_in_the_page_and_is_harmless_there(form):
    _, _, page = await form.send({"consent": "", "text": '</textarea><script>alert("x")</script>', "name": '"><img src=x>'})
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;/textarea&gt;&lt;script&gt;" in page


async def test_no_header_can_be_smuggled_in(form):
    fields = {"name": "Olga\r\nBcc: victim@example.org\r\n\r\nx", "text": "Subject\u2028Bcc: a@b.example\r\nmore", "once": "\r\nX: y"}
    await form.send(fields, agent="a\x00b")
    raw, _ = form.taken[0]
    assert not re.search(rb"(?mi)^bcc:", raw.split(b"\r\n\r\n")[0])
    assert form.letter().requester.email == "olga@example.org"


async def test_caps_for_an_address_and_for_a_network(context, form):
    codes = [(await form.send({"email": f"olga+{number}@example.org", "once": str(number)}, client=f"192.0.2.{number}"))[0] for number in range(4)]
    assert codes == [303, 303, 303, 429]  # the same mailbox, by whatever tag
    codes = [(await form.send({"email": f"u{number}@example.org"}, client=f"2001:db8::{number:x}"))[0] for number in range(31)]
    assert codes == [303] * 30 + [429]
    free = Form(context, caps=False)
    assert [(await free.send())[0] for _ in range(5)] == [303] * 5


def test_the_windows_forget_and_stay_small(monkeypatch):
    windows = module.FormRateLimiter()
    for _ in range(3):
        windows.count("address", "a@b.example", 0.0)
    assert windows.full("address", "a@b.example", 599.0)
    assert not windows.full("address", "a@b.example", 601.0)
    for number in range(50_010):
        windows.count("network", str(number), float(number) * 10)
    assert len(windows._times) < 20_000


async def test_a_full_disk_is_said_and_nothing_is_lost_from_the_page(form):
    form.error = OSError(errno.ENOSPC, "no space left")
    status, _, page = await form.send()
    assert status == 503
    assert "Не открывается фильм" in page
    assert [event for event, _ in form.told] == ["error", "refused"]


async def test_the_page_is_small_keeps_to_itself_and_speaks_two_languages(form):
    for language, words in (("ru", "Написать в поддержку"), ("en", "Contact support")):
        status, head, page = await form.ask(headers={"Accept-Language": f"{language}-XX,{language};q=0.9"})
        assert status == 200
        assert words in page
        assert len(page.encode()) < 30_000
        assert not re.search(r"""(?:src|action|<link[^>]* href)=["']?(?:https?:)?//""", page)  # a link for people is no request
        assert '<a href="https://providence.film/privacy" target="_blank" rel="noopener">' in page
        assert "set-cookie" not in head
        policy = head["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "frame-ancestors 'self' https://providence.film" in policy  # embeddable on the company's own site
        nonce = re.search(r"style-src 'nonce-([\w-]+)'", policy)[1]
        assert f'<style nonce="{nonce}">' in page
    assert "Contact support" in (await form.ask(headers={"Accept-Language": "ru"}, query="lang=en"))[2]
    assert "обращение принято" in (await form.ask(path="/thanks", query="lang=ru"))[2]


async def test_a_plain_form_of_the_companys_own_is_taken_too(form):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await form.ask("POST", "/", urlencode(GOOD).encode(), headers))[0] == 303
    assert (await form.ask("POST", "/", b"text=" + b"x" * 300_000, headers))[0] == 413


async def test_domains_of_any_script(form):
    await form.send({"email": "ivan@почта.рф"})
    assert form.taken[0][1].mail_from == "ivan@xn--80a1acny.xn--p1ai"


@given(st.text(min_size=1, max_size=300), st.text(max_size=100), st.binary(max_size=300))
def test_any_words_come_through_as_they_are(text, name, data):
    name = " ".join(re.sub(r"[^\w -]", "", name).split())[:100]
    one = Submission(name, "a@example.org", text, "", "agent", False, "x", (Picture("a.png", "png", data),))
    raw = letter(one, "support@desk.example", "en", "20261122T120000000000-x", NOW)
    found = parsing.read(raw, Envelope(letter="x", received=NOW, mail_from="a@example.org"))
    assert found.requester.email == "a@example.org"
    assert len(found.attachments) == 1
    printable = re.sub(r"[^\w]", "", text)
    if text.isascii() and text.isprintable():
        assert re.sub(r"[^\w]", "", found.full_text) == printable


def test_the_pages_name_every_refusal():
    code = (ROOT / "bot/intake/form.py").read_text("utf-8")
    words = set(re.findall(r'"(\w+)"', " ".join(re.findall(r"(?:Refused\(|wrong\.append\(|MultiPartException\()([^)]*)", code))))
    assert words | set(module.LONGEST) == set(module.WRONG)
    for language in module.LANGUAGES:
        page = (ROOT / "templates" / "form" / f"{language}.html").read_text("utf-8")
        assert all(f'"{word}":' in page.split('"wrong": {')[1] for word in module.WRONG)


async def test_a_broken_page_is_told_at_the_start(context, tmp_path):
    shutil.copytree(ROOT / "templates" / "form", tmp_path / "form")
    (tmp_path / "form" / "en.html").write_text("{{ w.lang }}")
    with pytest.raises(ValueError, match="templates/form: 'w' is undefined"):
        await Form(context, templates=tmp_path).listener.start(HostPort("127.0.0.1", 0))
