"""A home whose owner has another number than the pod: on both sides each file is whose it should be."""

from __future__ import annotations

import ast
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.node_agent.mounts import close_seat, mount_home, opened_seat
from hub.node_agent.numbers import LAST, Swap, can_show_others, permutation, swap_of, user_namespace
from hub.node_agent.syscalls import begin_in_user_namespace
from spawner.identity import HomeFolder, TeamFolder
from tests.hub.node_agent.conftest import POD, Node

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

ALICE = HomeFolder(name="alice", uid=5001, gid=6001)
VISION = TeamFolder(name="vision")
POD_RUNS_AS = (1000, 100)
TEAMS_GROUP = 1000
ANY = st.integers(min_value=0, max_value=LAST)


def shown(text: str, number: int) -> int:
    """What a number shows as, by the lines that the kernel reads."""
    for line in text.splitlines():
        inside, outside, count = map(int, line.split())
        if inside <= number < inside + count:
            return outside + number - inside
    raise AssertionError(f"{number} shows as nobody")


@given(pair=st.tuples(ANY, ANY), number=ANY)
def test_two_numbers_change_places_and_every_other_stays(pair: tuple[int, int], number: int) -> None:
    text = permutation(pair)
    assert (shown(text, pair[0]), shown(text, pair[1])) == (pair[1], pair[0])
    assert number in pair or shown(text, number) == number
    assert sum(int(line.split()[2]) for line in text.splitlines()) == LAST + 1


def test_a_pod_that_runs_as_the_owner_needs_nothing() -> None:
    assert swap_of(ALICE, (5001, 6001)) is None
    assert swap_of(ALICE, (None, 6001)) is None
    assert swap_of(ALICE, (1000, 100)) == Swap(users=(5001, 1000), groups=(6001, 100))


@pytest.fixture
def seated(node: Node) -> Node:
    """Alice's home with files of several, and the folder of her team."""
    node.inside(node.make_seat)
    home = node.make_home("alice", uid=5001)
    team = node.make_team("vision")
    (home / "shared" / "vision").mkdir(parents=True)
    for name, uid, gid in (
        ("of-team.txt", 5001, TEAMS_GROUP),
        ("of-stand-in.txt", 1000, 100),
        ("of-bob.txt", 5002, 6002),
    ):
        (home / name).write_text(name)
        os.chown(home / name, uid, gid)
        (home / name).chmod(0o640)
    for path in (home, home / "notes.txt", home / "shared", home / "shared" / "vision"):
        os.chown(path, 5001, 6001)
    (team / "of-alice.txt").write_text("")
    os.chown(team / "of-alice.txt", 5001, 6001)
    os.chown(team, TEAMS_GROUP, TEAMS_GROUP)
    os.chown(team / "plan.txt", 5002, TEAMS_GROUP)
    (team / "plan.txt").chmod(0o664)
    team.chmod(0o2770)
    return node


def mount(node: Node, teams: tuple[TeamFolder, ...] = (VISION,)) -> Path:
    places = node.places()
    with opened_seat(places, POD) as seat:
        close_seat(seat)
        assert mount_home(places, seat, ALICE, teams, swap_of(ALICE, POD_RUNS_AS)) == ()
    return node.seat() / "jovyan"


def as_the_pod(node: Node, step: Callable[[Path], Any], folder: Path) -> Any:
    """Takes a step with the numbers of the pod's processes, and no right beside them."""

    def inside() -> Any:
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads; nothing of them is used in here
            pid = os.fork()
        if not pid:
            try:
                os.chdir(folder)  # what is above it is the test's
                os.setgroups([TEAMS_GROUP])
                os.setgid(POD_RUNS_AS[1])
                os.setuid(POD_RUNS_AS[0])
                os.umask(0o002)
                said = repr(step(Path()))
            except OSError as error:
                said = repr(type(error).__name__)
            os.write(write, said.encode())
            os._exit(0)
        os.close(write)
        with open(read, encoding="utf-8") as pipe:  # noqa: PTH123 - it is open
            said = pipe.read()
        os.waitpid(pid, 0)
        return ast.literal_eval(said)

    return node.inside(inside)


