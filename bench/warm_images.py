"""Starts with an image that was on the node for ever, with one fetched just now, and with one that is not there.

And the first one after an environment's new digest, which was announced, fetched and only then offered.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

from bench.large_images import LargeImages
from bench.node_images import forget, named, throttled_registry
from bench.warm_hub import Start, warm_hub

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.warm_hub import WarmHub

PRESENT: Final = "present"
PREPULLED: Final = "prepulled"
ABSENT: Final = "absent"
NEW_DIGEST: Final = "new_digest"
STATES: Final = (PRESENT, PREPULLED, NEW_DIGEST, ABSENT)
PULL_SECONDS: Final = 300.0
NOTICED_SECONDS: Final = 6.0
"""By then the hub has read a changed catalog, whether its folder told of the change or not."""

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
        environments = {
            PRESENT: {"title": "Present", "image": named(host, present)},
            "other": {"title": "Other", "image": named(host, other)},
            "changing": {"title": "Changing", "image": named(host, present)},
        }
        async with warm_hub(folder / "hub", image=base, hardware={"any": HARDWARE}, environments=environments) as warm:
            await fetch_ahead(warm, named(host, present))
            for number in range(rounds + 1):
                for state, starts in found.items():
                    await asyncio.to_thread(forget, other)
                    environment, image = PRESENT, present
                    if state == NEW_DIGEST:
                        environment, image = "changing", images.image(changing, mark=f"new {number}")
                        await announce(warm, environment, named(host, image))
                    elif state != PRESENT:
                        environment, image = "other", other
                    if state == PREPULLED:
                        await fetch_ahead(warm, named(host, other))
                    # What the last state wrote to the disk is not to be waited for in this one.
                    await asyncio.to_thread(os.sync)
                    start = await warm.start(environment=environment, hardware="any")
                    tell(f"{number or 'warm-up'}: {state} {start.seconds:.2f} s{', pulled' * start.has_pulled}")
                    check(start, state=state, image=named(host, image))
                    if state == NEW_DIGEST:
                        warm.offer("environments", {environment: environments["changing"]})
                        await asyncio.to_thread(forget, image)
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


async def announce(warm: WarmHub, environment: str, image: str) -> None:
    """An environment has a new image from now on; returns when it is offered."""
    await fetch_ahead(warm, image)
    warm.offer("environments", {environment: {"title": "Changing", "image": image}})
    await asyncio.sleep(NOTICED_SECONDS)


async def fetch_ahead(warm: WarmHub, image: str) -> None:
    """The node fetches it for a pod that does nothing, which is gone when this returns."""
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "fetch", "namespace": warm.held.capacity},
        "spec": {
            "priorityClassName": warm.held.priority_class,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "fetch",
                    "image": image,
                    "command": ["/there-is-no-such-program"],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
    await warm.kube.create(pod)
    # It comes to nothing, and by then the image is there: a container was made of it.
    await warm.kube.until(pod, lambda one: one["status"]["phase"] == "Failed", seconds=PULL_SECONDS)
    await warm.kube.delete(pod, grace_seconds=0)
    await warm.kube.until_gone(pod)
