"""The registries of hub and services as a scrape finds them once everything has happened that is counted."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry
from tornado import web

from hub.capacity.plan import Because, Slots
from hub.capacity.pool import Kept
from hub.metrics.hub import show_hub_metrics
from hub.metrics.images import ImageMetrics
from hub.metrics.services import ServicesMetrics
from hub.metrics.slots import SlotMetrics
from hub.metrics.warm_pods import WarmPodMetrics
from hub.prepull.keeper import Look
from hub.prepull.plan import NodeImages, Why, Wish
from spawner.catalogs import CatalogStatus
from spawner.meter import EndedStart
from spawner.progress import Phase
from studiolo.catalog import Catalog
from studiolo.problems import Problem
from studiolo.wire import ForecastAccuracy
from tests.hub.capacity.shapes import hardware

BROKEN = CatalogStatus(
    loaded_at=datetime(2026, 5, 1, tzinfo=UTC),
    is_valid=False,
    problems=(Problem(file="hardware.yaml", line=1, column=1, path="hardware", message="Not known."),),
    changed_at=datetime(2026, 5, 1, tzinfo=UTC),
)


ACCURACY = ForecastAccuracy(starts=10, median_error=0.2, within_30_percent=0.8)


LOOK = Look(
    nodes=(NodeImages(name="a", uid="a", group="", has=frozenset({"python@sha256:1"})),),
    wished=(
        Wish(
            image="python@sha256:1",
            environment="python",
            why=Why.DEFAULT,
            rates={},
            nodes=frozenset({"a"}),
            is_everywhere=True,
        ),
    ),
)
"""One node, which has what is wanted on it."""


class FakeCatalogs:
    """Broken catalogs that nobody edits."""

    status = BROKEN
    current = Catalog(environments=(), hardware=())

    def subscribe(self, tell: Any) -> None:
        """Nothing changes."""


def hub_registry() -> CollectorRegistry:
    """The hub's, without what JupyterHub itself counts."""
    registry = CollectorRegistry()
    meter = show_hub_metrics(
        catalogs=cast("Any", FakeCatalogs()),
        history=cast("Any", SimpleNamespace(seconds_silent=lambda: 1.0, accuracy=ACCURACY, claims_accuracy=ACCURACY)),
        spawners=lambda: (),
        pods=lambda: cast("Any", SimpleNamespace(is_synced=True, seconds_silent=lambda _now: 1.0)),
        is_database_there=lambda: True,
        clock=time.monotonic,
        registry=registry,
    )
    meter.claim_ended(None, 0.2)
    meter.start_ended(EndedStart(choice=None, outcome="ready", seconds=1, phases=dict.fromkeys(Phase, 0.25)))
    return registry


def warm_keeper(**more: Any) -> SimpleNamespace:
    """Who keeps warm pods, after a look."""
    price = Decimal("0.5")
    small = hardware(price_per_hour=price)
    facts = {
        "kept": {
            ("python", "small"): Kept(ready=2, parking=1, wanted=4),
            ("rare", "small"): Kept(ready=0, parking=0, wanted=0),
        },
        "made": Counter({("python", "small"): 7}),
        "looked_at": datetime(2026, 5, 1, tzinfo=UTC),
        "catalog": Catalog(environments=(), hardware=(small,)),
    }
    return SimpleNamespace(**{**facts, **more})


def services_registry() -> CollectorRegistry:
    """The services process's."""
    metrics = ServicesMetrics(lambda: True)
    planned = Slots(
        hardware="small", wanted=1, because=Because.CATALOG, target=1, present=1, fitting=1, per_hour=Decimal(1)
    )
    SlotMetrics(cast("Any", SimpleNamespace(planned=(planned,), looked_at=datetime.now(UTC))), metrics.registry)
    WarmPodMetrics(cast("Any", warm_keeper()), metrics.registry)
    ImageMetrics(cast("Any", SimpleNamespace(seen=LOOK, looked_at=datetime.now(UTC))), metrics.registry)
    request = SimpleNamespace(method="GET", request_time=lambda: 0.1)
    metrics.request_ended(cast("web.RequestHandler", SimpleNamespace(request=request, get_status=lambda: 200)))
    return metrics.registry
