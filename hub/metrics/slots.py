"""How much room is held, for Prometheus: what the last look went for, looked up when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from hub.metrics.declared import SLOTS, SLOTS_COST, SLOTS_LOOKED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

    from hub.capacity.slots import SlotKeeper


class SlotMetrics(Collector):
    """Slots by hardware: wanted, present, and waiting for a node; what they cost; and how old that is."""

    def __init__(self, keeper: SlotKeeper, registry: CollectorRegistry) -> None:
        """`keeper` knows what it planned last."""
        self._keeper = keeper
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield SLOTS.family()
        yield SLOTS_COST.family()
        yield SLOTS_LOOKED.family()

    def collect(self) -> Iterator[Family]:
        """All three; without a value where nothing is known."""
        counts, costs, looked = SLOTS.family(), SLOTS_COST.family(), SLOTS_LOOKED.family()
        for slots in self._keeper.planned:
            waiting = max(0, slots.target - slots.fitting)
            for state, count in (("wanted", slots.wanted), ("present", slots.present), ("waiting", waiting)):
                counts.add_metric((slots.hardware, state), count)
            if slots.per_hour is not None:
                costs.add_metric((slots.hardware,), float(slots.per_hour))
        if self._keeper.looked_at is not None:
            looked.add_metric((), self._keeper.looked_at.timestamp())
        yield counts
        yield costs
        yield looked
