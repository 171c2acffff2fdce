"""What an admin does at the shell while the desk runs: parked, held and suppressed mail, rules changed under way."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from daemon import Running, text_of
from ruamel.yaml import YAML

IVAN, ANNA = "ivan@example.org", "anna@providence.film"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play. Письмо"


@pytest.fixture
def desk(tmp_path: Path) -> Running:
    """A running desk of its own."""
    return Running(tmp_path / "data")


def until(what: object, seconds: float = 60) -> None:
    """Waits until a function says True."""
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_held_letters_are_listed_and_released(desk: Running) -> None:
    """Over the cap an answer is held and its address latched; `held release` lets it go and opens the latch."""
    with desk:
        for number in range(4):
            desk.send(IVAN, f"{PROBLEM} {number}.", f"Фильм {number}")
            until(lambda wanted=number + 1: len(list((desk.data / "tickets" / "live").glob("[0-9]*.json"))) == wanted)
        desk.wait(IVAN, 3)
        listed = desk.run("held", "list")
        assert listed.returncode == 1
        assert IVAN.encode() in listed.stdout
        assert desk.run("held", "release", IVAN).stdout == b"1 letter(s)\n"
        desk.wait(IVAN, 4)
        assert desk.run("held", "list").returncode == 0
    assert desk.run("held", "release", IVAN).returncode == 1, "without a running desk it says so"


def test_rules_are_taken_over_without_a_restart_and_bad_ones_are_refused(desk: Running) -> None:
    """A good file works from the next letter on; a bad one changes nothing, and the lead gets one letter that says what is wrong."""
    rules = Path(desk.env["DESK_RULES"])
    good = rules.read_text("utf-8")
    with desk:
        desk.send(IVAN, f"{PROBLEM} один.", "Фильм")
        desk.wait(ANNA, 1)
        rules.write_text(good.replace("prefix: PF", "prefix: QX"), "utf-8")
        until(lambda: "rules_loaded" in desk.log())
        desk.send("olga@example.org", f"{PROBLEM} два.", "Другой фильм")
        assert "[QX-2]" in desk.wait("olga@example.org", 1)[0]["Subject"]
        rules.write_text(good.replace("prefix: PF", "prefx: PF"), "utf-8")
        until(lambda: "rules_refused" in desk.log())
        alert = desk.wait(ANNA, 3)[2]
        assert "prefx" in str(alert.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        desk.send("petr@example.org", f"{PROBLEM} три.", "Третий фильм")
        assert "[QX-3]" in desk.wait("petr@example.org", 1)[0]["Subject"]
        rules.unlink()
        desk.send("vera@example.org", f"{PROBLEM} четыре.", "Четвёртый фильм")
        assert "[QX-4]" in desk.wait("vera@example.org", 1)[0]["Subject"]
    assert desk.run("ledger").returncode == 0


def test_a_template_that_never_ends_is_refused_and_the_last_good_ones_stay(tmp_path: Path) -> None:
    """Also where it only takes long; the lead is told file and line, customers notice nothing; `check` and a start refuse it."""
    templates = tmp_path / "templates"
    shutil.copytree("templates", templates)
    desk = Running(tmp_path / "data", DESK_TEMPLATES=str(templates))
    piece = templates / "ru" / "_hello.txt"
    good = piece.read_text("utf-8")
    loops = "".join(f'{{% for x{at} in "0123456789" %}}' for at in range(4))
    slow = f'{{% set s = "{"zyx " * 2000}" %}}{loops}{{% if s | list | sort | join == s %}}{{% endif %}}{"{% endfor %}" * 4}'
    with desk:
        for number, bomb in enumerate(('{{ "x".ljust(999999999) }}', slow)):
            piece.write_text(f"{good}\n{bomb}\n", "utf-8")
            until(lambda wanted=number + 1: desk.log().count(" error   rules_refused ") == wanted)
            alert = desk.wait(ANNA, 2 * number + 1)[-1]
            words = str(alert.get_body(("plain",)).get_content())  # type: ignore[union-attr]
            assert re.search(r"templates/ru/_hello\.txt:7: (?:there is no \.ljust|it takes more than 2 s)", words), words
            desk.send(IVAN, f"{PROBLEM} {number}.", f"Фильм {number}")
            desk.wait(IVAN, number + 1)
            desk.wait(ANNA, 2 * number + 2)
    checked = desk.run("check")
    assert (checked.returncode, b"_hello.txt:7: it takes more than 2 s" in checked.stdout) == (1, True)
    with pytest.raises(AssertionError, match=r"_hello\.txt:7: it takes more than 2 s"):
        desk.start()


UNTRUE = """
  - id: probe
    clause: "4.2"
    when: {words: [кракозябра]}
    then: {labels: [probe]}
    examples: {match: [совсем другое письмо], ignore: []}
