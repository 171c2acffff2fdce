"""Every story in this folder, played on a desk of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from play import play

HERE = Path(__file__).parent


@pytest.mark.parametrize("story", sorted(HERE.glob("*.story")), ids=lambda path: path.stem)
async def test_story(story: Path, tmp_path: Path) -> None:
    """The story comes true, line by line; play() asserts."""
    await play(story, tmp_path)
