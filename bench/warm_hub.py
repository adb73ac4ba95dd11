"""A real hub with its services for the warm benchmarks: namespaces of its own, and starts taken with a stopwatch."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.hub_client import HubClient
from bench.kubelet_relists import until_after_relist
from bench.stages import phases_from_log
from deploy.cluster.layout import layout_here
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.held_room import HeldRoom, held_room, is_simulated
from tests.cluster.kube import Kube, connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.pods import RESTRICTED
from tests.cluster.real_hub import RealHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

SERVER: Final = "bench"
GONE_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start."""

    seconds: float
    """From the request, or from the moment that its place was free, to the hub's word that it is ready."""
    phases: Mapping[str, float]
    offset: float = 0.0
    """Seconds after a relist of the node at which it was asked for; 0 where that does not count."""
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
    node: Mapping[str, Any]
    """The one that runs pods, its metadata."""

    @property
    def pod(self) -> dict[str, Any]:
        """Names the workspace's pod."""
        metadata = {"name": pod_name(ADMIN, SERVER), "namespace": self.held.workspaces}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}

    async def start(self, offset: float, **choice: str) -> Start:
        """A start, and the stop after it; a server that does not answer is an error.

        `offset`: seconds after the node has relisted its containers at which it begins (`bench.kubelet_relists`).
        """
        await until_after_relist(self.kube, self.node["name"], offset)
        log = self.hub.data.logs / "hub.log"
        already = log.stat().st_size
        seconds = await asyncio.to_thread(self.client.start, SERVER, choice)
        return await self.finish(seconds, already, offset=offset)

    async def finish(self, seconds: float, already: int, *, offset: float = 0.0, waited: float = 0.0) -> Start:
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
        return Start(
            seconds=seconds,
            phases=phases,
            offset=offset,
            waited=waited,
            has_pulled="Pulling" in reasons,
            image=image,
        )


def offer(hub: RealHub, kind: str, entries: Mapping[str, Any]) -> None:
    """Puts entries into a catalog, `environments` or `hardware`, as an operator edits the file."""
    file = hub.settings.catalog_directory / f"{kind}.yaml"
    whole = yaml.safe_load(file.read_text())
    whole[kind] |= entries
    written = file.with_suffix(".new")
    written.write_text(yaml.safe_dump(whole))
    written.replace(file)


@asynccontextmanager
async def warm_hub(
    folder: Path,
    *,
    image: str,
    hardware: Mapping[str, Any],
    environments: Mapping[str, Any] | None = None,
    fetches_ahead: bool = False,
) -> AsyncIterator[WarmHub]:
    """Runs it; everything on the cluster is gone afterwards. `image`: of `minimal`, which is the default.

    `fetches_ahead`: whether it brings images to nodes before anybody starts them.
    """
    kubeconfig, mark = layout_here().kubeconfig, secrets.token_hex(3)
    async with connect(kubeconfig) as kube:
        names = [await create_namespace(kube, f"{kind}-{mark}", labels=RESTRICTED) for kind in ("work", "capacity")]
        async with AsyncExitStack() as stack:
            for name in names:
                stack.push_async_callback(remove_namespace, kube, name)
            held = await stack.enter_async_context(held_room(kube, *names))
            ahead = {"enabled": fetches_ahead, "priorityClass": held.priority_class}
            hub = RealHub(
                folder,
                kubeconfig=kubeconfig,
                namespace=held.workspaces,
                images={"minimal": image},
                overrides={**held.settings, **{f"capacity.images.{key}": value for key, value in ahead.items()}},
                services=True,
            )
            offer(hub, "hardware", hardware)
            offer(hub, "environments", environments or {})
            stack.push_async_callback(asyncio.to_thread, hub.close)
            await asyncio.to_thread(hub.__enter__)
            token = await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)
            client = HubClient(url=hub.base_url, token=token, user=ADMIN)
            node = next(one["metadata"] for one in await kube.list_all("v1", "Node") if not is_simulated(one))
            yield WarmHub(hub=hub, kube=kube, held=held, client=client, node=node)


async def remove_namespace(kube: Kube, name: str) -> None:
    """Returns when it is gone."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await kube.delete(namespace)
    await kube.until_gone(namespace, seconds=GONE_SECONDS)
