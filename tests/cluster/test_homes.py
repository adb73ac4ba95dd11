"""Homes, data and scratch in real pods: each person's own, kept or gone as promised, and out of others' reach."""

from __future__ import annotations

import secrets
import stat
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from deploy.cluster.errors import ProgramFailedError
from deploy.local.plans import SERVICES
from hub.passwords import ADMIN
from spawner.installation import JOVYAN
from studiolo.cli import main as studiolo
from tests.cluster.conftest import run_apart
from tests.cluster.kube import Manifest, connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.people_at_home import PEOPLE, PeopleAtHome, silenced
from tests.cluster.pods import RESTRICTED

pytestmark = pytest.mark.usefixtures("on_this_machine")

HOME = "/home/jovyan"

WAYS = {
    "by its name": 'cat "{place}/notes.txt"',
    "by a symbolic link": 'ln -sfn "{place}" ~/soft && cat ~/soft/notes.txt',
    "by a hard link": 'ln -f "{place}/notes.txt" ~/hard && cat ~/hard',
    "by the root of a process": (
        'for root in /proc/[0-9]*/root; do if cat "$root{place}/notes.txt"; then exit 0; fi; done; exit 1'
    ),
    "by the working folder of a process": (
        'cd ~; for at in /proc/[0-9]*/cwd; do if cat "$at/../../{place}/notes.txt"; then exit 0; fi; done; exit 1'
    ),
}
"""To a file below a place. Each works where the place is one's own home."""

