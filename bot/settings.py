"""Machine settings and secrets from the environment (`DESK_*`); what the desk does stands in rules.yaml, not here."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.disk.regular_files import KEY, read_regular


class SettingsError(Exception):
    """The environment cannot be used; the text names each wrong variable, one a line, with its value and what is allowed."""


@dataclass(frozen=True)
class HostPort:
    """Where to listen or connect; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """`host:port`, `[IPv6]:port` or `:port` (all addresses); raises ValueError for anything else."""
        found = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s/@]*)):(?P<port>[0-9]{1,5})", text.strip())
        if not found or int(found["port"]) > 65535:
            raise ValueError("host:port with a port of 0 to 65535, such as 127.0.0.1:8025 or [::1]:25")
        return cls(found["six"] or found["host"], int(found["port"]))


def read_password(path: Path) -> str:
    """What a password file holds; raises OSError."""
    return read_regular(path, KEY, links=True).decode().rstrip("\r\n")


Security = Literal["plain", "tls", "starttls"]


def _url(text: str, schemes: Mapping[str, tuple[Security, int]], allowed: str) -> tuple[SplitResult, str, int, Security]:
    """The parts of a URL of one of these schemes, its host, its port or the usual one, and the security; ValueError with `allowed`."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if parts.scheme not in schemes or not host or parts.query or parts.fragment:
        raise ValueError(allowed)
    security, usual = schemes[parts.scheme]
    return parts, host, usual if port is None else port, security


@dataclass(frozen=True)
class RelayTarget:
    """The mail server that takes our outgoing letters."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None

    def secret(self) -> str:
        """The password, read anew out of its file where there is one; raises OSError."""
        return read_password(self.password_file) if self.password_file else self.password

    _SCHEMES: ClassVar[dict[str, tuple[Security, int]]] = {"smtp": ("plain", 25), "smtps": ("tls", 465), "smtp+starttls": ("starttls", 587)}

    @classmethod
    def parse(cls, text: str) -> RelayTarget:
        """`smtp://`, `smtps://` or `smtp+starttls://[user[:password]@]host[:port]`, percent-decoded; raises ValueError."""
        allowed = "smtp://, smtps:// or smtp+starttls://[user[:password]@]host[:port], special characters as %XX"
        parts, host, port, security = _url(text, cls._SCHEMES, allowed)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.path not in ("", "/") or (password and not user):
            raise ValueError(allowed)
        return cls(host, port, security, user, password)


def _switch(text: str) -> bool:
    words = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}
    if text.strip().lower() not in words:
        raise ValueError("on or off")
    return words[text.strip().lower()]


def _socket(text: str) -> HostPort | Path:
    """`host:port` as HostPort.parse reads it, or `unix:/path`; raises ValueError."""
    return Path(text.strip()[5:]) if text.strip().startswith("unix:/") else HostPort.parse(text)


@dataclass(frozen=True)
class Mailbox:
    """A folder at a provider, read over IMAP."""

    host: str
    port: int
    security: Security
    user: str
    folder: str = "INBOX"

    _SCHEMES: ClassVar[dict[str, tuple[Security, int]]] = {"imap": ("plain", 143), "imaps": ("tls", 993), "imap+starttls": ("starttls", 143)}

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """`imaps://`, `imap+starttls://` or `imap://user@host[:port][/folder]`, percent-decoded; raises ValueError."""
        allowed = "imaps://, imap+starttls:// or imap://user@host[:port][/folder], special characters as %XX"
        parts, host, port, security = _url(text, cls._SCHEMES, allowed)
        if parts.password or not parts.username:
            raise ValueError(f"{allowed}; the password stands in the file that DESK_IMAP_PASSWORD_FILE names")
        return cls(host, port, security, unquote(parts.username), unquote(parts.path.strip("/")) or "INBOX")


def _relays(text: str) -> dict[str, str]:
    """`ip=authserv-id,ip=authserv-id` as a dict, addresses in their canonical form; the listeners without one are `unix` and `imap`."""
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        address, _, server = (part.strip() for part in item.partition("="))
        try:
            found[address if address in ("unix", "imap") else str(ipaddress.ip_address(address))] = server
        except ValueError:
            server = ""
        if not re.fullmatch(r"[A-Za-z0-9._-]+", server):
            raise ValueError("ip=authserv-id, several with commas between, such as 192.0.2.7=mx.example.org")
    return found


def _store(text: str) -> str:
    if not re.match(r"postgres(ql)?://", text):
        raise ValueError("postgresql://user:password@host/database, or unset for files under DESK_DATA")
    return text


def _dns(text: str) -> HostPort | str:
    return "system" if text.strip().lower() == "system" else HostPort.parse(text)


