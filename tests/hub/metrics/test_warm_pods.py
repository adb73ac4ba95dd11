"""What Prometheus is told of pods that wait to be claimed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

from prometheus_client import CollectorRegistry

from hub.metrics.warm_pods import WarmPodMetrics
from studiolo.catalog import Catalog
from tests.hub.metrics.every_metric import warm_keeper
from tests.hub.metrics.exposed import Values, exposed, value


def shown(began: datetime = datetime(2026, 4, 1, tzinfo=UTC), **more: Any) -> Values:
    registry = CollectorRegistry()
    WarmPodMetrics(cast("Any", warm_keeper(**more)), registry, since=began)
    return exposed(registry)


def test_pods_are_told_by_pool_and_empty_pools_not_at_all() -> None:
    found = shown()
    counts = {dict(key)["state"]: count for key, count in found["studiolo_warm_pods"].items()}
    assert counts == {"wanted": 4, "ready": 2, "parking": 1}
    assert {dict(key)["environment"] for key in found["studiolo_warm_pods"]} == {"python"}
    assert value(found, "studiolo_warm_pods_cost_per_hour", hardware="small") == 1.5
    assert value(found, "studiolo_warm_pods_made_total", environment="python", hardware="small") == 7
    looked = datetime(2026, 5, 1, tzinfo=UTC).timestamp()
    assert value(found, "studiolo_warm_pods_looked_timestamp_seconds") == looked


def test_hardware_without_a_price_costs_nothing_that_could_be_told() -> None:
    assert "studiolo_warm_pods_cost_per_hour" not in shown(catalog=Catalog(environments=(), hardware=()))


def test_before_the_first_look_only_its_delay_is_told() -> None:
    """A look that never succeeds would be forgotten otherwise: what is absent, no rule can call too old."""
    began = datetime(2026, 5, 2, tzinfo=UTC)
    assert shown(began, kept={}, made=Counter(), looked_at=None) == {
        "studiolo_warm_pods_looked_timestamp_seconds": {(): began.timestamp()}
    }
