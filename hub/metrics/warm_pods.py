"""Which pods wait to be claimed, for Prometheus: as the last look found them, looked up when somebody asks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from hub.metrics.declared import WARM_PODS, WARM_PODS_COST, WARM_PODS_LOOKED, WARM_PODS_MADE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

    from hub.capacity.pool import PoolKeeper


class WarmPodMetrics(Collector):
    """Warm pods by environment and hardware: wanted, ready and parking; what they cost; how many were ever made."""

    def __init__(self, keeper: PoolKeeper, registry: CollectorRegistry, *, since: datetime | None = None) -> None:
        """`keeper` knows what it found and made; `since` when it began to look, which is now."""
        self._keeper = keeper
        self._since = since or datetime.now(UTC)
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield WARM_PODS.family()
        yield WARM_PODS_COST.family()
        yield WARM_PODS_MADE.counts()
        yield WARM_PODS_LOOKED.family()

    def collect(self) -> Iterator[Family]:
        """All of it; without a value where nothing is known."""
        counts, costs = WARM_PODS.family(), WARM_PODS_COST.family()
        made, looked = WARM_PODS_MADE.counts(), WARM_PODS_LOOKED.family()
        catalog = self._keeper.catalog
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for (environment, name), kept in self._keeper.kept.items():
            if kept.is_nothing:
                continue  # of hundreds of pools most are empty
            for state, count in (("wanted", kept.wanted), ("ready", kept.ready), ("parking", kept.parking)):
                counts.add_metric((environment, name, state), count)
            if (per_hour := kept.per_hour(catalog.hardware_named(name))) is not None:
                sums[name] += per_hour
        for name, per_hour in sums.items():
            costs.add_metric((name,), float(per_hour))
        for (environment, name), count in self._keeper.made.items():
            made.add_metric((environment, name), count)
        # Whoever never succeeds is seen to be late, as whoever succeeded long ago.
        looked.add_metric((), (self._keeper.looked_at or self._since).timestamp())
        yield counts
        yield costs
        yield made
        yield looked