def _from(parse: Callable[[str], Any], *, off: bool = False) -> BeforeValidator:
    """Words of the environment through `parse`; with `off`, "off" and "none" mean None. Other values are taken as they are."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return None if off and value.strip().lower() in ("off", "none") else parse(value)

    return BeforeValidator(read)


_lower = _from(lambda text: text.strip().lower())
Listen = Annotated[HostPort | None, NoDecode, _from(HostPort.parse, off=True)]
Switch = Annotated[bool, NoDecode, _from(_switch)]


class Settings(BaseSettings):
    """Everything that differs from machine to machine, checked; the names are those of the variables without `DESK_`."""

    model_config = SettingsConfigDict(env_prefix="DESK_", env_ignore_empty=True, populate_by_name=True, frozen=True, extra="ignore")

    smtp: Listen = HostPort("127.0.0.1", 8025)
    lmtp: Annotated[HostPort | Path | None, NoDecode, _from(_socket, off=True)] = None
    form: Listen = None
    imap: Annotated[Mailbox | None, NoDecode, _from(Mailbox.parse, off=True)] = None
    imap_password_file: Path | None = None
    data: Path = Path("data")
    rules: Path = Path("rules.yaml")
    templates: Path = Path("templates")
    store: Annotated[str | None, _from(_store)] = Field(default=None, repr=False)
    relay: Annotated[RelayTarget | None, NoDecode, _from(RelayTarget.parse, off=True)] = None
    relay_password_file: Path | None = None
    return_path: Annotated[Literal["verp", "plain"], _lower] = Field(default="verp", validation_alias="DESK_RETURN")
    plus: Switch = True
    undo: int = Field(default=120, ge=0, le=86_400)
    client_letters: int = Field(default=300, ge=0, le=1_000_000)
    min_free: int = Field(default=100, ge=0, le=1_000_000)
    secret_file: Path = Path("data/secret")
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_relays: Annotated[dict[str, str], NoDecode, _from(_relays)] = {}
    dns: Annotated[HostPort | Literal["system"] | None, NoDecode, _from(_dns, off=True)] = "system"
    readers: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=64)
    caps: Switch = True
    log: Annotated[Literal["debug", "info", "warning", "error"], _lower] = "info"

    @model_validator(mode="before")
    @classmethod
    def _secret_beside_data(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Another data folder has its own secret, unless one is named."""
        if "secret_file" not in values and "data" in values:
            values["secret_file"] = Path(values["data"]) / "secret"
        return values

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Settings:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("DESK_TLS_CERT and DESK_TLS_KEY go together: set both or neither")
        for name, path in (("DESK_TLS_CERT", self.tls_cert), ("DESK_TLS_KEY", self.tls_key)):
            if path and not _is_file(path):
                raise ValueError(f"{name}={path}: allowed is a PEM file that this user can read")
        if self.imap and not _is_file(self.imap_password_file):
            raise ValueError(f"DESK_IMAP_PASSWORD_FILE={self.imap_password_file or ''}: allowed is a file that this user can read")
        return self

    @model_validator(mode="after")
    def _password_of_the_relay(self) -> Settings:
        if self.relay and self.relay.user and not self.relay.password:
            path = self.relay_password_file
            if not _is_file(path):
                raise ValueError(f"DESK_RELAY_PASSWORD_FILE={path or ''}: allowed is a file that this user can read; or user:password in DESK_RELAY")
            object.__setattr__(self, "relay", replace(self.relay, password_file=path))  # frozen for all but its own making
        return self

    @classmethod
    def load(cls) -> Settings:
        """The settings of the environment; raises SettingsError that names every wrong or unknown variable at once."""
        known = [_variable(name) for name in cls.model_fields]
        wrong = [_unknown(name, known) for name in sorted(os.environ) if name.startswith("DESK_") and name not in known]
        try:
            settings = cls()
        except ValidationError as error:
            wrong = [_told(problem) for problem in error.errors()] + wrong
        if wrong:
            raise SettingsError("\n".join(wrong))
        return settings


def _is_file(path: Path | None) -> bool:
    return path is not None and path.is_file() and os.access(path, os.R_OK)


def _variable(name: str) -> str:
    return "DESK_RETURN" if name == "return_path" else f"DESK_{name.upper()}"


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}")


def _told(problem: Any) -> str:
    """One line for one of pydantic's errors; a password inside a URL is not shown."""
    if not problem["loc"]:
        return str(problem["ctx"]["error"])
    name = str(problem["loc"][0])
    variable = name if name.startswith("DESK_") else _variable(name)
    allowed = {
        "dns": "system, off, or the host:port of a server, such as 127.0.0.1:53",
        "undo": "a whole number of seconds from 0 to 86400",
        "client_letters": "letters of one client a minute, a whole number from 0 (any) to 1000000",
        "min_free": "megabytes that stay free, a whole number from 0 to 1000000",
        "readers": "a whole number of reader processes from 1 to 64",
        "DESK_RETURN": "verp or plain",
        "log": "debug, info, warning or error",
    }.get(name) or str(problem.get("ctx", {}).get("error", problem["msg"]))
    shown = re.sub(r"(//[^:@/\s]*):.*@", r"\1:***@", os.environ.get(variable, ""))
    return f"{variable}={shown}: allowed is {allowed}"
