"""Examines a whole installation (`run.py doctor`): each finding green, yellow or red, with what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import imaplib
import itertools
import os
import pwd
import secrets
import shutil
import smtplib
import ssl
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import dns.exception
import dns.resolver

from bot.app.context_loading import RulesRefused, open_context, untried
from bot.app.control_socket import ask
from bot.app.form_pages import form_pages
from bot.app.listeners import spool
from bot.data.secret_file import fault
from bot.disk import is_there
from bot.intake.spool import MEMORY, Spool
from bot.rules.schema import Agent
from bot.settings import HostPort, RelayTarget, Settings, read_password
from bot.store.factory import open_data_reader
from bot.store.files import formats
from bot.store.files.names import foreign

SELECTORS = ("default", "mail", "dkim", "desk", "s1", "s2", "selector1", "google", "k1")
PATIENCE = 60.0  # seconds for the letter that goes all the way round
TIMEOUT = 15.0
RIGHTS = "give DESK_DATA to the user that runs the desk, and room to the disk"
LARGE = 2 * MEMORY  # octets of a letter that has to wait on disk while it comes in
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


class Finding(NamedTuple):
    """One line: `state` is green, yellow or red; `todo` is "" where nothing has to be done."""

    state: str
    what: str
    todo: str = ""


def examine(settings: Settings, letter: bool = True) -> Iterator[Finding]:
    """Everything, one after another; `letter` sends one to the desk itself. Reads and asks, changes nothing else."""
    yield from rules(settings)
    yield from user(settings)
    yield from disk(settings)
    yield from secret(settings)
    yield from files(settings)
    yield from store(settings)
    yield clock()
    yield from certificate(settings.tls_cert)
    yield from relay(settings)
    yield from mailbox(settings)
    try:
        policy = untried(settings, b"x" * 32).policy
    except (RulesRefused, OSError):
        return
    address = policy.desk.address
    yield from records(settings, address.rpartition("@")[2])
    yield from trust(settings, policy.people.agents)
    try:
        running = asyncio.run(ask(settings.data, {"do": "look"})) is not None
    except OSError as error:
        yield Finding("red", f"whether the desk is running cannot be told: {error}", RIGHTS)
        return
    yield Finding("green", "the desk is running") if running else Finding("yellow", "the desk is not running", "start it: run.py serve")
    if running and letter:
        yield round_trip(settings, address)


def rules(settings: Settings) -> Iterator[Finding]:
    """rules.yaml, its examples, the templates and the pages of the form."""
    try:
        context = asyncio.run(open_context(settings, b"x" * 32))
    except (RulesRefused, OSError) as error:
        yield from (Finding("red", line, "mend it, then run.py check") for line in str(error).splitlines()[:20])
        return
    yield Finding("green", f"{settings.rules}: {len(context.policy.rules)} rules and {len(context.templates.sources)} templates are good")
    if settings.form:
        try:
            from bot.intake.form import check

            check(form_pages(settings.templates).bounded, context.policy.desk)
            yield Finding("green", "the pages of the form are good")
        except ImportError as error:
            yield Finding("red", f"DESK_FORM is set, {error.name} is not installed", "pip install '.[form]'")
        except Exception as error:  # noqa: BLE001  jinja raises many kinds
            yield Finding("red", f"templates/form: {error}", "mend the page; the shipped one stands in the repository")


def user(settings: Settings) -> Iterator[Finding]:
    """Who asks, where the data is another user's: what the desk may read and write is not known then."""
    if is_there(settings.data) and (owner := settings.data.stat().st_uid) != os.geteuid():
        names = {one.pw_uid: one.pw_name for one in pwd.getpwall()}
        whose, ours = (names.get(one, f"user {one}") for one in (owner, os.geteuid()))
        yield Finding("yellow", f"{settings.data} belongs to {whose}, this runs as {ours}", f"run it as {whose}")


