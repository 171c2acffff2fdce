"""The feedback form (clause 4.1): a page without scripts and cookies, whose submissions become letters in the inbox."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import uvicorn
from jinja2 import TemplateError
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message

from bot.intake.crowd import AT_A_TIME, QUEUE, NoRoomError
from bot.intake.reception import Reception
from bot.intake.session import MIB
from bot.intake.submission import Picture, Submission, letter
from bot.intake.visitors import VisitorLimits, protocol
from bot.model import Envelope, network_of, person_of
from bot.model.address import FOUND
from bot.model.file_names import safe_name
from bot.model.markup import clean
from bot.settings import HostPort

Page = Callable[[str, Mapping[str, object]], str]  # its text, by name and by what it may show
LANGUAGES = ("ru", "en")
LIMIT = 25 * MIB  # of a submission, as of a letter
PICTURES, PICTURE = 5, 10 * MIB
PATIENCE = 120.0  # seconds in which a submission has to be here
AT_ONCE = 4  # submissions that are made into letters at the same time, each with its pictures in memory
CAPS = {"address": ((3, 600), (10, 10_800)), "network": ((30, 600), (200, 86_400))}  # (submissions, seconds)
LONGEST = {"name": 100, "email": 254, "text": 20_000, "steps": 10_000}  # characters
MAGIC = {b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"\x89PNG\r\n\x1a\n": "png"}  # clause 4.5; the readers look deeper

WRONG = ("name", "email", "text", "steps", "consent", "website", "too_many", "picture", "too_big", "often", "trouble", "broken")
_EMPTY = dict.fromkeys(("name", "email", "text", "steps", "here", "once"), "")


class Refused(Exception):
    """A submission that is not taken; the words say why (templates/form puts them for people), `status` is that of the answer."""

    def __init__(self, *words: str, status: int = 400) -> None:
        super().__init__(*words)
        self.words, self.status = words, status


class FormDesk(Protocol):
    """What the form shows of the desk."""

    address: str
    language: Any
    regulation_url: str
    links: dict[str, str]

    def name_in(self, language: str, /) -> str:
        """How users call it."""
        ...


class FormRateLimiter:
    """Sliding caps in memory: how many submissions a key has made lately."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], deque[float]] = {}

    def full(self, kind: str, key: str, now: float) -> bool:
        """Whether the key has no room for one more; `now` in seconds."""
        times = self._times.get((kind, key), ())
        return any(sum(1 for time in times if time > now - span) >= most for most, span in CAPS[kind])

    def count(self, kind: str, key: str, now: float) -> None:
        """One more. Keys that have been quiet are forgotten, so that strangers cannot fill the memory."""
        if len(self._times) > 50_000:
            self._times = {one: times for one, times in self._times.items() if times[-1] > now - CAPS[one[0]][-1][1]}
        most = max(limit for limit, _ in CAPS[kind])
        self._times.setdefault((kind, key), deque(maxlen=most)).append(now)


