"""What it costs to know 5,000 pods: our watch against KubeSpawner's own reflector, on the same fake API server.

Each measurement is a process of its own, the two sides in turn; the server is another process and costs neither.
`python -m bench.pod_watch` prints the CPU seconds of the first list and of a minute of steady state, the memory above
the imports and the longest time that the event loop stood still, and writes `bench/results/pod_watch.json`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import re
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from bench.comparison import RESULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from spawner.kube import Json

LABELS = {"component": "singleuser-server"}
SETTLE_SECONDS = 5.0
"""KubeSpawner lists a second time right after the first, which is no steady state."""
TICK_SECONDS = 0.01
MIB = 1024**2
PACKAGES = ("jupyterhub-kubespawner", "kubernetes_asyncio", "aiohttp")
FIGURES = {
    "list_cpu_seconds": "CPU seconds of the first list",
    "minute_cpu_seconds": "CPU seconds of a minute",
    "memory_mib": "MiB at most, above the imports",
    "stall_seconds": "longest stall of the loop, seconds",
}
POD_BYTES = 7_000
"""JSON of a user's pod in a real cluster, most of it spec and managed fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process paid."""

    list_cpu_seconds: float
    minute_cpu_seconds: float
    memory_mib: float
    stall_seconds: float


def pod_json(number: int) -> Json:
    """A running pod as a cluster has it."""
    name = f"jupyter-user-{number}"
    annotations = {"hub.jupyter.org/username": f"user-{number}", "hub.jupyter.org/servername": ""}
    body: Json = {
        "metadata": {"name": name, "labels": LABELS | {"hub.jupyter.org/username": name}, "annotations": annotations},
        "spec": {
            "nodeName": f"node-{number % 50}",
            "containers": [{"name": "notebook", "image": f"registry.example.org/lab@sha256:{'0' * 64}", "env": []}],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-01T10:00:00Z"}],
            "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {"startedAt": "…"}}}],
        },
    }
    env = body["spec"]["containers"][0]["env"]
    while len(json.dumps(body)) < POD_BYTES:
        env.append({"name": f"VARIABLE_{len(env)}", "value": f"value {len(env)} of {name}"})
    return body


async def serve(pods: int, changes_per_second: float) -> None:
    """The fake API server with its pods, for ever; the first line printed is its address."""
    from tests.fakes.fake_kubernetes import FakeKubernetes  # noqa: PLC0415 - the sides measured must not pay for it

    async with FakeKubernetes() as kubernetes:
        for number in range(pods):
            kubernetes.put_for_test("pods", pod_json(number))
        print(kubernetes.url, flush=True)
        chance = random.Random(1)  # noqa: S311 - the same stream each time
        for count in range(sys.maxsize):
            await asyncio.sleep(1 / changes_per_second)
            name = f"jupyter-user-{chance.randrange(pods)}"
            kubernetes.change_for_test("pods", name, {"metadata": {"annotations": {"activity": str(count)}}})


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Callable[[], int]]:
    """Our watch, its first list read; gives what counts the pods."""
    from kubernetes_asyncio import client  # noqa: PLC0415 - each side pays for its own imports

    from spawner.kube import Kube  # noqa: PLC0415 - each side is measured in a process that has imported nothing of the other
    from spawner.kube_feed import Persistence  # noqa: PLC0415 - each side is measured in a process that has imported nothing of the other
    from spawner.pod_watch import PodWatch  # noqa: PLC0415 - each side is measured in a process that has imported nothing of the other

    kube = Kube(client.ApiClient(client.Configuration(host=url)))
    persistence = Persistence(log=logging.getLogger("bench"))
    watch = PodWatch(kube, namespace="lab", labels=LABELS, persistence=persistence)
    begin()
    running = asyncio.create_task(watch.run())
    await watch.wait_synced(60)
    yield lambda: len(watch.pods()) if not running.done() else 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await kube.close()


@asynccontextmanager
async def stock(url: str) -> AsyncIterator[Callable[[], int]]:
    """KubeSpawner's reflector, with its own settings."""
    from kubernetes_asyncio import client  # noqa: PLC0415 - each side is measured in a process that has imported nothing of the other
    from kubespawner.spawner import PodReflector  # noqa: PLC0415 - each side is measured in a process that has imported nothing of the other

    client.Configuration.set_default(client.Configuration(host=url))
    reflector = PodReflector(namespace="lab", labels=LABELS)
    begin()
    await reflector.start()
    yield lambda: len(reflector.pods) if not reflector.watch_task.done() else 0
    await reflector.stop()


