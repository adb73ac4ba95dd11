"""What one pod costs who follows a cluster: on the replayed cluster, and on a real API server with simulated nodes.

The replay plays what these machines have no room for; that it costs what a real API server costs is shown at 200 nodes
and 2,000 pods, which kwok can simulate. Each measurement is a process of its own: nodes and pods are listed, then pods
come and go.
`python -m bench.capacity_pods` needs `make cluster`; it writes `bench/results/capacity_pods.json`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bench.capacity_loop import CHECKOUT, memory, replayed, write_kubeconfig
from bench.comparison import RESULTS
from bench.replayed_cluster import WORKSPACES, padded
from deploy.cluster.layout import SIMULATED_LABEL, layout_of
from deploy.cluster.record import load_record
from deploy.cluster.simulated_nodes import set_simulated_nodes
from hub.capacity.picture import Picture
from spawner.kube import Kube
from spawner.kube_feed import Persistence
from spawner.node_watch import NodeWatch
from tests.cluster.kube import connect
from tests.cluster.namespaces import create_namespace, delete_namespaces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from deploy.cluster.layout import Layout

AT_ONCE: Final = 20
"""Requests to the API server: simulated pods come no faster for more."""

SENT_BYTES: Final = 2_000
"""Of a pod as it is made. With defaults, status and who manages which field it has 7 kB, as the replayed ones."""

NEAR: Final = 1.5
"""What the real API server's pods may cost over the replayed ones', and the reverse, for the replay to be believed."""

PATIENCE_SECONDS: Final = 300.0


def simulated_pod(namespace: str, number: int) -> dict[str, Any]:
    """One as large as a real one, for simulated nodes alone."""
    return padded(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "namespace": namespace},
            "spec": {
                "nodeSelector": {SIMULATED_LABEL: "true"},
                "tolerations": [{"key": SIMULATED_LABEL, "operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "main",
                        "image": "registry.invalid/simulated:1",
                        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
                    }
                ],
            },
        },
        SENT_BYTES,
    )


async def follow(kubeconfig: Path, namespace: str, pods: int, seconds: float) -> dict[str, float]:
    """List everything, then listen for so long. Prints "listed" in between, for who lets pods come and go."""
    kube = await Kube.connect(kubeconfig)
    persistence = Persistence(log=logging.getLogger("bench"))
    nodes = NodeWatch(kube, persistence=persistence)
    picture = Picture(kube, nodes, namespaces=(namespace,), persistence=persistence)
    gc.collect()
    cpu, before = time.process_time(), memory(os.getpid(), "VmRSS")
    following = [asyncio.create_task(one.run()) for one in (nodes, picture)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (view := picture.view()) is None or sum(len(node.placed) for node in view.nodes) < pods:  # noqa: ASYNC110 - a picture tells nobody
            await asyncio.sleep(0.2)
    listed, grown = time.process_time() - cpu, memory(os.getpid(), "VmRSS") - before
    print("listed", flush=True)
    cpu = time.process_time()
    await asyncio.sleep(seconds)
    steady = time.process_time() - cpu
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    await kube.close()
    return {
        "list_microseconds_per_pod": round(listed / pods * 1e6, 1),
        "bytes_per_pod": round(grown / pods),
        "steady_core": round(steady / seconds, 4),
    }


async def measured(kubeconfig: Path, namespace: str, pods: int, seconds: float) -> AsyncIterator[dict[str, float]]:
    """Two values: that it has listed, and then what it found."""
    words = ("follow", str(kubeconfig), namespace, str(pods), str(seconds))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "bench.capacity_pods", *words, stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    assert process.stdout is not None
    yield {"listed": bool(await process.stdout.readline())}
    yield json.loads(await process.stdout.read())
    await process.wait()


async def replayed_cost(folder: Path, *, nodes: int, pods: int, changes: float, seconds: float) -> dict[str, float]:
    """Of the replayed cluster."""
    with replayed(nodes, pods, changes) as url:
        told = measured(write_kubeconfig(folder / "kubeconfig", url), WORKSPACES, pods, seconds)
        return [one async for one in told][-1]


async def simulated_cost(layout: Layout, *, pods: int, changes: float, seconds: float) -> dict[str, float]:
    """Of a real API server."""
    async with simulated_pods(layout, pods) as (kube, namespace):
        told = measured(layout.kubeconfig, namespace, pods, seconds)
        await anext(told)
        path = f"/api/v1/namespaces/{namespace}/pods"
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            await kube.create(path, simulated_pod(namespace, pods + number))
            await kube.delete(f"{path}/pod-{number}", grace_seconds=0)
            number += 1
            await asyncio.sleep(max(0.0, number / changes - seconds + end - time.monotonic()))
        return (await anext(told)) | {"changes_per_second": round(number / seconds, 1)}


@asynccontextmanager
async def simulated_pods(layout: Layout, count: int) -> AsyncIterator[tuple[Kube, str]]:
    """So many run, in a namespace of their own."""
    kube = await Kube.connect(layout.kubeconfig)
    try:
        async with connect(layout.kubeconfig) as door:
            namespace = await create_namespace(door, "pods")
        path, turns = f"/api/v1/namespaces/{namespace}/pods", asyncio.Semaphore(AT_ONCE)

        async def make(number: int) -> None:
            async with turns:
                await kube.create(path, simulated_pod(namespace, number))

        await asyncio.gather(*(make(number) for number in range(count)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            running = {"fieldSelector": "status.phase=Running"}
            while sum([len(page["items"]) async for page in kube.pages(path, running)]) < count:  # noqa: ASYNC110 - they run when they run
                await asyncio.sleep(1)
        yield kube, namespace
    finally:
        await kube.close()
        await delete_namespaces(layout.kubeconfig)


@click.group(invoke_without_command=True)
@click.option("--nodes", default=200, show_default=True)
@click.option("--pods", default=2_000, show_default=True)
@click.option("--changes", default=10.0, show_default=True, help="Pods that come, and as many that go, each second.")
@click.option("--seconds", default=60.0, show_default=True)
@click.pass_context
def main(context: click.Context, nodes: int, pods: int, changes: float, seconds: float) -> None:
    """Measure both, and tell; an error where they differ."""
    if context.invoked_subcommand is not None:
        return
    record = load_record()
    if record is None:
        raise click.ClickException("There is no cluster. Bring it up: make cluster.")
    layout = layout_of(Path(record.state))
    result: dict[str, Any] = {"nodes": nodes, "pods": pods}
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as folder:
        result["replayed"] = asyncio.run(
            replayed_cost(Path(folder), nodes=nodes, pods=pods, changes=changes, seconds=seconds)
        )
    set_simulated_nodes(layout, count=nodes, gpus=0)
    try:
        result["simulated"] = asyncio.run(simulated_cost(layout, pods=pods, changes=changes, seconds=seconds))
    finally:
        set_simulated_nodes(layout, count=0, gpus=0)
    result["ratio"] = {
        name: round(result["simulated"][name] / value, 2) for name, value in result["replayed"].items() if value
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "capacity_pods.json").write_text(json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))
    ratio = result["ratio"]["list_microseconds_per_pod"]
    sys.exit(0 if 1 / NEAR <= ratio <= NEAR else 1)


@main.command("follow")
@click.argument("kubeconfig", type=click.Path(path_type=Path))
@click.argument("namespace")
@click.argument("pods", type=int)
@click.argument("seconds", type=float)
def follow_command(kubeconfig: Path, namespace: str, pods: int, seconds: float) -> None:
    """Measure one."""
    print(json.dumps(asyncio.run(follow(kubeconfig, namespace, pods, seconds))))


if __name__ == "__main__":
    main()
