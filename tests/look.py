"""Write the sample letters into a folder: `python tests/look.py FOLDER [NAME…]`; with names, pictures too where chromium is found.

For people who change the templates: .txt and .html of each case, and .png at phone width, desktop width and in the dark.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.app.context_loading import sources  # noqa: E402 - the product is not installed where this is run
from bot.rendering.samples import cases  # noqa: E402
from bot.rendering.templates import REQUIRED, Templates  # noqa: E402

VIEWS: dict[str, tuple[str, list[str]]] = {
    "phone": ("390,1100", []),
    "desktop": ("800,1100", []),
    "dark": ("390,1100", ["--force-dark-mode", "--enable-features=WebContentsForceDark"]),
}


def main(folder: Path, names: list[str]) -> None:
    """Render, then photograph."""
    templates = Templates(sources(ROOT / "templates"), "Europe/Moscow")
    for mistake in templates.check():
        sys.stderr.write(f"{mistake}\n")
    chromium = shutil.which("chromium")
    for language in sorted({file.partition("/")[0] for file in templates.sources if "/" in file}):
        for name in names or REQUIRED:
            for case, context in cases(name, language):
                rendered = templates.render(name, context)
                page = folder / language / f"{name}-{case}.html"
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(templates.layout.page(rendered), "utf-8")
                page.with_suffix(".txt").write_text(f"Subject: {rendered.subject}\n\n{rendered.text}", "utf-8")
                if chromium and names:
                    for view in VIEWS:
                        photograph(chromium, page, view)


def photograph(chromium: str, page: Path, view: str) -> None:
    """One picture of one page."""
    size, more = VIEWS[view]
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars", *more]
    target = page.with_suffix(f".{view}.png")
    call = [chromium, *options, f"--window-size={size}", f"--screenshot={target}", page.as_uri()]
    subprocess.run(call, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
