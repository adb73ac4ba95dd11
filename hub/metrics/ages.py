"""How old the data is that pages and verdicts rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import Collector

from hub.metrics.declared import DATA_AGE, POD_WATCH_SYNCED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.core import Metric as Family


class DataAges(Collector):
    """The age of each source, looked up when somebody asks."""

    def __init__(
        self, sources: Mapping[str, Callable[[], float | None]], registry: CollectorRegistry = REGISTRY
    ) -> None:
        """`sources` by name: seconds since it last told something, None where it never did."""
        self._sources = sources
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield DATA_AGE.family()

    def collect(self) -> Iterator[Family]:
        """The ages."""
        family = DATA_AGE.family()
        for source, age in self._sources.items():
            if (seconds := age()) is not None:
                family.add_metric((source,), seconds)
        yield family


def show_pod_watch(is_synced: Callable[[], bool], registry: CollectorRegistry = REGISTRY) -> None:
    """Tell from now on whether the pods are known."""
    POD_WATCH_SYNCED.gauge(registry).set_function(lambda: 1 if is_synced() else 0)
