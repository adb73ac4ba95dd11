"""Starts with an image that was on the node for ever, with one fetched just now, and with one that is not there.

And the first one after an environment's new digest, which was announced, fetched and only then offered.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

from bench.kubelet_relists import offsets
from bench.large_images import LargeImages
from bench.node_images import by_digest, forget, named, throttled_registry, until_unused
from bench.warm_hub import Start, offer, warm_hub
from hub.prepull.offers import EVERY
from hub.prepull.plan import Pull, Why
from hub.prepull.pull_pod import Came, Fetching, pull_pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.warm_hub import WarmHub

PRESENT: Final = "present"
PRESENT_AHEAD: Final = "present_ahead"
"""Through the hub of `new_digest`, which brings images to nodes: what differs by the hub alone is seen here."""
PREPULLED: Final = "prepulled"
ABSENT: Final = "absent"
NEW_DIGEST: Final = "new_digest"
STATES: Final = (PRESENT, PREPULLED, PRESENT_AHEAD, NEW_DIGEST, ABSENT)
ABSENT_ROUNDS: Final = 3
"""Nothing is compared with it, and each takes long."""
PULL_SECONDS: Final = 300.0
HARDWARE: Final = {"title": "Any", "cpu": {"request": "100m", "limit": 2}, "memory": "1Gi"}


async def measure_images(
    folder: Path, *, base: str, size: int, bytes_per_second: float, rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Start]]:
    """Rounds of one of each, after a warm-up of each. Raises RuntimeError where a state was not what it is called."""
    found: dict[str, list[Start]] = {state: [] for state in STATES}
    images = await asyncio.to_thread(LargeImages, folder / "images", base)
    for_ever, changing = [await asyncio.to_thread(images.layers, size) for _ in range(2)]
    with throttled_registry(images.folder, bytes_per_second=bytes_per_second) as host:
        present, other = images.image(for_ever, mark="present"), images.image(changing, mark="other")
        environments = {"other": {"title": "Other", "image": named(host, other)}}
        async with AsyncExitStack() as hubs:
            # One hub leaves images where they are, so that it is the benchmark that says what is there.
            still, ahead = [
                await hubs.enter_async_context(
                    warm_hub(
                        folder / name,
                        image=named(host, present),
                        hardware={"any": HARDWARE},
                        environments={} if fetches_ahead else environments,
                        fetches_ahead=fetches_ahead,
                    )
                )
                for name, fetches_ahead in (("still", False), ("ahead", True))
            ]
            await fetch_ahead(still, named(host, present))
            for number, offset in enumerate(offsets(rounds)):
                new = images.image(changing, mark=f"new {number}")
                for state, starts in found.items():
                    if state == ABSENT and number > ABSENT_ROUNDS:
                        continue
                    await asyncio.to_thread(forget, other)
                    hub, environment, image = still, "minimal", present
                    if state == PRESENT_AHEAD:
                        hub = ahead
                    elif state == NEW_DIGEST:
                        hub, image = ahead, new
                        await announce(ahead, named(host, new))
                    elif state != PRESENT:
                        environment, image = "other", other
                    if state == PREPULLED:
                        await fetch_ahead(still, named(host, other))
                    # What was done before is not to be waited for in this start: containers that are removed, and
                    # what was written to the disk.
                    await asyncio.to_thread(until_unused, by_digest(host, image))
                    await asyncio.to_thread(os.sync)
                    start = await hub.start(offset, environment=environment, hardware="any")
                    tell(f"{number or 'warm-up'}: {state} {start.seconds:.2f} s{', pulled' * start.has_pulled}")
                    check(start, state=state, image=named(host, image))
                    if state == NEW_DIGEST:
                        await announce(ahead, named(host, present))
                        await asyncio.to_thread(forget, new)
                    if number:
                        starts.append(start)
            await asyncio.to_thread(forget, other)
    return found


def check(start: Start, *, state: str, image: str) -> None:
    """Raises RuntimeError where a start was not what it counts as."""
    if start.image != image:
        raise RuntimeError(f"{state}: it ran {start.image}, and not {image}.")
    if start.has_pulled != (state == ABSENT):
        raise RuntimeError(f"{state}: the node {'fetched' if start.has_pulled else 'did not fetch'} the image.")


async def announce(warm: WarmHub, image: str) -> None:
    """The catalog names another image; returns when the hub knows that it is offered, and so on the node."""
    offer(warm.hub, "environments", {"minimal": {"title": "Minimal", "image": image, "default": True}})
    headers = {"Authorization": f"token {warm.hub.keys.hub_token}"}
    url = f"{warm.hub.settings.services.url}/services/studiolo/api/capacity/offered"
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client, asyncio.timeout(PULL_SECONDS):
        while True:
            answer = (await client.get(url)).raise_for_status().json()
            if answer["offered"].get("minimal") == image:
                break
            await asyncio.sleep(0.5)
    await asyncio.sleep(2 * EVERY.total_seconds())


async def fetch_ahead(warm: WarmHub, image: str) -> None:
    """The node fetches it for a pod such as the services process makes, which is gone when this returns."""
    fetching = Fetching(release=warm.hub.release, namespace=warm.held.capacity, priority_class=warm.held.priority_class)
    pull = Pull(node=warm.node["name"], node_uid=warm.node["uid"], image=image, environment="other", why=Why.STARTED)
    pod = fetching.manifest(pull)
    await warm.kube.create(pod)
    found = await warm.kube.until(
        pod, lambda one: pull_pod(one, now=datetime.now(UTC)).came is not Came.FETCHING, seconds=PULL_SECONDS
    )
    if (came := pull_pod(found, now=datetime.now(UTC))).came is Came.FAILED:
        raise RuntimeError(f"{image} could not be fetched: {came.reason}")
    await warm.kube.delete(pod, grace_seconds=0)
    await warm.kube.until_gone(pod)
