"""The home service between its start and its end."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from tornado.httpserver import HTTPServer

from hub.homes.routes import homes_of, make_app
from hub.homes.settings import DEFAULT_HOMES_PORT
from hub.settings import DEFAULT_HOST

if TYPE_CHECKING:
    from hub.homes.aged_thread import AgedFiles
    from hub.homes.disk import HomesDisk
    from hub.homes.settings import HomeServiceSettings

MAX_BODY_BYTES = 1024
"""Nobody sends anything here."""

log = structlog.get_logger()


async def serve_until_stopped(settings: HomeServiceSettings, disk: HomesDisk, token: str, aged: AgedFiles) -> None:
    """Answers until somebody says stop; steps on the disk that have begun are not waited for."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    homes = homes_of(disk, token)
    server = HTTPServer(make_app(homes), max_body_size=MAX_BODY_BYTES)
    address = urlsplit(settings.url or "")
    port = address.port or DEFAULT_HOMES_PORT
    server.listen(port, address=settings.host or address.hostname or DEFAULT_HOST)
    log.info("The home service listens", port=port, root=str(disk.root))
    aged.start()
    await stopped.wait()
    aged.stop()
    server.stop()
    await server.close_all_connections()
    homes.measurements.close()
    homes.handovers.close()
    log.info("The home service has stopped")
