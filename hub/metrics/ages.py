"""How old the data is that pages and verdicts rest on, and whether databases answer; looked up when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from hub.metrics.declared import DATA_AGE, POD_WATCH_SYNCED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

    from hub.metrics.declared import Metric
    from hub.starts.history import StartHistory
    from spawner.pod_watch import PodWatch


def show_database(metric: Metric, is_there: Callable[[], bool], registry: CollectorRegistry) -> None:
    """Tell from now on whether a database answers."""
    metric.gauge(registry).set_function(lambda: 1 if is_there() else 0)


class DataAges(Collector):
    """What services told of earlier starts, and what the API server told of pods."""

    def __init__(
        self,
        history: StartHistory,
        pods: Callable[[], PodWatch | None],
        *,
        clock: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        """`pods` gives None where workspaces are no pods, or while nothing watches them yet; `clock` is theirs."""
        self._history = history
        self._pods = pods
        self._clock = clock
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield DATA_AGE.family()
        yield POD_WATCH_SYNCED.family()

    def collect(self) -> Iterator[Family]:
        """The ages; none of what never told anything."""
        ages, synced = DATA_AGE.family(), POD_WATCH_SYNCED.family()
        if (seconds := self._history.seconds_silent()) is not None:
            ages.add_metric(("expectations",), seconds)
        if (pods := self._pods()) is not None:
            ages.add_metric(("pods",), pods.seconds_silent(self._clock()))
            synced.add_metric((), 1 if pods.is_synced else 0)
        yield ages
        yield synced
