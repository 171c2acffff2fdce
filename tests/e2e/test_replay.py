"""An admin tries a changed rules.yaml on past letters: the table says what would have been different, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

from desk import ROOT, TestDesk

from bot.tools.replay import replay
from bot.tools.window import Window


async def stored(data: Path) -> TestDesk:
    """A desk with three past letters."""
    desk = await TestDesk.opened(data)
    await desk.send("a@example.org", "Добрый день! В Chrome 98 не открывается фильм: чёрный экран после Play, жду минуту.", subject="Чёрный экран")
    await desk.send("b@example.org", "Здравствуйте! В Chrome 131 на Windows 11 нет звука в трейлере «Сталкера».", subject="Нет звука")
    await desk.send("c@example.org", "Здравствуйте! В Firefox 140 не листается каталог дальше второй страницы.", subject="Каталог")
    return desk


async def run(desk: TestDesk, rules: Path) -> tuple[int, str]:
    """Exit code and output."""
    out = Window(record=True, width=200, file=(desk.data / "out").open("w"))
    code = await replay(desk.settings.model_copy(update={"readers": 2}), rules, None, out)
    out.file.close()
    return code, (desk.data / "out").read_text("utf-8")


async def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    """Exit 0, and the count of letters that were tried."""
    desk = await stored(tmp_path / "data")
    code, text = await run(desk, ROOT / "rules.yaml")
    assert (code, "3 letters, 0 would be judged otherwise" in text) == (0, True), text


async def test_a_changed_version_shows_which_tickets_it_would_touch(tmp_path: Path) -> None:
    """Chrome 98 is good enough now, Chrome 131 no longer: two tickets change, each named, with the words that caused it."""
    desk = await stored(tmp_path / "data")
    source = (ROOT / "rules.yaml").read_text("utf-8")
    before = {path: path.read_bytes() for path in desk.data.rglob("*.json")}
    new = tmp_path / "new.yaml"
    new.write_text(source.replace("  chrome: 109\n", "  chrome: 90\n").replace("  firefox: 115\n", "  firefox: 141\n"), "utf-8")
    code, text = await run(desk, new)
    assert code == 1
    assert "2 would be judged otherwise" in text
    assert [line.split()[:5] for line in text.splitlines() if line.startswith("ground")] == [
        ["ground", "-", "outdated_software", "1", "PF-3"],
        ["ground", "outdated_software", "-", "1", "PF-1"],
    ]
    assert "Firefox 140" in text
    assert {path: path.read_bytes() for path in desk.data.rglob("*.json")} == before
