"""The desk's stories, told to both stores at once: whatever is asked of one, the other answers the same."""

from __future__ import annotations

from pathlib import Path

import desk
import pytest
from cluster import Cluster
from play import play

pytestmark = pytest.mark.postgres
STORIES = Path(__file__).parent.parent / "stories"


@pytest.mark.parametrize("story", sorted(STORIES.glob("*.story")), ids=lambda path: path.stem)
async def test_a_story_on_both(story: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from twin import Twins

    twins = Twins(cluster)
    monkeypatch.setattr(desk, "FileStore", twins)
    try:
        await play(story, tmp_path)
    finally:
        for one in twins.made:
            await one.close()
