"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cluster import cluster, database  # noqa: F401  fixtures
from hypothesis import HealthCheck, settings
from quick import LONG, is_quick


def must_run() -> bool:
    """TEST_ALL=1 (in CI) turns every skip for want of a program into a failure."""
    return os.environ.get("TEST_ALL", "") == "1"


# A busy machine may take a moment away from any example. In CI the examples are the same each time: new ones are for those who can look.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=must_run())
settings.load_profile("desk")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: the tests of whole daemons wait more than they work."""
    return (os.cpu_count() or 1) + 1


# The container image takes minutes, root and the Debian archive: it is built where somebody asks for it.
collect_ignore = [] if os.environ.get("TEST_IMAGE") == "1" else ["e2e/test_image.py"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m quick` the other modules are not even imported: that would take half as long as the tests."""
    other = collection_path.suffix == ".py" and not is_quick(collection_path)
    return True if config.getoption("markexpr") == "quick" and other else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the quick tests; skips long ones with real peers and bad disks, unless TEST_ALL=1 asks for them."""
    for item in items:
        measures = "grows_with" in item.name  # how the time grows: many runs each, and not for a busy machine
        if is_quick(item.path) and not measures and not any(map(item.get_closest_marker, LONG)):
            item.add_marker("quick")
        needs = ("postgres", "dovecot", "faults")
        long = item.get_closest_marker("slow") and any(map(item.get_closest_marker, needs))
        if not must_run() and (long or item.get_closest_marker("long")):
            item.add_marker(pytest.mark.skip(reason="it takes long: TEST_ALL=1 runs it"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """See must_run."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and must_run():
        report.outcome = "failed"
        report.longrepr = f"skipped, which TEST_ALL=1 forbids: {report.longrepr}"
