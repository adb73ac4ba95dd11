"""On one machine the folder of a team is a link below ~/shared of each member."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from spawner.data_directory import DataDirectory
from spawner.team_links import link_teams


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    data = DataDirectory(root=tmp_path / "data")
    for user in ("ada", "bob"):
        data.home(user).mkdir(parents=True)
    return data


def test_members_of_a_team_see_each_other_s_files(data: DataDirectory) -> None:
    for user in ("ada", "bob"):
        assert link_teams(data, user, ["vision"]) == ()
    (data.home("ada") / "shared" / "vision" / "model.pt").write_text("weights")
    assert (data.home("bob") / "shared" / "vision" / "model.pt").read_text() == "weights"


def test_what_is_made_in_it_belongs_to_the_group_and_nobody_else_may_look(data: DataDirectory) -> None:
    link_teams(data, "ada", ["vision"])
    assert stat.S_IMODE(data.team("vision").stat().st_mode) == 0o2770


def test_names_that_are_no_folders_are_told_apart(data: DataDirectory) -> None:
    assert link_teams(data, "ada", ["Vision", "vision", "../vision", "vision lab"]) == ()
    folders = {path.readlink() for path in (data.home("ada") / "shared").iterdir()}
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {data.teams}


def test_without_a_team_nothing_is_made(data: DataDirectory) -> None:
    assert link_teams(data, "ada", []) == ()
    assert list(data.home("ada").iterdir()) == []
    assert not data.teams.exists()


def test_who_leaves_a_team_loses_the_link_and_the_team_nothing(data: DataDirectory) -> None:
    link_teams(data, "ada", ["vision", "nlp"])
    (data.home("ada") / "shared" / "vision" / "model.pt").write_text("weights")
    (data.home("ada") / "shared" / "mine").symlink_to(data.home("ada"))
    link_teams(data, "ada", ["nlp"])
    assert sorted(path.name for path in (data.home("ada") / "shared").iterdir()) == ["mine", "nlp"]
    assert (data.team("vision") / "model.pt").read_text() == "weights"


def test_a_person_s_own_files_are_left_alone_and_it_is_said(data: DataDirectory) -> None:
    (data.home("ada") / "shared" / "vision").mkdir(parents=True)
    (said,) = link_teams(data, "ada", ["vision", "nlp"])
    assert "~/shared/vision is a file or a folder of yours" in said
    assert (data.home("ada") / "shared" / "nlp").is_symlink()
    (data.home("bob") / "shared").write_text("mine")
    (said,) = link_teams(data, "bob", ["vision"])
    assert said.startswith("~/shared is a file or a link of yours")


def test_a_link_of_a_person_s_own_in_the_place_of_shared_is_not_followed(data: DataDirectory) -> None:
    (data.home("ada") / "shared").symlink_to(data.home("bob"))
    assert len(link_teams(data, "ada", ["vision"])) == 1
    assert list(data.home("bob").iterdir()) == []
