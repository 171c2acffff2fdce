"""What the desk stands on: every package at a release that is known good, and none with a published hole allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from desk import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PINNED = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text())
}
# The first release without the hole, and where it is told of.
HOLES = {
    "aiosmtpd": ("1.4.6", "CVE-2024-34083: commands before STARTTLS"),
    "aiosmtplib": ("5.1.2", "CVE-2026-55558: answers before STARTTLS"),
    "anyio": ("4.14.2", "CVE-2026-63374"),
    "dnspython": ("2.6.1", "CVE-2023-29483: a forged answer ends a query"),
    "fonttools": ("4.60.2", "CVE-2025-66034"),
    "h11": ("0.16", "CVE-2025-43859: request smuggling"),
    "idna": ("3.15", "CVE-2026-45409: quadratic encode()"),
    "jinja2": ("3.1.6", "CVE-2025-27516: out of the sandbox"),
    "mako": ("1.3.12", "CVE-2026-44307"),
    "pillow": ("12.3", "PYSEC-2026-2253 to 2257"),
    "pydantic-settings": ("2.14.2", "GHSA-4xgf-cpjx-pc3j"),
    "pygments": ("2.20", "CVE-2026-4539"),
    "pytest": ("9.0.3", "CVE-2025-71176: folders that others can guess"),
    "python-dotenv": ("1.2.2", "CVE-2026-28684"),
    "python-multipart": ("0.0.31", "CVE-2026-53539: quadratic form"),
    "starlette": ("1.3.1", "CVE-2026-54283: form() without its limits"),
}


def required() -> Iterator[Requirement]:
    """Every requirement of setup.cfg."""
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    for lines in (setup["options"]["install_requires"], *setup["options.extras_require"].values()):
        yield from map(Requirement, (line for line in lines.split("\n") if line.strip() and "%(" not in line))


def test_every_package_has_a_known_good_release_that_setup_cfg_allows():
    for one in required():
        name = canonicalize_name(one.name)
        assert name in PINNED, f"{one}: `sh setup.sh renew`"
        assert one.specifier.contains(PINNED[name]), f"{one}, but constraints.txt has {PINNED[name]}"


def test_so_has_everything_that_they_bring_along():
    """Followed through the packages that are installed here."""
    todo, seen = [*required()], set()
    while todo:
        one = todo.pop()
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in {"", *one.extras}):
            continue
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in PINNED, f"{one.name} is not in constraints.txt: `sh setup.sh renew`"
        try:
            brings = distribution(one.name).requires or ()
        except PackageNotFoundError:  # of the checks, which `sh setup.sh test` leaves out
            continue
        for text in brings:
            wanted = Requirement(text)
            if wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in ("", *one.extras)
            ):
                wanted.marker = None
                todo.append(wanted)
    assert len(seen) > 80


@pytest.mark.parametrize("name", HOLES)
def test_no_release_with_a_published_hole_may_be_installed(name: str):
    fixed, told = HOLES[name]
    mine = [one for one in required() if canonicalize_name(one.name) == name]
    assert mine, name
    for one in mine:
        [oldest] = [Version(part.version) for part in one.specifier if part.operator == ">="]
        assert oldest >= Version(fixed), f"{one} allows {told}"


def test_the_list_is_used_wherever_something_is_installed():
    """setup.sh, which the image and CI call too; the build's own tools come from the list as well."""
    script, image = (ROOT / "setup.sh").read_text(), (ROOT / "ops" / "Dockerfile").read_text()
    assert "export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt" in script
    for text in (image, (ROOT / ".ci" / "run").read_text()):
        assert "sh setup.sh" in text
        assert "pip install" not in text
    build = re.findall(r"(?m)^requires = \[(.*)\]$", (ROOT / "pyproject.toml").read_text())
    for one in (Requirement(text.strip('"')) for text in build[0].split(", ")):
        assert one.specifier.contains(PINNED[canonicalize_name(one.name)])
    copied = {name for line in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", image) for name in line.split()}
    assert copied <= {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }


def test_the_list_names_releases_and_no_place_to_fetch_them_from():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert len(lines) == len(PINNED)
