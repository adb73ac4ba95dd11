"""What forecasts cost a page at 5,000 nodes, 50,000 pods, 20 environments and 20 hardware entries.

The state is generated as the API server would tell it: JSON of nodes and pods, taken in by the hub's own code. Pods
come and go between two pages, and time passes, so that every few pages the look at all nodes is taken anew. Measured is
processor time, which others on the machine do not lengthen.
`python -m bench.forecast` prints the figures and writes `bench/results/forecast.json`.
"""

from __future__ import annotations

import json
import logging
import random
import resource
import statistics
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from bench.comparison import RESULTS
from hub.capacity.board import ForecastBoard
from hub.capacity.picture import Picture
from hub.capacity.rooms import ClusterRooms
from hub.capacity.stage_times import Measured, sum_up
from hub.pages.cards import SoftwareFacts
from hub.pages.spawn_view import Offer, Target, Wish, spawn_view
from spawner.kube_feed import Persistence
from spawner.pod_facts import node_facts
from spawner.stages import Stage
from studiolo.catalog import Catalog, CpuShare, Environment, Hardware
from studiolo.catalog_model import Gpu

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES, PODS, ENTRIES = 5_000, 50_000, 20
PAGES = 400
CHURN = 40
"""Pods that come or go between two pages."""
SECONDS_BETWEEN = 0.5
"""A page each half second: fifty people with the form open, each of whose pages looks again every four seconds or so,
ask more often; what is new costs only once in two seconds."""
GIB = 1024**3
ZONES = 5


class Nodes:
    """In the place of the watch."""

    def __init__(self, raws: list[Any]) -> None:
        """All of them are known at once."""
        self.known = tuple(map(node_facts, raws))

    def nodes(self) -> tuple[Any, ...]:
        """All."""
        return self.known


def node(index: int) -> dict[str, Any]:
    """One node's JSON, with what a kubelet says of it."""
    labels = {f"example.org/label-{number}": f"value-{number}" for number in range(16)}
    labels |= {"kubernetes.io/hostname": f"node-{index}", "zone": str(index % ZONES)}
    labels |= {"cloud.google.com/gke-nodepool": f"pool-{index % ZONES}"}
    gpus = {"nvidia.com/gpu": "8"} if index % ZONES == 0 else {}
    images = [{"names": [image(number)]} for number in range(ENTRIES) if (index + number) % 3]
    return {
        "metadata": {"name": f"node-{index}", "labels": labels},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110", **gpus},
            "images": images,
        },
    }


def image(number: int) -> str:
    """An image by its digest."""
    return f"registry.example.org/environment-{number}@sha256:{number:064x}"


def pod(uid: int, chance: random.Random) -> dict[str, Any]:
    """One pod's JSON, as far as it matters here."""
    where = chance.randrange(NODES)
    requests = {"cpu": chance.choice(["500m", "2", "6"]), "memory": chance.choice(["1Gi", "8Gi", "25Gi"])}
    if where % ZONES == 0:
        requests["nvidia.com/gpu"] = "1"
    return {
        "metadata": {"name": f"pod-{uid}", "namespace": "work", "uid": f"uid-{uid}"},
        "spec": {
            "nodeName": f"node-{where}",
            "priority": chance.choice([0, 0, 0, -10]),
            "activeDeadlineSeconds": 3600,
            "containers": [{"resources": {"requests": requests}}],
        },
        "status": {"phase": "Running", "startTime": "2026-11-27T12:00:00Z"},
    }


def catalog() -> Catalog:
    """Twenty of each; some hardware is full everywhere, some too large, some of one zone."""
    return Catalog(
        environments=tuple(
            Environment(name=f"environment-{number}", title=f"Environment {number}", image=image(number))
            for number in range(ENTRIES)
        ),
        hardware=tuple(
            Hardware(
                name=f"hardware-{number}",
                title=f"Hardware {number}",
                cpu=CpuShare(request=1 + number * 3.5, limit=80),
                memory_bytes=(2 + number * 12) * GIB,
                gpu=Gpu(resource="nvidia.com/gpu", count=1 + number % 8) if number % 3 == 0 else None,
                node_selector=(("zone", str(number % ZONES)),) if number % 4 == 1 else (),
            )
            for number in range(ENTRIES)
        ),
    )


def history(known: Catalog) -> Any:
    """Starts of everything everywhere."""
    chance = random.Random(1)  # noqa: S311 - the same state each time
    now = datetime.now(UTC)
    return sum_up(
        [
            Measured(
                at=now,
                environment=chance.choice(known.environments).name,
                digest=image(chance.randrange(ENTRIES)),
                hardware=chance.choice(known.hardware).name,
                group=f"pool-{chance.randrange(ZONES)}",
                stages={stage: chance.random() * 10 for stage in Stage if stage is not Stage.NODE},
            )
            for _ in range(2_000)
        ],
        now=now,
    )


def pages(picture: Picture, board: ForecastBoard, known: Catalog, clock: SimpleNamespace) -> Iterator[float]:
    """Milliseconds of each page's forecasts and cards."""
    chance = random.Random(2)  # noqa: S311 - see above
    uid = PODS
    target = Target(owner="ada", viewer="ada", server="", title="", action="/hub/spawn", is_new=True)
    for _ in range(PAGES):
        for _ in range(CHURN // 2):
            picture._take("ADDED", pod(uid, chance))  # noqa: SLF001 - in the place of the watch
            picture._take("DELETED", {"metadata": {"uid": f"uid-{uid - PODS}"}})  # noqa: SLF001 - see above
            uid += 1
        clock.now += SECONDS_BETWEEN
        began = time.process_time()
        offer = Offer(
            software=tuple(SoftwareFacts(environment=entry, is_ready=True) for entry in known.environments),
            hardware=known.hardware,
            machine=None,
            currency="EUR",
            default=known.default_choice(()),
            forecasts=board.forecasts(()),
        )
        spawn_view(target, offer, Wish())
        yield (time.process_time() - began) * 1000


@click.command()
def main() -> None:
    """Measure and tell."""
    chance, known = random.Random(0), catalog()  # noqa: S311 - see above
    clock = SimpleNamespace(now=0.0)
    kube: Any = None  # nothing is asked: what it would tell is put in
    nodes: Any = Nodes([node(index) for index in range(NODES)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = Picture(kube, nodes, namespaces=("work",), persistence=Persistence(log=logging.getLogger(__name__)))
    began = time.process_time()
    for uid in range(PODS):
        picture._take("ADDED", pod(uid, chance))  # noqa: SLF001 - in the place of the watch
    picture._everywhere.is_listed = True  # noqa: SLF001 - as above
    taken_in = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    times = history(known)
    holder: Any = SimpleNamespace(current=known)
    board = ForecastBoard(ClusterRooms(lambda: picture, clock=lambda: clock.now), catalogs=holder, times=lambda: times)
    milliseconds = sorted(pages(picture, board, known, clock))
    result = {
        "nodes": NODES,
        "pods": PODS,
        "choices": ENTRIES * ENTRIES,
        "page_milliseconds": {
            "median": round(statistics.median(milliseconds), 1),
            "p95": round(milliseconds[int(len(milliseconds) * 0.95)], 1),
            "most": round(milliseconds[-1], 1),
        },
        "microseconds_for_each_pod_that_comes": round(taken_in / PODS * 1e6, 1),
        "memory_mib_of_pods": round(grown / 1024, 1),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "forecast.json").write_text(json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
