"""A user number for each person: whose files are whose in real pods, and that every program knows them by it."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from deploy.cluster.errors import ProgramFailedError
from deploy.local.plans import HUB
from tests.cluster.conftest import run_apart
from tests.cluster.kube import Manifest, connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.numbered_people import PROGRAMS, WHO, NumberedPeople
from tests.cluster.pods import RESTRICTED
from tests.kernels import Kernel

pytestmark = pytest.mark.usefixtures("on_this_machine")


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[NumberedPeople]:
    async def make() -> str:
        async with connect(kubeconfig) as kube:
            return await create_namespace(kube, f"numbers-{secrets.token_hex(3)}", labels=RESTRICTED)

    namespace = run_apart(make())
    hub = NumberedPeople(
        tmp_path_factory.mktemp("numbers") / "hub", kubeconfig=kubeconfig, namespace=namespace, images=images
    )
    volume, claim = hub.storage()

    async def create() -> None:
        async with connect(kubeconfig) as kube:
            for one in (volume, claim):
                await kube.create(one)

    async def remove() -> None:
        ours: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        async with connect(kubeconfig) as kube:
            for one in (ours, volume):
                await kube.delete(one)

    run_apart(create())
    try:
        with hub.home_service(), hub:
            hub.invite()
            yield hub
    finally:
        run_apart(remove())


@pytest.fixture(scope="module")
def neighbours(hub: NumberedPeople) -> NumberedPeople:
    """Alice and Bob have workspaces."""
    hub.start_for("alice")
    hub.start_for("bob", environment="python")
    return hub


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def in_a_notebook(hub: NumberedPeople, person: str, code: str) -> str:
    """What a cell printed."""
    token = hub.token(person, hub.passwords[person])
    with Kernel(address=f"{hub.base_url}/user/{person}", token=token) as kernel:
        return "".join(kernel.run(code))


def test_each_runs_as_their_own_number_and_owns_their_home(neighbours: NumberedPeople) -> None:
    for person, uid, gid in (("alice", 5001, 6001), ("bob", 5002, 6002)):
        said = neighbours.inside(person, WHO).splitlines()
        assert said == [str(uid), str(gid), f"{gid} 1000", person, f"{person} /home/jovyan"]
        assert owner_and_mode(neighbours.home_of(person)) == (uid, gid, 0o700)
        neighbours.inside(person, "echo of mine >~/notes.txt")
        assert owner_and_mode(neighbours.home_of(person) / "notes.txt")[:2] == (uid, gid)


def test_programs_know_the_person(neighbours: NumberedPeople) -> None:
    said = neighbours.inside("alice", PROGRAMS)
    assert said.splitlines() == ["user alice", "alice"]
    assert "fails" not in said


def test_neither_file_about_accounts_can_be_written(neighbours: NumberedPeople) -> None:
    for name in ("passwd", "group"):
        with pytest.raises(ProgramFailedError, match=r"Read-only|denied"):
            neighbours.inside("alice", f"echo root::0:0::/:/bin/sh >>/etc/{name}")


def test_what_one_makes_for_a_team_in_a_notebook_another_may_change(neighbours: NumberedPeople) -> None:
    code = "open('/home/jovyan/shared/vision/plan.txt', 'w').write('of alice\\n')"
    in_a_notebook(neighbours, "alice", code)
    folder = neighbours.home_of("alice").parent / ".teams" / "vision"
    assert owner_and_mode(folder) == (1000, 1000, 0o2770)
    assert owner_and_mode(folder / "plan.txt") == (5001, 1000, 0o664)
    in_a_notebook(neighbours, "bob", "open('/home/jovyan/shared/vision/plan.txt', 'a').write('and of bob\\n')")
    assert (folder / "plan.txt").read_text() == "of alice\nand of bob\n"
    saved = neighbours.save("bob", "shared/vision/plan.txt", "as bob saved it\n")
    assert saved.is_success, saved.text
    in_a_notebook(neighbours, "alice", "open('/home/jovyan/shared/vision/plan.txt', 'a').write('and alice went on\\n')")
    assert (folder / "plan.txt").read_text() == "as bob saved it\nand alice went on\n"


def test_the_same_files_number_and_permissions_after_a_stop_with_other_hardware_and_software(
    neighbours: NumberedPeople,
) -> None:
    look = "cd ~; id -u; stat -c '%u %g %a %n' . kept.txt bin/tool; cat kept.txt; bin/tool"
    neighbours.inside(
        "alice",
        """
        cd ~; mkdir -p bin; echo kept >kept.txt; chmod 0640 kept.txt
        printf '#!/bin/sh\\necho runs\\n' >bin/tool; chmod 0750 bin/tool
        """,
    )
    before = neighbours.inside("alice", look)
    neighbours.stop_for("alice")
    neighbours.stop(HUB)
    neighbours.start(HUB)  # what is known of the person outlives it, and the token is enough to start
    neighbours.start_for("alice", environment="python", hardware="roomy")
    assert neighbours.inside("alice", look) == before
    assert before.splitlines() == [
        "5001",
        "5001 6001 700 .",
        "5001 6001 640 kept.txt",
        "5001 6001 750 bin/tool",
        "kept",
        "runs",
    ]


def test_who_has_no_number_signs_in_and_is_told_whom_to_ask(hub: NumberedPeople) -> None:
    assert "The identity provider does not tell it (uid_number). Ask the lab&#39;s office" in hub.refusal("carol")
    assert not hub.home_of("carol").exists()
    with closing(hub.browser_of("carol")) as browser:
        assert browser.get("/hub/home").is_success


def test_nobody_becomes_root(hub: NumberedPeople) -> None:
    assert "The identity provider says 0 (uid_number)" in hub.refusal("root-to-be")


def test_the_number_of_somebody_else_is_refused(neighbours: NumberedPeople) -> None:
    page = neighbours.refusal("mallory")
    assert "The user number 5001 owns the home of somebody else already." in page
    assert "alice" not in page.split("</header>")[-1]
    assert not neighbours.home_of("mallory").exists()


def test_a_home_follows_its_person_to_another_number(hub: NumberedPeople) -> None:
    hub.give_numbers("carol", uid_number=5003, gid_number=6003)
    hub.start_for("carol")
    hub.inside("carol", "mkdir -p ~/a/b; echo old >~/a/b/notes.txt; ln -s /etc/hostname ~/a/link")
    hub.stop_for("carol")
    hub.give_numbers("carol", uid_number=5013)
    hub.start_for("carol")
    assert hub.inside("carol", "id -u; stat -c '%u' ~ ~/a/b ~/a/b/notes.txt ~/a/link; echo new >>~/a/b/notes.txt") == (
        "\n".join(["5013"] * 5)
    )
    hub.stop_for("carol")
