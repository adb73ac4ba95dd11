"""A real hub with its services for the warm benchmarks: namespaces of its own, and starts taken with a stopwatch."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.hub_client import HubClient
from bench.stages import phases_from_log
from deploy.cluster.layout import layout_here
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.held_room import HeldRoom, held_room, with_services
from tests.cluster.kube import Kube, connect
from tests.cluster.namespaces import create_namespace, delete_namespaces
from tests.cluster.pods import RESTRICTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.cluster.real_hub import RealHub

SERVER: Final = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start."""

    seconds: float
    """From the request, or from the moment that its place was free, to the hub's word that it is ready."""
    phases: Mapping[str, float]
    waited: float = 0.0
    """Seconds before its place was free; 0 where nothing was waited for."""
    has_pulled: bool = False
    """Whether the node fetched the image, as the events of its pod tell."""
    image: str = ""
    """What it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmHub:
    """One hub, one person, and the cluster's own word on what happened."""

    hub: RealHub
    kube: Kube
    held: HeldRoom
    client: HubClient

    @property
    def pod(self) -> dict[str, Any]:
        """Names the workspace's pod."""
        metadata = {"name": pod_name(ADMIN, SERVER), "namespace": self.held.workspaces}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}

    async def start(self, **choice: str) -> Start:
        """A start, and the stop after it; a server that does not answer is an error."""
        log = self.hub.data.logs / "hub.log"
        already = log.stat().st_size
        seconds = await asyncio.to_thread(self.client.start, SERVER, choice)
        return await self.finish(seconds, already)

    async def finish(self, seconds: float, already: int, *, waited: float = 0.0) -> Start:
        """What the hub's log from there on and the pod's events tell of a start; then it is stopped."""
        await asyncio.to_thread(self.client.check_answers, SERVER)
        pod = await self.kube.get(self.pod)
        uid, image = pod["metadata"]["uid"], pod["spec"]["containers"][0]["image"]
        events = await self.kube.list_all("v1", "Event", namespace=self.held.workspaces)
        reasons = {event["reason"] for event in events if event["involvedObject"].get("uid") == uid}
        with (self.hub.data.logs / "hub.log").open(errors="replace") as lines:
            lines.seek(already)
            phases = phases_from_log(lines)
        await asyncio.to_thread(self.client.stop, SERVER)
        await self.kube.until_gone(self.pod)
        return Start(seconds=seconds, phases=phases, waited=waited, has_pulled="Pulling" in reasons, image=image)

    def offer(self, kind: str, entries: Mapping[str, Any]) -> None:
        """Puts entries into a catalog, `environments` or `hardware`, as an operator edits the file."""
        file = self.hub.settings.catalog_directory / f"{kind}.yaml"
        whole = yaml.safe_load(file.read_text())
        whole[kind] |= entries
        written = file.with_suffix(".new")
        written.write_text(yaml.safe_dump(whole))
        written.replace(file)


@asynccontextmanager
async def warm_hub(
    folder: Path, *, image: str, hardware: Mapping[str, Any], environments: Mapping[str, Any] | None = None
) -> AsyncIterator[WarmHub]:
    """Runs it; everything on the cluster is gone afterwards. `hardware`: may name `HeldRoom.device` as `seat`."""
    kubeconfig = layout_here().kubeconfig
    try:
        async with connect(kubeconfig) as kube, AsyncExitStack() as stack:
            names = [await create_namespace(kube, name, labels=RESTRICTED) for name in ("workspaces", "capacity")]
            held = await stack.enter_async_context(held_room(kube, *names))
            hub = with_services(folder, held, kubeconfig=kubeconfig, images={"minimal": image})
            client = HubClient(url=hub.base_url, token="", user=ADMIN)
            warm = WarmHub(hub=hub, kube=kube, held=held, client=client)
            warm.offer("hardware", hardware)
            warm.offer("environments", environments or {})
            stack.push_async_callback(asyncio.to_thread, hub.close)
            await asyncio.to_thread(hub.__enter__)
            token = await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)
            yield WarmHub(hub=hub, kube=kube, held=held, client=HubClient(url=hub.base_url, token=token, user=ADMIN))
    finally:
        await delete_namespaces(kubeconfig)
