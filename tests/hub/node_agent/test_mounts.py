"""A home in the seat of a pod: there, harmless, and never lost, whatever somebody has put in its way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.node_agent import mounts
from hub.node_agent.mounts import BadSeat, close_seat, mount_home, mounted_pods, opened_seat, unmount
from spawner.identity import HomeFolder, TeamFolder
from tests.hub.node_agent.conftest import OTHER, POD, Node

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

ALICE = HomeFolder(name="alice", uid=1000, gid=1000)
VISION = TeamFolder(name="vision")
LIBRARY = TeamFolder(name="library", read_only=True)


def mount(node: Node, home: HomeFolder = ALICE, teams: tuple[TeamFolder, ...] = (), pod: str = POD) -> tuple[str, ...]:
    places = node.places()
    with opened_seat(places, pod) as seat:
        close_seat(seat)
        return mount_home(places, seat, home, teams)


@pytest.fixture
def seated(node: Node) -> Node:
    node.inside(node.make_seat)
    node.make_home("alice")
    return node


def test_a_home_appears_and_takes_what_is_written(seated: Node) -> None:
    seated.inside(mount, seated)
    home = seated.seat() / "jovyan"
    assert seated.inside((home / "notes.txt").read_text) == "of alice"
    seated.inside((home / "new.txt").write_text, "later")
    assert (seated.homes / "alice" / "new.txt").read_text() == "later"


def test_neither_programs_of_another_user_nor_devices_work_in_it(seated: Node) -> None:
    seated.inside(mount, seated)
    flags = seated.inside(os.statvfs, seated.seat() / "jovyan").f_flag
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV
    assert not flags & os.ST_RDONLY


def test_the_folders_of_teams_appear_in_it_and_one_to_read_cannot_be_written(seated: Node) -> None:
    for name in ("vision", "library"):
        seated.make_team(name)
        (seated.homes / "alice" / "shared" / name).mkdir(parents=True)
    assert seated.inside(mount, seated, ALICE, (VISION, LIBRARY)) == ()
    shared = seated.seat() / "jovyan" / "shared"
    assert seated.inside((shared / "vision" / "plan.txt").read_text) == "of vision"
    assert seated.inside((shared / "library" / "plan.txt").read_text) == "of library"
    seated.inside((shared / "vision" / "new.txt").write_text, "")
    with pytest.raises(OSError, match="Read-only file system"):
        seated.inside((shared / "library" / "new.txt").write_text, "")
    flags = seated.inside(os.statvfs, shared / "vision").f_flag
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV


def test_the_folder_of_a_team_is_mounted_in_the_pod_and_not_in_the_volume(seated: Node) -> None:
    seated.make_team("vision")
    place = seated.homes / "alice" / "shared" / "vision"
    place.mkdir(parents=True)
    seated.inside(mount, seated, ALICE, (VISION,))
    assert seated.inside(os.listdir, place) == []


@pytest.mark.parametrize("kind", ["nothing", "a file", "a link", "a link above"])
def test_a_team_without_a_place_in_the_home_is_left_out_and_the_home_is_there(seated: Node, kind: str) -> None:
    seated.make_team("vision")
    shared = seated.homes / "alice" / "shared"
    match kind:
        case "a file":
            shared.mkdir()
            (shared / "vision").touch()
        case "a link":
            shared.mkdir()
            (shared / "vision").symlink_to("/etc")
        case "a link above":
            shared.symlink_to(".")
            (seated.homes / "alice" / "vision").mkdir()
    assert seated.inside(mount, seated, ALICE, (VISION,)) == ("vision",)
    assert seated.inside((seated.seat() / "jovyan" / "notes.txt").read_text) == "of alice"


def test_a_home_is_taken_away_with_all_below_and_nothing_of_it_is_deleted(seated: Node) -> None:
    seated.make_team("vision")
    (seated.homes / "alice" / "shared" / "vision").mkdir(parents=True)
    seated.inside(mount, seated, ALICE, (VISION,))
    assert seated.inside(mounted_pods, seated.places()) == {POD}
    with seated.inside((seated.seat() / "jovyan" / "notes.txt").open) as used:
        assert seated.inside(unmount, seated.places(), POD)
        assert used.read() == "of alice"
    assert seated.inside(mounted_pods, seated.places()) == frozenset()
    assert seated.inside(os.listdir, seated.seat() / "jovyan") == []
    assert (seated.homes / "alice" / "notes.txt").read_text() == "of alice"
    assert (seated.homes / ".teams" / "vision" / "plan.txt").read_text() == "of vision"


def test_taking_away_what_is_not_there_is_no_harm(seated: Node) -> None:
    assert not seated.inside(unmount, seated.places(), POD)
    assert not seated.inside(unmount, seated.places(), OTHER)


def test_a_seat_on_a_disk_takes_no_home(node: Node) -> None:
    node.inside(lambda: node.make_seat(in_memory=False))
    node.make_home("alice")
    with pytest.raises(BadSeat, match="not a tmpfs"):
        node.inside(mount, node)
    assert list(node.seat().iterdir()) == []


def test_a_pod_without_a_seat_takes_no_home(node: Node) -> None:
    with pytest.raises(BadSeat, match="No such file"):
        node.inside(mount, node)


def plant_link(node: Node) -> None:
    (node.seat() / "jovyan").symlink_to(node.folder / "etc")


def plant_link_to_a_home(node: Node) -> None:
    (node.seat() / "jovyan").symlink_to(node.homes / "bob")


def plant_file(node: Node) -> None:
    (node.seat() / "jovyan").touch()


@pytest.mark.parametrize("plant", [plant_link, plant_link_to_a_home, plant_file])
def test_what_stands_in_the_place_of_the_home_is_not_followed(seated: Node, plant: Callable[[Node], None]) -> None:
    (seated.folder / "etc").mkdir()
    seated.make_home("bob")
    seated.inside(plant, seated)
    with pytest.raises(BadSeat, match="place of the home"):
        seated.inside(mount, seated)
    assert list((seated.folder / "etc").iterdir()) == []
    assert seated.inside(mounted_pods, seated.places()) == frozenset()


def test_a_seat_that_is_a_link_to_another_pods_is_refused(seated: Node) -> None:
    seated.seat(OTHER).parent.mkdir(parents=True)
    seated.seat(OTHER).symlink_to(seated.seat())
    with pytest.raises(BadSeat, match="symbolic links"):
        seated.inside(lambda: mount(seated, pod=OTHER))


def test_a_second_home_does_not_come_on_top_of_the_first(seated: Node) -> None:
    seated.make_home("bob")
    seated.inside(mount, seated)
    with pytest.raises(BadSeat, match="place of the home"):
        seated.inside(mount, seated, HomeFolder(name="bob", uid=1000, gid=1000))
    assert seated.inside((seated.seat() / "jovyan" / "notes.txt").read_text) == "of alice"


def test_a_home_that_is_a_link_or_not_theirs_is_refused(seated: Node) -> None:
    (seated.homes / "carol").symlink_to("alice")
    seated.make_home("dave", uid=2000)
    for name in ("carol", "dave", "nobody"):
        with pytest.raises(BadSeat, match=f"home {name}"):
            seated.inside(mount, seated, HomeFolder(name=name, uid=1000, gid=1000))


def test_nobody_but_root_makes_or_renames_anything_in_a_closed_seat(seated: Node) -> None:
    planted = seated.seat() / "jovyan"
    seated.inside(planted.mkdir)
    seated.inside(os.chown, planted, 1000, 1000)
    seated.inside(mount, seated)
    seated.inside(unmount, seated.places(), POD)

    def found() -> tuple[os.stat_result, ...]:
        return seated.seat().stat(), planted.stat()

    for status in seated.inside(found):
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)


def test_a_place_that_is_swapped_for_a_link_at_the_worst_moment_is_not_followed(
    seated: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renamed between every two steps: each has an open folder in hand, and none reads a path again."""
    (seated.folder / "etc").mkdir()
    shared = seated.homes / "alice" / "shared"
    (shared / "vision").mkdir(parents=True)
    seated.make_team("vision")
    attach = mounts.attach

    def swap_and_attach(tree: int, place: int) -> None:
        if shared.is_dir() and not shared.is_symlink():
            shared.rename(seated.homes / "alice" / "moved")
            shared.symlink_to(seated.folder / "etc")
        attach(tree, place)

    monkeypatch.setattr(mounts, "attach", swap_and_attach)
    assert seated.inside(mount, seated, ALICE, (VISION,)) == ("vision",)
    assert list((seated.folder / "etc").iterdir()) == []


