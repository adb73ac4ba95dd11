"""How long a start takes where a server waits already: on a cluster against stock KubeSpawner, and on one machine.

All sides in turns: on the cluster stock and a claim, on one machine stock, our normal start and a claim. Then the first
cell, from the request for a kernel to what it prints. On the cluster also ten claims at once, and what a seat costs.
`python -m bench.claim` prints the distributions and writes `bench/results/claim.json`: what stands at its top is about
the cluster of `make cluster images`, where there is one.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from bench.claim_machine import measure_machine
from bench.comparison import RESULTS, Comparison, Samples
from bench.stock import pinned_versions
from deploy.cluster.layout import layout_here
from tests.cluster.ended_early import clean_up_when_ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.claim_cluster import Found
    from bench.claim_side import Side

SHOWN_PACKAGES: Final = ("jupyterhub", "jupyterlab", "jupyter-server", "ipykernel", "tornado")

AT_LEAST: Final = {"ratio.median": 15.0, "ratio.min": 12.0, "together.median": 12.0, "one_machine.median": 12.0}
AT_MOST: Final = {
    "p99": 0.8,
    "first_cell": 0.25,
    "ten_at_once": 2.0,
    "full_again": 25.0,
    "seat_mib": 100.0,
    "seat_with_kernel_mib": 140.0,
    "parked_cpu_seconds": 0.02,
    "missed": 0.0,
}
"""What is wanted; a run that does not keep one of them ends with an error."""


def has_cluster() -> bool:
    """Whether `make cluster` has made one here."""
    return layout_here().kubeconfig.is_file()


@click.command()
@click.option("--runs", default=15, show_default=True, help="Starts of each side, after one warm-up of each.")
@click.option("--bursts", default=3, show_default=True, help="Times that ten claim at once, after a warm-up.")
@click.option("--seat-seconds", default=30.0, show_default=True, help="For how long parked seats are looked at.")
@click.option("--cluster/--no-cluster", default=has_cluster, show_default="where there is one")
@click.option("--machine/--no-machine", default=True, show_default=True)
def main(*, runs: int, bursts: int, seat_seconds: float, cluster: bool, machine: bool) -> None:
    """Time starts and first cells of all sides, interleaved."""
    console = Console(width=120, highlight=False)
    clean_up_when_ended()
    result: dict[str, Any] = {}
    if cluster:
        from bench.claim_cluster import measure_cluster  # noqa: PLC0415 - it looks for a cluster

        result = of_cluster(console, measure_cluster(runs, bursts, seat_seconds=seat_seconds, tell=console.print))
    if machine:
        alone = of_machine(console, *measure_machine(runs, console.print))
        result = {**result, "one_machine": alone} if result else alone
    result["holds"] = holds = kept(measured(result))
    for name, (value, bound, is_kept) in holds.items():
        console.print(f"{name}: {value:.3f} (bound {bound:g}){'' if is_kept else '  NOT KEPT'}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "claim.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written: {path}")
    sys.exit(0 if all(is_kept for *_, is_kept in holds.values()) else 1)


def of_cluster(console: Console, found: Found) -> dict[str, Any]:
    """What is written of the cluster; shown, too."""
    from bench.claim_cluster import median_seat  # noqa: PLC0415 - only where there is a cluster

    stock, claimed = found.stock, found.claimed
    starts = _compare(console, "claim", "Start: stock KubeSpawner, and a claim", stock.samples(), claimed.samples())
    more = _cells(console, stock, claimed)
    last = [burst.ready[-1] for burst in found.bursts if burst.ready]
    full = [burst.full_again for burst in found.bursts]
    return {
        **starts,
        **more,
        "missed": claimed.missed + sum(len(burst.failed) for burst in found.bursts),
        "ten_at_once": {
            "last": max(last, default=None),
            "full_again": max(full, default=None),
            "each": [burst.as_json() for burst in found.bursts],
        },
        "seat": {
            "seconds": found.parked_seconds,
            "without_kernel": median_seat(found.without_kernel),
            "with_kernel": median_seat(found.with_kernel),
        },
    }


def of_machine(console: Console, stock: Side, normal: Side, claimed: Side) -> dict[str, Any]:
    """What is written of one machine; shown, too."""
    what = "Start on one machine: {}, and a claim"
    starts = _compare(console, "claim", what.format("stock"), stock.samples(), claimed.samples())
    than = _compare(console, "claim-normal", what.format("our normal one"), normal.samples(), claimed.samples())
    return {**starts, **_cells(console, stock, claimed), "than_normal": than}


def _cells(console: Console, stock: Side, claimed: Side) -> dict[str, Any]:
    def samples(seconds: list[float]) -> Samples:
        return Samples(seconds=tuple(seconds))

    cell, together = "First cell after ready: stock, and a parked kernel", "Start and first cell: stock, and a claim"
    return {
        "first_cell": _compare(console, "first_cell", cell, samples(stock.cells), samples(claimed.cells)),
        "together": _compare(console, "together", together, samples(stock.together), samples(claimed.together)),
    }


def _compare(console: Console, name: str, what: str, theirs: Samples, ours: Samples) -> dict[str, Any]:
    versions = {package: pinned_versions()[package] for package in SHOWN_PACKAGES}
    comparison = Comparison(name=name, what=what, stock=theirs, ours=ours, versions=versions)
    comparison.show(console)
    return comparison.as_json()


def measured(result: Mapping[str, Any]) -> dict[str, float]:
    """What there is a bound for, of what was measured."""
    alone = result.get("one_machine", {} if "seat" in result else result)
    found: dict[str, float | None] = {"one_machine.median": alone["ratio"]["median"] if alone else None}
    if "seat" in result:
        seat, burst = result["seat"], result["ten_at_once"]
        found |= {
            "ratio.median": result["ratio"]["median"],
            "ratio.min": result["ratio"]["min"],
            "together.median": result["together"]["ratio"]["median"],
            "p99": result["ours"]["p99"],
            "first_cell": statistics.median(result["first_cell"]["ours"]["samples"]),
            "ten_at_once": burst["last"],
            "full_again": burst["full_again"],
            "seat_mib": seat["without_kernel"].get("mib"),
            "seat_with_kernel_mib": seat["with_kernel"].get("mib"),
            "parked_cpu_seconds": seat["with_kernel"].get("cpu_seconds"),
            "missed": float(result["missed"]),
        }
    return {name: value for name, value in found.items() if value is not None}


def kept(found: Mapping[str, float]) -> dict[str, tuple[float, float, bool]]:
    """Of each: what was measured, its bound, and whether it is kept."""
    told = {}
    for name, value in found.items():
        bound = AT_LEAST.get(name, AT_MOST.get(name, 0.0))
        told[name] = (value, bound, value >= bound if name in AT_LEAST else value <= bound)
    return told


if __name__ == "__main__":
    main()
