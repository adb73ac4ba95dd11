"""Somebody with a user number of their own in a claimed pod: as at home there as in one that was made for them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.numbered_people import PROGRAMS, WHO, NumberedPeople
from tests.kernels import Kernel
from tests.terminals import run_in_terminal

pytestmark = pytest.mark.usefixtures("on_this_machine")


class NumberedClaims(NumberedPeople, ClaimingHub):
    """Everybody has a number of their own, and pods wait."""


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[NumberedClaims]:
    folder = tmp_path_factory.mktemp("numbered-claims")
    with claiming_hub(folder, kubeconfig, images, pods=2, kind=NumberedClaims) as hub:
        yield hub


@pytest.fixture(scope="module")
def neighbours(hub: NumberedClaims) -> NumberedClaims:
    """Alice and Bob have claimed their workspaces."""
    for person in ("alice", "bob"):
        hub.start_for(person)
        assert hub.is_claimed(person), hub.log("hub")[-4000:]
    return hub


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def in_a_notebook(hub: NumberedClaims, person: str, code: str) -> str:
    token = hub.token(person, hub.passwords[person])
    with Kernel(address=f"{hub.base_url}/user/{person}", token=token) as kernel:
        return "".join(kernel.run(code))


def test_what_they_make_is_theirs_on_the_disk_though_the_pod_has_another_number(neighbours: NumberedClaims) -> None:
    for person, uid, gid in (("alice", 5001, 6001), ("bob", 5002, 6002)):
        said = neighbours.inside(person, WHO).splitlines()
        assert said[:3] == ["1000", "100", "100 1000"]
        neighbours.inside(person, "echo of mine >~/notes.txt")
        assert owner_and_mode(neighbours.home_of(person)) == (uid, gid, 0o700)
        assert owner_and_mode(neighbours.home_of(person) / "notes.txt")[:2] == (uid, gid)


def test_programs_know_them_by_their_name(neighbours: NumberedClaims) -> None:
    address, token = f"{neighbours.base_url}/user/alice", neighbours.token("alice", neighbours.passwords["alice"])
    shown = run_in_terminal(address, token, "whoami; id -gn; id -Gn; umask; echo ~ $USER $LOGNAME")
    assert "alice\r\nalice\r\nalice teams\r\n0002\r\n/home/jovyan alice alice\r\n" in shown
    said = neighbours.inside("alice", PROGRAMS)
    assert said.splitlines() == ["user alice", "alice"]


def test_what_one_makes_for_a_team_another_may_change(neighbours: NumberedClaims) -> None:
    plan = "open('/home/jovyan/shared/vision/plan.txt', '{}').write({!r})"
    in_a_notebook(neighbours, "alice", plan.format("w", "of alice\n"))
    folder = neighbours.home_of("alice").parent / ".teams" / "vision"
    assert owner_and_mode(folder / "plan.txt") == (5001, 1000, 0o664)
    in_a_notebook(neighbours, "bob", plan.format("a", "and of bob\n"))
    assert neighbours.save("bob", "shared/vision/plan.txt", "as bob saved it\n").is_success
    in_a_notebook(neighbours, "alice", plan.format("a", "and alice went on\n"))
    assert (folder / "plan.txt").read_text() == "as bob saved it\nand alice went on\n"
    # By their group and not by themselves: what Alice closes, Bob does not open.
    neighbours.inside("alice", "echo mine >~/shared/vision/mine.txt; chmod 0600 ~/shared/vision/mine.txt")
    said = neighbours.inside("bob", "cat ~/shared/vision/mine.txt 2>&1 || stat -c '%u %g' ~/shared/vision/mine.txt")
    assert said.splitlines() == ["cat: /home/jovyan/shared/vision/mine.txt: Permission denied", "5001 1000"]


def test_after_a_claimed_start_a_normal_one_finds_the_same_files_and_the_other_way_round(hub: NumberedClaims) -> None:
    hub.give_numbers("carol", uid_number=5003, gid_number=6003)
    hub.until_parked(2)
    hub.start_for("carol")
    assert hub.is_claimed("carol")
    hub.inside(
        "carol",
        """
        cd ~; mkdir -p bin; echo kept >kept.txt; chmod 0640 kept.txt; ln kept.txt hard; ln -s kept.txt soft
        printf '#!/bin/sh\\necho runs\\n' >bin/tool; chmod 6750 bin/tool
        """,
    )
    hub.stop_for("carol")
    assert {owner_and_mode(path)[:2] for path in hub.home_of("carol").rglob("*")} == {(5003, 6003)}
    hub.start_for("carol", hardware="roomy")
    assert not hub.is_claimed("carol")
    look = "cd ~; {} -c '%u %g %a %n' . kept.txt hard soft bin/tool; cat soft; bin/tool; echo more >>kept.txt"
    said = hub.inside("carol", look.format("stat"))
    assert said.splitlines() == [
        "5003 6003 700 .",
        "5003 6003 640 kept.txt",
        "5003 6003 640 hard",
        "5003 6003 777 soft",
        "5003 6003 6750 bin/tool",
        "kept",
        "runs",
    ]
    hub.stop_for("carol")
    hub.start_for("carol")
    assert hub.is_claimed("carol")
    assert hub.inside("carol", look.format("stat")).replace("1000 100", "5003 6003").splitlines() == [
        *said.splitlines()[:-1],
        "more",
        "runs",
    ]
    hub.stop_for("carol")
