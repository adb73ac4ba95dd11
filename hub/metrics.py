"""What Prometheus is told of us, at JupyterHub's own `/hub/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

if TYPE_CHECKING:
    from spawner.catalogs import CatalogStatus


class CatalogMetrics:
    """Whether the catalogs on disk can be used, and what is wrong with them."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Registers with the process's registry, which `/hub/metrics` shows, unless a test gives another."""
        self._valid = Gauge(
            "studiolo_catalog_valid",
            "1: the catalogs on disk are in use; 0: they were refused and the last good ones go on",
            registry=registry,
        )
        self._loaded = Gauge(
            "studiolo_catalog_loaded_timestamp_seconds", "When the catalogs in use were loaded", registry=registry
        )
        self._problem = Gauge(
            "studiolo_catalog_problem",
            "1 for each problem of the catalogs on disk, with the text of `studiolo catalog check`",
            ["problem"],
            registry=registry,
        )

    def show(self, status: CatalogStatus) -> None:
        """Tell the present state; called again at each change."""
        self._valid.set(1 if status.is_valid else 0)
        self._loaded.set(status.loaded_at.timestamp())
        self._problem.clear()
        for problem in status.problems:
            self._problem.labels(problem=str(problem)).set(1)
