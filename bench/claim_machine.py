"""Starts on one machine: the stock hub, ours with nothing parked, ours with a parked server and kernel."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.claim_side import SETTLED_SECONDS, Side
from bench.hub_client import HubClient, wait_until_up
from bench.stock import StockHub, stock_environment
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable

OUR_CHOICE: Final = {"environment": "minimal", "hardware": "small"}
NORMAL: Final = {"workspaces": {"parkedServers": False}}
PARKED_WITHIN_SECONDS: Final = 120.0


def measure_machine(runs: int, tell: Callable[[str], None]) -> tuple[Side, Side, Side]:
    """Stock, normal, claimed: interleaved, after a warm-up of each."""
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch:
        folder = Path(scratch)
        stock_hub = StockHub(folder=folder / "stock", environment=stock_environment())
        with (
            stock_hub as stock,
            ThrowawayHub(folder / "normal", NORMAL) as normal,
            ThrowawayHub(folder / "claimed") as claimed,
        ):
            wait_until_up(stock.url)
            stock_client = HubClient(url=stock.url, token=stock.token, user="ada")
            stock_client.create_user()
            sides = (
                Side(name="stock", client=stock_client, options={}),
                Side(name="normal", client=_our_client(normal), options=OUR_CHOICE),
                Side(name="claimed", client=_our_client(claimed), options=OUR_CHOICE),
            )
            for run in range(runs + 1):
                if run:
                    sides[2].prepare = lambda: wait_for_parked(claimed)
                said = [side.run(is_counted=run > 0) for side in sides]
                tell(f"one machine, {run or 'warm-up'}: {', '.join(said)}")
    return sides


def wait_for_parked(studiolo: ThrowawayHub) -> None:
    """Until a server waits in this hub."""
    studiolo.until(
        lambda: any(studiolo.data.parked.glob("*/identity.sock")),
        what="a server is parked",
        seconds=PARKED_WITHIN_SECONDS,
    )
    time.sleep(SETTLED_SECONDS)  # the hub has heard of it, and the machine is quiet


def _our_client(studiolo: ThrowawayHub) -> HubClient:
    token = studiolo.token(ADMIN, studiolo.admin_password)
    return HubClient(url=studiolo.base_url, token=token, user=ADMIN)
