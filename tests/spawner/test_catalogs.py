"""The last good catalog is served, whatever happens to its files."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from watchfiles import Change

from spawner import catalogs
from spawner.catalogs import CatalogHolder, CatalogStatus
from studiolo.catalog import check_catalog
from studiolo.errors import CatalogError

LOG = logging.getLogger("test.catalogs")
DEADLINE = 20
"""Seconds: far more than an event takes; a test that waits this long has failed."""

ENVIRONMENTS = """\
environments:
  python:
    title: Python
    summary: NumPy and pandas
    requirements: requirements.lock
"""
HARDWARE = """\
hardware:
  small:
    title: {title}
    summary: For a look
    cpu: 1
    memory: 2Gi
"""
BROKEN = "hardware:\n  small:\n    titel: Small\n    cpu: 1\n    memory: 2Gi\n"


class Clock:
    """A clock that moves a minute at each look."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(minutes=1)
        return self.time


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good catalog."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "requirements.lock").write_text("jupyterlab==4.5.0\n")
    (folder / "environments.yaml").write_text(ENVIRONMENTS)
    (folder / "hardware.yaml").write_text(HARDWARE.format(title="Small"))
    return folder


def titles(holder: CatalogHolder) -> list[str]:
    return [entry.title for entry in holder.current.hardware]


def edit(folder: Path, text: str) -> None:
    """As editors do: a new file in the old one's place."""
    (folder / "hardware.yaml.new").write_text(text)
    (folder / "hardware.yaml.new").replace(folder / "hardware.yaml")


def test_data_comes_changes_and_goes(folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG, now=Clock())
    assert holder.current.data == ()
    (folder / "data.yaml").write_text("data:\n  iris: {title: Iris, path: /}\n")
    assert not holder.reload().is_valid
    (folder / "data.yaml").write_text(f"data:\n  iris: {{title: Iris, path: {folder}}}\n")
    assert holder.reload().is_valid
    assert [entry.title for entry in holder.current.data] == ["Iris"]
    (folder / "data.yaml").unlink()
    assert holder.reload().is_valid
    assert holder.current.data == ()


def test_a_good_edit_is_served(folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG, now=Clock())
    first = holder.status
    edit(folder, HARDWARE.format(title="Tiny"))
    status = holder.reload()
    assert titles(holder) == ["Tiny"]
    assert status == holder.status
    assert status.is_valid
    assert status.loaded_at == status.changed_at > first.loaded_at


def test_a_broken_edit_is_refused_whole_and_the_last_good_catalog_is_served_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    holder = CatalogHolder(folder, log=LOG, now=Clock())
    good, loaded_at = holder.current, holder.status.loaded_at
    edit(folder, BROKEN)
    status = holder.reload()
    assert holder.current is good
    assert not status.is_valid
    assert status.loaded_at == loaded_at < status.changed_at
    assert status.problems == check_catalog(folder).problems
    assert status.problems


