"""Who may give orders to an agent: the hub, by a token for agents, over HTTPS; and nobody reads what it sent."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from hub.node_agent.broker import NoCredentials
from hub.node_agent.callers import Callers
from hub.node_agent.routes import make_app
from hub.node_agent.serving import tls_context
from hub.node_agent.settings import AgentSettings, settings_in
from hub.token_reviews import KEPT_SECONDS, PATH, REFUSAL_KEPT_SECONDS
from spawner.identity import (
    AGENT_AUDIENCE,
    AGENT_HOST,
    KNOCK_PATH,
    MOST_BYTES,
    ORDERS_PATH,
    WITH_BROKER,
    Delivered,
    Order,
    Refusal,
    Why,
)
from spawner.kube import KubeAway
from studiolo.errors import StudioloError
from tests.authorities import Authority
from tests.hub.node_agent.samples import order

HUB = "system:serviceaccount:studiolo:studiolo-hub"
GOOD = {"authenticated": True, "audiences": [AGENT_AUDIENCE], "user": {"username": HUB}}

TOKENS: dict[str, dict[str, Any]] = {
    "of the hub": GOOD,
    "forged": {"authenticated": False, "error": "invalid bearer token"},
    "expired": {"authenticated": False, "error": "token has expired"},
    "for another audience": {"authenticated": False, "error": "token audiences are invalid"},
    "of a server that knows no audiences": {"authenticated": True, "user": {"username": HUB}},
    "of another account": GOOD | {"user": {"username": "system:serviceaccount:lab:default"}},
    "nothing told of it": {},
}


@dataclass
class Reviews:
    """The API server, asked whose a token is."""

    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path == PATH
        assert body["spec"]["audiences"] == [AGENT_AUDIENCE]
        if self.is_away:
            raise KubeAway("It does not answer.")
        self.asked.append(body["spec"]["token"])
        return {"status": TOKENS.get(body["spec"]["token"], {})}


@dataclass
class Node:
    """Carries nothing out, and remembers what it was given."""

    orders: list[Order] = field(default_factory=list)
    pods: Any = None
    answer: Delivered | Refusal = field(default_factory=lambda: Delivered(order="a" * 32))
    bug: Exception | None = None
    has_broker: bool = True

    async def knock(self) -> None:
        if not self.has_broker:
            raise NoCredentials("the credential broker does not answer a knock")

    async def carry_out(self, given: Order) -> Delivered | Refusal:
        self.orders.append(given)
        if self.bug is not None:
            raise self.bug
        return self.answer


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
async def agent(tmp_path: Path, node: Node, reviews: Reviews) -> AsyncIterator[httpx.AsyncClient]:
    authority = Authority(tmp_path)
    certificate = authority.certificate("127.0.0.1")
    certificate.rename(tmp_path / "tls.crt")
    certificate.with_suffix(".key").rename(tmp_path / "tls.key")
    settings = AgentSettings(
        node="node-1", namespace="lab", account=HUB, pods=tmp_path, homes=tmp_path, certificate=tmp_path
    )
    app = make_app(node, node, Callers(reviews, account=HUB), node)
    server = HTTPServer(app, ssl_options=tls_context(settings), max_body_size=MOST_BYTES)
    socket, port = bind_unused_port()
    server.add_socket(socket)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trusted, trust_env=False) as client:
        yield client
    server.stop()
    await server.close_all_connections()


def shown(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_hub_gives_an_order_and_reads_what_became_of_it(agent: httpx.AsyncClient, node: Node) -> None:
    answer = await agent.post(ORDERS_PATH, content=order().model_dump_json(), headers=shown("of the hub"))
    assert (answer.status_code, Delivered.model_validate_json(answer.content)) == (200, node.answer)
    assert node.orders == [order()]


async def test_a_refusal_says_why(agent: httpx.AsyncClient, node: Node) -> None:
    node.answer = Refusal(why=Why.USED, message="It was used.")
    answer = await agent.post(ORDERS_PATH, content=order().model_dump_json(), headers=shown("of the hub"))
    assert (answer.status_code, Refusal.model_validate_json(answer.content)) == (409, node.answer)


@pytest.mark.parametrize(
    "headers",
    [
        *(shown(token) for token in TOKENS if token != "of the hub"),
        {},
        {"Authorization": "of the hub"},
        {"Authorization": "Token of the hub"},
        shown("x" * 20_000),
    ],
)
async def test_nobody_else_gives_orders(agent: httpx.AsyncClient, node: Node, headers: dict[str, str]) -> None:
    answer = await agent.post(ORDERS_PATH, content=order().model_dump_json(), headers=headers)
    assert answer.status_code == 403
    assert node.orders == []


async def test_without_an_answer_about_the_token_nobody_does(
    agent: httpx.AsyncClient, node: Node, reviews: Reviews
) -> None:
    reviews.is_away = True
    answer = await agent.post(ORDERS_PATH, content=order().model_dump_json(), headers=shown("of the hub"))
    assert answer.status_code == 503
    assert node.orders == []


async def test_a_huge_body_is_refused(agent: httpx.AsyncClient, node: Node) -> None:
    with suppress(httpx.HTTPError):  # the connection may be cut before all of it was sent
        answer = await agent.post(ORDERS_PATH, content=b"x" * (MOST_BYTES + 1), headers=shown("of the hub"))
        assert answer.status_code >= 400
    assert node.orders == []


async def test_what_is_no_order_is_refused_by_the_place_of_what_is_wrong(
    agent: httpx.AsyncClient, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = order().model_dump(mode="json")
    told["home"]["name"] = "../of-alice"
    for body in (b"of-alice", b"", httpx.Request("POST", "http://x", json=told).content):
        answer = await agent.post(ORDERS_PATH, content=body, headers=shown("of the hub"))
        assert answer.status_code == 400
        assert Refusal.model_validate_json(answer.content).why is Why.MALFORMED
        assert "of-alice" not in answer.text
    assert "home.name" in answer.text
    assert node.orders == []
    assert "of-alice" not in caplog.text
    assert "of the hub" not in caplog.text


async def test_a_bug_is_no_refusal_and_shows_nothing_of_what_was_sent(
    agent: httpx.AsyncClient, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever gave the order takes the pod to have its identity, as it may."""
    caplog.set_level(logging.DEBUG)
    node.bug = RuntimeError("a bug")
    answer = await agent.post(ORDERS_PATH, content=order().model_dump_json(), headers=shown("of the hub"))
    assert answer.status_code == 500
    assert "a bug" in caplog.text
    for text in (answer.text, caplog.text):
        assert "of-alice" not in text
        assert "of the hub" not in text