class FormListener:
    """The form's web server, in the daemon's own loop."""

    def __init__(
        self, reception: Reception, desk: Callable[[], FormDesk], page: Page, *, caps: bool,
        visitors: VisitorLimits | None = None,
    ) -> None:  # fmt: skip
        """`page` renders a page of the form; `caps` says whether submissions are counted."""
        self.reception, self.desk, self.page, self.caps = reception, desk, page, caps
        self.log, self.visitors = reception.log, visitors or VisitorLimits()
        self.windows = FormRateLimiter()
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.in_hand, self.heard = 0, 0.0  # submissions that are here whole and wait for their answer; when the last one came or went
        self.app = Starlette(routes=[Route("/", self.show), Route("/", self.submit, methods=["POST"]), Route("/thanks", self.thanks)])
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, where: HostPort) -> HostPort:
        """Listen; the place that was bound. Raises OSError, and ValueError for a mistake in a page."""
        try:
            check(self.page, self.desk())
        except TemplateError as error:
            raise ValueError(f"templates/form: {error}") from None
        bound = socket.create_server((where.host, where.port), family=socket.AF_INET6 if ":" in where.host else socket.AF_INET, backlog=512)
        config = uvicorn.Config(self.app, log_config=None, access_log=False, server_header=False, lifespan="off",
                                backlog=AT_A_TIME,
                                timeout_keep_alive=5, timeout_graceful_shutdown=10, ws="none", http=protocol(self.visitors))  # fmt: skip
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # signals are the daemon's
        self._task = asyncio.ensure_future(self._server.serve([bound]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0)
        bound.listen(QUEUE)
        return HostPort(*bound.getsockname()[:2])

    async def stop(self) -> None:
        """Take nothing new, finish what is in hand."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task

    def busy(self, gap: float) -> bool:
        """Whether somebody waits for an answer, or has come or gone within `gap` seconds."""
        return bool(self.in_hand) or asyncio.get_running_loop().time() - self.heard < gap

    # ---------------------------------------------------------------------------------------------------- pages

    async def show(self, request: Request) -> Response:
        """The empty form."""
        return self._page(request, _EMPTY)

    async def thanks(self, request: Request) -> Response:
        """What happens next."""
        return self._page(request, _EMPTY, done=True)

    async def submit(self, request: Request) -> Response:
        """A filled-in form: thanks, or the form again with all that was written and all that is wrong."""
        given, client = dict(_EMPTY), request.client.host if request.client else ""
        try:
            self.heard = asyncio.get_running_loop().time()
            with self.reception.spool.open() as body:
                await self._receive(request, body)
                self.in_hand += 1
                try:
                    async with self.slots:
                        await self._take(request, body, given, client)
                finally:
                    self.in_hand -= 1
                    self.heard = asyncio.get_running_loop().time()
        except Refused as refusal:
            code, words = refusal.status, " ".join(refusal.words)
            self.log("refused", intake="form", client=client, code=code, words=words)
            return self._page(request, given, refusal.words, refusal.status)
        except ClientDisconnect:
            return Response(status_code=400)
        return RedirectResponse(f"thanks?lang={self._language(request)}", 303)

    async def _receive(self, request: Request, body: IO[bytes]) -> None:
        """The body of a request. Of what is too large a part is read on: a browser that is cut off shows an
        error of its own instead of our page.
        """
        whole = request.headers.get("content-type", "").startswith("multipart/form-data")
        size, limit, most = 0, LIMIT if whole else LONGEST["text"] * 12, 4 * LIMIT
        told = request.headers.get("content-length", "")
        if told.isdecimal() and (len(told) > 12 or int(told) > most):
            raise Refused("too_big", status=413)
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= limit:
                        self.reception.must_have_room(asyncio.get_running_loop().time(), len(chunk))
                        body.write(chunk)
                    elif size > most:
                        break
        except TimeoutError:
            raise Refused("broken", status=408) from None
        except OSError as error:
            raise self._trouble(error) from error
        if size > limit:
            raise Refused("too_big", status=413)

    async def _take(self, request: Request, body: IO[bytes], given: dict[str, str], client: str) -> None:
        """Makes a letter of what is here whole; `given` is filled with what was written."""
        form = await _parsed(request, body)
        try:
            given |= {name: _field(form, name) for name in _EMPTY}
            one = await self._checked(form, given, request.headers.get("user-agent", ""))
            self._let_in(one.email, client)
            await self._store(one._replace(pictures=await _pictures(form)), self._language(request), client)
        finally:
            await form.close()

    def _trouble(self, error: OSError) -> Refused:
        """What the user is told of trouble of our own."""
        if not isinstance(error, NoRoomError):  # which has been told of
            self.log("error", where="form", kind=type(error).__name__, words=str(error))
        return Refused("trouble", status=503)

    async def _checked(self, form: FormData, given: dict[str, str], agent: str) -> Submission:
        """The fields, clean; Refused with every word that is wrong about them."""
        local, _, domain = given["email"].strip().rpartition("@")
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode()
        email = f"{local}@{domain}".lower()
        wrong = [name for name, most in LONGEST.items() if len(given[name]) > most]
        if not (email.isascii() and FOUND.fullmatch(email)) or self.reception.is_ours(email):
            wrong.append("email")
        if not given["text"].strip():
            wrong.append("text")
        if not _field(form, "consent"):
            wrong.append("consent")
        if _field(form, "website"):  # nobody sees this field, and a browser that fills it in by itself is told so
            wrong.append("website")
        if len(_files(form)) > PICTURES:
            wrong.append("too_many")
        if wrong:
            raise Refused(*dict.fromkeys(wrong))
        agent = agent.encode("ascii", "replace").decode()[:400]
        name, agent = (" ".join(clean(words).split()) for words in (given["name"], agent))
        return Submission(name, email, given["text"].strip(), given["steps"].strip(), agent, bool(given["here"]), given["once"][:40])

    def _let_in(self, email: str, client: str) -> None:
        """The caps: nobody is flooded with our acknowledgements, and no network floods us."""
        now = asyncio.get_running_loop().time()
        keys = {"address": person_of(email), "network": network_of(client)}
        if self.caps and any(self.windows.full(kind, key, now) for kind, key in keys.items()):
            raise Refused("often", status=429)
        for kind, key in keys.items():
            self.windows.count(kind, key, now)

    async def _store(self, one: Submission, language: str, client: str) -> None:
        now = self.reception.now()
        ident, to = self.reception.new_id(now), self.desk().address
        envelope = Envelope(letter=ident, received=now, mail_from=one.email, recipients=(to,), client=client, intake="form")
        raw = letter(one, to, language, ident, now)
        try:
            await self.reception.accept(raw, envelope)
        except OSError as error:
            raise self._trouble(error) from error
        self.log("accepted", letter=ident, intake="form", client=client, size=len(raw), recipients=1)

    def _language(self, request: Request) -> str:
        """The one that is asked for, by the link or else by the browser, or else the desk's."""
        told = [request.query_params.get("lang", ""), *request.headers.get("accept-language", "").split(",")]
        return next((word.strip()[:2].lower() for word in told if word.strip()[:2].lower() in LANGUAGES), self.desk().language)

    def _page(self, request: Request, given: dict[str, str], wrong: Sequence[str] = (), status: int = 200, *, done: bool = False) -> Response:
        """The page, with the headers that keep it to itself: nothing from elsewhere, framed by the desk's own site alone."""
        desk, language, nonce = self.desk(), self._language(request), secrets.token_urlsafe(12)
        page = self.page(f"{language}.html", _shown(desk, language, given, wrong, done, nonce))
        urls = [urlsplit(url) for url in (desk.regulation_url, *desk.links.values()) if url.startswith(("https://", "http://"))]
        framed = " ".join(sorted({f"{url.scheme}://{url.netloc}" for url in urls}))
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self' {framed}"
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
        return Response(page, status, headers | {"Cache-Control": "no-store"}, "text/html; charset=utf-8")


def check(page: Page, desk: FormDesk) -> None:
    """Renders every page as it can be met; raises what jinja raises for a mistake in one."""
    for language in LANGUAGES:
        for wrong, done in ((), False), (WRONG, False), ((), True):
            page(f"{language}.html", _shown(desk, language, _EMPTY, wrong, done, "x"))


def _shown(
    desk: FormDesk, language: str, given: dict[str, str], wrong: Sequence[str], done: bool, nonce: str
) -> dict[str, object]:
    """What a page of the form knows."""
    once = given["once"] or secrets.token_urlsafe(12)
    shown = {"desk": desk, "name": desk.name_in(language), "links": desk.links, "given": given, "once": once}
    return shown | {"wrong": wrong, "done": done, "nonce": nonce, "most": PICTURES}


async def _parsed(request: Request, body: IO[bytes]) -> FormData:
    """The fields and files of a body; Refused at once for what is no form, or has too much in it."""
    body.seek(0)

    async def receive() -> Message:
        await asyncio.sleep(0)  # others have their turn
        chunk = body.read(65_536)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    try:
        return await Request(request.scope, receive).form(max_files=20, max_fields=20, max_part_size=MIB // 4)
    except Exception as error:  # noqa: BLE001  whatever strangers' words make of the parser
        words = str(getattr(error, "detail", "") or error)
        raise Refused("too_many" if words.startswith("Too many files") else "broken") from None


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return clean(value) if isinstance(value, str) else ""


def _files(form: FormData) -> list[UploadFile]:
    """What was chosen; a browser sends an empty nameless file where nothing was."""
    return [value for value in form.getlist("pictures") if isinstance(value, UploadFile) and (value.filename or value.size)]


async def _pictures(form: FormData) -> tuple[Picture, ...]:
    """The pictures, judged by content; Refused where one is something else."""
    found = []
    for upload in _files(form):
        data = await upload.read()
        kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), "")
        if not kind or len(data) > PICTURE:
            raise Refused("picture")
        found.append(Picture(safe_name(upload.filename or "") or f"picture.{kind}", kind, data))
    return tuple(found)

