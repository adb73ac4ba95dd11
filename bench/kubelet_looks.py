"""When the node looks at its containers: whoever compares starts lets them begin at the same time after a look.

The kubelet asks its container runtime what runs, waits a second and asks again; only then it tells that a container has
started and which address its pod has. A start so takes up to a second more or less by the moment at which it begins.
The second is one of its own, a little longer than a clock's by what the look itself takes, so that the same moment of
a clock's second is another one for the kubelet a minute later.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.kube import Kube

COUNT: Final = "kubelet_pleg_relist_duration_seconds_count"
"""Of the kubelet's metrics: how often it has looked."""
EVERY_SECONDS: Final = 0.02
"""Between two questions."""
PATIENCE_SECONDS: Final = 30.0
"""A busy node takes longer than a second."""


def offsets(rounds: int) -> Sequence[float]:
    """Seconds after a look at which the starts of the warm-up and of each round begin, evenly over a second.

    In any order, so that what changes in the course of a run does not fall together with them.
    """
    counted = [(number + 0.5) / rounds for number in range(rounds)]
    random.shuffle(counted)
    return [0.0, *counted]


def looks(metrics: str) -> int:
    """How often a kubelet has looked. `metrics`: as it exposes them. Raises ValueError where they do not say so."""
    for line in metrics.splitlines():
        name, _, value = line.partition(" ")
        if name == COUNT:
            return int(float(value))
    raise ValueError(f"The kubelet does not tell how often it looks at its containers: {COUNT} is missing.")


async def until_after_look(kube: Kube, node: str, offset: float) -> None:
    """Returns so many seconds after a node's next look."""
    path = f"/api/v1/nodes/{node}/proxy/metrics"
    async with asyncio.timeout(PATIENCE_SECONDS):
        before = looks(await kube.text(path))
        while looks(await kube.text(path)) == before:  # noqa: ASYNC110 - the kubelet tells nobody when it has looked
            await asyncio.sleep(EVERY_SECONDS)
    await asyncio.sleep(offset)
