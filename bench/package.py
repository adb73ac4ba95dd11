"""From a notebook's folder to an image in a registry: ours against buildah with a warm and with an empty store.

A project of a megabyte, changed before every run, into a new repository of a registry on loopback. Same machine,
interleaved; timed from a ready plan (a ready context for buildah) until the digest is known.
`python -m bench.package` prints every distribution and bound, and writes `bench/results/package.json`.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import platform
import statistics
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from bench.comparison import RESULTS, Samples
from bench.package_dependencies import time_dependencies
from bench.package_load import put_under_load
from bench.package_place import BenchProject, BenchRegistry, counting_proxy, load_base
from bench.package_sides import Buildah, package, share, time_package
from studiolo.packaging.runner_layer import runner_layer

if TYPE_CHECKING:
    from bench.package_dependencies import Dependencies
    from bench.package_load import Load
    from bench.package_place import BasePlace

ENVIRONMENT = "python"
WORKERS = 4
LOAD_SECONDS = 15.0
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Something that must hold."""

    what: str
    found: float
    limit: float
    is_least: bool = False
    """Whether `limit` is the least that is good enough, not the most."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.found >= self.limit if self.is_least else self.found <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was measured."""

    base: BasePlace
    warm: Samples
    cold: Samples
    ours: Samples
    again: Samples
    again_layer_bytes: int
    bytes_up: int
    project_bytes: int
    """Compressed."""
    load: Load
    dependencies: Dependencies

    def ratio(self, buildah: Samples) -> dict[str, float]:
        """How many times faster ours is."""
        return {
            "median": round(buildah.median / self.ours.median, 3),
            "min": round(buildah.minimum / self.ours.minimum, 3),
        }

    def bounds(self) -> list[Bound]:
        """What has to hold, and whether it does."""
        return [
            Bound(
                what="faster than a warm buildah, times", found=self.ratio(self.warm)["median"], limit=4, is_least=True
            ),
            Bound(
                what="faster than a cold buildah, times", found=self.ratio(self.cold)["median"], limit=50, is_least=True
            ),
            Bound(what="bytes sent / compressed project", found=self.bytes_up / self.project_bytes, limit=1.1),
            Bound(what="layer bytes of a second click", found=self.again_layer_bytes, limit=0),
            Bound(what=f"packages a second, {WORKERS} workers", found=self.load.per_second, limit=10, is_least=True),
            Bound(what="memory over idle, MiB", found=self.load.over_idle_bytes / MIB, limit=64),
            Bound(what="with dependencies, of buildah's time", found=self.dependencies.share_of_buildah, limit=0.65),
            Bound(what="the same ones afterwards, seconds", found=self.dependencies.afterwards.median, limit=0.3),
        ]

    def as_json(self) -> dict[str, Any]:
        """`ratio_warm.median`, `ratio_cold.median`, and everything behind them."""
        ordered = sorted(self.load.seconds)
        return {
            "name": "package",
            "what": "Seconds from a ready plan to a digest that was read back",
            "machine": {"system": platform.platform(), "python": platform.python_version()},
            "versions": {
                "buildah": _said("buildah", "--version"),
                "docker-registry": _said("docker-registry", "--version"),
            },
            "base": {
                "environment": ENVIRONMENT,
                "is_synthetic": self.base.is_synthetic,
                "layers": len(self.base.base.layers),
                "compressed_bytes": self.base.compressed_bytes,
            },
            "buildah_warm": self.warm.as_json(),
            "buildah_cold": self.cold.as_json(),
            "ours": self.ours.as_json(),
            "second_click": {**self.again.as_json(), "layer_bytes": self.again_layer_bytes},
            "ratio_warm": self.ratio(self.warm),
            "ratio_cold": self.ratio(self.cold),
            "bytes": {"sent": self.bytes_up, "compressed_project": self.project_bytes},
            "load": {
                "workers": WORKERS,
                "packages": len(ordered),
                "per_second": round(self.load.per_second, 2),
                "median": round(statistics.median(ordered), 4),
                "p95": round(ordered[int(len(ordered) * 0.95)], 4),
            },
            "memory": {"idle_bytes": self.load.idle_bytes, "over_idle_bytes": self.load.over_idle_bytes},
            "dependencies": self.dependencies.as_json(),
            "bounds": [
                {"what": one.what, "found": round(one.found, 3), "limit": one.limit, "holds": one.holds}
                for one in self.bounds()
            ],
        }

    def show(self, console: Console) -> None:
        """Print all of it."""
        table = Table(title="Seconds from a ready plan to the digest", title_justify="left")
        for heading in ("", "median", "min", "max", "runs"):
            table.add_column(heading, justify="right" if heading else "left")
        rows = {
            "buildah, cold": self.cold,
            "buildah, warm": self.warm,
            "ours": self.ours,
            "ours, again": self.again,
            "buildah, dependencies": self.dependencies.buildah,
            "ours, dependencies": self.dependencies.first,
            "ours, afterwards": self.dependencies.afterwards,
        }
        for label, samples in rows.items():
            numbers = (f"{one:.3f}" for one in (samples.median, samples.minimum, max(samples.seconds)))
            table.add_row(label, *numbers, str(len(samples.seconds)))
        console.print(table)
        for bound in self.bounds():
            relation = "at least" if bound.is_least else "at most"
            verdict = "holds" if bound.holds else "DOES NOT HOLD"
            console.print(f"{bound.what}: {bound.found:.2f} ({relation} {bound.limit:g}: {verdict})")


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


