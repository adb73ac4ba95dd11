"""What Prometheus is told of the services process: its requests, and whether its database answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from hub.auth import PersonHandler
from hub.metrics.ages import show_database
from hub.metrics.declared import OTHER, SERVICES_DATABASE_REACHABLE, SERVICES_REQUEST_SECONDS, bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tornado import web

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

METRICS_SCOPE: Final = "read:metrics"
"""JupyterHub's scope for its own metrics; ours are no more and no less public."""


class ServicesMetrics:
    """Counts the requests of one services process, in a registry of its own."""

    def __init__(self, is_database_there: Callable[[], bool]) -> None:
        """`is_database_there` says what is known already, and waits for nothing."""
        self.registry = CollectorRegistry()
        self._requests = SERVICES_REQUEST_SECONDS.histogram(self.registry)
        show_database(SERVICES_DATABASE_REACHABLE, is_database_there, self.registry)
        self._routes: dict[type, str] = {}

    def know_routes(self, routes: Iterable[tuple[Any, ...]]) -> None:
        """What requests are counted by; any other counts as "other"."""
        self._routes = {handler: _route(pattern) for pattern, handler, *_ in routes}

    def request_ended(self, handler: web.RequestHandler) -> None:
        """Count one request."""
        request = handler.request
        self._requests.labels(
            method=bounded(str(request.method), METHODS),
            route=self._routes.get(type(handler), OTHER),
            status=str(handler.get_status()),
        ).observe(request.request_time())


class MetricsHandler(PersonHandler):
    """`GET metrics`: for tokens that may read metrics, as `/hub/metrics`."""

    needed_scope = METRICS_SCOPE
    hub_scopes: ClassVar[set[str]] = {METRICS_SCOPE}
    """What JupyterHub's check asks for, in place of the right to use the service."""

    async def get(self) -> None:
        """Prometheus' text format."""
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        await self.finish(generate_latest(self.services.metrics.registry))


def _route(pattern: str) -> str:
    """A route as a label: what differs from request to request is a star."""
    return re.sub(r"\([^)]*\)", "*", pattern) or "/"
