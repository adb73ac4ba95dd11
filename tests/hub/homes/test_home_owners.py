"""Homes of people with user numbers of their own: given to them whole, past every link, and never to two."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hub.homes import handover
from hub.homes.disk import HomesDisk
from hub.homes.errors import HomeInTheWay, HomeIsHandedOver, OwnerTaken
from hub.homes.owners import Handovers
from spawner.file_owner import FileOwner
from tests.hub.homes.conftest import OWNER

ALICE, BOB = FileOwner(uid=5001, gid=6001), FileOwner(uid=5002, gid=6002)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root gives files away")


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


def test_a_new_home_is_its_person_s_with_their_group(disk: HomesDisk, homes: Path) -> None:
    assert disk.ensure("alice", ALICE).is_new
    assert not disk.ensure("alice", ALICE).is_new
    assert owner(homes / "alice") == (5001, 6001)
    assert stat.S_IMODE((homes / "alice").stat().st_mode) == 0o700


def test_the_place_of_a_team_is_the_person_s_and_its_folder_everybody_s(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice", ALICE)
    disk.share("alice", "vision", ALICE)
    assert {owner(homes / "alice" / place) for place in ("shared", "shared/vision")} == {(5001, 6001)}
    assert owner(homes / ".teams" / "vision") == OWNER


def test_a_number_that_owns_another_home_makes_none(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice", ALICE)
    with pytest.raises(OwnerTaken, match="5001 owns the home of somebody else") as refused:
        disk.ensure("mallory", ALICE)
    assert "alice" not in f"{refused.value} {refused.value.hint}"
    assert refused.value.other == "alice"
    assert not (homes / "mallory").exists()


def test_a_number_that_owns_another_home_gets_none_that_is_there(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice", ALICE)
    disk.ensure("bob", BOB)
    (homes / "bob" / "notes.txt").write_text("his")
    os.chown(homes / "bob" / "notes.txt", *owner(homes / "bob"))
    for step in (disk.hand_over, disk.ensure):
        with pytest.raises(OwnerTaken):
            step("bob", ALICE)
    assert {owner(homes / "bob"), owner(homes / "bob" / "notes.txt")} == {(5002, 6002)}


def test_those_who_have_no_number_of_their_own_share_one(disk: HomesDisk, homes: Path) -> None:
    assert all(disk.ensure(home).is_new for home in ("alice", "bob"))
    assert {owner(homes / name) for name in ("alice", "bob")} == {OWNER}


def test_only_a_home_of_another_person_s_number_has_a_former_owner(disk: HomesDisk, homes: Path) -> None:
    assert not disk.has_former_owner("alice", ALICE), "there is none yet"
    disk.ensure("alice", ALICE)
    assert not disk.has_former_owner("alice", ALICE)
    assert disk.has_former_owner("alice", BOB)
    assert disk.has_former_owner("alice", None), "the setting was switched off again"


def test_in_a_home_that_the_node_made_the_files_are_everybody_s_number_s(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice")
    (homes / "alice" / "notes.txt").write_text("hers")
    os.chown(homes / "alice" / "notes.txt", *OWNER)
    os.chown(homes / "alice", 0, 0)
    assert not disk.has_former_owner("alice", None)
    assert disk.has_former_owner("alice", ALICE)
    disk.hand_over("alice", ALICE)
    disk.ensure("alice", ALICE)
    assert {owner(homes / "alice"), owner(homes / "alice" / "notes.txt")} == {(5001, 6001)}


def test_files_of_the_former_owner_and_of_all_follow_and_those_of_others_stay(disk: HomesDisk, homes: Path) -> None:
    disk.ensure("alice", ALICE)
    home = homes / "alice"
    (home / "deep" / "er").mkdir(parents=True)
    for name, uid in (("of-alice", 5001), ("of-all", OWNER[0]), ("of-root", 0), ("of-bob", 5002)):
        (home / "deep" / "er" / name).write_text(name)
        os.chown(home / "deep" / "er" / name, uid, 6001)
    (home / "deep" / "er" / "of-alice").chmod(0o640)
    os.chown(home / "deep", 5001, 6001)
    new = FileOwner(uid=5011, gid=6001)
    disk.hand_over("alice", new)
    assert owner(home) == (5001, 6001), "the folder comes last"
    disk.ensure("alice", new)
    found = {path.name: path.lstat().st_uid for path in home.rglob("*")}
    assert found == {"deep": 5011, "er": 0, "of-alice": 5011, "of-all": 5011, "of-root": 0, "of-bob": 5002}
    assert stat.S_IMODE((home / "deep" / "er" / "of-alice").stat().st_mode) == 0o640
    assert owner(home) == (5011, 6001)


def test_no_link_is_followed(disk: HomesDisk, homes: Path, tmp_path: Path) -> None:
    disk.ensure("alice", ALICE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    victim = elsewhere / "victim"
    victim.write_text("bob's")
    for path in (elsewhere, victim):
        os.chown(path, 5001, 6001)
    (homes / "alice" / "folder").symlink_to(elsewhere)
    (homes / "alice" / "file").symlink_to(victim)
    for name in ("folder", "file"):
        os.chown(homes / "alice" / name, 5001, 6001, follow_symlinks=False)
    disk.hand_over("alice", BOB)
    assert {owner(elsewhere), owner(victim)} == {(5001, 6001)}
    assert {owner(homes / "alice" / name) for name in ("folder", "file")} == {(5002, 6002)}


def test_a_folder_that_is_exchanged_for_a_link_meanwhile_leads_nowhere(
    disk: HomesDisk, homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.ensure("alice", ALICE)
    (homes / "alice" / "folder").mkdir()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("bob's")
    os.chown(victim / "file", 5001, 6001)
    listed = handover._taken_over

    def exchanged(*facts: object) -> list[str]:
        folders = listed(*facts)  # type: ignore[arg-type]  # as they were given
        if folders:
            (homes / "alice" / "folder").rmdir()
            (homes / "alice" / "folder").symlink_to(victim)
        return folders

    monkeypatch.setattr(handover, "_taken_over", exchanged)
    disk.hand_over("alice", BOB)
    assert owner(victim / "file") == (5001, 6001)


def test_a_tower_of_folders_exhausts_nobody_and_is_told_of(
    disk: HomesDisk, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "DEEPEST", 3)
    disk.ensure("alice", ALICE)
    (homes / "alice" / "1" / "2" / "3" / "4").mkdir(parents=True)
    with pytest.raises(HomeInTheWay, match="more than 3 deep"):
        disk.hand_over("alice", BOB)
    assert owner(homes / "alice") == (5001, 6001), "not done"


async def test_whoever_starts_meanwhile_reads_that_it_goes_on_and_it_runs_once() -> None:
    handovers, begun, may_end = Handovers(), [], threading.Event()

    def work() -> None:
        begun.append(1)
        assert may_end.wait(60)

    for _ in range(3):
        with pytest.raises(HomeIsHandedOver, match="being given to your new user number"):
            await handovers.wait_for("alice", work, seconds=0.05)
    assert len(begun) == 1
    may_end.set()
    async with asyncio.timeout(60):
        await handovers.wait_for("alice", work, seconds=60)
    assert len(begun) == 1
    handovers.close()


async def test_what_goes_wrong_is_told_and_the_next_one_tries_again() -> None:
    handovers = Handovers()

    def work() -> None:
        raise OSError(28, "No space left on device")

    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            await handovers.wait_for("alice", work, seconds=60)
    handovers.close()


AS_THE_SERVICE = ("setpriv", "--bounding-set", "-all,+chown,+fowner,+dac_override", sys.executable, "-P", "-c")
"""With the rights that the chart gives the home service, and no others of root's."""

