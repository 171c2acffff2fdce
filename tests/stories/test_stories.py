"""Every story in this folder, played on a desk of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from play import play  # noqa: E402  the player lies beside the stories


@pytest.mark.parametrize("story", sorted(HERE.glob("*.story")), ids=lambda path: path.stem)
async def test_story(story: Path, tmp_path: Path) -> None:
    """The story comes true, line by line; play() asserts."""
    await play(story, tmp_path)
