"""Files of credentials appear in the home as links; what the person has there themselves stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workspace_server.home_links import link_into_home

KAGGLE = Path(".kaggle") / "kaggle.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "people" / "ada"
    path.mkdir(parents=True)
    return path


def folder_with(parent: Path, text: str) -> Path:
    """As the kubelet lays files out: behind a link that it turns to newer ones."""
    written = parent / "credentials" / "..data_1" / "home"
    (written / KAGGLE.parent).mkdir(parents=True)
    (written / KAGGLE).write_text(text)
    (parent / "credentials" / "..data").symlink_to("..data_1")
    (parent / "credentials" / "home").symlink_to("..data/home")
    return parent / "credentials"


def start(folder: Path, home: Path) -> list[str]:
    return link_into_home({"STUDIOLO_CREDENTIALS": str(folder), "HOME": str(home)})


def test_a_file_appears_in_the_home_and_nothing_is_written_there(tmp_path: Path, home: Path) -> None:
    folder = folder_with(tmp_path / "run", "canary")
    assert start(folder, home) == []
    assert (home / KAGGLE).read_text() == "canary"
    assert (home / KAGGLE).readlink() == folder / "home" / KAGGLE
    assert (home / KAGGLE).parent.stat().st_mode & 0o777 == 0o700


def test_a_change_reaches_what_runs(tmp_path: Path, home: Path) -> None:
    folder = folder_with(tmp_path / "run", "old")
    start(folder, home)
    newer = folder / "..data_2" / "home"
    (newer / KAGGLE.parent).mkdir(parents=True)
    (newer / KAGGLE).write_text("new")
    (folder / "..data").unlink()
    (folder / "..data").symlink_to("..data_2")
    assert (home / KAGGLE).read_text() == "new"


def test_a_link_of_an_earlier_workspace_is_turned_to_this_one(tmp_path: Path, home: Path) -> None:
    start(folder_with(tmp_path / "earlier", "old"), home)
    (tmp_path / "earlier").rename(tmp_path / "gone")
    folder = folder_with(tmp_path / "run", "new")
    assert start(folder, home) == []
    assert start(folder, home) == []
    assert (home / KAGGLE).read_text() == "new"


def test_a_file_or_link_of_the_person_s_own_stays_and_is_told_of(tmp_path: Path, home: Path) -> None:
    folder = folder_with(tmp_path / "run", "canary")
    (home / KAGGLE).parent.mkdir()
    (home / KAGGLE).write_text("mine")
    assert start(folder, home) == [str(KAGGLE)]
    assert (home / KAGGLE).read_text() == "mine"
    (home / KAGGLE).rename(home / "mine.json")
    (home / KAGGLE).symlink_to(home / "mine.json")
    assert start(folder, home) == [str(KAGGLE)]
    assert (home / KAGGLE).read_text() == "mine"


def test_a_home_that_cannot_be_written_stops_no_start(tmp_path: Path, home: Path) -> None:
    folder = folder_with(tmp_path / "run", "canary")
    (home / KAGGLE.parent).write_text("a file where a folder should be")
    assert start(folder, home) == [str(KAGGLE)]


def test_without_credentials_nothing_happens(tmp_path: Path, home: Path) -> None:
    assert link_into_home({"HOME": str(home)}) == []
    assert start(tmp_path / "none", home) == []
    assert list(home.iterdir()) == []


def test_a_server_has_the_links_before_anybody_can_use_it_and_says_what_is_in_the_way(
    start: Any, minimal: Path, tmp_path: Path
) -> None:
    folder = folder_with(tmp_path / "run", "canary")
    (folder / "home" / "notes").write_text("canary")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notes").write_text("mine")
    server = start(minimal, env={"STUDIOLO_CREDENTIALS": str(folder)})
    assert (server.home / KAGGLE).read_text() == "canary"
    assert (server.home / "notes").read_text() == "mine"
    said = server.log.read_text()
    assert "The credential for ~/notes is not there" in said
    assert "canary" not in said


def test_where_git_is_given_a_key_ssh_has_a_place_for_the_servers_it_has_seen(tmp_path: Path, home: Path) -> None:
    folder = folder_with(tmp_path / "run", "canary")
    start(folder, home)
    assert not (home / ".ssh").exists()
    environ = {"STUDIOLO_CREDENTIALS": str(folder), "HOME": str(home), "GIT_SSH_COMMAND": "ssh"}
    assert link_into_home(environ) == link_into_home(environ) == []
    assert (home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert link_into_home({**environ, "HOME": "/proc"}) != []  # nothing can be written there; the workspace starts