def disk(settings: Settings) -> Iterator[Finding]:
    """The data folder: there, ours, with room, quick enough, and closed to others."""
    data = settings.data
    if not is_there(data):
        yield Finding("yellow", f"{data} is not there yet", "the first start makes it")
        return
    probe = data / f".doctor-{secrets.token_hex(4)}"
    try:
        began = time.perf_counter()
        with probe.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        took = (time.perf_counter() - began) * 1000
    except OSError as error:
        yield Finding("red", f"{data} cannot be written: {error.strerror}", "give the folder to the user that runs the desk, and room to the disk")
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    slow = "a synced write is slow: letters will come in slowly; put the data onto another disk" if took > 100 else ""
    yield Finding("yellow" if slow else "green", f"{data} is writable, a synced write takes {took:.0f} ms", slow)
    usage = shutil.disk_usage(data)
    floor = max(200e6, settings.min_free * 2**20)  # below DESK_MIN_FREE no letter is taken
    tight = usage.free < max(1e9, usage.total * 0.05)
    state = "red" if usage.free < floor else "yellow" if tight else "green"
    yield Finding(state, f"{usage.free / 1e9:.1f} GB are free for {data}", "" if state == "green" else "make room, or letters are refused")
    folders = [path for path in data.iterdir() if path.is_dir()] if data.stat().st_mode & 0o007 else []
    for path, mask, right in (*((path, 0o007, "chmod o= ") for path in folders), (settings.secret_file, 0o077, "chmod 600 ")):
        if is_there(path) and path.stat().st_mode & mask:
            state = "red" if path == settings.secret_file else "yellow"
            yield Finding(state, f"{path} is open to others: what they read there lets them in", right + str(path))


def secret(settings: Settings) -> Iterator[Finding]:
    """Whether the desk can sign, also after its next stop."""
    with contextlib.suppress(OSError, ValueError):  # see `store`
        if wrong := fault(settings):
            what, _, todo = wrong.partition("; ")
            yield Finding("red", f"{what}; after the next stop the desk does not start", todo)


def files(settings: Settings) -> Iterator[Finding]:
    """Whether the desk can read all it has, what lies beside it, and whether the next start changes the format."""
    try:
        with contextlib.suppress(ValueError), contextlib.closing(open_data_reader(settings)) as reader:  # see `store`
            deque(itertools.chain(reader.tickets(), reader.records()), maxlen=0)
            for path in sorted(reader.broken):
                todo = "stop the desk, then run.py repair: it handles the letters again"
                todo = "restore it from a backup" if settings.store else todo
                yield Finding("red", f"{path} cannot be read", todo)
            for path in foreign(settings.data):
                yield Finding("yellow", f"{path} is not the desk's, and is left alone", "move it away")
            if not settings.store and (found := formats.check(settings.data).format) < formats.FORMAT:
                what = f"{settings.data} has data of format {found}: the first start makes it {formats.FORMAT}"
                yield Finding("yellow", f"{what}, which older programs refuse", "make a backup first: run.py backup FILE")
    except OSError as error:
        yield Finding("red", f"not all of the desk's data can be read: {error}", RIGHTS)


def store(settings: Settings) -> Iterator[Finding]:
    """The way of a large letter, from the listener into the store; and the letters that were set aside."""
    if not settings.store and not settings.data.is_dir():
        return
    try:
        with contextlib.closing(open_data_reader(settings)) as reader:
            parked = len(reader.parked())
            reader.try_letter(bytes(LARGE))
    except ValueError as error:
        yield Finding("red", str(error), "see DESK_STORE in docs/operations.md")
        return
    except OSError as error:
        todo = "see DESK_STORE in docs/operations.md" if settings.store else RIGHTS
        yield Finding("red", f"no letter can be stored: {error}", todo)
        return
    where = "the database answers, has this program's schema, and" if settings.store else str(settings.data)
    yield Finding("green", f"{where} takes letters")
    yield from incoming(spool(settings))
    if parked:
        yield Finding("yellow", f"{parked} letter(s) could not be handled", "run.py parked list, then retry or drop")


def incoming(place: Spool) -> Iterator[Finding]:
    """Whether a large letter can wait for its end, once the listeners have made their folder: made here, it might be
    another user's.
    """
    if place.folder is None or not os.path.lexists(place.folder):
        return
    try:
        with place.open() as file:
            file.write(bytes(LARGE))
            file.flush()
    except OSError as error:
        yield Finding("red", f"no large letter can come in, {place.folder}: {error.strerror}", RIGHTS)