async def bytes_sent(project: BenchProject, host: str, base: BasePlace) -> tuple[int, int]:
    """What one package sends, headers and all, and how large its project is compressed."""
    project.change()
    plan = project.plan()
    async with counting_proxy(host) as (address, counted):
        packaged = await package(plan, address, base, "models/bench/counted")
    return counted.up, packaged.project.size


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Runs of each side, in turns."""

    project: BenchProject
    host: str
    base: BasePlace
    folder: Path
    console: Console

    def run(self, *, runs: int, cold_runs: int) -> tuple[dict[str, Samples], int]:
        """Seconds of `warm`, `cold`, `ours` and `again`, and the layer bytes that were sent again."""
        warm = Buildah(store=self.folder / "warm", host=self.host, base=self.base)
        taken: dict[str, list[float]] = {"warm": [], "cold": [], "ours": [], "again": []}
        again_bytes = 0
        self.project.change()
        warm.build(self.project, "models/buildah/warm-up")
        time_package(self.project.plan(), self.host, self.base, "models/ours/warm-up")
        for number in range(runs):
            self.project.change()
            taken["warm"].append(warm.build(self.project, f"models/buildah/warm-{number}"))
            plan = self.project.plan()
            seconds, first = time_package(plan, self.host, self.base, f"models/ours/run-{number}")
            taken["ours"].append(seconds)
            seconds, again = time_package(plan, self.host, self.base, f"models/ours/run-{number}")
            taken["again"].append(seconds)
            assert again.digest == first.digest
            again_bytes += again.sent_bytes
            if number < cold_runs:
                cold = Buildah(store=self.folder / f"cold-{number}", host=self.host, base=self.base)
                taken["cold"].append(cold.build(self.project, f"models/buildah/cold-{number}"))
                cold.forget()
            self.console.print(f"{number + 1}: " + ", ".join(f"{name} {one[-1]:.3f}" for name, one in taken.items()))
        warm.forget()
        return {name: Samples(seconds=tuple(one)) for name, one in taken.items()}, again_bytes


@click.command()
@click.option("--runs", default=15, show_default=True, help="Of ours and of a warm buildah, after one of each.")
@click.option("--cold-runs", default=3, show_default=True, help="Of a buildah with an empty store.")
@click.option("--dependency-runs", default=3, show_default=True, help="Of both with scikit-learn and pandas.")
def main(runs: int, cold_runs: int, dependency_runs: int) -> None:
    """Time both ways, interleaved; count bytes; put ours under load."""
    console = Console(width=120, highlight=False)
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch:
        folder = Path(scratch)
        (folder / "registry").mkdir()
        with BenchRegistry(folder / "registry") as registry:
            base = load_base(registry.host, ENVIRONMENT)
            kind = "synthetic: make images builds the real one" if base.is_synthetic else "as it was built here"
            console.print(f"base: {ENVIRONMENT}, {base.compressed_bytes / 1e6:.0f} MB in layers, {kind}")
            asyncio.run(share(runner_layer(), registry.host))
            project = BenchProject(folder / "project")
            rounds = Rounds(project=project, host=registry.host, base=base, folder=folder, console=console)
            samples, again_bytes = rounds.run(runs=runs, cold_runs=min(runs, cold_runs))
            sent, compressed = asyncio.run(bytes_sent(project, registry.host, base))
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
                load = process.submit(
                    put_under_load, registry.host, base, folder / "load", workers=WORKERS, lasts=LOAD_SECONDS
                ).result()
            dependencies = time_dependencies(registry.host, folder, project, runs=dependency_runs)
    found = Found(
        base=base,
        **samples,
        again_layer_bytes=again_bytes,
        bytes_up=sent,
        project_bytes=compressed,
        load=load,
        dependencies=dependencies,
    )
    found.show(console)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "package.json"
    path.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
