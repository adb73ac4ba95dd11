"""Homes and folders of teams at a claimed start, as at a normal one: new, full, to be read only, or in the way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.cluster.errors import ProgramFailedError
from spawner.installation import JOVYAN
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.people_at_home import MOUNTS
from tests.faulty_disks import fill, small_disk

pytestmark = pytest.mark.usefixtures("on_this_machine")

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    folder = tmp_path_factory.mktemp("claimed-homes")
    with claiming_hub(folder, kubeconfig, images, pods=0, more={"homes.quota": "1Gi"}) as hub:
        # Little to ask for, on a node with others.
        hub.change_hardware(lambda entries: entries["small"].update(cpu={"request": "10m", "limit": 2}))
        hub.want_pods(1)
        yield hub


def claim(hub: ClaimingHub, person: str) -> None:
    hub.until_parked(1)
    hub.start_for(person)
    assert hub.is_claimed(person), hub.log("hub")[-4000:]


def server_of(hub: ClaimingHub, person: str) -> httpx.Client:
    """The person's server, through the proxy."""
    headers = {"Authorization": f"token {hub.token(person, hub.passwords[person])}"}
    return httpx.Client(base_url=f"{hub.base_url}/user/{person}/", headers=headers, trust_env=False, timeout=60)


def told_in_the_lab(hub: ClaimingHub, person: str) -> list[str]:
    """What JupyterLab says that a start knew."""
    with server_of(hub, person) as server:
        return [one["text"] for one in server.get("studiolo/notices").raise_for_status().json()["notices"]]


def save(hub: ClaimingHub, person: str) -> httpx.Response:
    with server_of(hub, person) as server:
        return server.put("api/contents/notes.ipynb", json={"type": "notebook", "content": NOTEBOOK})


def test_a_home_is_made_with_the_place_of_its_teams_and_its_quota_is_told(hub: ClaimingHub) -> None:
    assert not hub.home_of("alice").exists()
    claim(hub, "alice")
    found = hub.home_of("alice").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (JOVYAN, JOVYAN, 0o700)
    hub.inside("alice", "echo hers >~/notes.txt; echo theirs >~/shared/vision/plan.txt")
    assert (hub.home_of("alice") / "notes.txt").read_text() == "hers\n"
    assert (hub.home_of("alice").parent / ".teams" / "vision" / "plan.txt").read_text() == "theirs\n"
    with server_of(hub, "alice") as server:
        usage = server.get("studiolo/home").raise_for_status().json()
    assert usage["quota_bytes"] == 2**30
    with closing(hub.browser_of("alice")) as browser:
        hub.until(lambda: "of 1 GiB" in browser.get("/hub/home").text, what="the bar is there")
    hub.stop_for("alice")


@pytest.fixture
def home(hub: ClaimingHub) -> Iterator[Path]:
    """Carol's home, a disk of 2 MiB of its own with a notebook on it."""
    path = hub.home_of("carol")
    path.mkdir(parents=True, exist_ok=True)
    with small_disk(path, megabytes=2, within=MOUNTS):
        path = hub.home_in_pods("carol")
        (path / "notes.ipynb").write_text(json.dumps(NOTEBOOK))
        for one in (path, path / "notes.ipynb"):
            os.chown(one, JOVYAN, JOVYAN)
        path.chmod(0o700)
        yield path


def test_a_full_home_opens_says_so_and_takes_what_there_is_room_for(hub: ClaimingHub, home: Path) -> None:
    large = fill(home)
    for one in home.iterdir():
        os.chown(one, JOVYAN, JOVYAN)
    claim(hub, "carol")
    try:
        assert any(said.startswith("Your home is full") for said in told_in_the_lab(hub, "carol"))
        assert save(hub, "carol").status_code == httpx.codes.INSUFFICIENT_STORAGE
        hub.inside("carol", f"rm ~/{large.name} ~/empty-*")
        save(hub, "carol").raise_for_status()
    finally:
        hub.stop_for("carol")


@contextmanager
def its_disk_read_only(home: Path) -> Iterator[None]:
    """The whole disk, not one mount of it: an agent has its own mount since it was started."""
    words = ("nsenter", f"--mount={MOUNTS}", "mount", str(home), "-o")
    subprocess.run([*words, "remount,ro"], check=True)
    try:
        yield
    finally:
        subprocess.run([*words, "remount,rw"], check=True)


def test_a_home_that_can_only_be_read_opens_and_says_so(hub: ClaimingHub, home: Path) -> None:
    with its_disk_read_only(hub.home_of("carol")):
        claim(hub, "carol")
        try:
            assert any(said.startswith("Your home can only be read") for said in told_in_the_lab(hub, "carol"))
            assert "its disk can only be read" in save(hub, "carol").json()["message"]
            with pytest.raises(ProgramFailedError, match="Read-only file system"):
                hub.inside("carol", "touch ~/new")
        finally:
            hub.stop_for("carol")
    assert json.loads((home / "notes.ipynb").read_text()) == NOTEBOOK


def test_a_file_in_the_place_of_a_team_keeps_its_folder_out_and_is_told(hub: ClaimingHub) -> None:
    shared = hub.home_of("alice") / "shared"
    (shared / "vision").rmdir()
    (shared / "vision").write_text("of alice")
    claim(hub, "alice")
    try:
        assert any(said.startswith("~/shared/vision is missing") for said in told_in_the_lab(hub, "alice"))
        assert hub.inside("alice", "cat ~/shared/vision") == "of alice"
    finally:
        hub.stop_for("alice")
        (shared / "vision").unlink()


def test_a_file_in_the_place_of_a_home_ends_the_start_and_costs_no_warm_pod(hub: ClaimingHub) -> None:
    hub.home_of("dave").write_text("not a folder")
    (waiting,) = hub.until_parked(1)
    with hub.api_of("dave") as api, closing(hub.browser_of("dave")) as browser:
        api.post("users/dave/server", json={"user_options": {"environment": "minimal", "hardware": "small"}})
        hub.until(lambda: not api.get("users/dave/servers/").json()["pending"], what="it is given up", seconds=60)
        assert "Your home directory cannot be used" in browser.get("/hub/spawn-pending/dave").text
    (still,) = hub.until_parked(1)
    assert still["metadata"]["uid"] == waiting["metadata"]["uid"]
