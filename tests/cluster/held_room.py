"""A real hub with services that hold room, on a cluster where the room of one kind can be counted on one hand.

What is scarce is a device of this test's own, `SEATS` of it on the cluster's node: whatever else runs there takes none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.cluster.layout import REGISTRY, layout_here
from deploy.cluster.pause import push_pause
from deploy.cluster.program_image import image_archive
from deploy.cluster.programs import run_program
from hub.capacity.placeholder import HARDWARE_LABEL, PLACEHOLDER, SHAPE_LABEL
from spawner.installation import KIND_LABEL
from tests.cluster.cluster_commands import kubectl
from tests.cluster.kube import Kube, RefusedError
from tests.cluster.real_hub import RealHub

PATIENCE_SECONDS = 120.0
SEAT = {"environment": "minimal", "hardware": "seat"}
Json = dict[str, Any]


class HeldRoom:
    """Two namespaces, a device to run out of, and what is held of it."""

    def __init__(self, kube: Kube, workspaces: str, capacity: str) -> None:
        self.kube = kube
        self.workspaces = workspaces
        self.capacity = capacity
        self.mark = secrets.token_hex(3)
        self.device = f"studiolo.test/seats-{self.mark}"
        self.priority_class = f"test-placeholder-{self.mark}"
        self.pause = push_pause(layout_here())

    @property
    def settings(self) -> Mapping[str, Any]:
        """For the hub and its services."""
        return {
            "capacity.namespace": self.capacity,
            "capacity.image": self.pause,
            "capacity.priorityClass": self.priority_class,
        }

    def hold(self, catalog: Path, slots: int, **shape: Any) -> None:
        """From now on so much room is held for this hardware; as an operator edits the file."""
        file = catalog / "hardware.yaml"
        entries = yaml.safe_load(file.read_text())
        entries["hardware"]["seat"] = {
            "title": "Seat",
            "cpu": {"request": "50m", "limit": "200m"},
            "memory": "512Mi",
            "gpu": {"resource": self.device, "count": 1},
            "warm": {"slots": slots},
            **shape,
        }
        written = file.with_suffix(".new")
        written.write_text(yaml.safe_dump(entries))
        written.replace(file)

    async def set_seats(self, count: int) -> None:
        """The node has so many from now on."""
        (node, *_) = [one for one in await self.kube.list_all("v1", "Node") if not is_simulated(one)]
        name, key = node["metadata"]["name"], self.device.replace("/", "~1")
        change = f'[{{"op": "add", "path": "/status/capacity/{key}", "value": "{count}"}}]'
        await asyncio.to_thread(
            kubectl, "patch", "node", name, "--subresource=status", "--type=json", f"--patch={change}"
        )
        await self._until(lambda: self._allocatable(name), str(count), what="the node has its seats")

    async def _allocatable(self, name: str) -> str:
        node = await self.kube.get({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        return str(node["status"]["allocatable"].get(self.device))

    async def occupy(self, name: str, **where: Any) -> Json:
        """Somebody's ordinary pod takes a seat. `where`: of its spec, such as a nodeSelector."""
        occupant: Json = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.workspaces},
            "spec": {
                **where,
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65535,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "main",
                        "image": self.pause,
                        "resources": {"limits": {self.device: "1"}},
                        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    }
                ],
            },
        }
        await self.kube.create(occupant)
        await self.kube.until(occupant, is_running, seconds=PATIENCE_SECONDS)
        return occupant

    async def slots(self) -> dict[str, Json]:
        """Those that stand, by name."""
        pods = await self.kube.list_all("v1", "Pod", namespace=self.capacity, labels=f"{KIND_LABEL}={PLACEHOLDER}")
        return {
            pod["metadata"]["name"]: pod
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] not in {"Failed", "Succeeded"}
        }

    async def until_slots(self, *, running: int, waiting: int = 0) -> dict[str, Json]:
        """That many hold room, and that many wait for some."""
        await self._until(self._counts, (running, waiting), what="so many slots run and wait")
        return await self.slots()

    async def until_none(self) -> None:
        """No slot stands any more."""
        await self._until(self.slots, {}, what="no slot stands any more")

    async def _counts(self) -> tuple[int, int]:
        slots = (await self.slots()).values()
        return sum(is_running(pod) for pod in slots), sum(not pod["spec"].get("nodeName") for pod in slots)

    async def until_shape(self, count: int, *, other_than: str = "") -> str:
        """That many, all of one shape, which is another one than that."""

        async def looks() -> tuple[int, int]:
            slots = await self.slots()
            shapes = {pod["metadata"]["labels"][SHAPE_LABEL] for pod in slots.values()} - {other_than}
            return len(slots), len(shapes)

        await self._until(looks, (count, 1), what="the slots have one new shape")
        return next(iter({pod["metadata"]["labels"][SHAPE_LABEL] for pod in (await self.slots()).values()}))

    async def victims(self) -> list[str]:
        """Whose place was taken, as the scheduler's events of both namespaces tell it: `namespace/pod`."""
        events = [
            event
            for namespace in (self.workspaces, self.capacity)
            for event in await self.kube.list_all("v1", "Event", namespace=namespace)
        ]
        victims = [event["involvedObject"] for event in events if event["reason"] == "Preempted"]
        return [f"{victim['namespace']}/{victim['name']}" for victim in victims]

    async def _until(self, look: Any, wanted: object, *, what: str) -> None:
        found: object = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := await look()) != wanted:  # noqa: ASYNC110 - what a cluster does is told by no event
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not in {PATIENCE_SECONDS:.0f} s: {what}: {found} instead of {wanted}") from None


