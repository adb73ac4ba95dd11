"""What Prometheus is told of the catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from hub.metrics.declared import CATALOG_LOADED, CATALOG_PROBLEM, CATALOG_VALID

if TYPE_CHECKING:
    from spawner.catalogs import CatalogStatus


class CatalogMetrics:
    """Whether the catalogs on disk can be used, and what is wrong with them."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Registers with the process's registry, which `/hub/metrics` shows, unless a test gives another."""
        self._valid = CATALOG_VALID.gauge(registry)
        self._loaded = CATALOG_LOADED.gauge(registry)
        self._problem = CATALOG_PROBLEM.gauge(registry)

    def show(self, status: CatalogStatus) -> None:
        """Tell the present state; called again at each change."""
        self._valid.set(1 if status.is_valid else 0)
        self._loaded.set(status.loaded_at.timestamp())
        self._problem.clear()
        for problem in status.problems:
            self._problem.labels(problem=str(problem)).set(1)
