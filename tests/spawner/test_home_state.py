"""What a home is good for, found out on real disks that are full, can only be read, or do not answer."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from hub.homes.disk import HomesDisk
from spawner.home_checks import HomeChecks
from spawner.home_state import HomeState, state_of
from spawner.homes import HomesSilent
from tests.faulty_disks import fill, read_only, silent, small_disk

PATIENCE_SECONDS = 30.0


def state(home: Path) -> HomeState:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return state_of(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "people" / "alice"
    path.mkdir(parents=True, mode=0o700)
    return path


def test_an_ordinary_home_takes_what_is_saved_and_nothing_is_left_of_the_look(home: Path) -> None:
    before = home.stat().st_mtime_ns
    assert state(home) is HomeState.OK
    assert not HomeState.OK.sentence
    assert list(home.iterdir()) == []
    assert home.stat().st_mtime_ns == before


def test_a_home_that_can_only_be_read_is_told_from_one_that_is_full(home: Path) -> None:
    with small_disk(home, megabytes=2):
        assert state(home) is HomeState.OK
        large = fill(home, files_too=False)
        assert state(home) is HomeState.FULL
        large.unlink()
        assert state(home) is HomeState.OK
        for number in range(64):
            if state(home) is HomeState.FULL:
                break  # no room for one more file, though for bytes
            (home / str(number)).touch()
        assert state(home) is HomeState.FULL
        with read_only(home):
            assert state(home) is HomeState.READ_ONLY


def test_the_home_service_has_a_home_that_takes_nothing_and_makes_none_there(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    disk = HomesDisk(root=volume, uid=1000, gid=1000)
    with small_disk(volume, megabytes=2):
        assert disk.ensure("alice").is_new
        os.chown(volume / "alice", 0, 0)
        with read_only(volume):
            ensured = disk.ensure("alice")  # whose owner cannot be put right now
            assert (ensured.is_new, ensured.state) == (False, HomeState.READ_ONLY)
            with pytest.raises(OSError, match="Read-only"):
                disk.ensure("bob")
        fill(volume)
        assert disk.ensure("alice").state is HomeState.FULL
        with pytest.raises(OSError, match="No space"):
            disk.ensure("bob")


async def test_a_disk_that_hangs_is_given_up_and_holds_one_thread_for_each_home(home: Path) -> None:
    checks, before = HomeChecks(seconds=0.2, most=2), threading.active_count()
    with silent(home):
        for _ in range(3):
            with pytest.raises(HomesSilent, match=r"within 0\.2 s"):
                await checks.run("alice", lambda: state(home))
        with pytest.raises(HomesSilent):
            await checks.run("bob", lambda: state(home))
        with pytest.raises(HomesSilent, match="Too many"):
            await checks.run("carol", lambda: state(home.parent))
        assert threading.active_count() == before + 2
    async with asyncio.timeout(PATIENCE_SECONDS):  # what hung has its error now, and the home is itself again
        while await _is_refused(checks, home):
            pass
    assert await checks.run("bob", lambda: state(home)) is HomeState.OK


async def _is_refused(checks: HomeChecks, home: Path) -> bool:
    try:
        return await checks.run("alice", lambda: state(home)) is not HomeState.OK
    except (HomesSilent, OSError):
        return True


async def test_one_that_hangs_keeps_nobody_else(tmp_path: Path, home: Path) -> None:
    checks = HomeChecks(seconds=PATIENCE_SECONDS)
    with silent(home):
        waiting = asyncio.create_task(checks.run("alice", lambda: state(home)))
        assert await checks.run("bob", lambda: state(tmp_path)) is HomeState.OK
        assert not waiting.done()
    with pytest.raises(OSError, match="not connected"):
        await waiting


async def test_what_a_step_raises_reaches_who_asked_and_the_next_step_runs(tmp_path: Path) -> None:
    checks = HomeChecks()
    with pytest.raises(FileNotFoundError):
        await checks.run("alice", lambda: state(tmp_path / "missing"))
    assert await checks.run("alice", lambda: state(tmp_path)) is HomeState.OK
