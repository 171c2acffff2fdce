"""The shipped templates and terms, for tests that need their words."""

from __future__ import annotations

from pathlib import Path

from bot.app.context_loading import sources
from bot.rendering.templates import Templates

SHIPPED = Templates(sources(Path(__file__).resolve().parents[1] / "templates"), "Europe/Moscow")
RU, EN = SHIPPED.terms("ru"), SHIPPED.terms("en")
