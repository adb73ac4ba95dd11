"""Homes that are full, can only be read, or hang, in real pods: what their people get, and nobody else notices."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from deploy.cluster.errors import ProgramFailedError
from spawner.home_state import EMPTY_HOME_SAID
from spawner.installation import JOVYAN
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.kube import Manifest, connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.people_at_home import MOUNTS, PeopleAtHome
from tests.cluster.pods import RESTRICTED
from tests.faulty_disks import fill, read_only, silent, small_disk
from tests.kernels import Kernel

pytestmark = pytest.mark.usefixtures("on_this_machine")

PAGE_SECONDS = 3.0
"""Pages of others answer within a second; on a machine that is busy with other tests, within three times that."""

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[PeopleAtHome]:
    async def make() -> str:
        async with connect(kubeconfig) as kube:
            return await create_namespace(kube, f"rescue-{secrets.token_hex(3)}", labels=RESTRICTED)

    namespace = run_apart(make())
    root = tmp_path_factory.mktemp("rescue") / "hub"
    hub = PeopleAtHome(root, kubeconfig=kubeconfig, namespace=namespace, images=images)
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


@pytest.fixture
def home(hub: PeopleAtHome) -> Iterator[Path]:
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


def server_of(hub: PeopleAtHome, person: str) -> httpx.Client:
    """The API of the person's server, through the proxy."""
    headers = {"Authorization": f"token {hub.token(person, hub.passwords[person])}"}
    return httpx.Client(base_url=f"{hub.base_url}/user/{person}/api/", headers=headers, trust_env=False, timeout=60)


def notices_of(hub: PeopleAtHome, person: str) -> list[dict[str, str]]:
    """What the pod's JupyterLab is told of the home. This hub has no services, of which it is told too."""
    pod = json.loads(kubectl("-n", hub.namespace, "get", "pod", pod_name(person, ""), "-o", "json"))
    env = {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}
    notices: list[dict[str, str]] = json.loads(env.get("STUDIOLO_NOTICES", "[]"))
    return [notice for notice in notices if notice["key"].endswith("home")]


def save(server: httpx.Client) -> httpx.Response:
    body = {"type": "notebook", "content": NOTEBOOK | {"metadata": {"title": "new"}}}
    return server.put("contents/notes.ipynb", json=body)


def test_a_full_home_gets_a_pod_that_opens_says_so_and_makes_room(hub: PeopleAtHome, home: Path) -> None:
    large = fill(home)
    for one in home.iterdir():
        os.chown(one, JOVYAN, JOVYAN)
    hub.start_for("carol")
    try:
        (notice,) = notices_of(hub, "carol")
        assert notice["text"].startswith("Your home is full")
        with closing(hub.browser_of("carol")) as browser:
            assert notice["text"] in browser.get("/hub/home").text
            assert browser.get("/user/carol/lab").is_success
        with server_of(hub, "carol") as server:
            assert server.get("contents/notes.ipynb").is_success
            token = hub.token("carol", hub.passwords["carol"])
            with Kernel(address=f"{hub.base_url}/user/carol", token=token) as kernel:
                assert "".join(kernel.run("print(6 * 7)")).strip() == "42"
            assert save(server).status_code == httpx.codes.INSUFFICIENT_STORAGE
            assert json.loads((home / "notes.ipynb").read_text()) == NOTEBOOK
            for name in (large.name, "empty-0", "empty-1"):
                server.delete(f"contents/{name}").raise_for_status()
            save(server).raise_for_status()
        assert json.loads((home / "notes.ipynb").read_text())["metadata"] == {"title": "new"}
    finally:
        hub.stop_for("carol")


def test_a_home_that_can_only_be_read_gets_a_pod_that_opens_and_says_so(hub: PeopleAtHome, home: Path) -> None:
    with read_only(hub.home_of("carol"), within=MOUNTS):
        hub.start_for("carol")
        try:
            (notice,) = notices_of(hub, "carol")
            assert notice["text"].startswith("Your home can only be read")
            with server_of(hub, "carol") as server:
                assert server.get("contents/notes.ipynb").is_success
                assert "its disk can only be read" in save(server).json()["message"]
            with pytest.raises(ProgramFailedError, match="Read-only file system"):
                hub.inside("carol", "touch ~/new")
        finally:
            hub.stop_for("carol")


def test_a_home_that_hangs_leaves_a_choice_and_keeps_nobody_else(hub: PeopleAtHome) -> None:
    home = hub.home_of("dave")
    home.mkdir(parents=True, exist_ok=True)
    (home / "mine.txt").write_text("mine")
    with ExitStack() as stack:
        dave = stack.enter_context(hub.api_of("dave"))
        browser = stack.enter_context(closing(hub.browser_of("dave")))
        bob = stack.enter_context(closing(hub.browser_of("bob")))
        with silent(home, within=MOUNTS):
            choice = {"user_options": {"environment": "minimal", "hardware": "small"}}
            assert dave.post("users/dave/server", json=choice).status_code < httpx.codes.BAD_REQUEST

            def is_given_up() -> bool:
                assert bob.get("/hub/home", timeout=PAGE_SECONDS).is_success
                return not dave.get("users/dave/servers/").raise_for_status().json()["pending"]

            hub.until(is_given_up, what="it is given up", seconds=60)
            hub.start_for("bob")
            page = browser.get("/hub/spawn-pending/dave", timeout=PAGE_SECONDS).text
            assert "Your home directory does not answer" in page
            answer = browser.post("/hub/spawn/dave/default", data=fields_of(page, "Start with an empty home"))
            assert answer.is_success
            hub.until(lambda: dave.get("users/dave/servers/").json()["ready"], what="dave starts", seconds=120)
            assert hub.inside("dave", "ls ~; echo of its own; touch ~/lost; mount | grep -c jovyan").splitlines() == [
                "of its own",
                "1",
            ]
            (notice,) = notices_of(hub, "dave")
            assert (notice["key"], notice["text"]) == ("empty_home", EMPTY_HOME_SAID)
            assert EMPTY_HOME_SAID in browser.get("/hub/home", timeout=PAGE_SECONDS).text
            hub.stop_for("dave")
            hub.stop_for("bob")
    with hub.api_of("dave") as dave:  # as the last time: that is without the empty home
        dave.post("users/dave/server").raise_for_status()
        hub.until(lambda: dave.get("users/dave/servers/").json()["ready"], what="dave starts", seconds=120)
    assert hub.inside("dave", "ls ~") == "mine.txt"
    hub.stop_for("dave")


def fields_of(page: str, label: str) -> dict[str, str]:
    """What the form with this button sends."""
    (form,) = (form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{label}<" in form)
    return dict(re.findall(r'name="([^"]*)" value="([^"]*)"', form))
