"""Stand-ins for every part of an installation, behind the chart's own NetworkPolicies, and who reaches whom among them.

Each pod listens at every port that any part has, so that what does not answer was denied, and by nothing else.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.charts import WITH_AGENTS, merged, render
from tests.cluster.cluster_commands import kubectl
from tests.cluster.kube import Kube, connect, is_ready
from tests.cluster.namespaces import create_namespace
from tests.cluster.pods import PATIENCE_SECONDS, pod

PORTS = (8000, 8001, 8081, 8083, 8084, 8085, 8888, 9999)
"""Of proxy, its API, hub, services, home service, agents of nodes and workspaces, and one that nobody has."""

LISTEN = f"""
import asyncio
async def answer(reader, writer):
    writer.write(b"here"); await writer.drain(); writer.close()
async def main():
    servers = [await asyncio.start_server(answer, "0.0.0.0", port) for port in {PORTS}]
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())
"""

CONNECT = """
import asyncio, json, sys
async def reaches(host, port):
    try:
        async with asyncio.timeout(4):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
        return True
    except OSError:
        return False
async def main(targets):
    print(json.dumps(await asyncio.gather(*(reaches(*target) for target in targets))))
asyncio.run(main(json.loads(sys.argv[1])))
"""

PARTS = ("hub", "proxy", "services")
WORKSPACES = ("alice", "bob")
WAITING = ("waiting", "waiting-too")
"""Warm pods, which are nobody's yet."""

APART = {"homes": "storage", "agent": "nodes"}
"""Parts in a namespace of their own, by the end of its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedNetwork:
    """What runs, where, and how to try connections from within."""

    release: str
    namespaces: Mapping[str, str]
    """Of each pod."""
    addresses: Mapping[str, str]

    def targets(self) -> dict[str, tuple[str, int]]:
        """Every port of every pod: `hub:8081` and so on."""
        return {f"{name}:{port}": (address, port) for name, address in self.addresses.items() for port in PORTS}

    async def reached(self, source: str, targets: Mapping[str, tuple[str, int]]) -> set[str]:
        """Which of these a pod reaches."""
        words = ("-n", self.namespaces[source], "exec", source, "--", "python3", "-c", CONNECT)
        text = await asyncio.to_thread(kubectl, *words, json.dumps(list(targets.values())))
        return {name for name, is_open in zip(targets, json.loads(text), strict=True) if is_open}

    async def settled(self, source: str, targets: Mapping[str, tuple[str, int]], expected: Collection[str]) -> set[str]:
        """The same, once it is as expected, or after a while as it is then: policies take a moment to hold.

        A connection that is slow is tried again; one that must fail and does not, never looks as if it had failed.
        """
        for _ in range(20):
            found = await self.reached(source, targets)
            if found == set(expected):
                break
        return found


def _pods(release: str, ours: str, theirs: str, image: str) -> list[dict[str, Any]]:
    app = {"app.kubernetes.io/name": "studiolo", "app.kubernetes.io/instance": release}
    workspace = {"studiolo.dev/release": release, "studiolo.dev/kind": "workspace"}
    labels = {
        **{name: (ours, app | {"app.kubernetes.io/component": name}) for name in PARTS},
        **{name: (f"{ours}-{end}", app | {"app.kubernetes.io/component": name}) for name, end in APART.items()},
        **dict.fromkeys(WORKSPACES, (theirs, workspace)),
        **dict.fromkeys(WAITING, (theirs, workspace | {"studiolo.dev/kind": "warm", "studiolo.dev/seat": "parked"})),
        "slot": (f"{ours}-capacity", {"studiolo.dev/release": release, "studiolo.dev/kind": "placeholder"}),
        # Pods that somebody else runs in the same namespaces.
        "beside-us": (ours, {"app": "somebody-else"}),
        "beside-workspaces": (theirs, {"app": "somebody-else"}),
    }
    named = {"hub": {"http": 8081}, "proxy": {"http": 8000, "api": 8001}, "services": {"http": 8083}}
    made = []
    for name, (namespace, given) in labels.items():
        one = pod(name, image, namespace=namespace, args=("python3", "-c", LISTEN), port=PORTS[-1])
        one["metadata"]["labels"] = given
        one["spec"]["containers"][0]["ports"] = [
            {"name": port, "containerPort": number} for port, number in named.get(name, {}).items()
        ]
        made.append(one)
    return made


async def build_attacked_network(kubeconfig: Path, image: str) -> AttackedNetwork:
    """All pods running, nothing denied yet."""
    async with connect(kubeconfig) as kube:
        suffix = secrets.token_hex(3)
        ours = await create_namespace(kube, f"attacked-{suffix}")
        theirs = await create_namespace(kube, f"attacked-{suffix}-workspaces")
        for end in ("capacity", *APART.values()):
            await create_namespace(kube, f"attacked-{suffix}-{end}")
        release = f"attacked-{suffix}"
        pods = _pods(release, ours, theirs, image)
        for one in pods:
            await kube.create(one)
        running = {
            one["metadata"]["name"]: await kube.until(one, is_ready, seconds=2 * PATIENCE_SECONDS) for one in pods
        }
        return AttackedNetwork(
            release=release,
            namespaces={name: one["metadata"]["namespace"] for name, one in running.items()},
            addresses={name: one["status"]["podIP"] for name, one in running.items()},
        )


async def shut(kube: Kube, network: AttackedNetwork) -> None:
    """Put the chart's own policies and services around them, those of warm pods and agents too."""
    ours, theirs = network.namespaces["hub"], network.namespaces["alice"]
    values = merged(WITH_AGENTS, {"kubernetes": {"namespace": theirs}})
    for one in render(values, release=network.release, namespace=ours):
        if one["kind"] in {"NetworkPolicy", "Service"}:
            one["metadata"].setdefault("namespace", ours)
            await kube.create(one)
