"""How long a person waits for a workspace: the request to start until the hub says ready, against the stock stack.

Same machine, same package versions, interleaved; a warm-up start of each comes first and is not counted (ours
installs the software).
`python -m bench.start` prints both distributions, the stages and the ratio, and writes `bench/results/start.json`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bench.comparison import Comparison, Samples
from bench.hub_client import HubClient, wait_until_up
from bench.stages import phases_from_log, stages_from_log
from bench.stock import StockHub, pinned_versions, stock_environment
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SHOWN_PACKAGES = ("jupyterhub", "jupyterlab", "jupyter-server", "ipykernel", "tornado")
SERVER = "bench"
OUR_CHOICE = {"environment": "minimal", "hardware": "small"}


def time_start(
    client: HubClient,
    options: Mapping[str, object],
    log: Path,
    read_stages: Callable[[Iterable[str]], dict[str, float]],
) -> tuple[float, dict[str, float]]:
    """One start and stop: the seconds of the start, and the stages that the hub's log tells of it."""
    already = log.stat().st_size
    seconds = client.start(SERVER, options)
    client.check_answers(SERVER)
    with log.open(errors="replace") as lines:
        lines.seek(already)
        stages = read_stages(lines)
    client.stop(SERVER)
    return seconds, stages


@click.command()
@click.option("--runs", default=12, show_default=True, help="Starts of each stack, after one warm-up of each.")
def main(runs: int) -> None:
    """Time starts of both stacks, interleaved."""
    console = Console(width=120, highlight=False)
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch:
        folder = Path(scratch)
        console.print("Preparing both stacks …")
        stock_hub = StockHub(folder=folder / "stock", environment=stock_environment())
        with stock_hub as stock, ThrowawayHub(folder / "studiolo") as studiolo:
            wait_until_up(stock.url)
            stock_client = HubClient(url=stock.url, token=stock.token, user="ada")
            stock_client.create_user()
            our_token = studiolo.token(ADMIN, studiolo.admin_password)
            our_client = HubClient(url=studiolo.base_url, token=our_token, user=ADMIN)
            stock_runs, our_runs = [], []
            for run in range(runs + 1):
                stock_run = time_start(stock_client, {}, stock.log, stages_from_log)
                our_run = time_start(our_client, OUR_CHOICE, studiolo.data.logs / "hub.log", phases_from_log)
                console.print(f"{'warm-up' if run == 0 else run}: stock {stock_run[0]:.2f} s, ours {our_run[0]:.2f} s")
                if run > 0:
                    stock_runs.append(stock_run)
                    our_runs.append(our_run)
    comparison = Comparison(
        name="start",
        what="Seconds from the request to a ready JupyterLab, software installed",
        stock=Samples(seconds=tuple(run[0] for run in stock_runs), stages=tuple(run[1] for run in stock_runs)),
        ours=Samples(seconds=tuple(run[0] for run in our_runs), stages=tuple(run[1] for run in our_runs)),
        versions={name: pinned_versions()[name] for name in SHOWN_PACKAGES},
    )
    comparison.show(console)
    console.print(f"written: {comparison.save()}")


if __name__ == "__main__":
    main()
