"""How good forecasts were, for Prometheus: what services last told the hub of it, looked up when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import Collector

from hub.metrics.declared import FORECAST_CLOSE, FORECAST_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric as Family

    from hub.starts.history import StartHistory


class ForecastAccuracyMetrics(Collector):
    """Median error, and how many were close; of starts that were promised a warm pod, and of all others."""

    def __init__(self, history: StartHistory, registry: CollectorRegistry = REGISTRY) -> None:
        """`history` knows what services told last."""
        self._history = history
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield FORECAST_ERROR.family()
        yield FORECAST_CLOSE.family()

    def collect(self) -> Iterator[Family]:
        """Both; without a value before the first start that was forecast."""
        error, close = FORECAST_ERROR.family(), FORECAST_CLOSE.family()
        for way, accuracy in (("normal", self._history.accuracy), ("claim", self._history.claims_accuracy)):
            for family, value in ((error, accuracy.median_error), (close, accuracy.within_30_percent)):
                if value is not None:
                    family.add_metric((way,), value)
        yield error
        yield close