def owner(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@only_root
def test_the_home_is_the_pods_own_and_what_it_makes_is_the_owners_on_the_disk(seated: Node) -> None:
    home = seated.inside(mount, seated)
    assert as_the_pod(seated, owner, home)[:2] == POD_RUNS_AS
    assert as_the_pod(seated, lambda home: (home / "notes.txt").write_text("changed"), home) == 7

    def make(home: Path) -> None:
        (home / "new").mkdir()
        (home / "new" / "tool").write_text("")
        (home / "new" / "tool").chmod(0o4755)
        (home / "link").symlink_to("notes.txt")

    as_the_pod(seated, make, home)
    on_disk = seated.homes / "alice"
    assert (on_disk / "notes.txt").read_text() == "changed"
    assert owner(on_disk / "new") == (5001, 6001, 0o775)
    assert owner(on_disk / "new" / "tool") == (5001, 6001, 0o4755)
    assert owner(on_disk / "link")[:2] == (5001, 6001)
    assert os.ST_NOSUID & seated.inside(os.statvfs, home).f_flag


@only_root
def test_a_file_of_hers_with_the_group_of_teams_is_hers_and_can_be_given_to_that_group(seated: Node) -> None:
    home = seated.inside(mount, seated)
    assert as_the_pod(seated, lambda home: owner(home / "of-team.txt"), home) == (1000, TEAMS_GROUP, 0o640)
    assert as_the_pod(seated, lambda home: (home / "of-team.txt").write_text("x"), home) == 1
    as_the_pod(seated, lambda home: os.chown(home / "notes.txt", -1, TEAMS_GROUP), home)
    assert owner(seated.homes / "alice" / "notes.txt")[:2] == (5001, TEAMS_GROUP)
    as_the_pod(seated, lambda home: os.chown(home / "notes.txt", -1, POD_RUNS_AS[1]), home)
    assert owner(seated.homes / "alice" / "notes.txt")[:2] == (5001, 6001)


@only_root
@pytest.mark.parametrize("name", ["of-stand-in.txt", "of-bob.txt"])
def test_files_of_others_stay_those_of_others_also_of_who_has_the_number_of_the_pod(seated: Node, name: str) -> None:
    home = seated.inside(mount, seated)
    assert as_the_pod(seated, lambda home: (home / name).read_text(), home) == "PermissionError"
    assert as_the_pod(seated, lambda home: os.chown(home / name, *POD_RUNS_AS), home) == "PermissionError"
    mode = as_the_pod(seated, lambda home: owner(home / name), home)
    assert mode == ((5001, 6001, 0o640) if name == "of-stand-in.txt" else (5002, 6002, 0o640))


@only_root
def test_in_the_folder_of_a_team_she_is_herself_and_its_group_is_the_teams(seated: Node) -> None:
    team = seated.inside(mount, seated) / "shared" / "vision"
    assert as_the_pod(seated, owner, team)[1:] == (TEAMS_GROUP, 0o2770)
    as_the_pod(seated, lambda team: (team / "plan.txt").write_text("of alice"), team)  # Bob's, by the group
    as_the_pod(seated, lambda team: (team / "new.txt").write_text(""), team)
    as_the_pod(seated, lambda team: (team / "of-alice.txt").chmod(0o600), team)  # hers by her number
    on_disk = seated.homes / ".teams" / "vision"
    assert (on_disk / "plan.txt").read_text() == "of alice"
    assert owner(on_disk / "plan.txt")[:2] == (5002, TEAMS_GROUP)
    assert owner(on_disk / "new.txt") == (5001, TEAMS_GROUP, 0o664)
    assert owner(on_disk / "of-alice.txt") == (5001, 6001, 0o600)
    assert as_the_pod(seated, lambda team: os.chown(team / "plan.txt", *POD_RUNS_AS), team) == "PermissionError"


@only_root
def test_a_namespace_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def begin() -> int:
        begun.append(begin_in_user_namespace())
        return begun[-1]

    monkeypatch.setattr("hub.node_agent.numbers.begin_in_user_namespace", begin)
    namespace = user_namespace(Swap(users=(5001, 1000), groups=(6001, 100)))
    assert str(Path(f"/proc/self/fd/{namespace}").readlink()).startswith("user:[")
    os.close(namespace)
    with pytest.raises(ChildProcessError):
        os.waitpid(begun[0], os.WNOHANG)


@only_root
def test_whether_a_disk_can_do_it_is_asked_and_changes_nothing(tmp_path: Path) -> None:
    for folder, can in ((tmp_path, True), (Path("/proc"), False)):
        opened = os.open(folder, os.O_RDONLY)
        try:
            assert can_show_others(opened) is can
        finally:
            os.close(opened)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_has_no_such_namespaces_cannot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuses() -> int:
        raise OSError(28, "No space left on device")  # as with user.max_user_namespaces = 0

    monkeypatch.setattr("hub.node_agent.numbers.begin_in_user_namespace", refuses)
    opened = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not can_show_others(opened)
    finally:
        os.close(opened)