"""


def test_examples_are_tried_at_the_start_and_at_each_change_by_a_reader(desk: Running) -> None:
    """The dictionaries, 55 MB of them, stay out of the daemon's own process."""
    rules = Path(desk.env["DESK_RULES"])
    good = rules.read_text("utf-8")
    rules.write_text(good + UNTRUE, "utf-8")
    with pytest.raises(AssertionError, match="rule 'probe' must fire on this example"):
        desk.start()
    assert desk.process is not None
    assert desk.process.wait(20) == 1
    assert desk.process.stdout is not None
    desk.process.stdout.close()
    rules.write_text(good, "utf-8")
    with desk:
        rules.write_text(good + UNTRUE, "utf-8")
        until(lambda: "rules_refused" in desk.log())
        rules.write_text(good.replace("prefix: PF", "prefix: QX"), "utf-8")
        until(lambda: "rules_loaded" in desk.log())
        desk.send(IVAN, f"{PROBLEM} один.", "Фильм")
        desk.wait(ANNA, 2)
        assert desk.process is not None
        assert int(Path(f"/proc/{desk.process.pid}/statm").read_text().split()[1]) * 4 // 1024 < 110, "megabytes"


def test_a_letter_that_no_reader_survives_is_parked_and_retried(desk: Running) -> None:
    """A reader that is killed parks its letter; the next one is read; the admin can try again or give it up."""
    with desk:
        ident = "20260101T000000000000-aaaaaa"
        (desk.data / "inbox" / "new" / f"{ident}.eml").write_bytes(b"no envelope line at all\n\nbroken")
        desk.send(IVAN, f"{PROBLEM} пять.", "Фильм")
        desk.wait(IVAN, 1)
        until(lambda: "parked" in desk.log())
        listed = desk.run("parked", "list")
        assert listed.returncode == 1
        assert ident.encode() in listed.stdout
        assert desk.run("parked", "retry", ident).returncode == 0
        until(lambda: desk.log().count(" parked ") >= 2)
        assert desk.run("parked", "drop", ident).returncode == 0
        assert desk.run("parked", "list").returncode == 0
        assert desk.run("parked", "drop", "nothing").returncode == 1
    assert desk.run("ledger").returncode == 0


def test_a_rotated_key_signs_from_now_on_and_older_ones_hold_until_they_are_deleted(desk: Running) -> None:
    """Also where rules.yaml was read again in between."""
    with desk:
        rules = Path(desk.env["DESK_RULES"])
        desk.send("olga@example.org", f"{PROBLEM}.", "Не открывается")
        [older] = desk.wait("anna@providence.film", 1)
        assert desk.run("secret", "rotate").returncode == 0
        rules.write_text(rules.read_text("utf-8").replace("name: Поддержка providence.film", "name: Поддержка"), "utf-8")
        until(lambda: "rules_loaded" in desk.log())  # the desk context is opened anew, and with the new key
        desk.send("petr@example.org", f"{PROBLEM}.", "Тоже не открывается")
        newer = desk.wait("anna@providence.film", 2)[1]
        desk.send("anna@providence.film", "#заметка\nПроверю утром.", answers=older)
        until(lambda: desk.log().count(" command ") == 1)
        desk.stop()
        secret = desk.data / "secret"
        secret.write_bytes(secret.read_bytes().splitlines()[0] + b"\n")
        desk.start()
        desk.send("anna@providence.film", "#взять", answers=newer)
        until(lambda: desk.log().count(" command ") == 2)
        desk.send("anna@providence.film", "#взять", answers=older)
        assert any("подтвердить" in text_of(one) for one in desk.wait("anna@providence.film", 5))


def test_what_agents_call_wrong_is_printed_as_examples_that_the_rules_take(desk: Running, tmp_path: Path) -> None:
    """`overrides` names the rule, and its lines are YAML that stands under `examples` of that rule."""
    with desk:
        desk.send(IVAN, "Предлагаю добавить в плеер тёмную тему и субтитры на казахском языке.", "Предложение")
        [notice] = desk.wait(ANNA, 1)
        desk.send(ANNA, "#правило-неверно", answers=notice)
        until(lambda: desk.run("overrides").returncode == 1)
        printed = desk.run("overrides").stdout.decode()
    rule, examples = re.fullmatch(r"# ([\w-]+)\n(  ignore:\n(?:    - .*\n)+)", printed).groups()  # type: ignore[union-attr]
    [text] = YAML(typ="safe").load(examples)["ignore"]
    assert "тёмную тему" in text
    rules = (Path(desk.env["DESK_RULES"])).read_text("utf-8")
    assert re.search(rf"(?m)^  - id: {rule}$", rules)


def test_a_desk_that_hangs_keeps_neither_a_pipe_nor_monitoring(desk: Running) -> None:
    """The letter is on disk, so the mail server must not be kept waiting until it sends it again."""
    with desk:
        assert desk.process is not None
        desk.process.send_signal(signal.SIGSTOP)
        try:
            assert desk.run("deliver", stdin=f"From: {IVAN}\nSubject: Film\n\n{PROBLEM}".encode()).returncode == 0
            told = json.loads(desk.run("health").stdout)
        finally:
            desk.process.send_signal(signal.SIGCONT)
        assert (told["running"], told["healthy"]) == (False, False)
        desk.wait(IVAN, 1)
