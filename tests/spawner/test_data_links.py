"""Data on one machine is links below ~/data; nothing that a person made there is ever touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from spawner.data_links import link_data
from studiolo.catalog import DataFolder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def iris(tmp_path: Path) -> DataFolder:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "iris.csv").write_text("5.1,3.5")
    return DataFolder(name="iris", title="Iris", mount="/data/flowers/iris", path=tmp_path / "srv")


def links(home: Path, entry: DataFolder, *, chosen: bool = True, offered: bool = True) -> tuple[str, ...]:
    found = link_data(home, (entry,) if chosen else (), known=(entry,), offered=(entry,) if offered else ())
    return tuple(problem.reason for problem in found)


def test_what_is_chosen_is_a_link_and_stays_one(home: Path, iris: DataFolder) -> None:
    for _ in range(2):
        assert links(home, iris) == ()
        assert (home / "data" / "flowers" / "iris" / "iris.csv").read_text() == "5.1,3.5"


def test_what_is_not_chosen_is_not_linked_and_stays_where_another_workspace_chose_it(
    home: Path, iris: DataFolder
) -> None:
    assert links(home, iris, chosen=False) == ()
    assert list(home.iterdir()) == []
    links(home, iris)
    links(home, iris, chosen=False)
    assert (home / "data" / "flowers" / "iris").is_symlink()


def test_what_is_no_longer_offered_goes(home: Path, iris: DataFolder) -> None:
    links(home, iris)
    links(home, iris, chosen=False, offered=False)
    assert not (home / "data" / "flowers" / "iris").is_symlink()
    assert (iris.path or Path()).joinpath("iris.csv").exists()


def test_a_link_of_before_follows_the_catalog(home: Path, iris: DataFolder, tmp_path: Path) -> None:
    links(home, iris)
    (tmp_path / "new").mkdir()
    moved = iris.model_copy(update={"path": tmp_path / "new"})
    assert links(home, moved) == ()
    assert (home / "data" / "flowers" / "iris").readlink() == tmp_path / "new"


def test_a_folder_that_is_not_there_is_said(home: Path, iris: DataFolder, tmp_path: Path) -> None:
    gone = iris.model_copy(update={"path": tmp_path / "gone"})
    assert links(home, gone) == (f"There is no folder {tmp_path / 'gone'} on this machine.",)


def test_a_person_s_own_files_are_left_alone(home: Path, iris: DataFolder) -> None:
    mine = home / "data" / "flowers" / "iris"
    mine.mkdir(parents=True)
    (mine / "thesis").write_text("mine")
    assert links(home, iris) == ("You have files of your own at ~/data/flowers/iris.",)
    links(home, iris, chosen=False, offered=False)
    assert (mine / "thesis").read_text() == "mine"


def test_a_file_or_a_link_where_a_folder_belongs_is_said(home: Path, iris: DataFolder, tmp_path: Path) -> None:
    (home / "data").write_text("mine")
    assert links(home, iris) == ("~/data/flowers is a file where a folder belongs.",)
    (home / "data").unlink()
    (tmp_path / "elsewhere").mkdir()
    (home / "data").symlink_to(tmp_path / "elsewhere")
    assert links(home, iris) == ("~/data/flowers is a link where a folder belongs.",)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_of_a_person_s_own_to_elsewhere_is_not_taken_away(home: Path, iris: DataFolder, tmp_path: Path) -> None:
    (home / "data" / "flowers").mkdir(parents=True)
    (home / "data" / "flowers" / "iris").symlink_to(tmp_path)
    links(home, iris, chosen=False, offered=False)
    assert (home / "data" / "flowers" / "iris").is_symlink()
