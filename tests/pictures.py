"""Makes the pictures of the README anew: `python tests/pictures.py`, with playwright and chromium.

Three letters as a phone shows them, the report of a month, and the form: real ones, made by the desk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("", "e2e", "stories", "store"))]

from daemon import Running  # noqa: E402  these live in folders that only tests know
from desk import TestDesk, picture  # noqa: E402
from month import played  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

OLGA, ANNA, GROUND = "olga@example.org", "anna@providence.film", "#d8dde6"


async def letters(folder: Path) -> list[str]:
    """An acknowledgement, the notice of it, and the closing letter, as HTML."""
    desk = await TestDesk.opened(folder, aligned=(OLGA,), undo=0)
    text = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: после нажатия на Play чёрный экран. Снимок приложила."
    files = (("screen.png", picture()), ("отчёт.docx", b"PK not a picture"))
    await desk.send(OLGA, text, subject="Не открывается фильм", name="Ольга", files=files)
    [notice] = desk.mail(ANNA)
    await desk.reply(notice, ANNA, "#решено\nДело в расширении AdStop: отключите его для нашего сайта, и фильм откроется.")
    registered, closing = desk.mail(OLGA)
    return [registered.html, notice.html, closing.html]


def report(folder: Path) -> str:
    """A month's report as `run.py report` writes it."""
    folder.mkdir()
    asyncio.run(played(folder))
    env = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")} | {"DESK_DATA": str(folder / "data")}
    call = [sys.executable, "run.py", "report", "--from", "2026-12-01", "--to", "2026-12-31", "--html", str(folder / "r.html")]
    subprocess.run(call, cwd=ROOT, env=env, check=True, capture_output=True, timeout=300)
    return (folder / "r.html").read_text("utf-8")


def shot(browser: Browser, size: tuple[int, int], html: str = "", url: str = "") -> Image.Image:
    """A page of that width and height."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
    page.goto(url) if url else page.set_content(html)
    data = page.screenshot()
    page.close()
    return Image.open(BytesIO(data)).convert("RGB")


def beside(pictures: list[Image.Image], name: str) -> None:
    """Pictures of one height side by side, into docs/pictures."""
    whole = Image.new("RGB", (sum(one.width for one in pictures) + 20 * (len(pictures) - 1), pictures[0].height), GROUND)
    at = 0
    for one in pictures:
        whole.paste(one, (at, 0))
        at += one.width + 20
    whole.quantize(64).save(ROOT / "docs" / "pictures" / name, optimize=True)


def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages, month = asyncio.run(letters(folder / "letters")), report(folder / "month")
        with sync_playwright() as play, Running(folder / "form", DESK_FORM="127.0.0.1:0") as desk:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            beside([shot(browser, (420, 700), html=page) for page in pages], "letters.png")
            form = shot(browser, (420, 960), url="http://" + desk.ready.split("form=")[1].split()[0])
            beside([shot(browser, (640, 960), html=month), form], "report-and-form.png")
            browser.close()


if __name__ == "__main__":
    main()