@asynccontextmanager
async def held_room(kube: Kube, workspaces: str, capacity: str) -> AsyncIterator[HeldRoom]:
    """For the time of a test; the node has no such device before and after it."""
    held = HeldRoom(kube, workspaces, capacity)
    priority_class = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": held.priority_class},
        "value": -10,
        "preemptionPolicy": "Never",
    }
    await kube.create(priority_class)
    try:
        yield held
    finally:
        with suppress(RefusedError):
            await kube.delete(priority_class)
        (node, *_) = [one for one in await kube.list_all("v1", "Node") if not is_simulated(one)]
        key = held.device.replace("/", "~1")
        if held.device in node["status"]["capacity"]:
            gone = f'[{{"op": "remove", "path": "/status/capacity/{key}"}}]'
            name = node["metadata"]["name"]
            await asyncio.to_thread(
                kubectl, "patch", "node", name, "--subresource=status", "--type=json", f"--patch={gone}"
            )


def with_services(
    folder: Path, held: HeldRoom, *, kubeconfig: Path, images: Mapping[str, str], fetches: bool = True
) -> RealHub:
    """A hub and its services, both with the settings of held room; nothing runs yet. `fetches`: images ahead, too."""
    return RealHub(
        folder,
        kubeconfig=kubeconfig,
        namespace=held.workspaces,
        images=images,
        overrides={**held.settings, "capacity.images.enabled": fetches},
        services=True,
    )


def is_running(pod: Json) -> bool:
    """Whether it has its room."""
    return pod["status"]["phase"] == "Running"


def has_no_room(pod: Mapping[str, Any]) -> bool:
    """What an autoscaler reacts to: the scheduler has looked, and found nothing."""
    return any(
        one["type"] == "PodScheduled" and one["status"] == "False" and one.get("reason") == "Unschedulable"
        for one in pod["status"].get("conditions", ())
    )


def is_simulated(node: Json) -> bool:
    """Whether nobody's containers ever run there."""
    return "kwok.x-k8s.io/node" in node["metadata"].get("annotations", {})


def hardware_of(pod: Json) -> str:
    """What a slot holds room for."""
    return str(pod["metadata"]["labels"][HARDWARE_LABEL])


MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


def new_digest(image: str) -> str:
    """The same image under another digest: as after a build that changed next to nothing. Pushed to its registry."""
    name, _, digest = image.partition("@")
    host, _, repository = name.rpartition(":")[0].partition("/")
    with httpx.Client(base_url=f"http://{host}/v2/{repository}/", trust_env=False, timeout=60) as registry:
        manifest = registry.get(f"manifests/{digest}", headers={"Accept": MANIFESTS}).raise_for_status()
        found = manifest.json()
        config = registry.get(f"blobs/{found['config']['digest']}", follow_redirects=True).raise_for_status().json()
        config["config"].setdefault("Labels", {})["studiolo.test/mark"] = secrets.token_hex(8)
        content = json.dumps(config).encode()
        config_digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = registry.post("blobs/uploads/").raise_for_status().headers["Location"]
        upload = httpx.URL(place).copy_merge_params({"digest": config_digest})
        registry.put(upload, content=content).raise_for_status()
        found["config"] |= {"digest": config_digest, "size": len(content)}
        changed = json.dumps(found).encode()
        new = f"sha256:{hashlib.sha256(changed).hexdigest()}"
        kind = {"Content-Type": manifest.headers["Content-Type"]}
        registry.put(f"manifests/{new}", content=changed, headers=kind).raise_for_status()
    return f"{name}@{new}"


def push_scratch(folder: Path) -> str:
    """An image with one program and nothing else: no shell, no user, no folder. Its reference by digest."""
    folder.mkdir()
    program = folder / "program"
    program.write_bytes(b"\x7fELF" + secrets.token_bytes(4096))
    archive = folder / "image.tar"
    archive.write_bytes(image_archive(program, name="localhost/scratch:1", architecture="amd64", user="0:0"))
    name, digest = f"{REGISTRY}/test/scratch-{secrets.token_hex(4)}", folder / "digest"
    options = ("--quiet", "--dest-tls-verify=false", "--digestfile", digest)
    run_program("skopeo", "copy", *options, f"docker-archive:{archive}", f"docker://{name}:1")
    return f"{name}@{digest.read_text().strip()}"
