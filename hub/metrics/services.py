"""What Prometheus is told of the services process: its requests, and whether its database answers."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy import text

from hub.auth import PersonHandler
from hub.metrics.declared import OTHER, SERVICES_DATABASE_REACHABLE, SERVICES_REQUEST_SECONDS, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session
    from tornado import web

    from hub.database import Database

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

DATABASE_SECONDS: Final = 1.0
"""How long the database may take to answer before it counts as away; a scrape gives up after ten."""

METRICS_SCOPE: Final = "read:metrics"
"""JupyterHub's scope for its own metrics; ours are no more and no less public."""


class ServicesMetrics:
    """Counts the requests of one services process, in a registry of its own."""

    def __init__(self, database: Database) -> None:
        """Asks `database` only when somebody wants to know."""
        self.registry = CollectorRegistry()
        self._database = database
        self._requests = SERVICES_REQUEST_SECONDS.histogram(self.registry)
        self._reachable = SERVICES_DATABASE_REACHABLE.gauge(self.registry)
        self._routes: dict[type, str] = {}
        self._question: asyncio.Task[None] | None = None

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

    async def look(self) -> None:
        """Ask the database whether it is there. One question at a time: each one without an answer holds a thread."""
        if self._question is None:
            self._question = asyncio.create_task(self._database.run(_ask))
        await asyncio.wait({self._question}, timeout=DATABASE_SECONDS)
        if not self._question.done():
            self._reachable.set(0)
            return
        self._reachable.set(1 if self._question.exception() is None else 0)
        self._question = None


class MetricsHandler(PersonHandler):
    """`GET metrics`: for tokens that may read metrics, as `/hub/metrics`."""

    needed_scope = METRICS_SCOPE
    hub_scopes: ClassVar[set[str]] = {METRICS_SCOPE}
    """What JupyterHub's check asks for, in place of the right to use the service."""

    async def get(self) -> None:
        """Prometheus' text format."""
        await self.services.metrics.look()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        await self.finish(generate_latest(self.services.metrics.registry))


def _ask(session: Session) -> None:
    session.execute(text("SELECT 1"))


def _route(pattern: str) -> str:
    """A route as a label: what differs from request to request is a star."""
    return re.sub(r"\([^)]*\)", "*", pattern) or "/"
