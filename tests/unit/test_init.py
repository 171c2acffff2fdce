"""The first run: six answers make a rules.yaml that is good at once, for whatever company."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from desk import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.rules import check_examples, load
from bot.tools.init import QUESTIONS, SHIPPED, Answers, rules_for, write

AGENTS = "Вера <vera@romashka.example>, oleg@romashka.example"
ROMASHKA = Answers("Ромашка.онлайн", "help@romashka.example", "rm", "9:00-18:00", "Asia/Tashkent", AGENTS)


def run(tmp_path, *command: str, answers: str = ""):
    env = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
    env |= {"DESK_RULES": str(tmp_path / "rules.yaml"), "DESK_DATA": str(tmp_path / "data")}
    called = [sys.executable, "run.py", *command]
    return subprocess.run(called, cwd=ROOT, env=env, input=answers, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_answers_stand_in_rules_that_are_good(language):
    text = rules_for(ROMASHKA, language, SHIPPED.read_text("utf-8"))
    policy = load(text.encode(), "rules.yaml")
    assert list(check_examples(policy)) == []
    desk = policy.desk
    assert (desk.address, desk.prefix, desk.language, desk.timezone) == ("help@romashka.example", "RM", language, "Asia/Tashkent")
    assert "Ромашка.онлайн" in desk.name
    people = [(one.name, one.address, one.lead) for one in policy.people.agents]
    assert people == [("Вера", "vera@romashka.example", True), ("oleg", "oleg@romashka.example", False)]
    assert set(policy.people.departments) == {"development", "partners"}
    assert "providence" not in text.lower()
    if language == "en":
        remarks = [line for line in text.splitlines() if "#" in line and not line.strip().startswith("-")]
        assert all(line.isascii() or "Ромашка" in line for line in remarks)


@settings(max_examples=6, deadline=None)
@example("TRUE")
@example("12:30")
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40).filter(str.strip))
def test_any_name_is_taken_as_it_is(service):
    policy = load(rules_for(ROMASHKA._replace(service=service), "en", SHIPPED.read_text("utf-8")).encode(), "rules.yaml")
    assert policy.desk.service == service.strip()


def test_the_old_rules_are_kept(tmp_path):
    path = tmp_path / "rules.yaml"
    assert write(path, "first") is None
    assert write(path, "second") == tmp_path / "rules.yaml.old"
    assert (path.read_text(), (tmp_path / "rules.yaml.old").read_text()) == ("second", "first")
    assert write(path, "third") == tmp_path / "rules.yaml.old1"  # what was kept before stays
    assert (tmp_path / "rules.yaml.old").read_text() == "first"


def test_six_questions_are_asked_and_check_is_green(tmp_path):
    asked = run(tmp_path, "init", answers="en\nDaisy\nhelp@daisy.example\n\n\nEurope/Berlin\nVera <vera@daisy.example>\n")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert all(english in asked.stdout for _, english, _ in QUESTIONS.values())
    assert "good. " in asked.stdout


def test_flags_ask_nothing_and_wrong_answers_are_named(tmp_path):
    flags = ["--service", "Ромашка", "--address", "help@romashka.example", "--prefix", "RM", "--hours", "9:00-18:00", "--timezone", "Asia/Tashkent"]
    wrong = run(tmp_path, "init", "--language", "ru", *flags[:-1], "Mars/Base", "--agents", "Вера <vera@romashka.example>")
    assert wrong.returncode == 1
    assert "timezone" in wrong.stdout
    nobody = run(tmp_path, "init", "--language", "ru", *flags, "--agents", "Вера")
    assert nobody.returncode == 2


def test_rules_are_never_away_nor_half_written(tmp_path, monkeypatch):
    """The disk is full: the old ones stay, for a desk that is at work by them."""
    path = tmp_path / "rules.yaml"
    path.write_text("old")
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write(path, "new")
    assert path.read_text() == "old"