def clock() -> Finding:
    """Whether the system says that its clock is kept right: due times and signed addresses hang on it."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        state = -1
    if 0 <= state < _UNSYNCHRONISED:
        return Finding("green", "the clock is synchronised")
    return Finding("yellow", "the clock is not synchronised, as far as can be told", "timedatectl set-ntp true, or see that the host does it")


def certificate(path: Path | None) -> Iterator[Finding]:
    """When our own certificate ends."""
    if path:
        try:
            yield expiry(str(path), ssl._ssl._test_decode_cert(str(path)))  # type: ignore[attr-defined]
        except (OSError, ValueError) as error:
            yield Finding("red", f"{path}: {error}", "DESK_TLS_CERT has to be a certificate in PEM form")


def expiry(name: str, decoded: dict[str, Any]) -> Finding:
    """How many days a certificate has left."""
    days = int((ssl.cert_time_to_seconds(decoded["notAfter"]) - time.time()) // 86_400)
    state = "red" if days < 3 else "yellow" if days < 21 else "green"
    return Finding(state, f"the certificate of {name} is good for {max(days, 0)} more days", "" if state == "green" else "renew it")


def connected(target: RelayTarget) -> smtplib.SMTP:
    """A connection to the relay, logged in; raises OSError or smtplib.SMTPException."""
    context = ssl.create_default_context()
    if target.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(target.host, target.port, timeout=TIMEOUT, context=context)
    else:
        client = smtplib.SMTP(target.host, target.port, timeout=TIMEOUT)
    try:
        if target.security == "starttls":
            client.starttls(context=context)
        if target.user:
            client.login(target.user, target.secret())
    except (OSError, smtplib.SMTPException):
        client.close()
        raise
    return client


def relay(settings: Settings) -> Iterator[Finding]:
    """The way out: connection, certificate, login."""
    target = settings.relay
    if target is None:
        yield Finding("yellow", f"no relay: letters are only written to {settings.data / 'outbox'}", "set DESK_RELAY=smtp://…")
        return
    try:
        with connected(target) as client:
            if isinstance(client.sock, ssl.SSLSocket):
                yield expiry(target.host, dict(client.sock.getpeercert() or {}))
            yield Finding("green", f"the relay {target.host} takes our letters")
    except smtplib.SMTPAuthenticationError as error:
        yield Finding("red", f"the relay {target.host} refuses our login: {error.smtp_code}", "check DESK_RELAY; some providers want an app password")
    except ssl.SSLError as error:
        yield Finding("red", f"no safe connection to the relay {target.host}: {error.reason}", "the host name has to be that of its certificate")
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("red", f"the relay {target.host}:{target.port} does not answer: {error}", "check DESK_RELAY and the firewall; letters wait")


def mailbox(settings: Settings) -> Iterator[Finding]:
    """The mailbox that is read over IMAP: login, and how much lies in it."""
    box = settings.imap
    if box is None or settings.imap_password_file is None:
        return
    try:
        context = ssl.create_default_context()
        if box.security == "tls":
            client: imaplib.IMAP4 = imaplib.IMAP4_SSL(box.host, box.port, ssl_context=context, timeout=TIMEOUT)
        else:
            client = imaplib.IMAP4(box.host, box.port, TIMEOUT)
        with client:
            if box.security == "starttls":
                client.starttls(context)
            client.login(box.user, read_password(settings.imap_password_file))
            answer, counted = client.select(f'"{box.folder}"', readonly=True)
            if answer != "OK":
                words = str(counted[0] or b"", "utf-8", "replace")
                what = f"{box.folder} at {box.host} cannot be opened: {words}"
                yield Finding("red", what, "DESK_IMAP ends with the folder: imaps://user@host/INBOX")
                return
            waiting = int(counted[0] or b"0")
            todo = "each of them will be answered: move old ones away first" if waiting > 50 else ""
            yield Finding("yellow" if todo else "green", f"{waiting} letter(s) lie in {box.folder} at {box.host}", todo)
    except (OSError, imaplib.IMAP4.error) as error:
        yield Finding("red", f"the mailbox at {box.host} cannot be read: {error}", "check DESK_IMAP and the password file; some want an app password")


def records(settings: Settings, domain: str) -> Iterator[Finding]:
    """What the world is told of the domain: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489); without them letters end as spam."""
    known = texts(settings, domain)
    if known is None:
        yield Finding("yellow", f"DNS does not answer here, so the records of {domain} are not known", "run the doctor where DNS works")
        return
    spf = [one for one in known if one.lower().startswith("v=spf1")]
    if len(spf) != 1:
        yield Finding("red", f"{domain} has {len(spf)} SPF records instead of one", f"TXT {domain}: v=spf1 include:YOUR-RELAY -all")
    else:
        loose = spf[0].endswith(("+all", " all"))
        yield Finding("red" if loose else "green", f"SPF of {domain}: {spf[0]}", "end it with -all or ~all" if loose else "")
    key, said = selector(settings, domain), texts(settings, f"_dmarc.{domain}")
    if silent := [what for what, found in (("DKIM", key), ("DMARC", said)) if found is None]:
        yield Finding("yellow", f"{' and '.join(silent)} of {domain}: DNS does not answer", "run the doctor again")
    if key is not None:
        todo = "" if key else "ask your relay for its selector, and publish its key"
        what = f"a key under {key}" if key else "no key under the usual names"
        yield Finding("green" if key else "yellow", f"DKIM of {domain}: {what}", todo)
    if said is None:
        return
    policy = [one for one in said if one.upper().startswith("V=DMARC1")]
    todo = "" if len(policy) == 1 else f"TXT _dmarc.{domain}: v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"
    yield Finding("yellow" if todo else "green", f"DMARC of {domain}: {policy[0] if not todo else f'{len(policy)} records instead of one'}", todo)


def selector(settings: Settings, domain: str) -> str | None:
    """The usual name under which the domain has a DKIM key, "" for none; None where DNS does not answer."""
    known = {name: texts(settings, f"{name}._domainkey.{domain}") for name in SELECTORS}
    found = (name for name, records in known.items() if any("p=" in one for one in records or ()))
    return next(found, None if None in known.values() else "")


def trust(settings: Settings, agents: Sequence[Agent]) -> Iterator[Finding]:
    """What proves the agents' commands: two things where their domain signs, no more than anybody checks."""
    for domain in dict.fromkeys(one.address.rpartition("@")[2] for one in agents):
        people = [one for one in agents if one.address.endswith(f"@{domain}")]
        key = selector(settings, domain)
        both = ", ".join(one.address for one in people if one.trust == "both")
        fewer = ", ".join(one.address for one in people if one.trust != "both")
        if fewer and key:
            todo = f"trust: both for {fewer}: a notice that is forwarded then lets nobody in"
            yield Finding("green", f"the mail of {domain} is signed: commands could need that, too", todo)
        if both and not key and not settings.trusted_relays:
            what = f"trust: both for {both}, but no key of {domain} is known: commands have to be confirmed"
            yield Finding("yellow", what, "sign the domain's mail, set DESK_TRUSTED_RELAYS, or trust: reply")


