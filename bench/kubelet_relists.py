"""When the kubelet relists its containers: starts that are compared begin at the same time after a relist.

The kubelet asks its container runtime what runs, waits a second and asks again; only then it tells that a container has
started and which address its pod has. A start so takes up to a second more or less by the moment at which it begins.
The second is one of its own, a little longer than a clock's by what the relist itself takes, so that the same moment of
a clock's second is another one for the kubelet a minute later.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from tests.hub.metrics.exposed import scrape, value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.kube import Kube

COUNT: Final = "kubelet_pleg_relist_duration_seconds_count"
"""Of the kubelet's metrics: how often it has relisted."""
EVERY_SECONDS: Final = 0.02
"""Between two questions."""
PATIENCE_SECONDS: Final = 30.0
"""A busy node takes longer than a second."""


def offsets(rounds: int) -> Sequence[float]:
    """Seconds after a relist at which the starts of the warm-up and of each round begin, evenly over a second.

    In any order, so that what changes in the course of a run does not fall together with them.
    """
    counted = [(number + 0.5) / rounds for number in range(rounds)]
    random.shuffle(counted)
    return [0.0, *counted]


async def until_after_relist(kube: Kube, node: str, offset: float) -> None:
    """Returns so many seconds after a node's next relist."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        before = await _relists(kube, node)
        while await _relists(kube, node) == before:  # noqa: ASYNC110 - the kubelet tells nobody when it has relisted
            await asyncio.sleep(EVERY_SECONDS)
    await asyncio.sleep(offset)


async def _relists(kube: Kube, node: str) -> float:
    return value(scrape(await kube.text(f"/api/v1/nodes/{node}/proxy/metrics")), COUNT)
