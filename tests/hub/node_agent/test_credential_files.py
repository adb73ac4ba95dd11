"""Files of credentials in a pod that runs: laid out as the kubelet does it, and changed at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.node_agent import credential_files
from hub.node_agent.credential_files import write_credentials
from hub.node_agent.mounts import BadSeat
from tests.hub.node_agent.conftest import POD, Node

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

FILES = {"git/forge": b"token\n", "kaggle.json": b"{}", "home/.kaggle/deep/kaggle.json": b"\xff\x00"}


@pytest.fixture
def folder(node: Node) -> Path:
    node.inside(node.make_place_for_credentials)
    return node.credentials()


def put(node: Node, files: Mapping[str, bytes]) -> bool:
    return node.inside(lambda: write_credentials(node.places(), POD, files))


def seen(node: Node, folder: Path) -> dict[str, bytes]:
    """What a program in the pod reads, by the names that it knows."""

    def look() -> dict[str, bytes]:
        found = (Path(where) / name for where, _, names in os.walk(folder, followlinks=True) for name in names)
        return {str(one.relative_to(folder)): one.read_bytes() for one in found if ".." not in str(one)}

    return node.inside(look)


def test_files_are_where_they_belong_and_everybody_in_the_pod_reads_them(node: Node, folder: Path) -> None:
    assert put(node, FILES)
    assert seen(node, folder) == FILES

    def modes() -> set[tuple[int, int, str]]:
        found = [Path(where) / name for where, names, files in os.walk(folder) for name in (*names, *files)]
        facts = [(one, one.lstat()) for one in (folder, *found)]
        return {(fact.st_uid, fact.st_gid, f"{fact.st_mode:o}") for _, fact in facts}

    assert node.inside(modes) == {(0, 0, "40755"), (0, 0, "100444"), (0, 0, "120777")}


def test_it_is_laid_out_as_the_kubelet_lays_out_a_volume_of_secrets(node: Node, folder: Path) -> None:
    put(node, FILES)

    def links() -> dict[str, str]:
        return {one.name: str(one.readlink()) for one in folder.iterdir() if one.is_symlink()}

    found = node.inside(links)
    data = found.pop("..data")
    assert data.startswith("..")
    assert found == {"git": "..data/git", "kaggle.json": "..data/kaggle.json", "home": "..data/home"}
    assert node.inside(lambda: sorted(one.name for one in folder.iterdir())) == sorted([*found, "..data", data])


def test_a_change_replaces_adds_and_removes_and_leaves_nothing_behind(node: Node, folder: Path) -> None:
    put(node, FILES)
    assert not put(node, FILES)
    newer = {"git/forge": b"rotated\n", "git/second": b"x", "ssh/key": b"y"}
    assert put(node, newer)
    assert seen(node, folder) == newer
    assert len(node.inside(lambda: list(folder.iterdir()))) == 4  # ..data, where it leads, git and ssh
    assert put(node, {})
    assert seen(node, folder) == {}


def test_whoever_reads_during_a_change_sees_all_of_one_or_all_of_the_other(node: Node, folder: Path) -> None:
    put(node, {"a/x": b"1", "b": b"1"})
    opened = node.inside(lambda: os.open(folder / "..data", os.O_RDONLY | os.O_DIRECTORY))
    put(node, {"a/x": b"2", "b": b"2"})
    assert seen(node, folder) == {"a/x": b"2", "b": b"2"}
    assert not os.listdir(f"/proc/self/fd/{opened}")  # noqa: PTH208 - nobody reads old files by a folder that they kept open
    os.close(opened)


@pytest.mark.parametrize("step", ["_write", "rename", "_name"])
def test_an_agent_that_died_in_a_change_is_followed_by_one_that_makes_it(
    node: Node, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(node, FILES)
    owner = os if step == "rename" else credential_files
    real = getattr(owner, step)

    def dies(*arguments: Any, **named: Any) -> None:
        if step != "rename":
            real(*arguments, **named)
        os._exit(0)

    def die() -> None:
        if (child := os.fork()) == 0:
            monkeypatch.setattr(owner, step, dies)
            write_credentials(node.places(), POD, {"new": b"1"})
        os.waitpid(child, 0)

    node.inside(die)
    put(node, {"newer": b"2"})
    assert seen(node, folder) == {"newer": b"2"}
    assert len(node.inside(lambda: list(folder.iterdir()))) == 3


def test_what_has_no_room_leaves_what_was_there(node: Node, folder: Path) -> None:
    put(node, {"small": b"1"})
    with pytest.raises(OSError, match="No space left"):
        put(node, {"small": b"2", "large": b"x" * (2 << 20)})
    assert seen(node, folder) == {"small": b"1"}
    assert len(node.inside(lambda: list(folder.iterdir()))) == 3


@pytest.mark.parametrize("planted", ["..data", "git", "..x", "kaggle.json"])
@pytest.mark.parametrize("kind", ["link", "folder", "file"])
def test_what_somebody_planted_there_is_neither_followed_nor_removed(
    node: Node, folder: Path, tmp_path: Path, planted: str, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").touch()

    def plant() -> None:
        place = folder / planted
        match kind:
            case "link":
                place.symlink_to(victim)
            case "folder":
                place.mkdir()
            case "file":
                place.touch()
        os.chown(place, 1000, 1000, follow_symlinks=False)

    node.inside(plant)
    with pytest.raises(BadSeat, match="somebody else"):
        put(node, FILES)
    assert [one.name for one in victim.iterdir()] == ["kept"]


def test_nothing_secret_is_written_to_a_disk(node: Node) -> None:
    node.inside(lambda: node.make_place_for_credentials(in_memory=False))
    with pytest.raises(BadSeat, match="tmpfs"):
        put(node, FILES)
    assert node.inside(lambda: list(node.credentials().iterdir())) == []


def test_a_pod_without_a_place_for_them_is_told_so(node: Node) -> None:
    with pytest.raises(BadSeat, match="credentials of the pod cannot be opened"):
        put(node, FILES)