def test_a_link_in_the_home_leads_no_unmount_astray(seated: Node) -> None:
    """The trap of paths: `shared` of one home is made a link to another pod's seat, whose home then would go."""
    seated.inside(lambda: seated.make_seat(OTHER))
    bob = HomeFolder(name="bob", uid=1000, gid=1000)
    seated.make_home("bob")
    team = TeamFolder(name="jovyan")
    seated.make_team("jovyan")
    shared = seated.homes / "alice" / "shared"
    (shared / "jovyan").mkdir(parents=True)
    seated.inside(mount, seated, ALICE, (team,))
    seated.inside(mount, seated, bob, (), OTHER)
    shared.rename(seated.homes / "alice" / "moved")
    shared.symlink_to(seated.seat(OTHER))
    assert seated.inside(unmount, seated.places(), POD)
    assert seated.inside(mounted_pods, seated.places()) == {OTHER}
    assert seated.inside((seated.seat(OTHER) / "jovyan" / "notes.txt").read_text) == "of bob"


def test_only_homes_in_seats_are_found_in_the_table_of_mounts(tmp_path: Path) -> None:
    pods = "/var/lib/kubelet/pods"
    seat = f"{pods}/{POD}/volumes/kubernetes.io~empty-dir/seat"
    table = "".join(
        f"36 35 98:0 / {point} rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        for point in (
            f"{seat}/jovyan",
            f"{seat}/jovyan/shared/vision",
            f"{seat.replace(POD, OTHER)}",
            f"{pods}/{OTHER}/volumes/kubernetes.io~empty-dir/tmp/jovyan",
            f"/elsewhere{seat}/jovyan",
            "/",
        )
    )
    assert mounted_pods(mounts.Places(pods=-1, pods_path=pods, homes=-1), table) == {POD}


def test_a_disk_that_says_no_is_no_missing_place(seated: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    seated.make_team("vision")
    (seated.homes / "alice" / "shared" / "vision").mkdir(parents=True)
    clone = mounts.clone_tree

    def fail(folder: int, *, attributes: int, user_namespace: int | None) -> int:
        if os.fstat(folder).st_ino == (seated.homes / ".teams" / "vision").stat().st_ino:
            raise OSError(errno.EIO, "Input/output error")
        return clone(folder, attributes=attributes, user_namespace=user_namespace)

    monkeypatch.setattr(mounts, "clone_tree", fail)
    with pytest.raises(OSError, match="Input/output"):
        seated.inside(mount, seated, ALICE, (VISION,))