SYSTEM_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
os.makedirs("/tmp/mounted", exist_ok=True)
"""

MOUNTS = {
    "a folder": 'done(libc.mount(b"/home", b"/tmp/mounted", None, 0x1000, None))',
    "a folder, as root of a namespace": (
        'done(libc.unshare(0x10020000)); done(libc.mount(b"/home", b"/tmp/mounted", None, 0x1000, None))'
    ),
    "the disk with the homes": 'os.mknod("/home/jovyan/disk", 0o60600, os.stat("/home/jovyan").st_dev)',
    "what is mounted already, elsewhere": "done(libc.syscall(428, -100, b'/home', 1))",
}


@pytest.fixture(scope="module")
def namespace(kubeconfig: Path, on_this_machine: None, _remove_namespaces: None) -> str:
    """One for all tests here: it ends with the run."""

    async def make() -> str:
        async with connect(kubeconfig) as kube:
            return await create_namespace(kube, f"homes-{secrets.token_hex(3)}", labels=RESTRICTED)

    return run_apart(make())


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory, kubeconfig: Path, namespace: str, images: Mapping[str, str]
) -> Iterator[PeopleAtHome]:
    hub = PeopleAtHome(
        tmp_path_factory.mktemp("homes") / "hub", kubeconfig=kubeconfig, namespace=namespace, images=images
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
        yield hub
    finally:
        run_apart(remove())


@pytest.fixture(scope="module")
def service(hub: PeopleAtHome) -> Iterator[subprocess.Popen[bytes]]:
    """The home service, and a hub that people can come to."""
    with hub.home_service() as process, hub:
        hub.invite()
        yield process


@pytest.fixture(scope="module")
def neighbours(hub: PeopleAtHome, service: subprocess.Popen[bytes]) -> PeopleAtHome:
    """Alice, with the data of her team, and Bob have workspaces on one node, and a file each."""
    hub.start_for("alice", data=["scans"])
    hub.start_for("bob")
    for person in ("alice", "bob"):
        hub.inside(person, f"umask 000; echo of {person} >~/notes.txt; chmod 0666 ~/notes.txt")
    return hub


@pytest.mark.parametrize("way", WAYS)
def test_the_home_of_another_on_the_same_node_is_not_reached(way: str, neighbours: PeopleAtHome) -> None:
    assert neighbours.inside("alice", WAYS[way].format(place=HOME)).endswith("of alice")
    for place in (f"{HOME}/../bob", f"{HOME}/../../people/bob", str(neighbours.home_of("bob")), "/people/bob"):
        with pytest.raises(ProgramFailedError, match="No such file"):
            neighbours.inside("alice", WAYS[way].format(place=place))
    assert (neighbours.home_of("bob") / "notes.txt").read_text() == "of bob\n"


@pytest.mark.parametrize("what", MOUNTS)
def test_nobody_mounts(what: str, neighbours: PeopleAtHome) -> None:
    with pytest.raises(ProgramFailedError, match=r"not permitted|not implemented"):
        neighbours.inside("alice", SYSTEM_CALLS + MOUNTS[what], program=("python3", "-"))


def test_data_of_a_team_is_there_for_its_members_to_read(neighbours: PeopleAtHome) -> None:
    with closing(neighbours.browser_of("alice")) as browser:
        assert "Scans of vision" in browser.get("/hub/spawn/alice/another").text
    assert neighbours.inside("alice", "cat $STUDIOLO_DATA/scans/scan.txt") == "of vision"
    for attempt in ("echo x >>/data/scans/scan.txt", "touch /data/scans/new", "rm -f /data/scans/scan.txt"):
        with pytest.raises(ProgramFailedError, match="Read-only file system"):
            neighbours.inside("alice", attempt)


def test_data_of_a_team_does_not_exist_for_others(neighbours: PeopleAtHome) -> None:
    with closing(neighbours.browser_of("bob")) as browser:
        page = browser.get("/hub/spawn/bob/another").raise_for_status().text
    assert "Minimal" in page
    assert "scans" not in page.lower()
    with neighbours.api_of("bob") as api:
        choice = {"environment": "minimal", "hardware": "small", "data": ["scans"]}
        refused = api.post("users/bob/servers/another", json={"user_options": choice})
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert "of vision" not in refused.text
    assert neighbours.inside("bob", "ls /data 2>/dev/null || echo nothing") == "nothing"


def test_a_home_outlives_its_pod_hardware_and_software_and_scratch_does_not(
    hub: PeopleAtHome, service: subprocess.Popen[bytes]
) -> None:
    hub.start_for("carol", hardware="roomy")
    hub.inside("carol", "echo kept >~/notes.txt; chmod 0640 ~/notes.txt; echo lost >$SCRATCH/notes.txt")
    hub.stop_for("carol")
    hub.start_for("carol", hardware="roomy", environment="python")
    assert hub.inside("carol", "ls -A $SCRATCH; echo of its own") == "of its own"
    hub.stop_for("carol")
    hub.start_for("carol", hardware="small", environment="python")
    assert hub.inside("carol", "cat ~/notes.txt; ls -d /scratch 2>/dev/null || echo none") == "kept\nnone"
    assert hub.inside("carol", "stat -c '%u %g %a' ~ ~/notes.txt").splitlines() == ["1000 1000 700", "1000 1000 640"]
    found = hub.home_of("carol").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (JOVYAN, 0o700)
    hub.stop_for("carol")


def test_a_home_service_that_does_not_answer_is_told_to_the_person_and_keeps_nobody_else(
    hub: PeopleAtHome, service: subprocess.Popen[bytes]
) -> None:
    with hub.api_of("dave") as dave, closing(hub.browser_of("bob")) as bob, ThreadPoolExecutor(1) as thread:
        choice = {"user_options": {"environment": "minimal", "hardware": "small"}}
        with silenced(service):
            start = thread.submit(dave.post, "users/dave/server", json=choice)
            assert bob.get("/hub/home").is_success
            assert start.result().status_code < httpx.codes.BAD_REQUEST  # it has begun
            assert bob.get("/hub/home").is_success
            hub.until(
                lambda: not dave.get("users/dave/servers/").raise_for_status().json()["pending"],
                what="it is given up",
                seconds=120,
            )
        with closing(hub.browser_of("dave")) as browser:
            assert "Your home directory does not answer" in browser.get("/hub/spawn-pending/dave").text
    hub.start_for("dave")
    assert hub.inside("dave", "echo back >~/notes.txt; cat ~/notes.txt") == "back"
    hub.stop_for("dave")


def test_the_home_of_a_deleted_person_is_put_aside_and_comes_back_into_a_new_pod(
    hub: PeopleAtHome, service: subprocess.Popen[bytes]
) -> None:
    hub.start_for("erin")
    written = hub.inside("erin", "mkdir -p ~/deep; head -c 1000000 /dev/urandom >~/deep/bytes; sha256sum ~/deep/bytes")
    environ = {"STUDIOLO_URL": hub.base_url, "STUDIOLO_TOKEN": hub.token(ADMIN, hub.admin_password)}

    def homes(*words: str) -> Result:
        return CliRunner().invoke(studiolo, ["home", *words], env=environ)

    def is_said(state: str) -> bool:
        lines = [line.split() for line in homes("list").stdout.splitlines()]
        return ["erin", state] in [line[:2] for line in lines]

    hub.start(SERVICES)  # the others here do without it
    try:
        with hub.api(environ["STUDIOLO_TOKEN"]) as api:
            api.delete("users/erin").raise_for_status()  # her workspace runs, and goes with her
        hub.until(lambda: is_said("archived"), what="the home is put aside")
        assert not hub.home_of("erin").exists()
        assert "There is no account" in homes("restore", "erin").stderr
        hub.invite_again("erin")
        restored = homes("restore", "erin")
        assert restored.exit_code == 0, restored.stderr
        assert is_said("restored")
    finally:
        hub.stop(SERVICES)
    hub.start_for("erin")
    assert hub.inside("erin", "sha256sum ~/deep/bytes; stat -c '%u %g %a' ~").splitlines() == [written, "1000 1000 700"]
    hub.stop_for("erin")


def test_homes_of_all_lie_side_by_side_and_closed(neighbours: PeopleAtHome) -> None:
    people = neighbours.home_of("alice").parent
    assert {one.name for one in people.iterdir()} <= {*PEOPLE, ".archived"}
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o700 for one in people.iterdir())


def test_what_nobody_has_used_for_thirty_days_is_removed_from_scratch_and_nothing_else(
    hub: PeopleAtHome, faketime: Path, service: subprocess.Popen[bytes]
) -> None:
    hub.start_for("dave", data=["attic"])
    hub.inside(
        "dave",
        "echo his >~/notes.txt; cd /data/attic; mkdir -p old/er; echo old >old/er/file; echo used >used; echo old >a;"
        "ln -s ~ home; ln -s /data/attic/../../people/dave people; ln -s ../../people outside;"
        "touch -d '20 days' used",  # for in a month that was ten days ago
    )
    with closing(hub.browser_of("dave")) as browser:
        assert "files that nobody used for 30 d are removed" in browser.get("/hub/spawn/dave/another").text
    service.kill()
    service.wait()
    in_a_month = {"LD_PRELOAD": str(faketime), "FAKETIME": "+31d", "NO_FAKE_STAT": "1"}
    with hub.home_service(**in_a_month, FAKETIME_DONT_FAKE_MONOTONIC="1"):
        hub.until(lambda: not (hub.attic / "old").exists(), what="old files are removed")
        hub.until(lambda: "from attic" in (hub.data.logs / "homes.log").read_text(), what="that is told")
    assert hub.inside("dave", "ls -A /data/attic; cat /data/attic/used ~/notes.txt").split() == ["used", "used", "his"]
    hub.stop_for("dave")
