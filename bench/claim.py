"""How long a start takes where a server waits already: against the stock stack, and against our own normal start.

Three sides, interleaved, on one machine: the stock hub, ours with nothing parked, ours with a parked server and kernel.
Then the first cell: from the request for a kernel to what it prints, in the workspaces of all three.
`python -m bench.claim` prints the distributions and writes `bench/results/claim.json`.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bench.comparison import RESULTS, Comparison, Samples
from bench.first_cell import first_cell
from bench.hub_client import HubClient, wait_until_up
from bench.stock import StockHub, pinned_versions, stock_environment
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVER = "bench"
OUR_CHOICE = {"environment": "minimal", "hardware": "small"}
NORMAL = {"workspaces": {"parkedServers": False}}
SHOWN_PACKAGES = ("jupyterhub", "jupyterlab", "jupyter-server", "ipykernel", "tornado")
PARKED_WITHIN_SECONDS = 120.0
SETTLED_SECONDS = 1.0
"""Between the start and the first cell, as the page of JupyterLab takes to load."""


@dataclass(slots=True, kw_only=True)
class Side:
    """One way to start, and what it took."""

    name: str
    client: HubClient
    options: Mapping[str, object]
    prepare: Callable[[], None] = lambda: None
    starts: list[float] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)

    @property
    def together(self) -> list[float]:
        """From the click to the first result."""
        return [start + cell for start, cell in zip(self.starts, self.cells, strict=True)]

    def run(self, *, is_counted: bool) -> str:
        """One start, one first cell, one stop."""
        self.prepare()
        start = self.client.start(SERVER, self.options)
        self.client.check_answers(SERVER)
        time.sleep(SETTLED_SECONDS)
        cell = first_cell(self.client.url, self.client.token, f"/user/{self.client.user}/{SERVER}")
        self.client.stop(SERVER)
        if is_counted:
            self.starts.append(start)
            self.cells.append(cell)
        return f"{self.name} {start:.3f} + {cell:.3f} s"


def wait_for_parked(studiolo: ThrowawayHub) -> None:
    """Until a server waits in this hub."""
    studiolo.until(
        lambda: any(studiolo.data.parked.glob("*/identity.sock")),
        what="a server is parked",
        seconds=PARKED_WITHIN_SECONDS,
    )
    time.sleep(SETTLED_SECONDS)  # the hub has heard of it, and the machine is quiet


@click.command()
@click.option("--runs", default=12, show_default=True, help="Starts of each side, after one warm-up of each.")
def main(runs: int) -> None:
    """Time starts and first cells of all sides, interleaved."""
    console = Console(width=120, highlight=False)
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch:
        folder = Path(scratch)
        console.print("Preparing all sides …")
        stock_hub = StockHub(folder=folder / "stock", environment=stock_environment())
        with (
            stock_hub as stock,
            ThrowawayHub(folder / "normal", NORMAL) as normal,
            ThrowawayHub(folder / "claimed") as claimed,
        ):
            wait_until_up(stock.url)
            stock_client = HubClient(url=stock.url, token=stock.token, user="ada")
            stock_client.create_user()
            sides = [
                Side(name="stock", client=stock_client, options={}),
                Side(name="normal", client=_our_client(normal), options=OUR_CHOICE),
                Side(name="claimed", client=_our_client(claimed), options=OUR_CHOICE),
            ]
            for run in range(runs + 1):
                if run:
                    sides[2].prepare = lambda: wait_for_parked(claimed)
                said = [side.run(is_counted=run > 0) for side in sides]
                console.print(f"{run or 'warm-up'}: {', '.join(said)}")
    stock_side, normal_side, claimed_side = sides
    _report(console, stock_side, normal_side, claimed_side)


def _our_client(studiolo: ThrowawayHub) -> HubClient:
    token = studiolo.token(ADMIN, studiolo.admin_password)
    return HubClient(url=studiolo.base_url, token=token, user=ADMIN)


def _report(console: Console, stock: Side, normal: Side, claimed: Side) -> None:
    versions = {name: pinned_versions()[name] for name in SHOWN_PACKAGES}
    results = {}

    def compare(name: str, what: str, theirs: list[float], ours: list[float]) -> None:
        comparison = Comparison(
            name=name,
            what=what,
            stock=Samples(seconds=tuple(theirs)),
            ours=Samples(seconds=tuple(ours)),
            versions=versions,
        )
        comparison.show(console)
        results[name] = comparison.as_json()

    compare("claim", "Start: stock, and a claim", stock.starts, claimed.starts)
    compare("claim-normal", "Start: our normal one, and a claim", normal.starts, claimed.starts)
    compare("claim-cell", "First cell after ready: stock, and a parked kernel", stock.cells, claimed.cells)
    compare("claim-together", "Start and first cell: stock, and a claim", stock.together, claimed.together)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "claim.json"
    path.write_text(json.dumps({**results["claim"], "more": results}, indent=2) + "\n")
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