def texts(settings: Settings, name: str) -> list[str] | None:
    """The TXT records of a name; None where DNS does not answer, or DESK_DNS is off."""
    if settings.dns is None:
        return None
    resolver = dns.resolver.Resolver(configure=settings.dns == "system")
    if isinstance(settings.dns, HostPort):
        resolver.nameservers, resolver.port = [settings.dns.host], settings.dns.port
    try:
        return [b"".join(one.strings).decode("utf-8", "replace") for one in resolver.resolve(name, "TXT", lifetime=3)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None


def round_trip(settings: Settings, address: str, patience: float = PATIENCE) -> Finding:
    """A letter to the desk's own address, out as its letters go out, and back in through whichever listener it comes."""
    ident = f"doctor.{secrets.token_hex(12)}@{address.rpartition('@')[2]}"
    letter = EmailMessage()
    letter["From"] = letter["To"] = address
    letter["Subject"], letter["Date"], letter["Message-ID"] = "A letter of the desk's doctor", formatdate(), f"<{ident}>"
    letter["Auto-Submitted"] = "auto-generated"  # so that it is filed away and answered by nobody
    letter.set_content("This letter proves that letters to the desk arrive. Nobody needs to do anything.\n")
    letter.add_attachment(bytes(LARGE), "application", "octet-stream", filename="large.bin")
    try:
        if settings.relay:
            client, place = connected(settings.relay), settings.relay.host
        elif settings.smtp:
            client, place = smtplib.SMTP(settings.smtp.host, settings.smtp.port, timeout=TIMEOUT), str(settings.smtp)
        else:
            return Finding("yellow", "no test letter: there is neither a relay nor an SMTP door to give it to", "set DESK_RELAY")
        began = time.time()
        with client:
            client.send_message(letter, address, [address])
    except (OSError, smtplib.SMTPException) as error:
        return Finding("red", f"the test letter was not taken: {error}", "see what is said of the relay above")
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if arrived(settings, ident.encode(), began):
            return Finding("green", f"a test letter went all the way round in {time.time() - began:.1f} s")
        time.sleep(0.2)
    return Finding("red", f"{place} took the test letter, and it did not come back in {patience:.0f} s", f"look where mail for {address} goes")


def arrived(settings: Settings, ident: bytes, since: float) -> bool:
    """Whether a letter with this Message-ID, among those that came since then (seconds since 1970), has been handled."""
    earliest = f"{datetime.fromtimestamp(since - 1, UTC):%Y%m%dT%H%M%S}"
    with contextlib.closing(open_data_reader(settings)) as reader:
        recent = [letter for letter, place in reader.letters() if place == "archived" and letter >= earliest]
        return any(ident in reader.letter(letter)[1][:65_536] for letter in recent)