SIDES: dict[str, Callable[[str], AbstractAsyncContextManager[Callable[[], int]]]] = {"stock": stock, "ours": ours}


class Begun:
    """Where the work of a side begins, after its imports."""

    cpu = 0.0
    memory = 0.0


def begin() -> None:
    """Called by each side when it has imported what it needs."""
    gc.collect()
    Begun.cpu, Begun.memory = time.process_time(), memory_mib("VmRSS")


def memory_mib(what: str) -> float:
    """`VmRSS` now, `VmHWM` at its highest."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 / MIB if found else 0.0


async def measure(side: str, url: str, pods: int, seconds: float) -> Cost:
    """One side, from its start to the end of the window."""
    stalls = [0.0]

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            stalls.append(time.monotonic() - before - TICK_SECONDS)

    async with SIDES[side](url) as count:
        list_cpu = time.process_time() - Begun.cpu
        await asyncio.sleep(SETTLE_SECONDS)
        ticking = asyncio.create_task(tick())
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        minute_cpu = (time.process_time() - cpu) / (time.monotonic() - began) * 60
        ticking.cancel()
        assert count() == pods, f"{side} knows {count()} of {pods} pods"
    return Cost(
        list_cpu_seconds=list_cpu,
        minute_cpu_seconds=minute_cpu,
        memory_mib=memory_mib("VmHWM") - Begun.memory,
        stall_seconds=max(stalls),
    )


@contextmanager
def server(pods: int, changes_per_second: float) -> Iterator[str]:
    """The fake API server in a process of its own."""
    command = [sys.executable, "-m", "bench.pod_watch", "serve", str(pods), str(changes_per_second)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def show(costs: dict[str, list[Cost]], console: Console) -> Path:
    """Prints medians, ranges and ratios, and writes them all."""
    table = Table("", "stock (min to max)", "ours (min to max)", "ratio")
    written: Json = {package: version(package) for package in PACKAGES}
    for name, what in FIGURES.items():
        values = {side: [float(asdict(one)[name]) for one in found] for side, found in costs.items()}
        medians = {side: statistics.median(found) for side, found in values.items()}
        ratio = medians["stock"] / max(medians["ours"], 1e-9)
        shown = (f"{medians[side]:.3f} ({min(values[side]):.3f} to {max(values[side]):.3f})" for side in SIDES)
        table.add_row(what, *shown, f"{ratio:.1f}")
        written[name] = {**values, "ratio": round(ratio, 2)}
    console.print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "pod_watch.json"
    path.write_text(json.dumps(written, indent=2) + "\n")
    return path


@click.group(invoke_without_command=True)
@click.option("--pods", default=5000, show_default=True)
@click.option("--seconds", default=40.0, show_default=True, help="Of steady state, scaled to a minute.")
@click.option("--changes", default=20.0, show_default=True, help="Of pods, each second.")
@click.option("--runs", default=2, show_default=True, help="Of each side.")
@click.pass_context
def main(context: click.Context, pods: int, seconds: float, changes: float, runs: int) -> None:
    """Measure both sides in turn."""
    if context.invoked_subcommand is not None:
        return
    console = Console(width=120, highlight=False)
    costs: dict[str, list[Cost]] = {side: [] for side in SIDES}
    with server(pods, changes) as url:
        for _ in range(runs):
            for side, measured in costs.items():
                command = [sys.executable, "-m", "bench.pod_watch", "one", side, url, str(pods), str(seconds)]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                measured.append(Cost(**json.loads(told)))
                console.print(f"{side}: {measured[-1]}")
    console.print(f"written: {show(costs, console)}")


@main.command("serve")
@click.argument("pods", type=int)
@click.argument("changes_per_second", type=float)
def serve_command(pods: int, changes_per_second: float) -> None:
    """Be the API server."""
    asyncio.run(serve(pods, changes_per_second))


@main.command("one")
@click.argument("side", type=click.Choice(list(SIDES)))
@click.argument("url")
@click.argument("pods", type=int)
@click.argument("seconds", type=float)
def one_command(side: str, url: str, pods: int, seconds: float) -> None:
    """Measure one side."""
    print(json.dumps(asdict(asyncio.run(measure(side, url, pods, seconds)))))


if __name__ == "__main__":
    main()