def test_the_log_has_the_text_of_catalog_check(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    holder = CatalogHolder(folder, log=LOG)
    caplog.clear()
    edit(folder, BROKEN)
    holder.reload()
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [
        "The catalog was changed and refused; the last good one is served on.",
        *(str(problem) for problem in check_catalog(folder).problems),
    ]
    assert {record.levelname for record in caplog.records} == {"ERROR"}


def test_an_edit_that_mends_it_is_served(folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG)
    edit(folder, BROKEN)
    holder.reload()
    edit(folder, HARDWARE.format(title="Mended"))
    assert holder.reload().is_valid
    assert titles(holder) == ["Mended"]
    assert holder.status.problems == ()


@pytest.mark.parametrize("damage", ["gone", "binary", "empty", "folder gone"])
def test_files_that_go_away_leave_the_last_good_catalog(damage: str, folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG)
    match damage:
        case "gone":
            (folder / "hardware.yaml").unlink()
        case "binary":
            (folder / "hardware.yaml").write_bytes(os.urandom(64) + b"\x00\xff")
        case "empty":
            (folder / "hardware.yaml").write_text("")
        case "folder gone":
            shutil.rmtree(folder)
    assert not holder.reload().is_valid
    assert titles(holder) == ["Small"]


def test_reading_the_same_again_changes_nothing_and_tells_nobody(folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG, now=Clock())
    told: list[CatalogStatus] = []
    holder.subscribe(told.append)
    before = holder.status
    assert holder.reload() is before
    assert not told


def test_a_broken_catalog_at_the_start_is_refused_with_all_its_problems(folder: Path) -> None:
    edit(folder, BROKEN)
    with pytest.raises(CatalogError) as caught:
        CatalogHolder(folder, log=LOG)
    assert caught.value.problems == check_catalog(folder).problems


def test_warnings_are_logged_and_served(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    entry = "    teams: [{team}]\n"
    (folder / "environments.yaml").write_text(ENVIRONMENTS + entry.format(team="vision"))
    edit(folder, HARDWARE.format(title="Small") + entry.format(team="visoin"))
    holder = CatalogHolder(folder, log=LOG)
    assert holder.status.is_valid
    assert [record.getMessage() for record in caplog.records] == [str(problem) for problem in holder.status.problems]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_subscribers_hear_good_and_refused_changes_until_they_leave(folder: Path) -> None:
    holder = CatalogHolder(folder, log=LOG)
    told: list[bool] = []
    leave = holder.subscribe(lambda status: told.append(status.is_valid))
    for text in (BROKEN, HARDWARE.format(title="Mended")):
        edit(folder, text)
        holder.reload()
    leave()
    edit(folder, BROKEN)
    holder.reload()
    assert told == [False, True]


def test_a_listener_that_fails_keeps_the_change_from_nobody(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_status: CatalogStatus) -> None:
        raise RuntimeError("a listener's own fault")

    holder = CatalogHolder(folder, log=LOG)
    told: list[CatalogStatus] = []
    holder.subscribe(fails)
    holder.subscribe(told.append)
    edit(folder, HARDWARE.format(title="Tiny"))
    holder.reload()
    assert told == [holder.status]
    assert "A listener failed when the catalog changed" in caplog.text


@contextlib.asynccontextmanager
async def watched(holder: CatalogHolder) -> AsyncIterator[asyncio.Queue[CatalogStatus]]:
    """The holder watching its files, and what it tells of them."""
    heard: asyncio.Queue[CatalogStatus] = asyncio.Queue()
    leave = holder.subscribe(heard.put_nowait)
    watching = asyncio.create_task(holder.watch())
    try:
        async with asyncio.timeout(DEADLINE):
            yield heard
    finally:
        leave()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def test_an_edit_is_noticed_by_its_event(folder: Path) -> None:
    """Looks are an hour apart here, so only an event can tell. Edits before the watch listens are repeated."""
    holder = CatalogHolder(folder, log=LOG, seconds_between_looks=3600)
    async with watched(holder) as heard:
        for attempt in itertools.count():
            edit(folder, HARDWARE.format(title=f"Edit {attempt}"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.get(), timeout=0.5)
                break
    assert titles(holder)[0].startswith("Edit ")


async def test_an_edit_without_an_event_is_noticed_at_the_next_look(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system, where another machine made the edit."""
    monkeypatch.setattr(catalogs, "_is_of_catalog", lambda _change, _path: False)
    holder = CatalogHolder(folder, log=LOG, seconds_between_looks=0.05)
    async with watched(holder) as heard:
        edit(folder, HARDWARE.format(title="First"))
        await heard.get()
        edit(folder, HARDWARE.format(title="Second"))
        await heard.get()
    assert titles(holder) == ["Second"]


async def test_other_files_of_the_folder_are_no_reason_to_look(folder: Path) -> None:
    assert catalogs._is_of_catalog(Change.modified, str(folder / "hardware.yaml"))
    assert catalogs._is_of_catalog(Change.added, str(folder / "..data"))
    assert not catalogs._is_of_catalog(Change.modified, str(folder / "README.md"))


async def test_a_folder_that_was_away_is_noticed_when_it_is_back(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = folder.with_name("away")

    def go_away() -> None:
        folder.rename(away)

    def come_back() -> None:
        edit(away, HARDWARE.format(title="Back"))
        away.rename(folder)

    holder = CatalogHolder(folder, log=LOG, seconds_between_looks=0.05)
    async with watched(holder) as heard:
        go_away()
        assert not (await heard.get()).is_valid
        come_back()
        assert (await heard.get()).is_valid
    assert titles(holder) == ["Back"]


def test_an_environment_starts_the_image_before_until_the_new_one_is_on_the_nodes(folder: Path) -> None:
    old, new = (f"registry.test/python@sha256:{letter * 64}" for letter in "ab")
    (folder / "environments.yaml").write_text(ENVIRONMENTS + f"    image: {new}\n")
    holder = CatalogHolder(folder, log=LOG, now=Clock())

    def starts() -> tuple[str | None, bool]:
        return holder.current.environments[0].image, holder.newer_is_coming("python")

    assert starts() == (new, False)
    holder.start_images({"python": old, "gone": old})
    assert starts() == (old, True)
    assert not holder.newer_is_coming("gone")
    assert holder.reload().is_valid
    assert starts() == (old, True)
    (folder / "environments.yaml").write_text(ENVIRONMENTS + f"    image: {old}\n")
    holder.reload()
    assert starts() == (old, False)
    holder.start_images({})
    assert starts() == (old, False)
