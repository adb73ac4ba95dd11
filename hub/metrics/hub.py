"""All that Prometheus is told by the hub, put together once when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from hub.metrics.ages import DataAges, show_pod_watch
from hub.metrics.catalogs import CatalogMetrics
from hub.metrics.workspaces import WorkspaceCounts, WorkspaceMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.starts.history import StartHistory
    from spawner.catalogs import CatalogHolder
    from spawner.pod_watch import PodWatch


def show_hub_metrics(
    *,
    catalogs: CatalogHolder,
    history: StartHistory,
    spawners: Callable[[], Iterable[Any]],
    pods: PodWatch | None = None,
    clock: Callable[[], float],
    registry: CollectorRegistry = REGISTRY,
) -> WorkspaceMetrics:
    """Register everything; gives what counts workspaces, to be the spawners' meter.

    `pods` where workspaces are pods, and `clock` is theirs.
    """
    catalog_metrics = CatalogMetrics(registry)
    catalog_metrics.show(catalogs.status)
    catalogs.subscribe(catalog_metrics.show)
    WorkspaceCounts(spawners, registry)
    ages: dict[str, Callable[[], float | None]] = {"expectations": history.seconds_silent}
    if pods is not None:
        watch = pods
        ages["pods"] = lambda: watch.seconds_silent(clock())
        show_pod_watch(lambda: watch.is_synced, registry)
    DataAges(ages, registry)
    return WorkspaceMetrics(lambda: catalogs.current, registry)
