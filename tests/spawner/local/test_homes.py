"""Starts on one machine whose home is full, can only be read, does not answer, or is left aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from spawner.errors import DataNotUsable, HomeNotUsable, HomesAway
from spawner.home_checks import HomeChecks
from spawner.home_state import EMPTY_HOME_SAID
from spawner.local import LocalWorkspaceSpawner
from tests.faulty_disks import fill, read_only, silent, small_disk

SMALL = {"environment": "python", "hardware": "small"}
EMPTY = {**SMALL, "home": "empty"}

# ruff: noqa: ASYNC240 - a test that waits for its own disk holds up nobody

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


@pytest.fixture
def home(hub: Any) -> Path:
    path: Path = hub.data.home("alice")
    path.mkdir(parents=True)
    return path


async def environment_of(spawner: LocalWorkspaceSpawner) -> dict[str, str]:
    async with httpx.AsyncClient() as client:
        found: dict[str, str] = (await client.get(spawner.server.url)).json()
        return found


def impatient(hub: Any) -> None:
    """Its starts wait half a second for a home."""
    object.__setattr__(LocalWorkspaceSpawner.parts, "home_checks", HomeChecks(seconds=0.5))


async def test_a_full_home_keeps_nobody_from_starting_and_it_is_said(hub: Any, home: Path) -> None:
    with small_disk(home, megabytes=2):
        fill(home)
        spawner = await hub.start(SMALL)
        (said,) = spawner.progress_now().notices
        assert said.startswith("Your home is full")
        (notice,) = json.loads((await environment_of(spawner))["STUDIOLO_NOTICES"])
        assert notice == {"key": "home", "level": "warning", "text": said}
        await spawner.stop()


async def test_a_home_that_can_only_be_read_keeps_nobody_from_starting(hub: Any, home: Path) -> None:
    (home / "notes.txt").write_text("mine")
    with read_only(home):
        spawner = await hub.start(SMALL)
        (said,) = spawner.progress_now().notices
        assert said.startswith("Your home can only be read")
        assert (await environment_of(spawner))["HOME"] == str(home)
        await spawner.stop()
    assert (home / "notes.txt").read_text() == "mine"


async def test_a_home_that_is_not_there_yet_and_cannot_be_made_leaves_a_choice(hub: Any) -> None:
    hub.data.homes.mkdir(parents=True)
    with read_only(hub.data.homes):
        _, spawner = await hub.fails(SMALL)
        assert isinstance(spawner.failure, HomeNotUsable)
        assert "Read-only file system" in spawner.failure.text
        again, empty = spawner.failure.offers
        assert (again.label, empty.label) == ("Try again", "Start with an empty home")
        spawner = await hub.start(empty.choice.as_user_options())
        await spawner.stop()


async def test_a_home_that_does_not_answer_leaves_a_choice_and_an_empty_one_waits_for_nothing(
    hub: Any, home: Path
) -> None:
    impatient(hub)
    with silent(home):
        _, spawner = await hub.fails(SMALL)
        assert isinstance(spawner.failure, HomesAway)
        assert "Its disk did not answer within 0.5 s." in spawner.failure.text
        empty = spawner.failure.offers[-1].choice
        spawner = await hub.start(empty.as_user_options())
        env = await environment_of(spawner)
        assert env["HOME"] == str(hub.data.workspace("alice", "").empty_home)
        await spawner.stop()


async def test_an_empty_home_is_empty_is_said_so_is_gone_afterwards_and_not_remembered(hub: Any, home: Path) -> None:
    (home / "notes.txt").write_text("mine")
    spawner = await hub.start(EMPTY)
    assert spawner.progress_now().notices == (EMPTY_HOME_SAID,)
    folder = Path((await environment_of(spawner))["HOME"])
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    (notice,) = json.loads((await environment_of(spawner))["STUDIOLO_NOTICES"])
    assert notice["key"] == "empty_home"
    (folder / "lost.txt").write_text("lost")
    await spawner.stop()
    assert not folder.exists()
    assert spawner.orm_spawner.user_options == SMALL
    spawner = await hub.start()
    assert (await environment_of(spawner))["HOME"] == str(home)
    assert [path.name for path in home.iterdir()] == ["notes.txt"]
    assert spawner.progress_now().notices == ()


async def test_data_that_does_not_answer_is_told_apart_from_a_home(hub: Any, home: Path, tmp_path: Path) -> None:
    impatient(hub)
    folder = tmp_path / "iris"
    folder.mkdir()
    catalog = hub.catalogs.current
    data = tuple(entry.model_copy(update={"path": folder}) for entry in catalog.data)
    hub.catalogs.current = catalog.model_copy(update={"data": data})
    with silent(folder):
        _, spawner = await hub.fails({**SMALL, "data": ["iris"]})
    assert isinstance(spawner.failure, DataNotUsable)
    assert [offer.choice.data for offer in spawner.failure.offers] == [()]


async def test_links_that_a_home_takes_not_are_missing_and_it_is_said(hub: Any, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "iris"
    folder.mkdir()
    catalog = hub.catalogs.current
    data = tuple(entry.model_copy(update={"path": folder}) for entry in catalog.data)
    hub.catalogs.current = catalog.model_copy(update={"data": data})
    with read_only(home):
        spawner = await hub.start({**SMALL, "data": ["iris"]})
        assert "~/data cannot be changed now, so data may be missing there." in spawner.progress_now().notices
        await spawner.stop()
