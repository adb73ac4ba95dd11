"""Starts on a cluster: stock KubeSpawner with the compiled stock image, and ours with warm pods that are claimed.

Both hubs and the agent of the node run at the same time, in namespaces of their own, under Pod Security restricted;
ours with TLS to the agent and the broker, and with the chart's policies. Home, token, credentials and a team's folder
come after the claim.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.claim_burst import Burst, Pool, run_burst
from bench.claim_policies import apply_policies
from bench.claim_side import Side
from bench.cluster_hub import ClusterHub
from bench.cluster_images import our_images, stock_image
from bench.crowd import Crowd
from bench.hub_client import HubClient, wait_until_up
from bench.seats import Seat, look_at_seats
from bench.start_cluster import RESTRICTED, kubectl
from deploy.cluster.layout import layout_here
from hub.passwords import ADMIN
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.conftest import run_apart
from tests.cluster.namespaces import delete_namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

NAMESPACE: Final = "studiolo-bench-claim"
CHOICE: Final = {"environment": "minimal", "hardware": "small"}
PERSON: Final = "alice"
AT_ONCE: Final = 10
SETTLED_SECONDS: Final = 2.0
"""After the pool is full again, before anything is measured."""

CREDENTIALS: Final = (
    {"name": "wandb", "kind": "env", "variable": "WANDB_API_KEY", "value": "of the benchmark"},
    {"name": "kaggle", "kind": "file", "path": "~/.kaggle/kaggle.json", "value": "of the benchmark"},
)
"""Of the person: the broker gives them to the agent, for the pod that was claimed."""

SHARE: Final = {"cpu": {"request": "50m", "limit": 2}}
"""Twenty of them fit beside all else on two cores. Stock has more of it: 0.2."""

BARE: Final = "bare"
"""Hardware whose warm pods have no kernel: too little memory for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured."""

    stock: Side
    claimed: Side
    bursts: tuple[Burst, ...]
    with_kernel: tuple[Seat, ...]
    without_kernel: tuple[Seat, ...]
    parked_seconds: float
    """For how long the seats were looked at."""


def measure_cluster(runs: int, bursts: int, *, seat_seconds: float, tell: Callable[[str], None]) -> Found:
    """Stock and claimed, interleaved, after a warm-up of each; what a seat costs; so many times ten at once."""
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch, ExitStack() as running:
        running.callback(lambda: run_apart(delete_namespaces(layout_here().kubeconfig)))
        stock_hub = running.enter_context(_stock_hub(Path(scratch, "stock")))
        hub: ClaimingHub = running.enter_context(
            claiming_hub(Path(scratch, "ours"), layout_here().kubeconfig, our_images(), pods=0)
        )
        apply_policies(hub)
        _keep_credentials(hub)
        hub.change_hardware(_offer)
        pool = Pool(namespace=hub.namespace, hardware=CHOICE["hardware"], wanted=AT_ONCE)
        _settle(pool)
        seats = _look_at(hub, pool, seat_seconds)
        tell(f"a seat: {[round(seat.mib) for found in seats for seat in found]} MiB")
        stock, claimed = _sides(stock_hub, hub, pool)
        for run in range(runs + 1):
            said = [side.run(is_counted=run > 0) for side in (stock, claimed)]
            tell(f"cluster, {run or 'warm-up'}: {', '.join(said)}")
        return Found(
            stock=stock,
            claimed=claimed,
            bursts=_bursts(hub, pool, bursts, tell),
            with_kernel=seats[0],
            without_kernel=seats[1],
            parked_seconds=seat_seconds,
        )


@contextmanager
def _stock_hub(folder: Path) -> Iterator[ClusterHub]:
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("label", "namespace", NAMESPACE, RESTRICTED)
        with ClusterHub(folder=folder, namespace=NAMESPACE, image=stock_image()) as hub:
            wait_until_up(hub.url)
            yield hub
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _keep_credentials(hub: ClaimingHub) -> None:
    with hub.services_api(hub.token(PERSON, hub.passwords[PERSON])) as api:
        for one in CREDENTIALS:
            api.post("credentials", json=one).raise_for_status()


def _offer(entries: dict[str, Any]) -> None:
    """What people of ours may choose, and what waits of it."""
    small, bare = entries["small"], entries[BARE]
    small.update(SHARE, memory="512Mi", warm={"slots": AT_ONCE, "at_most": AT_ONCE, "pods": AT_ONCE})
    bare.update(SHARE, memory="400Mi", warm={"slots": 1, "at_most": 1, "pods": 1})


def _sides(stock_hub: ClusterHub, hub: ClaimingHub, pool: Pool) -> tuple[Side, Side]:
    theirs = HubClient(url=stock_hub.url, token=stock_hub.token, user="user")
    theirs.create_user()
    ours = HubClient(url=hub.base_url, token=hub.token(ADMIN, hub.admin_password), user=PERSON)
    log = hub.data.logs / "hub.log"
    return (
        # Whoever starts, nobody parks meanwhile.
        Side(name="stock", client=theirs, options={}, prepare=lambda: _settle(pool)),
        Side(name="claimed", client=ours, options=CHOICE, prepare=lambda: _settle(pool), log=log),
    )


def _settle(pool: Pool) -> None:
    asyncio.run(pool.until_full())
    time.sleep(SETTLED_SECONDS)


def _look_at(hub: ClaimingHub, pool: Pool, seconds: float) -> tuple[tuple[Seat, ...], tuple[Seat, ...]]:
    bare = Pool(namespace=hub.namespace, hardware=BARE, wanted=1)
    full, less = (asyncio.run(one.until_full()) for one in (pool, bare))
    seats = look_at_seats([*full, *less], seconds=seconds)
    hub.change_hardware(lambda entries: entries[BARE].pop("warm"))
    return tuple(seats[: len(full)]), tuple(seats[len(full) :])


def _bursts(hub: ClaimingHub, pool: Pool, count: int, tell: Callable[[str], None]) -> tuple[Burst, ...]:
    if not count:
        return ()
    token = hub.token(ADMIN, hub.admin_password)
    people = tuple(f"person-{number}" for number in range(AT_ONCE))
    crowd = Crowd(url=hub.base_url, token=token, users=people, options=CHOICE)
    tokens = asyncio.run(crowd.create_users())
    found = []
    for number in range(count + 1):
        _settle(pool)
        found.append(asyncio.run(run_burst(crowd, tokens, pool, hub.data.logs / "hub.log")))
        tell(f"ten at once, {number or 'warm-up'}: {found[-1].as_json()}")
    return tuple(found[1:])


def median_seat(seats: tuple[Seat, ...]) -> dict[str, float]:
    """Of each figure the median."""
    told = [seat.as_json() for seat in seats]
    return {name: statistics.median(one[name] for one in told) for name in told[0]} if told else {}
