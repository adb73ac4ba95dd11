"""What the home holds, what is deleted of it, and what its person is told."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from studiolo_lab.home import Home, HomeSilentError
from studiolo_lab.home_files import delete_files, look_through
from studiolo_lab.home_rules import Room, State, readable, state_of
from studiolo_lab.notices import Board

GIB = 1024**3
ROOM = Room(
    used_bytes=0,
    is_whole=True,
    quota_bytes=10 * GIB,
    disk_bytes=1000 * GIB,
    disk_free_bytes=500 * GIB,
    is_writable=True,
)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"used_bytes": 7 * GIB}, "ok"),
        ({"used_bytes": 8 * GIB}, "soon"),
        ({"used_bytes": int(9.5 * GIB)}, "almost"),
        ({"used_bytes": 10 * GIB}, "full"),
        ({"used_bytes": None}, "ok"),
        ({"quota_bytes": None, "disk_free_bytes": 40 * GIB}, "ok"),
        ({"quota_bytes": None, "disk_free_bytes": 4 * GIB}, "almost"),
        ({"quota_bytes": None, "disk_bytes": 10 * GIB, "disk_free_bytes": 2 * GIB}, "soon"),
        ({"disk_free_bytes": 1000}, "full"),
        ({"disk_free_bytes": 0, "is_writable": False}, "read_only"),
    ],
    ids=str,
)
def test_a_home_is_as_full_as_its_quota_or_its_disk(changes: dict[str, int | None], state: State) -> None:
    assert state_of(replace(ROOM, **changes)) == state  # type: ignore[arg-type]  # a table of cases


def test_free_is_what_the_quota_leaves_and_no_more_than_the_disk_has() -> None:
    assert replace(ROOM, used_bytes=4 * GIB).free_bytes == 6 * GIB
    assert replace(ROOM, used_bytes=4 * GIB, disk_free_bytes=GIB).free_bytes == GIB
    assert replace(ROOM, used_bytes=11 * GIB).free_bytes == 0
    assert replace(ROOM, quota_bytes=None).free_bytes == 500 * GIB


def test_sizes_are_readable() -> None:
    assert [readable(size) for size in (12, 1536, 2_000_000, 3 * GIB)] == ["12 B", "1.5 KiB", "1.9 MiB", "3.0 GiB"]


def test_the_largest_files_come_first_and_no_link_or_mount_is_followed(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    for folder in (home / "data", home / "shared", outside):
        folder.mkdir(parents=True)
    (home / "small.txt").write_bytes(b"x" * 10_000)
    (home / "data" / "large.bin").write_bytes(b"x" * 900_000)
    (home / "data" / "same.bin").hardlink_to(home / "data" / "large.bin")
    (home / "shared" / "of-the-team.bin").write_bytes(b"x" * 900_000)
    (outside / "huge.bin").write_bytes(b"x" * 900_000)
    (home / "link").symlink_to(outside)
    found = look_through(str(home), seconds=60, mounts=frozenset({str(home / "shared")}))
    assert found.is_whole
    assert [file.path for file in found.largest][1:] == ["small.txt"]
    assert found.largest[0].path in {"data/large.bin", "data/same.bin"}
    assert 900_000 <= found.used_bytes < 1_500_000


def test_a_home_that_takes_too_long_is_counted_as_far_as_time_goes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    ticks = iter(range(100))
    found = look_through(str(tmp_path), seconds=0, clock=lambda: next(ticks))
    assert (found.is_whole, found.largest) == (False, [])


def test_only_regular_files_below_the_home_are_deleted_and_all_problems_are_told(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    for folder in (home / "folder", home / "shared", outside):
        folder.mkdir(parents=True)
    for file in (home / "one", home / "folder" / "two", home / "shared" / "three", outside / "four"):
        file.write_text("x")
    (home / "way-out").symlink_to(outside)
    (home / "link").symlink_to(outside / "four")
    asked = ["one", "folder/two", "way-out/four", "link", "folder", "../outside/four", str(outside / "four"), "gone"]
    problems = delete_files(str(home), [*asked, "shared/three", "a\0b"], mounts=frozenset({str(home / "shared")}))
    assert set(problems) == {*asked[2:], "shared/three", "a\0b"}
    assert all(problems.values())
    assert not (home / "one").exists()
    assert not (home / "folder" / "two").exists()
    assert (outside / "four").exists()
    assert (home / "shared" / "three").exists()


async def test_a_home_that_hangs_is_told_in_time_and_holds_nobody_up(tmp_path: Path) -> None:
    board, goes_on = Board(), threading.Event()
    home = Home(str(tmp_path), quota_bytes=None, to=board, patience=0.05)
    home._thread.submit(goes_on.wait)
    try:
        assert (await home.look())["state"] == "slow"
        with pytest.raises(HomeSilentError):
            await home.largest()
        assert [notice.level for notice in board.current()] == ["warning"]
    finally:
        goes_on.set()
        home._thread.shutdown()


async def test_notices_follow_how_full_it_is(tmp_path: Path) -> None:
    board = Board()
    home = Home(str(tmp_path), quota_bytes=1_000_000, to=board, patience=60)
    (tmp_path / "large.bin").write_bytes(os.urandom(970_000))
    assert (await home.look(anew=True))["state"] == "almost"
    assert [notice.key for notice in board.current()] == ["home"]
    assert await home.delete(["large.bin"]) == {}
    assert board.current() == ()
    home._thread.shutdown()