async def test_it_is_ready_once_it_knows_the_pods_of_its_node(agent: httpx.AsyncClient, node: Node) -> None:
    assert (await agent.get("/health")).status_code == 503
    node.pods = {}
    assert (await agent.get("/health")).status_code == 200
    assert (await agent.get("/orders/../etc")).status_code == 404


async def test_a_token_is_reviewed_once_in_a_while() -> None:
    reviews, now = Reviews(), 0.0
    callers = Callers(reviews, account=HUB, clock=lambda: now)
    for _ in range(3):
        assert await callers.may("of the hub")
        assert not await callers.may("forged")
    assert reviews.asked == ["of the hub", "forged"]
    now = REFUSAL_KEPT_SECONDS + 1
    assert await callers.may("of the hub")
    assert not await callers.may("forged")
    assert reviews.asked == ["of the hub", "forged", "forged"]
    now = KEPT_SECONDS + 1
    assert await callers.may("of the hub")
    assert reviews.asked[3:] == ["of the hub"]


async def test_a_greeting_has_a_good_answer_reviewed_before_it_is_over() -> None:
    reviews, now = Reviews(), 0.0
    callers = Callers(reviews, account=HUB, clock=lambda: now)
    assert await callers.may("of the hub", early=True)
    assert not await callers.may("forged", early=True)
    now = KEPT_SECONDS / 2 - 1
    assert await callers.may("of the hub", early=True)
    assert reviews.asked == ["of the hub", "forged"]
    now = KEPT_SECONDS / 2 + 1
    assert await callers.may("of the hub", early=True)
    now = KEPT_SECONDS + 1
    assert await callers.may("of the hub")
    assert reviews.asked == ["of the hub", "forged", "of the hub"]


async def test_whoever_may_give_orders_may_greet_and_nobody_else(agent: httpx.AsyncClient, node: Node) -> None:
    assert (await agent.get(ORDERS_PATH, headers=shown("of the hub"))).status_code == 204
    assert (await agent.get(ORDERS_PATH, headers=shown("forged"))).status_code == 403
    assert (await agent.get(ORDERS_PATH)).status_code == 403
    assert node.orders == []


async def test_a_knock_says_whether_an_order_could_be_carried_out(agent: httpx.AsyncClient, node: Node) -> None:
    async def status(token: str = "of the hub", **query: str) -> int:
        return (await agent.get(KNOCK_PATH, headers=shown(token), params=query)).status_code

    assert await status() == 503  # before the pods of the node are known
    node.pods = {}
    assert [await status(), await status(**{WITH_BROKER: ""})] == [204, 204]
    node.has_broker = False
    assert [await status(), await status(**{WITH_BROKER: ""})] == [204, 502]
    assert await status("forged") == 403
    assert node.orders == []


async def test_a_knock_waits_for_no_review_of_a_token_that_is_known(reviews: Reviews, agent: httpx.AsyncClient) -> None:
    await agent.get(ORDERS_PATH, headers=shown("of the hub"))
    reviews.is_away = True
    assert (await agent.get(KNOCK_PATH, headers=shown("of the hub"))).json()["message"].startswith("The pods")


def test_an_agent_says_all_that_it_was_not_told() -> None:
    with pytest.raises(StudioloError, match=r"STUDIOLO_AGENT_NODE, .*STUDIOLO_AGENT_CERTIFICATE"):
        settings_in({})
    found = settings_in(
        {
            f"STUDIOLO_AGENT_{name}": "/x"
            for name in ("NODE", "NAMESPACE", "ACCOUNT", "PODS", "HOMES", "CERTIFICATE", "KUBECONFIG")
        }
    )
    assert (found.pods, found.port, found.kubeconfig) == (Path("/x"), 8085, Path("/x"))


def test_the_name_in_a_certificate_is_the_same_on_every_node() -> None:
    assert AGENT_HOST == "studiolo-node-agent"
