"""What it costs to hold room on a large cluster: the real services process at 5,000 nodes and 50,000 pods.

The API server is replayed (`bench/replayed_cluster.py`), the services process is the one that is deployed, with its
database, its server and all that it keeps; it is looked at from outside. Wanted: at most 400 MB, a fifth of a core,
and five requests a second, while ten pods come and ten go each second.
`python -m bench.capacity_loop` prints the figures and writes `bench/results/capacity_loop.json`.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import httpx
import psutil
import yaml
from sqlalchemy import insert

from bench.comparison import RESULTS
from bench.forecast import ENTRIES, GIB, catalog
from bench.replayed_cluster import WORKSPACES
from deploy.local.plans import SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.capacity.actions import MOST_KEPT
from hub.capacity.placeholder import PLACEHOLDER
from hub.capacity.tables import MeasuredStartRow
from hub.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_MEMORY_BYTES: Final = 400 * 10**6
MOST_CORE: Final = 0.2
MOST_REQUESTS: Final = 5.0
SETTLE_SECONDS: Final = 30.0
"""Slots come four at a time each five seconds: until all are there it is no steady state."""

SLOTS: Final = 4
PATIENCE_SECONDS: Final = 180.0
CAPACITY: Final = "capacity"
SLOT_MADE: Final = f"create {PLACEHOLDER}"
CHECKOUT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCost:
    """What the services process took."""

    nodes: int
    pods: int
    changes_per_second: float
    memory_peak_bytes: int
    """The most that it ever had, the first list included."""
    memory_bytes: int
    """In steady state."""
    first_look_cpu_seconds: float
    """From the start of the process until it holds its first slot: imports and the list of everything included."""
    core: float
    """Of one core, in steady state."""
    requests_per_second: float
    requests: Mapping[str, int]

    @property
    def keeps_bounds(self) -> bool:
        """Whether nothing is more than is wanted at most."""
        return (
            self.memory_peak_bytes <= MOST_MEMORY_BYTES
            and self.core <= MOST_CORE
            and self.requests_per_second <= MOST_REQUESTS
        )

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {
            **asdict(self),
            "core": round(self.core, 3),
            "requests_per_second": round(self.requests_per_second, 2),
            "keeps_bounds": self.keeps_bounds,
        }


@contextmanager
def replayed(nodes: int, pods: int, changes: float) -> Iterator[str]:
    """The API server, in a process of its own."""
    command = [sys.executable, "-P", "-m", "bench.replayed_cluster", str(nodes), str(pods), str(changes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def write_catalog(folder: Path) -> Path:
    """That of `bench/forecast.py`, and every hardware holds room."""
    folder.mkdir(parents=True)
    known = catalog()
    hardware: dict[str, Any] = {}
    for entry in known.hardware:
        hardware[entry.name] = {
            "title": entry.title,
            "cpu": {"request": entry.cpu.request, "limit": entry.cpu.limit},
            "memory": f"{entry.memory_bytes // GIB}Gi",
            "warm": {"slots": SLOTS},
        }
        if entry.gpu is not None:
            hardware[entry.name]["gpu"] = {"resource": entry.gpu.resource, "count": entry.gpu.count}
        if entry.node_selector:
            hardware[entry.name]["node_selector"] = dict(entry.node_selector)
    environments = {
        entry.name: {"title": entry.title, "image": entry.image, "default": number == 0}
        for number, entry in enumerate(known.environments)
    }
    (folder / "environments.yaml").write_text(yaml.safe_dump({"environments": environments}))
    (folder / "hardware.yaml").write_text(yaml.safe_dump({"hardware": hardware}))
    return folder


def write_kubeconfig(file: Path, url: str) -> Path:
    """For a server that asks nobody who they are."""
    named = {"cluster": {"server": url}, "name": "replayed"}
    context = {"context": {"cluster": "replayed", "user": "nobody"}, "name": "replayed"}
    users = [{"name": "nobody", "user": {}}]
    whole = {"apiVersion": "v1", "kind": "Config", "clusters": [named], "contexts": [context], "users": users}
    file.write_text(yaml.safe_dump(whole | {"current-context": "replayed"}))
    return file


def write_history(url: str, hardware: Sequence[str]) -> None:
    """As many starts of the last weeks as are ever remembered."""
    database = Database(url)
    database.upgrade()
    now, chance = datetime.now(UTC), random.Random(1)  # noqa: S311 - the same each time
    rows = [
        {
            "started_at": now - timedelta(minutes=chance.randrange(6 * 7 * 24 * 60)),
            "environment": "environment-0",
            "digest": "",
            "hardware": chance.choice(hardware),
            "node_group": "",
            "outcome": "ready",
            "seconds": 4.0,
            "stages": {"server": 4.0},
            "forecast_kind": "",
            "forecast_stages": {},
        }
        for _ in range(MOST_KEPT)
    ]
    with database.transaction() as session:
        session.execute(insert(MeasuredStartRow), rows)
    database.close()


def memory(pid: int, what: str) -> int:
    """Bytes: `VmRSS` now, `VmHWM` at its highest."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(process: psutil.Process) -> float:
    """Of the process, its threads included."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(folder: Path, *, nodes: int, pods: int, changes: float, seconds: float) -> LoopCost:
    """Start it, wait until it holds what it is to hold, look at it for a while."""
    with replayed(nodes, pods, changes) as url:
        services = ThrowawayHub(
            folder,
            {
                "catalogDirectory": write_catalog(folder / "catalog"),
                "kubernetes.kubeconfig": write_kubeconfig(folder / "kubeconfig", url),
                "kubernetes.namespace": WORKSPACES,
                "kubernetes.release": "bench",
                "capacity.namespace": CAPACITY,
                "capacity.priorityClass": "placeholder",
            },
        )

        def asked() -> dict[str, int]:
            told: dict[str, int] = httpx.get(f"{url}/told", timeout=30).json()
            return told

        try:
            write_history(services.settings.database_url, [entry.name for entry in catalog().hardware])
            services.start(SERVICES)
            process = psutil.Process(services.pid(SERVICES))
            pages = -(-pods // 500)
            services.until(
                lambda: asked().get("list pods", 0) >= pages and asked().get(SLOT_MADE, 0) > 0,
                what="everything was read and room is held",
                seconds=PATIENCE_SECONDS,
            )
            first = cpu_seconds(process)
            services.until(
                lambda: asked().get(SLOT_MADE, 0) >= ENTRIES * SLOTS, what="all slots", seconds=PATIENCE_SECONDS
            )
            time.sleep(SETTLE_SECONDS)
            before, requests, began = cpu_seconds(process), asked(), time.monotonic()
            time.sleep(seconds)
            took, after, passed = cpu_seconds(process) - before, asked(), time.monotonic() - began
            more = {name: count - requests.get(name, 0) for name, count in after.items()}
            return LoopCost(
                nodes=nodes,
                pods=pods,
                changes_per_second=changes,
                memory_peak_bytes=memory(process.pid, "VmHWM"),
                memory_bytes=memory(process.pid, "VmRSS"),
                first_look_cpu_seconds=round(first, 1),
                core=took / passed,
                requests_per_second=sum(more.values()) / passed,
                requests={name: count for name, count in more.items() if count},
            )
        finally:
            services.close()


@click.command()
@click.option("--nodes", default=5_000, show_default=True)
@click.option("--pods", default=50_000, show_default=True)
@click.option("--changes", default=10.0, show_default=True, help="Pods that come, and as many that go, each second.")
@click.option("--seconds", default=120.0, show_default=True, help="Of steady state.")
def main(nodes: int, pods: int, changes: float, seconds: float) -> None:
    """Measure and tell; an error where a bound is not kept."""
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as folder:
        cost = measure(Path(folder) / "data", nodes=nodes, pods=pods, changes=changes, seconds=seconds)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "capacity_loop.json"
    path.write_text(json.dumps(cost.as_json(), indent=2) + "\n")
    click.echo(json.dumps(cost.as_json(), indent=2))
    click.echo(f"written: {path}")
    sys.exit(0 if cost.keeps_bounds else 1)


if __name__ == "__main__":
    main()