ONE_START_AND_ANOTHER = """
import sys
from pathlib import Path
from hub.homes.disk import HomesDisk
from spawner.file_owner import FileOwner
disk = HomesDisk(root=Path(sys.argv[1]), uid=1000, gid=1000)
for owner in (None, FileOwner(uid=5001, gid=6001)):
    if disk.has_former_owner("alice", owner):
        disk.hand_over("alice", owner)
    disk.ensure("alice", owner)
    disk.share("alice", "vision", owner)
"""


def test_the_rights_of_the_home_service_are_enough(tmp_path: Path) -> None:
    subprocess.run([*AS_THE_SERVICE, ONE_START_AND_ANOTHER, tmp_path], check=True)
    assert {owner(tmp_path / "alice" / name) for name in ("", "shared", "shared/vision")} == {(5001, 6001)}
    assert owner(tmp_path / ".teams" / "vision") == (1000, 1000)
    assert stat.S_IMODE((tmp_path / ".teams" / "vision").stat().st_mode) == 0o2770
    home = tmp_path / "alice"
    (home / "closed").mkdir(mode=0o700)
    (home / "closed" / "notes.txt").write_text("hers")
    for path in (home / "closed" / "notes.txt", home / "closed", home):
        os.chown(path, 5009, 6001)
    subprocess.run([*AS_THE_SERVICE, ONE_START_AND_ANOTHER, tmp_path], check=True)
    assert {owner(path) for path in (home, home / "closed", home / "closed" / "notes.txt")} == {(5001, 6001)}
