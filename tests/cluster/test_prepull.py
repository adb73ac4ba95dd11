"""Images on a real node before anybody waits for them; an environment's new image there before it is offered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import PATIENCE_SECONDS, HeldRoom, held_room, new_digest, push_scratch, with_services
from tests.cluster.kube import Kube
from tests.cluster.pods import RESTRICTED
from tests.cluster.real_hub import SMALL, RealHub

pytestmark = pytest.mark.usefixtures("on_this_machine")


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        yield found


def write_environments(hub: RealHub, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """As an operator edits the file."""
    file = hub.settings.catalog_directory / "environments.yaml"
    written = file.with_suffix(".new")
    written.write_text(yaml.safe_dump({"environments": entries}))
    written.replace(file)


@asynccontextmanager
async def running(hub: RealHub) -> AsyncIterator[str]:
    """A token of its administrator."""
    try:
        await asyncio.to_thread(hub.__enter__)
        yield await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)
    finally:
        await asyncio.to_thread(hub.close)


async def until(hub: RealHub, token: str, holds: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """What is told of images on nodes, once it holds; by image."""

    def look() -> dict[str, Any]:
        with hub.services_api(token) as api:
            return {one["image"]: one for one in api.get("capacity/images").raise_for_status().json()["images"]}

    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(found := await asyncio.to_thread(look)):  # noqa: ASYNC110 - told by no event
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not in {PATIENCE_SECONDS:.0f} s; at last: {found}") from None
    return found


async def test_an_image_without_a_shell_is_fetched_ahead_and_one_that_is_not_there_is_named(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], held: HeldRoom
) -> None:
    hub = with_services(tmp_path / "hub", held, kubeconfig=kubeconfig, images=images)
    scratch = await asyncio.to_thread(push_scratch, tmp_path / "scratch")
    missing = f"{scratch.partition('@')[0]}@sha256:{'0' * 64}"
    write_environments(hub, {"scratch": {"title": "Scratch", "image": scratch, "default": True}})
    async with running(hub) as token:
        await until(hub, token, lambda found: scratch in found and found[scratch]["present"] == found[scratch]["nodes"])
        write_environments(hub, {"other": {"title": "Other", "image": missing, "default": True}})
        found = await until(hub, token, lambda found: missing in found and bool(found[missing]["failed"]))
        (failed, *_) = found[missing]["failed"]
        assert failed["reason"] == "The registry of images has none of that name."
    pods = await held.kube.list_all("v1", "Pod", namespace=held.capacity)
    assert [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]] == []


async def test_a_new_image_is_on_the_node_before_it_is_offered_and_its_first_start_fetches_nothing(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], held: HeldRoom
) -> None:
    hub = with_services(tmp_path / "hub", held, kubeconfig=kubeconfig, images=images)
    entry = {"title": "Minimal", "image": images["minimal"], "default": True}
    write_environments(hub, {"minimal": entry})
    new = await asyncio.to_thread(new_digest, images["minimal"])

    def offered() -> str:
        with httpx.Client(trust_env=False) as client:
            headers = {"Authorization": f"token {hub.keys.hub_token}"}
            url = f"{hub.settings.services.url}/services/studiolo/api/capacity/offered"
            return str(client.get(url, headers=headers).raise_for_status().json()["offered"].get("minimal", ""))

    async with running(hub) as token:
        await until(hub, token, lambda found: images["minimal"] in found)
        assert await asyncio.to_thread(offered) == images["minimal"]
        write_environments(hub, {"minimal": {**entry, "image": new}})
        await asyncio.to_thread(
            lambda: hub.until(lambda: offered() == new, what="the new one is offered", seconds=PATIENCE_SECONDS)
        )

        async def image_of_a_start() -> tuple[str, set[str]]:
            await asyncio.to_thread(lambda: hub.start_workspace(token, ADMIN, **SMALL))
            name = pod_name(ADMIN, "")
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": held.workspaces}}
            found = await held.kube.get(pod)
            uid = found["metadata"]["uid"]
            events = await held.kube.list_all("v1", "Event", namespace=held.workspaces)
            reasons = {event["reason"] for event in events if event["involvedObject"].get("uid") == uid}
            await asyncio.to_thread(hub.stop_workspace, token, ADMIN)
            return found["spec"]["containers"][0]["image"], reasons

        # The hub asks every three seconds; until it knows, the old one starts, which is there as well.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                image, reasons = await image_of_a_start()
                assert "Pulling" not in reasons
                if image == new:
                    break
                assert image == images["minimal"]
