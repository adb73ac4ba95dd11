"""From which folders old files are removed: those of the catalog, and none where anything is doubtful."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.app import RunningServices
from hub.homes.aged_folders import FolderRefused, aged_folders
from hub.homes.aged_thread import AgedFiles
from hub.keys import Keys
from hub.settings import Settings
from studiolo.errors import CatalogError

AGED = {"title": "Attic", "read_only": False, "max_age": "30d"}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


def machine(tmp_path: Path, catalog: Path) -> Settings:
    return Settings.model_validate({"dataDirectory": tmp_path / "data", "catalogDirectory": catalog})


def cluster(tmp_path: Path, catalog: Path, **homes: str) -> Settings:
    raw: dict[str, Any] = {
        "dataDirectory": tmp_path / "data",
        "catalogDirectory": catalog,
        "kubernetes": {"namespace": "x", "release": "x", "homes": {"claim": "homes", **homes}},
        "homes": {"service": {"url": "http://homes:8084", "root": tmp_path / "volume"}},
    }
    return Settings.model_validate(raw)


def offer(catalog: Path, **entries: Mapping[str, object]) -> None:
    (catalog / "data.yaml").write_text(yaml.safe_dump({"data": entries}))


def old_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old").touch()
    return folder / "old"


def look(settings: Settings) -> None:
    """As in a year."""
    AgedFiles(settings, log=logging.getLogger("test"), now=lambda: time.time() + 365 * 86_400).look()


def test_old_files_go_from_folders_with_an_age_alone_on_one_machine(tmp_path: Path, catalog: Path) -> None:
    old, kept = old_file(tmp_path / "attic"), old_file(tmp_path / "shelf")
    offer(catalog, attic={**AGED, "path": str(old.parent)}, shelf={"title": "Shelf", "path": str(kept.parent)})
    look(machine(tmp_path, catalog))
    assert not old.exists()
    assert old.parent.is_dir()
    assert kept.exists()


def test_old_files_go_from_the_volume_with_the_homes(tmp_path: Path, catalog: Path) -> None:
    old, home = old_file(tmp_path / "volume" / "data" / "attic"), old_file(tmp_path / "volume" / "people" / "bob")
    offer(catalog, attic={**AGED, "claim": "homes", "folder": "data/attic"})
    look(cluster(tmp_path, catalog, folder="people"))
    assert not old.exists()
    assert home.exists()


@pytest.mark.parametrize(
    ("homes", "folder"),
    [("people", "people"), ("people", "people/bob"), ("a/people", "a"), ("", "attic"), ("/people/", "people/x")],
)
def test_nothing_is_removed_where_a_folder_has_homes_or_lies_among_them(
    homes: str, folder: str, tmp_path: Path, catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept, other = old_file(tmp_path / "volume" / folder), old_file(tmp_path / "volume" / "other")
    offer(
        catalog,
        attic={**AGED, "claim": "homes", "folder": folder},
        other={**AGED, "title": "Other", "claim": "homes", "folder": "other"},
    )
    look(cluster(tmp_path, catalog, folder=homes))
    assert kept.exists()
    assert other.exists()
    assert "has homes in it, or lies among them" in caplog.text


def test_nothing_is_removed_from_another_volume(tmp_path: Path, catalog: Path) -> None:
    """Of another claim the folder of the same name lies elsewhere."""
    kept = old_file(tmp_path / "volume" / "attic")
    offer(catalog, attic={**AGED, "claim": "datasets", "folder": "attic"})
    with pytest.raises(CatalogError, match="only the home service"):
        aged_folders(cluster(tmp_path, catalog, folder="people"))
    look(cluster(tmp_path, catalog, folder="people"))
    assert kept.exists()


@pytest.mark.parametrize("text", ["data: [", "data:\n  attic: {title: Attic, max_age: 30d}\n", "", "{}"])
def test_nothing_is_removed_while_the_catalog_cannot_be_read(text: str, tmp_path: Path, catalog: Path) -> None:
    old_file(tmp_path / "attic")
    (catalog / "data.yaml").write_text(text)
    with pytest.raises(CatalogError):
        aged_folders(machine(tmp_path, catalog))
    look(machine(tmp_path, catalog))
    assert (tmp_path / "attic" / "old").exists()


def test_without_the_file_nothing_is_removed(tmp_path: Path, catalog: Path) -> None:
    assert aged_folders(machine(tmp_path, catalog)) == ()
    assert aged_folders(cluster(tmp_path, catalog)) == ()


@pytest.mark.parametrize("place", ["data", "data/homes", "data/homes/bob", ""])
def test_nothing_is_removed_from_what_studiolo_keeps(place: str, tmp_path: Path, catalog: Path) -> None:
    kept = old_file(tmp_path / "data" / "homes" / "bob")
    offer(catalog, attic={**AGED, "path": str(tmp_path / place)})
    with pytest.raises(FolderRefused, match="must not grow old"):
        aged_folders(machine(tmp_path, catalog))
    look(machine(tmp_path, catalog))
    assert kept.exists()


def test_nothing_is_removed_from_the_home_of_who_runs_it(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    kept = old_file(tmp_path / "person")
    (tmp_path / "link").symlink_to(kept.parent)
    for path in (kept.parent, tmp_path / "link"):
        offer(catalog, attic={**AGED, "path": str(path)})
        look(machine(tmp_path, catalog))
        assert kept.exists()


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path, catalog: Path) -> None:
    kept = old_file(tmp_path / "elsewhere")
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "data").symlink_to(tmp_path)
    (tmp_path / "volume" / "attic").symlink_to(kept.parent)
    offer(
        catalog,
        attic={**AGED, "claim": "homes", "folder": "attic"},
        deep={**AGED, "title": "Deep", "claim": "homes", "folder": "data/elsewhere"},
    )
    look(cluster(tmp_path, catalog, folder="people"))
    assert kept.exists()


def test_one_folder_that_is_not_there_keeps_no_other(tmp_path: Path, catalog: Path) -> None:
    old = old_file(tmp_path / "attic")
    offer(
        catalog,
        gone={**AGED, "title": "Gone", "path": str(tmp_path / "gone")},
        attic={**AGED, "path": str(old.parent)},
    )
    look(machine(tmp_path, catalog))
    assert not old.exists()


class Heard(logging.Handler):
    """Waits until something was logged so often."""

    def __init__(self, text: str, *, times: int) -> None:
        super().__init__()
        self._text = text
        self._left = times
        self.enough = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self._left -= self._text in record.getMessage()
        if self._left <= 0:
            self.enough.set()


async def test_on_one_machine_services_looks_again_and_again(settings: Settings, keys: Keys, tmp_path: Path) -> None:
    """A catalog that cannot be read is told of at each look."""
    (tmp_path / "data.yaml").write_text("data: [")
    often = settings.homes.model_copy(update={"look_for_old_files_every": timedelta(milliseconds=1)})
    mine = settings.model_copy(update={"catalog_directory": tmp_path, "homes": often})
    heard, log = Heard("No old files are removed", times=3), logging.getLogger("hub.app")
    log.addHandler(heard)
    try:
        async with RunningServices(mine, keys):
            assert await asyncio.to_thread(heard.enough.wait, 60)
    finally:
        log.removeHandler(heard)
