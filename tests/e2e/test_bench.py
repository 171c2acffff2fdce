"""The measuring works: else nobody notices that it does not until the figures are wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers import ROOT, program


def bench(script: str, *words: str, place: Path) -> str:
    environment = {**os.environ, "BENCH_DIR": str(place), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    command = [sys.executable, ROOT / "bench" / script, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_arithmetic_needs_no_measure(tmp_path: Path) -> None:
    rows = bench("all.py", "--only", "nothing", "--print", place=tmp_path)
    assert "| in the busiest hour (× 5) | 0.058 | 0.58 | 5.8 | 58 |" in rows
    assert "| whole way on files, two cores | not measured |" in rows


@pytest.mark.parametrize("kind", ["live", "filed"])
def test_an_old_desk_is_made_and_measured(tmp_path: Path, kind: str) -> None:
    found = json.loads(bench("grow.py", str(tmp_path / "old"), kind, "20", place=tmp_path))
    assert (found["kind"], found["tickets"]) == (kind, 20)
    assert min(found["loaded_s"], found["ledger_s"], found["replay_s"]) > 0


@pytest.mark.postfix
def test_a_small_load_is_accepted_and_answered(tmp_path: Path) -> None:
    program("smtp-source")
    found = json.loads(bench("throughput.py", "20", "1", "--json", place=tmp_path))
    assert found["letters"] == 20
    assert min(found["accept"], found["whole"]) > 0
    assert list(tmp_path.iterdir()) == [], "a measure takes its folders away"
