"""All that Prometheus is told by the hub, put together once when it starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from hub.metrics.ages import DataAges, show_database
from hub.metrics.catalogs import CatalogMetrics
from hub.metrics.declared import HUB_DATABASE_REACHABLE
from hub.metrics.forecasts import ForecastAccuracyMetrics
from hub.metrics.port import serve_metrics
from hub.metrics.workspaces import WorkspaceCounts, WorkspaceMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tornado.httpserver import HTTPServer

    from hub.settings import Settings
    from hub.starts.history import StartHistory
    from spawner.catalogs import CatalogHolder
    from spawner.pod_watch import PodWatch


def show_hub_metrics(
    *,
    catalogs: CatalogHolder,
    history: StartHistory,
    spawners: Callable[[], Iterable[Any]],
    pods: Callable[[], PodWatch | None],
    is_database_there: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
    registry: CollectorRegistry = REGISTRY,
) -> WorkspaceMetrics:
    """Register everything; gives what counts workspaces, to be the spawners' meter.

    `pods` gives None where workspaces are no pods, or while nothing watches them yet.
    """
    catalog_metrics = CatalogMetrics(registry)
    catalog_metrics.show(catalogs.status)
    catalogs.subscribe(catalog_metrics.show)
    WorkspaceCounts(spawners, registry)
    show_database(HUB_DATABASE_REACHABLE, is_database_there, registry)
    ForecastAccuracyMetrics(history, registry)
    DataAges(history, pods, clock=clock, registry=registry)
    return WorkspaceMetrics(lambda: catalogs.current, registry)


def serve_hub_metrics(settings: Settings) -> HTTPServer | None:
    """The hub's port for metrics, where the settings ask for one; to be stopped by whoever asked."""
    port = settings.metrics.hub_port
    return None if port is None else serve_metrics(REGISTRY, host=settings.hub.host, port=port)
