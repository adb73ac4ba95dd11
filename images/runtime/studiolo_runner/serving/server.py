"""The server between its start and its end: it listens at once, is ready once the model is, and drains at its end."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

from studiolo_runner.errors import Refused
from studiolo_runner.outputs import say
from studiolo_runner.serving.http import Connection
from studiolo_runner.serving.routes import Routes
from studiolo_runner.serving.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo_runner.contract import Contract

PORT_VARIABLES = ("AIP_HTTP_PORT", "PORT")
DEFAULT_PORT = 8080
BODY_VARIABLE = "STUDIOLO_LARGEST_BODY"
LARGEST_BODY = 16 * 2**20
"""Bytes; SageMaker sends at most 6 MiB, others more."""

DRAIN_SECONDS = 25.0
"""For what is being answered; Kubernetes kills after 30."""


class Connections:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self.is_draining = False
        self._gone = asyncio.Event()

    def opened(self, connection: Connection) -> None:
        """One more."""
        self._open.add(connection)

    def closed(self, connection: Connection) -> None:
        """One less."""
        self._open.discard(connection)
        if not self._open:
            self._gone.set()

    async def drain(self) -> None:
        """Ends those that wait for nothing, waits for the others for a while."""
        self.is_draining = True
        for connection in list(self._open):
            if connection.is_idle:
                connection.close()
        self._gone.clear()
        if self._open:
            try:
                await asyncio.wait_for(self._gone.wait(), DRAIN_SECONDS)
            except TimeoutError:
                say(f"{len(self._open)} requests had no answer in {DRAIN_SECONDS:g} s.")


def serve(contract: Contract, values: Mapping[str, Any]) -> int:
    """Serve until told to stop; the exit code. Raises Refused or ModelFailed where the model cannot be served."""
    contract.must_offer("predict")
    return asyncio.run(_serve(Routes(Workers(contract, values)), port=port(), largest_body=largest_body()))


def port() -> int:
    """The port that the platform names, or 8080."""
    for name in PORT_VARIABLES:
        told = os.environ.get(name, "")
        if told:
            if not told.isdecimal() or not 0 < int(told) < 2**16:
                raise Refused(f"{name} is {told!r}, which is no port.")
            return int(told)
    return DEFAULT_PORT


def largest_body() -> int:
    """Bytes that a request may bring."""
    told = os.environ.get(BODY_VARIABLE, "")
    if told and not told.isdecimal():
        raise Refused(f"{BODY_VARIABLE} is {told!r}: a number of bytes is meant.")
    return int(told) if told else LARGEST_BODY


async def _serve(routes: Routes, *, port: int, largest_body: int) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    connections = Connections()
    server = await loop.create_server(
        lambda: Connection(routes.answer, largest_body=largest_body, server=connections),
        os.environ.get("STUDIOLO_HOST", "0.0.0.0"),  # noqa: S104 - a container's only door
        port,
        backlog=1024,
    )
    say(f"Listening on port {port}; the model is being loaded.")
    loading = asyncio.ensure_future(routes.workers.start())
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
            routes.measures.is_ready = True
            say("Ready.")
            await waiting
        routes.measures.is_ready = routes.measures.is_ready and loading.done()
        server.close()
        await connections.drain()
    finally:
        loading.cancel()
        server.close()
        routes.workers.stop()
    return 0
