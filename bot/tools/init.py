"""The first run: a rules.yaml for another company, made of the shipped one and six answers (`run.py init`)."""

from __future__ import annotations

import itertools
import json
import os
import re
from email.utils import parseaddr
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from bot.disk import Disk

SHIPPED = Path(__file__).parents[2] / "rules.yaml"

# What is asked, in the order of asking: name of the answer, the question in both languages, what is proposed.
QUESTIONS = {
    "service": ("Как называется ваш сервис?", "What is your service called?", ""),
    "address": ("Адрес поддержки, на который пишут пользователи", "Support address that users write to", ""),
    "prefix": ("Буквы в номере обращения, например PF для [PF-12]", "Letters of a ticket number, such as PF for [PF-12]", "HD"),
    "hours": ("Часы работы каждый день", "Working hours, every day", "10:00-19:00"),
    "timezone": ("Часовой пояс", "Time zone", "Europe/Moscow"),
    "agents": ("Кто отвечает: Имя <адрес>, через запятую, ведущий первым", "Who answers: Name <address>, with commas between, the lead first", ""),
}
_HEAD = {
    "ru": "# Регламент поддержки «{service}», записанный так, чтобы его исполнял бот. Что значит каждый ключ, сказано в docs/rules.md.\n",
    "en": "# The support regulation of {service}, written so that the desk can carry it out. Every key is explained in docs/rules.md.\n",
}
_WORDS = {
    "ru": (
        "Поддержка {service}", "адреса отделов проверьте: сюда уходит то, что поддержка передаёт дальше",
        "добавьте regulation_url и links, страницы для ответов и формы: docs/rules.md", "отдел разработки", "партнёрский отдел",
    ),
    "en": (
        "{service} support", "check these addresses: here goes what support passes on",
        "add regulation_url and links, the pages that answers and the form point to: docs/rules.md", "development department", "partner department",
    ),
}  # fmt: skip


class Answers(NamedTuple):
    """The answers, as people write them."""

    service: str
    address: str
    prefix: str
    hours: str
    timezone: str
    agents: str


def rules_for(answers: Answers, language: str, shipped: str) -> str:
    """The text of rules.yaml; ValueError where the answer about the agents cannot be read. The rest is checked by `check`."""
    agents = [parseaddr(one) for one in answers.agents.split(",")]
    if not all("@" in address for _, address in agents):
        raise ValueError(f"{answers.agents}: Name <address>, Name <address>")
    name, note, pages, *departments = (words.format(service=answers.service) for words in _WORDS[language])
    domain = answers.address.rpartition("@")[2]
    desk = {
        "name": name, "service": answers.service, "address": answers.address, "prefix": answers.prefix.upper(), "language": language,
        "timezone": answers.timezone,
    }  # fmt: skip
    people = [f"    - {{name: {_quoted(shown or address.partition('@')[0])}, address: {_quoted(address)}{', lead: true' * (at == 0)}}}"
              for at, (shown, address) in enumerate(agents)]  # fmt: skip
    places = [f"    {key}: {{name: {_quoted(title)}, address: {_quoted(f'{local}@{domain}')}}}"
              for key, local, title in zip(("development", "partners"), ("dev", "partners"), departments, strict=True)]  # fmt: skip
    blocks = {
        "desk": [*(f"  {key}: {_quoted(value)}" for key, value in desk.items()), f"  # {pages}"],
        "calendar": [f"  hours: {_quoted(answers.hours)}"],
        "people": ["  agents:", *people, f"  departments:  # {note}", *places],
    }
    text = shipped[shipped.index("\ndesk:\n") + 1 :]
    word = re.sub(r"[^\w-]", " ", answers.service).split()
    spoken = word[0].lower() if word and isinstance(YAML(typ="safe").load(word[0].lower()), str) else "сервис"  # «true» would be no word
    text = re.sub(r"\bprovidence(?:\.film)?\b", spoken, text)
    for key, lines in blocks.items():
        text = re.sub(rf"(?ms)^{key}:\n.*?(?=^\S)", "\n".join([f"{key}:", *lines, "", ""]).replace("\\", r"\\"), text, count=1)
    if language != "ru":  # the remarks and titles of the shipped file are Russian
        text = re.sub(r"(?m)^[ ]*#.*\n|^[ ]+about:.*\n|[ ]{2,}#[ ].*$", "", text)
        text = re.sub(r"\n{3,}", "\n\n", text)
        text = text.replace("  departments:\n", f"  departments:  # {note}\n").replace("\ncalendar:\n", f"  # {pages}\n\ncalendar:\n", 1)
    return _HEAD[language].format(service=answers.service) + "\n" + text


def write(path: Path, text: str) -> Path | None:
    """Puts the rules in their place; what was there is kept beside it, and its name comes back. Raises OSError."""
    kept = None
    if path.exists():
        names = (path.with_name(f"{path.name}.old{count or ''}") for count in itertools.count())
        kept = next(name for name in names if not name.exists())
        os.link(path, kept)
    disk = Disk()
    disk.write_synced(path.with_name(f".{path.name}.new"), path, text.encode())  # whole or not at all: a running desk looks at it
    return kept


def _quoted(value: str) -> str:
    """A JSON string is a YAML string, whatever stands in it."""
    return json.dumps(value, ensure_ascii=False)
