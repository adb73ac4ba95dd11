"""The volume: homes are their owner's alone, links lead nowhere, and nothing is lost on the way."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.homes.disk import HomesDisk
from hub.homes.errors import HomeInTheWay, NoSuchHome
from hub.homes.measure import DEEPEST
from spawner.homes import HomeUsage
from tests.hub.homes.conftest import OWNER

NOW = datetime(2026, 11, 26, 20, 15, tzinfo=UTC)


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def test_a_home_is_made_for_its_owner_alone(disk: HomesDisk, homes: Path) -> None:
    assert disk.ensure("alice").is_new
    assert owner_and_mode(homes / "alice") == (*OWNER, 0o700)


def test_a_generous_umask_opens_nothing_and_a_strict_one_closes_nothing(disk: HomesDisk, homes: Path) -> None:
    before = os.umask(0o077)
    try:
        disk.ensure("alice")
        os.umask(0)
        disk.ensure("bob")
    finally:
        os.umask(before)
    assert owner_and_mode(homes)[2] == 0o711
    assert {owner_and_mode(homes / name)[2] for name in ("alice", "bob")} == {0o700}


def test_a_home_that_is_there_keeps_its_files_and_gets_its_owner_back(disk: HomesDisk, homes: Path) -> None:
    (homes / "alice").mkdir(parents=True)
    (homes / "alice").chmod(0o777)
    file = homes / "alice" / "notes.txt"
    file.write_text("hers")
    file.chmod(0o640)
    before = owner_and_mode(file)
    assert not disk.ensure("alice").is_new
    assert owner_and_mode(homes / "alice") == (*OWNER, 0o700)
    assert (file.read_text(), owner_and_mode(file)) == ("hers", before)


def test_a_team_has_a_folder_for_all_its_members_and_each_home_a_place_for_it(disk: HomesDisk, homes: Path) -> None:
    before = os.umask(0o077)
    try:
        disk.ensure("alice")
        assert [disk.share("alice", "vision"), disk.share("alice", "vision")] == [True, False]
    finally:
        os.umask(before)
    assert owner_and_mode(homes / ".teams")[2] == 0o711
    assert owner_and_mode(homes / ".teams" / "vision") == (*OWNER, 0o2770)
    for place in ("shared", "shared/vision"):
        assert owner_and_mode(homes / "alice" / place) == (*OWNER, 0o755)


def test_the_folder_of_a_team_gets_its_owner_and_mode_back_and_keeps_its_files(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    folder = homes / ".teams" / "vision"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "model.pt").write_text("weights")
    assert disk.share("alice", "vision") is False
    assert owner_and_mode(folder) == (*OWNER, 0o2770)
    assert (folder / "model.pt").read_text() == "weights"


@pytest.mark.parametrize("place", ["alice/shared", "alice/shared/vision", ".teams/vision"])
def test_a_link_in_the_place_of_what_a_team_shares_is_not_followed(
    place: str, disk: HomesDisk, homes: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    before = owner_and_mode(elsewhere)
    disk.ensure("alice")
    (homes / place).parent.mkdir(parents=True, exist_ok=True)
    (homes / place).symlink_to(elsewhere)
    with pytest.raises(HomeInTheWay, match="a file or a link"):
        disk.share("alice", "vision")
    assert owner_and_mode(elsewhere) == before
    assert list(elsewhere.iterdir()) == []


def test_who_has_no_home_yet_shares_nothing(disk: HomesDisk) -> None:
    with pytest.raises(NoSuchHome):
        disk.share("alice", "vision")
    for name in ("..", ".teams", "a/b", ""):
        with pytest.raises(NoSuchHome):
            disk.share("alice", name)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "/etc", ".archived", "Alice", "a--b", "%2e%2e", "a\0", "a" * 64]
)
def test_what_is_no_home_s_name_is_refused_before_the_disk_is_touched(name: str, disk: HomesDisk) -> None:
    for step in (disk.ensure, disk.restore):
        with pytest.raises(NoSuchHome):
            step(name)
    with pytest.raises(NoSuchHome):
        disk.archive(name, now=NOW)
    assert list(disk.root.iterdir()) == []


def test_a_link_in_the_place_of_a_home_is_not_followed(disk: HomesDisk, homes: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    before = owner_and_mode(elsewhere)
    homes.mkdir()
    (homes / "alice").symlink_to(elsewhere)
    for step in (disk.ensure, lambda name: disk.usage(name, seconds=60), lambda name: disk.archive(name, now=NOW)):
        with pytest.raises(HomeInTheWay, match="a file or a link"):
            step("alice")
    assert owner_and_mode(elsewhere) == before


def test_a_link_in_the_place_of_the_folder_above_is_not_followed(disk: HomesDisk, homes: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    homes.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeInTheWay):
        disk.ensure("alice")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_volume_that_is_not_mounted_is_not_made_up(disk: HomesDisk) -> None:
    disk.root.rmdir()
    with pytest.raises(FileNotFoundError):
        disk.ensure("alice")


def test_a_home_is_put_aside_whole_and_comes_back_whole(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    (homes / "alice" / "notes.txt").write_text("hers")
    archived = disk.archive("alice", now=NOW)
    assert not (homes / "alice").exists()
    assert owner_and_mode(homes / ".archived")[2] == 0o700
    assert disk.restore("alice") == archived
    assert (homes / "alice" / "notes.txt").read_text() == "hers"
    assert owner_and_mode(homes / "alice") == (*OWNER, 0o700)
    assert list((homes / ".archived").iterdir()) == []


def test_an_empty_home_makes_room_and_one_with_files_does_not(disk: HomesDisk, homes: Path) -> None:
    """A person who came back before the administrator did has a new home."""
    disk.ensure("alice")
    (homes / "alice" / "old.txt").write_text("old")
    disk.archive("alice", now=NOW)
    disk.ensure("alice")
    (homes / "alice" / "new.txt").write_text("new")
    with pytest.raises(HomeInTheWay, match="with files in it"):
        disk.restore("alice")
    (homes / "alice" / "new.txt").unlink()
    disk.restore("alice")
    assert (homes / "alice" / "old.txt").read_text() == "old"


def test_of_two_that_were_put_aside_the_last_comes_back_first(disk: HomesDisk, homes: Path) -> None:
    for number, moment in enumerate((NOW, NOW + timedelta(days=1))):
        disk.ensure("alice")
        (homes / "alice" / str(number)).touch()
        disk.archive("alice", now=moment)
    disk.restore("alice")
    assert [entry.name for entry in (homes / "alice").iterdir()] == ["1"]


def test_a_home_is_put_aside_under_a_given_name_once(disk: HomesDisk, homes: Path) -> None:
    """Who asks again did not hear the answer. What the person has by then is another home."""
    disk.ensure("alice")
    (homes / "alice" / "old.txt").write_text("old")
    name = "alice.20261126T201500Z.7"
    assert disk.archive("alice", now=NOW, name=name) == name
    disk.ensure("alice")
    assert disk.archive("alice", now=NOW, name=name) == name
    assert (homes / "alice").is_dir()
    assert disk.restore("alice", name=name) == name
    assert (homes / "alice" / "old.txt").read_text() == "old"
    with pytest.raises(NoSuchHome, match=r"put aside as alice\.20261126T201500Z\.7"):
        disk.restore("alice", name=name)


@pytest.mark.parametrize("name", ["bob.20261126T201500Z.1", "../bob", "alice", "alice.x", ".archived", "alice.1/../b"])
def test_a_home_is_put_aside_under_no_name_but_its_own(name: str, disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    with pytest.raises(NoSuchHome, match="under this name"):
        disk.archive("alice", now=NOW, name=name)
    with pytest.raises(NoSuchHome, match="under this name"):
        disk.restore("alice", name=name)
    assert (homes / "alice").is_dir()


def test_what_never_was_cannot_be_put_aside_or_come_back(disk: HomesDisk) -> None:
    with pytest.raises(NoSuchHome):
        disk.archive("alice", now=NOW)
    with pytest.raises(NoSuchHome):
        disk.restore("alice")


def test_who_has_no_home_yet_uses_nothing(disk: HomesDisk, homes: Path) -> None:
    assert disk.usage("alice", seconds=60) == HomeUsage(used_bytes=0, is_whole=True)
    assert not (homes / "alice").exists()


def test_what_a_home_holds_is_what_the_disk_gives_it(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    empty = disk.usage("alice", seconds=60).used_bytes
    (homes / "alice" / "a" / "b").mkdir(parents=True)
    (homes / "alice" / "a" / "b" / "data").write_bytes(os.urandom(1024 * 1024))
    usage = disk.usage("alice", seconds=60)
    assert usage.is_whole
    assert 1024 * 1024 <= usage.used_bytes - empty < 2 * 1024 * 1024


def test_a_file_with_two_names_counts_once_and_a_link_counts_nothing(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    home = homes / "alice"
    (home / "data").write_bytes(os.urandom(1024 * 1024))
    (home / "again").hardlink_to(home / "data")
    big = disk.root / "somebody-else-s"
    big.write_bytes(os.urandom(4 * 1024 * 1024))
    (home / "link").symlink_to(big)
    (home / "all").symlink_to(disk.root)
    (home / "round").symlink_to(home)
    assert disk.usage("alice", seconds=60).used_bytes < 2 * 1024 * 1024


def test_without_time_it_is_said_that_not_all_was_seen(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    (homes / "alice" / "notes.txt").touch()
    assert disk.usage("alice", seconds=-1).is_whole is False


def test_a_tower_of_folders_exhausts_nothing(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    descriptor = os.open(homes / "alice", os.O_RDONLY)
    for _ in range(DEEPEST + 20):
        os.mkdir("x", dir_fd=descriptor)
        child = os.open("x", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = child
    os.close(descriptor)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    assert disk.usage("alice", seconds=60).is_whole is False
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


@pytest.mark.parametrize("special", ["fifo", "socket"])
def test_what_is_no_file_is_not_opened(special: str, disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    kind = stat.S_IFIFO if special == "fifo" else stat.S_IFSOCK
    os.mknod(homes / "alice" / special, kind | 0o600)
    assert disk.usage("alice", seconds=60).is_whole


def test_a_home_moves_whole_with_the_name_of_its_person_once_however_often_it_is_asked(
    disk: HomesDisk, homes: Path
) -> None:
    disk.ensure("alice")
    (homes / "alice" / "notes.txt").write_text("hers")
    disk.ensure("anna")  # empty: it makes room
    assert disk.move("alice", "anna")
    assert not disk.move("alice", "anna")
    assert (homes / "anna" / "notes.txt").read_text() == "hers"
    assert not (homes / "alice").exists()


def test_a_home_never_moves_over_files_or_to_what_is_no_home(disk: HomesDisk, homes: Path) -> None:
    for name in ("alice", "bob"):
        disk.ensure(name)
        (homes / name / "notes.txt").write_text(name)
    with pytest.raises(HomeInTheWay, match="There is a home of bob with files in it"):
        disk.move("alice", "bob")
    for name in ("..", ".archived", "Alice"):
        with pytest.raises(NoSuchHome):
            disk.move("alice", name)
    with pytest.raises(NoSuchHome):
        disk.move("carol", "dora")
    assert [(homes / name / "notes.txt").read_text() for name in ("alice", "bob")] == ["alice", "bob"]


def test_a_link_under_a_person_s_name_is_not_moved(disk: HomesDisk, homes: Path, tmp_path: Path) -> None:
    disk.ensure("bob")
    (homes / "alice").symlink_to(tmp_path)
    with pytest.raises(HomeInTheWay):
        disk.move("alice", "anna")
    assert (homes / "alice").is_symlink()
