"""A port of its own for metrics, without sign-in: who reaches it is decided by the network."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from tornado import web
from tornado.httpserver import HTTPServer


class ExpositionHandler(web.RequestHandler):
    """`GET /metrics`, and nothing else."""

    def initialize(self, registry: CollectorRegistry) -> None:
        """What is shown."""
        self._registry = registry

    def get(self) -> None:
        """Prometheus' text format."""
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest(self._registry))


def serve_metrics(registry: CollectorRegistry, *, host: str, port: int) -> HTTPServer:
    """A server that shows the metrics, to be stopped by whoever started it.

    In this process's event loop, not in a thread: what is counted belongs to the loop.
    """
    what = {"registry": registry}
    server = HTTPServer(web.Application([("/metrics", ExpositionHandler, what)], log_function=lambda _: None))
    server.listen(port, address=host)
    return server
