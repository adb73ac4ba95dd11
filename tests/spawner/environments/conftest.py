"""Real, small environments: one pure Python package, locked with the hashes of the locks that ship."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from spawner import environment_build
from spawner.environments import BuildProgress, EnvironmentStore
from studiolo.catalog import Environment

CHECKOUT = Path(__file__).parents[3]

MakeEnvironment = Callable[..., Environment]


def locked(package: str) -> str:
    """The lines of one package in the lock that ships."""
    lock = (CHECKOUT / "images" / "minimal" / "requirements.lock").read_text()
    found = re.search(rf"^{package}==.*(\n .*)*", lock, re.MULTILINE)
    assert found
    return found[0] + "\n"


SMALL_LOCK = locked("six")
"""One wheel of 11 KiB, one module."""


@pytest.fixture
def make_environment(tmp_path: Path) -> MakeEnvironment:
    """Catalog entries with a lock of their own."""

    def make(lock: str = SMALL_LOCK, *, name: str = "small", files: dict[str, str] | None = None) -> Environment:
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.lock").write_text(lock)
        for path, text in (files or {}).items():
            (folder / "files" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "files" / path).write_text(text)
        return Environment(name=name, title=name.title(), requirements=folder / "requirements.lock")

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "environments"


@pytest.fixture
def store(root: Path) -> EnvironmentStore:
    return EnvironmentStore(root, workspaces=root.parent / "workspaces", log=logging.getLogger("test"))


@dataclass
class RecordedUv:
    """The real uv behind a script that notes each call, and that can be made to wait before it begins."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def hold(self) -> None:
        """`uv pip install` says nothing and waits, until `release`."""
        (self.folder / "held").touch()

    def release(self) -> None:
        (self.folder / "held").unlink()

    @property
    def script(self) -> Path:
        return self.folder / "uv"

    def write(self) -> None:
        self.folder.mkdir()
        self.script.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >> {self.folder}/calls\n'
            f'if [ "$1" = pip ]; then while [ -e {self.folder}/held ]; do sleep 0.02; done; fi\n'
            f'exec {sys.executable} -m uv "$@"\n'
        )
        self.script.chmod(0o755)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedUv:
    recorded = RecordedUv(tmp_path / "uv")
    recorded.write()
    monkeypatch.setattr(environment_build, "uv_command", lambda: (str(recorded.script),))
    return recorded


class Watcher:
    """Somebody who waits for a build and notes what is told."""

    def __init__(self) -> None:
        self.told: list[BuildProgress] = []

    def __call__(self, progress: BuildProgress) -> None:
        self.told.append(progress)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()
