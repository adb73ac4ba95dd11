"""Old files are removed from one folder, and nothing else is, whatever people do there meanwhile."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.homes.aged import DEEPEST, Swept, sweep

IN_A_MONTH = time.time() + 30 * 86_400
"""Everything that a test makes is older than this: no file can be made with an old `ctime`."""

FRESH = (IN_A_MONTH + 60, IN_A_MONTH + 60)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "scratch"
    top.mkdir()
    return top


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's files elsewhere, all of them old."""
    outside = tmp_path / "home"
    (outside / "deep").mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        (outside / name).write_text(name)
    return outside


def swept(top: Path, *, before: float = IN_A_MONTH, seconds: float = 600, **more: Callable[[], bool]) -> Swept:
    descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sweep(descriptor, before=before, seconds=seconds, **more)
    finally:
        os.close(descriptor)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_old_files_go_and_folders_that_are_empty_then_and_the_folder_itself_stays(top: Path) -> None:
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "old").write_bytes(b"12345")
    (top / "old").touch()
    os.mkfifo(top / "pipe")
    done = swept(top)
    assert (done.removed_count, done.removed_bytes, done.kept_count, done.is_whole) == (3, 5, 0, True)
    assert names_in(top) == set()
    assert top.is_dir()


@pytest.mark.parametrize(
    ("atime", "mtime"),
    [pytest.param(*FRESH, id="both"), pytest.param(FRESH[0], 0, id="read"), pytest.param(0, FRESH[1], id="changed")],
)
def test_what_was_changed_or_read_stays_and_so_do_the_folders_above_it(top: Path, atime: float, mtime: float) -> None:
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "fresh").touch()
    (top / "a" / "old").touch()
    os.utime(top / "a" / "b" / "fresh", (atime, mtime))
    swept(top)
    assert names_in(top) == {"a", "a/b", "a/b/fresh"}


def test_what_was_unpacked_just_now_with_an_old_date_stays(top: Path) -> None:
    (top / "unpacked").touch()
    os.utime(top / "unpacked", (0, 0))
    (top / "folder").mkdir()
    os.utime(top / "folder", (0, 0))
    swept(top, before=time.time() - 86_400)
    assert names_in(top) == {"unpacked", "folder"}


def test_links_are_removed_and_what_they_lead_to_is_not(top: Path, outside: Path) -> None:
    before = names_in(outside)
    (top / "file").symlink_to(outside / "a")
    (top / "folder").symlink_to(outside)
    (top / "up").symlink_to("..")
    (top / "hard").hardlink_to(outside / "b")
    done = swept(top)
    assert (done.removed_count, done.removed_bytes) == (
        4,
        sum(len(os.fspath(at)) for at in (outside / "a", outside, "..")),
    )
    assert names_in(top) == set()
    assert names_in(outside) == before
    assert (outside / "b").read_text() == "b"


def moments(top: Path, act: Callable[[], None], number: int) -> Callable[[], bool]:
    """Somebody acts at the moment of this number: it is asked at every step whether to stop."""
    count = itertools.count()

    def is_stopped() -> bool:
        if next(count) == number:
            act()
        return False

    return is_stopped


MOMENTS = range(60)
"""More than a look at these few files has."""


@pytest.mark.parametrize("number", MOMENTS)
def test_a_folder_that_is_moved_away_meanwhile_loses_nothing_more(number: int, top: Path, tmp_path: Path) -> None:
    (top / "a" / "b").mkdir(parents=True)
    for name in ("a/1", "a/2", "a/b/3", "a/b/4"):
        (top / name).touch()
    moved: list[set[str]] = []

    def act() -> None:
        if (top / "a").exists():
            (top / "a").rename(tmp_path / "mine")
            moved.append(names_in(tmp_path / "mine"))

    swept(top, is_stopped=moments(top, act, number))
    if moved:
        assert names_in(tmp_path / "mine") == moved[0]


@pytest.mark.parametrize("number", MOMENTS)
@pytest.mark.parametrize("name", ["a", "a/b", "a/b/3"])
def test_a_link_that_takes_the_place_of_something_meanwhile_leads_nowhere(
    number: int, name: str, top: Path, outside: Path
) -> None:
    before = names_in(outside)
    (top / "a" / "b").mkdir(parents=True)
    for file in ("a/1", "a/b/3", "a/b/4"):
        (top / file).touch()

    def act() -> None:
        if (top / name).exists():
            (top / name).rename(top / "aside")
            (top / name).symlink_to(outside)

    swept(top, is_stopped=moments(top, act, number))
    assert names_in(outside) == before


@pytest.mark.parametrize("number", range(12))
def test_a_file_that_is_used_meanwhile_stays(number: int, top: Path) -> None:
    (top / "used").touch()
    was_there: list[bool] = []

    def act() -> None:
        was_there.append((top / "used").exists())
        if was_there[0]:
            os.utime(top / "used", FRESH)

    swept(top, is_stopped=moments(top, act, number))
    assert (top / "used").exists() is (was_there == [True])


def test_a_look_ends_when_its_time_is_over_and_says_so(top: Path) -> None:
    (top / "a").mkdir()
    (top / "a" / "old").touch()
    (top / "old").touch()
    done = swept(top, seconds=-1)
    assert (done.removed_count, done.is_whole) == (0, False)
    assert names_in(top) == {"a", "a/old", "old"}


def test_a_look_that_is_stopped_removes_nothing_more(top: Path) -> None:
    for number in range(20):
        (top / str(number)).touch()
    answers = itertools.chain([False] * 30, itertools.repeat(True))
    done = swept(top, is_stopped=lambda: next(answers))
    assert 0 < done.removed_count < 20
    assert len(names_in(top)) == 20 - done.removed_count


def test_a_tower_of_folders_exhausts_nothing(top: Path) -> None:
    folder = os.open(top, os.O_RDONLY)
    for _ in range(DEEPEST + 50):
        os.mkdir("x", dir_fd=folder)
        below = os.open("x", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    assert not swept(top).is_whole
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_what_is_mounted_below_is_not_entered_not_even_from_the_same_disk(top: Path, outside: Path) -> None:
    before = names_in(outside)
    (top / "mounted").mkdir()
    script = (
        "import os, sys; from hub.homes.aged import sweep;"
        "print(sweep(os.open(sys.argv[1], os.O_RDONLY), before=float(sys.argv[2]), seconds=600).removed_count)"
    )
    inside = 'mount --bind "$1" "$2/mounted" && exec "$3" -c "$4" "$2" "$5"'
    words = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else []), "sh", "-euc", inside, "sh"]
    ended = subprocess.run(
        [*words, outside, top, sys.executable, script, str(IN_A_MONTH)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "0\n"), ended.stderr
    assert names_in(outside) == before
