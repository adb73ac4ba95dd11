"""A broker that listens with TLS, before the fake API server, and doors to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from hub.credential_broker.actions import Broker
from hub.credential_broker.callers import Callers
from hub.credential_broker.question import BROKER_HOST, MOST_BYTES
from hub.credential_broker.routes import make_app
from hub.credential_broker.serving import tls_context
from hub.credential_broker.settings import BrokerSettings
from hub.node_agent.broker import BrokerDoor
from spawner.identity import AGENT_HOST
from spawner.kube import Kube
from tests.authorities import Authority
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.credential_broker.samples import AGENTS, RELEASE, all_secrets, claimed_pod, review

TOKEN = "token-of-the-agent"


@dataclass
class Brokers:
    """It listens; the API server has alice's pod, and Secrets of hers and of others."""

    api: FakeKubernetes
    url: str
    folder: Path
    agents: Authority
    brokers: Authority
    server: HTTPServer

    def door(
        self, *, name: str = AGENT_HOST, signed_by: Authority | None = None, token: str = TOKEN, **bound_to: str
    ) -> BrokerDoor:
        """Of an agent, or of somebody else. `bound_to`: see `review`."""
        folder = self.folder / f"certificate-{len(list(self.folder.iterdir()))}"
        certificate = (signed_by or self.agents).certificate_folder(folder, name)
        (folder / "token").write_text(f"{token}\n")
        self.api.reviews_for_test.setdefault(token, review(**bound_to))
        return BrokerDoor(self.url, token=folder / "token", certificate=certificate, authority=self.brokers.file)

    def put_pod(self, **change: object) -> str:
        """Alice's; gives its uid."""
        return str(self.api.put_for_test("pods", claimed_pod(**change), namespace="lab")["metadata"]["uid"])  # type: ignore[arg-type]  # by name

    async def end(self) -> None:
        """Nobody listens any more."""
        self.server.stop()
        await self.server.close_all_connections()


async def listening(folder: Path, kube: Kube, *, name: str = BROKER_HOST) -> tuple[HTTPServer, str, Authority]:
    """A broker with such a name in its certificate, its address, and who signed it."""
    authority = Authority(folder / "brokers", name="brokers")
    settings = BrokerSettings(
        namespace="lab",
        release=RELEASE,
        agents=AGENTS,
        certificate=authority.certificate_folder(folder / "of-the-broker", name),
        authority=folder / "agents" / "agents.crt",
    )
    app = make_app(Broker(kube, namespace="lab", release=RELEASE), Callers(kube, account=AGENTS))
    server = HTTPServer(app, ssl_options=tls_context(settings), max_body_size=MOST_BYTES)
    socket, port = bind_unused_port()
    server.add_socket(socket)
    return server, f"https://127.0.0.1:{port}", authority


@pytest.fixture
async def brokers(tmp_path: Path) -> AsyncIterator[Brokers]:
    agents = Authority(tmp_path / "agents", name="agents")
    async with FakeKubernetes() as api, api.kube() as kube:
        api.let_secrets_be_read_for_test()
        for one in all_secrets():
            api.put_for_test("secrets", one, namespace="lab")
        server, url, authority = await listening(tmp_path, kube)
        made = Brokers(api=api, url=url, folder=tmp_path, agents=agents, brokers=authority, server=server)
        made.put_pod()
        yield made
        await made.end()
