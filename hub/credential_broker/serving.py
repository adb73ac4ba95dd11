"""A broker between its start and its end."""

from __future__ import annotations

import asyncio
import signal
import ssl
from typing import TYPE_CHECKING

import structlog
from tornado.httpserver import HTTPServer

from hub.credential_broker.actions import Broker
from hub.credential_broker.callers import Callers
from hub.credential_broker.question import MOST_BYTES
from hub.credential_broker.routes import make_app
from spawner.kube import Kube

if TYPE_CHECKING:
    from hub.credential_broker.settings import BrokerSettings

log = structlog.get_logger()


async def serve_until_stopped(settings: BrokerSettings) -> None:
    """Answers agents until somebody says stop."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    kube = await Kube.connect(settings.kubeconfig)
    broker = Broker(kube, namespace=settings.namespace, release=settings.release)
    app = make_app(broker, Callers(kube, account=settings.agents))
    server = HTTPServer(app, ssl_options=tls_context(settings), max_body_size=MOST_BYTES)
    server.listen(settings.port)
    log.info("The credential broker listens", port=settings.port)
    await stopped.wait()
    server.stop()
    await server.close_all_connections()
    await kube.close()
    log.info("The credential broker has stopped")


def tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    """Our certificate, and whose are believed: without one of those, there is no connection. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(settings.authority))
    context.load_cert_chain(settings.certificate / "tls.crt", settings.certificate / "tls.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
