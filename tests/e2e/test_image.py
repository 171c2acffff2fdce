"""ops/Dockerfile, built with buildah upon a small Debian instead of the registry's Python, and the image at work.

TEST_IMAGE=1 asks for it; it needs root, buildah, mmdebstrap and the Debian archive.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import smtplib
import subprocess
import tempfile
from pathlib import Path

import pytest
from peers import free_port, program, wait_for

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.image


class Buildah:
    """buildah with a store of its own; containers share the network of the machine."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="desk-image-"))
        self.program = program("buildah", root=True)
        self.env = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [self.program, "--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"), *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=ROOT, env=self.env, text=True, **pipes)

    def __call__(self, *words: str) -> str:
        process = self.start(*words)
        told, _ = process.communicate(timeout=600)
        assert process.returncode == 0, f"buildah {words}\n{told[-4000:]}"
        return told.strip()


@pytest.fixture(scope="module")
def image():
    """A container of the built image, as (buildah, its name)."""
    buildah, bootstrap = Buildah(), program("mmdebstrap", root=True)
    [base] = set(re.findall(r"(?m)^FROM (\S+)", (ROOT / "ops" / "Dockerfile").read_text()))
    root = buildah.folder / "root.tar"
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run([bootstrap, "--variant=minbase", packages, "bookworm", str(root)], check=True, capture_output=True, timeout=600)
    empty = buildah("from", "scratch")
    buildah("add", "-q", empty, str(root), "/")
    buildah("run", empty, "ln", "-s", "python3", "/usr/bin/python")
    buildah("commit", "-q", "--rm", empty, f"docker.io/library/{base}")
    certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"]
    certificates += ["--env", f"PIP_CERT={os.environ['PIP_CERT']}"] if "PIP_CERT" in os.environ else []
    buildah("bud", "--pull-never", "--format", "docker", "--network", "host", *certificates, "-f", "ops/Dockerfile", "-t", "desk", ".")
    yield buildah, buildah("from", "--pull-never", "localhost/desk")
    shutil.rmtree(buildah.folder, ignore_errors=True)


def test_the_image_is_what_the_file_says(image):
    buildah, name = image
    config = json.loads(buildah("inspect", name))["Docker"]["config"]
    assert (config["User"], list(config["Volumes"]), config["Entrypoint"]) == ("desk", ["/data"], [".venv/bin/python", "run.py"])
    assert config["Healthcheck"]["Test"] == ["CMD", ".venv/bin/python", "run.py", "health"]
    assert buildah("run", name, "--", "id", "-u") == "10025"
    assert "good." in buildah("run", name, "--", ".venv/bin/python", "run.py", "check")
    found = buildah("run", name, "--", "sh", "-c", "ls -A /desk; find /desk -not -perm -004 | head; touch /desk/x 2>&1 || true").split("\n")
    assert sorted(found[:-1]) == sorted([".venv", "LICENSE", "README.md", "bot", "pyproject.toml", "regulation_desk.egg-info", "rules.yaml", "run.py",
                                         "setup.cfg", "templates"])  # fmt: skip
    assert "Permission denied" in found[-1]


def test_the_image_answers_a_letter_and_says_how_it_is(image):
    buildah, name = image
    smtp, form = free_port(), free_port()
    listeners = ["--env", f"DESK_SMTP=127.0.0.1:{smtp}", "--env", f"DESK_FORM=127.0.0.1:{form}"]
    with buildah.start("run", *listeners, name, "--", ".venv/bin/python", "run.py") as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("ready smtp=")
            with smtplib.SMTP("127.0.0.1", smtp, timeout=20) as client:
                letter = "From: olga@example.org\nTo: support@providence.film\nSubject: No sound\n\nSince yesterday no sound in Chrome 131.\n"
                client.sendmail("olga@example.org", ["support@providence.film"], letter)
            letters = ["run", name, "--", "sh", "-c", "ls /data/outbox 2>/dev/null | wc -l"]
            wait_for(lambda: int(buildah(*letters)) >= 1, 40)
            health = ["run", name, "--", "sh", "-c", ".venv/bin/python run.py health || true"]
            wait_for(lambda: json.loads(buildah(*health).splitlines()[0])["running"], 40)
        finally:
            server.terminate()
            server.wait(30)
