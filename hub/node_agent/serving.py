"""An agent between its start and its end. What it has mounted stays when it goes; the next one finds it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from typing import TYPE_CHECKING

import structlog
from tornado.httpserver import HTTPServer

from hub.node_agent.actions import Agent
from hub.node_agent.broker import NO_BROKER, BrokerDoor, NoBroker
from hub.node_agent.callers import Callers
from hub.node_agent.keeper import Keeper
from hub.node_agent.mounts import Places
from hub.node_agent.numbers import can_show_others
from hub.node_agent.refresh import Refreshing
from hub.node_agent.routes import make_app
from hub.node_agent.watch import NodePods
from spawner.identity import MOST_BYTES
from spawner.kube import Kube
from spawner.kube_feed import Persistence

if TYPE_CHECKING:
    from hub.node_agent.settings import AgentSettings

log = structlog.get_logger()


async def serve_until_stopped(settings: AgentSettings) -> None:
    """Takes orders, and looks after what is mounted, until somebody says stop."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    places = open_places(settings)
    kube = await Kube.connect(settings.kubeconfig)
    persistence = Persistence(log=logging.getLogger("hub.node_agent"))
    pods = NodePods(kube, namespace=settings.namespace, node=settings.node, persistence=persistence)
    shows_others = await asyncio.to_thread(can_show_others, places.homes)
    if not shows_others:
        log.info("The disk with the homes shows no other numbers here: people with their own start the normal way")
    broker = broker_of(settings)
    agent = Agent(places, pods, broker=broker, shows_others=shows_others)
    keeper = Keeper(places, pods, agent, gone_seconds=settings.gone_seconds)
    app = make_app(agent, pods, Callers(kube, account=settings.account), broker)
    server = HTTPServer(app, ssl_options=tls_context(settings), max_body_size=MOST_BYTES)
    server.listen(settings.port)
    refreshing = Refreshing(places, pods, agent, broker)
    tasks = [asyncio.create_task(one.run()) for one in (pods, keeper, refreshing)]
    log.info("The agent of this node listens", node=settings.node, port=settings.port)
    await stopped.wait()
    server.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.close_all_connections()
    await broker.close()
    await kube.close()
    log.info("The agent of this node has stopped")


def open_places(settings: AgentSettings) -> Places:
    """Both folders, open from now on. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    return Places(
        pods=os.open(settings.pods, flags),
        pods_path=os.path.realpath(settings.pods),
        homes=os.open(settings.homes, flags),
    )


def broker_of(settings: AgentSettings) -> BrokerDoor | NoBroker:
    """Who knows what pods get. Raises OSError."""
    authority, token = settings.broker_authority, settings.broker_token
    if not settings.broker or authority is None or token is None:
        return NO_BROKER
    return BrokerDoor(settings.broker, token=token, certificate=settings.certificate, authority=authority)


def tls_context(settings: AgentSettings) -> ssl.SSLContext:
    """Our certificate, and nothing older than TLS 1.2. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.certificate / "tls.crt", settings.certificate / "tls.key")
    return context
