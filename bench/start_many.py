"""A lecture begins: a hundred people start a workspace in the same moment, on nodes that only seem to be there.

Stock JupyterHub and KubeSpawner against ours on one cluster, in turns. The pods are simulated (kwok), one process
answers for all their servers: what is measured is the hub and the spawner, not a machine that starts containers.
`python -m bench.start_many` needs `make cluster`; it writes `bench/results/start_many.json`.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import psutil
from rich.console import Console
from rich.table import Table

from bench.cluster_hub import ClusterHub
from bench.comparison import RESULTS, percentile
from bench.crowd import Crowd, Outcome
from bench.hub_client import wait_until_up
from bench.start_cluster import RESTRICTED, kubectl
from bench.stock import pinned_versions
from deploy.cluster.layout import SIMULATED_LABEL, layout_here
from deploy.cluster.simulated_nodes import set_simulated_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE: Final = "studiolo-bench-many"
IMAGE: Final = "registry.invalid/simulated:1"
"""Nothing pulls it."""

PODS_PER_NODE: Final = 110
ACCEPTED_SECONDS: Final = 5.0
"""The goal: by then every request is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One stack, one crowd."""

    outcomes: tuple[Outcome, ...]
    hub_cpu_seconds: float
    """Of the hub's process, from the first request until all are ready."""
    seconds: float
    """As long as that took."""
    pods: int
    """In Kubernetes, when all are ready."""
    left_behind: int
    """Servers and pods that are there after all were stopped."""

    @property
    def lost(self) -> int:
        """Who asked for a server and has none."""
        return sum(one.ready_seconds is None for one in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowded:
    """What all rounds of one stack gave."""

    rounds: tuple[Round, ...]

    def _each(self) -> Iterable[Outcome]:
        return (one for each in self.rounds for one in each.outcomes)

    def as_json(self) -> dict[str, float | int | list[str]]:
        """Figures, and the reasons of those that were lost."""
        accepted = sorted(one.accepted_seconds for one in self._each())
        ready = sorted(one.ready_seconds for one in self._each() if one.ready_seconds is not None) or [float("inf")]
        return {
            "starts": len(accepted),
            "lost": sum(one.lost for one in self.rounds),
            "left_behind": sum(one.left_behind for one in self.rounds),
            "pods_too_many": sum(one.pods - len(one.outcomes) + one.lost for one in self.rounds),
            "accepted_max": round(accepted[-1], 3),
            "ready_median": round(statistics.median(ready), 3),
            "ready_p95": round(percentile(ready, 95), 3),
            "ready_max": round(ready[-1], 3),
            "hub_cpu_ms_per_start": round(1000 * sum(one.hub_cpu_seconds for one in self.rounds) / len(accepted), 1),
            # Near 1: the hub was what took the time. Far below: it waited, for others here or for Kubernetes.
            "hub_cores": round(
                sum(one.hub_cpu_seconds for one in self.rounds) / sum(one.seconds for one in self.rounds), 2
            ),
            "reasons": sorted({one.reason for one in self._each() if one.reason})[:10],
        }


@click.command()
@click.option("--starts", default=100, show_default=True, help="People who start in the same moment.")
@click.option("--rounds", default=3, show_default=True, help="How often each stack is asked, in turns.")
def main(starts: int, rounds: int) -> None:
    """Time a crowd with both stacks."""
    console = Console(width=120, highlight=False)
    make_nodes(starts)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, RESTRICTED)
    found: dict[str, list[Round]] = {"stock": [], "ours": []}
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch, ExitStack() as running:
        hubs = {
            name: running.enter_context(
                ClusterHub(
                    folder=Path(scratch, name),
                    namespace=NAMESPACE,
                    image=IMAGE,
                    is_ours=name == "ours",
                    node_label=SIMULATED_LABEL,
                )
            )
            for name in found
        }
        for name, hub in hubs.items():
            wait_until_up(hub.url)
            warm_up = asyncio.run(run_round(hub, prefix=f"{name}-warm", count=5))
            console.print(f"warm-up, {name}: {warm_up.lost} of 5 lost")
        for number in range(1, rounds + 1):
            for name, hub in hubs.items():
                one = asyncio.run(run_round(hub, prefix=f"{name}{number}", count=starts))
                found[name].append(one)
                console.print(f"{number}, {name}: {json.dumps(Crowded(rounds=(one,)).as_json())}")
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    results = {name: Crowded(rounds=tuple(each)).as_json() for name, each in found.items()}
    show(console, results)
    sys.exit(0 if is_good(results["ours"]) else 1)


def make_nodes(starts: int) -> None:
    """See that there is room for all of them; nodes that are there already are left."""
    there = kubectl("get", "nodes", "-l", SIMULATED_LABEL, "-o", "name").split()
    needed = -(-starts // PODS_PER_NODE) + 1
    if len(there) < needed:
        set_simulated_nodes(layout_here(), count=needed, gpus=0)


async def run_round(hub: ClusterHub, *, prefix: str, count: int) -> Round:
    """All start, all are counted, all stop."""
    if hub.process is None:
        raise RuntimeError("This is a bug: the hub was not started.")
    crowd = Crowd(url=hub.url, token=hub.token, users=tuple(f"{prefix}-{number}" for number in range(count)))
    tokens = await crowd.create_users()
    process = psutil.Process(hub.process.pid)
    before, begin = process.cpu_times(), time.perf_counter()
    outcomes = await crowd.start_all(tokens)
    after, end = process.cpu_times(), time.perf_counter()
    pods = count_pods()
    left = await crowd.stop_all()
    return Round(
        outcomes=outcomes,
        hub_cpu_seconds=after.user + after.system - before.user - before.system,
        seconds=end - begin,
        pods=pods,
        left_behind=left + count_pods(),
    )


def count_pods() -> int:
    """Pods of the benchmark, ending ones left out."""
    pods = json.loads(kubectl("get", "pods", "--namespace", NAMESPACE, "-o", "json"))["items"]
    return sum("deletionTimestamp" not in pod["metadata"] for pod in pods)


def is_good(ours: Mapping[str, object]) -> bool:
    """Whether everybody was taken in time, and nobody and nothing was lost."""
    kept = not (ours["lost"] or ours["left_behind"] or ours["pods_too_many"])
    return kept and float(str(ours["accepted_max"])) <= ACCEPTED_SECONDS


def show(console: Console, results: Mapping[str, Mapping[str, object]]) -> None:
    """Print both beside each other, and write the file."""
    table = Table(title="A crowd that starts in the same moment", title_justify="left")
    for heading in ("", *results):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in results["ours"]:
        if row != "reasons":
            table.add_row(row.replace("_", " "), *(str(result[row]) for result in results.values()))
    console.print(table)
    for name, result in results.items():
        if result["reasons"]:
            console.print(f"{name}, why some were lost: {result['reasons']}")
    whole = {
        "name": "start_many",
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "versions": {name: pinned_versions()[name] for name in ("jupyterhub", "tornado")},
        **results,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "start_many.json"
    path.write_text(json.dumps(whole, indent=2) + "\n")
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
