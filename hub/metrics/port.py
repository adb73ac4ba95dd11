"""A port of its own for metrics, without sign-in: who reaches it is decided by the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from tornado import web
from tornado.httpserver import HTTPServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def nothing_first() -> None:
    """Nothing has to be looked up before the metrics are shown."""


class ExpositionHandler(web.RequestHandler):
    """`GET /metrics`, and nothing else."""

    def initialize(self, registry: CollectorRegistry, before: Callable[[], Awaitable[None]]) -> None:
        """`before` is awaited first: what has to be asked elsewhere."""
        self._registry = registry
        self._before = before

    async def get(self) -> None:
        """Prometheus' text format."""
        await self._before()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        await self.finish(generate_latest(self._registry))


def serve_metrics(
    registry: CollectorRegistry, *, host: str, port: int, before: Callable[[], Awaitable[None]] = nothing_first
) -> HTTPServer:
    """A server that shows the metrics, to be stopped by whoever started it.

    In this process's event loop, not in a thread: what is counted belongs to the loop.
    """
    what = {"registry": registry, "before": before}
    server = HTTPServer(web.Application([("/metrics", ExpositionHandler, what)], log_function=lambda _: None))
    server.listen(port, address=host)
    return server
