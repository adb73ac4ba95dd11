"""Which images are on the nodes that want them, for Prometheus: as the last look found it, looked up when asked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from hub.metrics.declared import IMAGES_AHEAD, IMAGES_LOOKED
from hub.prepull.views import image_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

    from hub.prepull.keeper import ImageKeeper


class ImageMetrics(Collector):
    """Nodes that want an image of an environment, by what has become of it; and how old that is."""

    def __init__(self, keeper: ImageKeeper, registry: CollectorRegistry, *, since: datetime | None = None) -> None:
        """`keeper` knows what it saw; `since` when it began to look, which is now."""
        self._keeper = keeper
        self._since = since or datetime.now(UTC)
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield IMAGES_AHEAD.family()
        yield IMAGES_LOOKED.family()

    def collect(self) -> Iterator[Family]:
        """Both. An environment with several images, such as one that is announced, counts them together."""
        nodes, looked = IMAGES_AHEAD.family(), IMAGES_LOOKED.family()
        counts: Counter[tuple[str, str]] = Counter()
        for image in image_views(self._keeper.seen):
            by_state = {
                "present": image.present,
                "fetching": image.fetching,
                "waiting": image.waiting,
                "failed": image.could_not,
            }
            for state, count in by_state.items():
                counts[image.environment, state] += count
        for labels, count in counts.items():
            nodes.add_metric(labels, count)
        # Whoever never succeeds is seen to be late, as whoever succeeded long ago.
        looked.add_metric((), (self._keeper.looked_at or self._since).timestamp())
        yield nodes
        yield looked
