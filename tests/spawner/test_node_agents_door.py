"""How the hub reaches the agent of a node: over HTTPS to one that it knows, and what each answer says of the pod."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from deploy.local.ports import free_port
from spawner import knock, nearby, node_agents
from spawner.claim_rules import Answer
from spawner.identity import (
    AGENT_HOST,
    KNOCK_PATH,
    ORDERS_PATH,
    WITH_BROKER,
    CredentialSecret,
    Delivered,
    GivenCredentials,
    Refusal,
    Why,
)
from spawner.knock import KNOCK_SECONDS
from spawner.knock_rules import Knocked
from spawner.node_agents import AgentsDoor
from spawner.pod_facts import PodFacts
from tests.authorities import Authority
from tests.hub.node_agent.samples import order
from tests.lost_packets import lost_packets

ORDER = order()
NODE = "node-1"


def agent(node: str = NODE, *, phase: str = "Running", ip: str = "127.0.0.1", is_deleting: bool = False) -> PodFacts:
    return PodFacts(
        name="agent",
        namespace="nodes",
        uid="u",
        resource_version="1",
        node=node,
        phase=phase,
        ip=ip,
        is_deleting=is_deleting,
    )


@asynccontextmanager
async def door_to(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[..., Any] | None,
    *,
    name: str = AGENT_HOST,
    is_ours: bool = True,
    handshake: Callable[..., None] | None = None,
    knock: Callable[..., Any] | None = None,
) -> AsyncIterator[AgentsDoor]:
    """`answer`: None where nobody listens. `name`: in its certificate, which is of our authority or another one.

    `handshake`: what it does in each. `knock`: what it answers to one, where it knows of them.
    """
    authority = Authority(folder)
    certificate = (authority if is_ours else Authority(folder / "theirs")).certificate(name)
    (folder / "ca.crt").write_bytes(authority.file.read_bytes())
    (folder / "token").write_text("of the hub\n")
    port = free_port()
    monkeypatch.setattr(node_agents, "AGENT_PORT", port)
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    if answer is not None:
        app.router.add_route("*", ORDERS_PATH, answer)
    if knock is not None:
        app.router.add_get(KNOCK_PATH, knock)
    await runner.setup()
    if answer is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        context.sni_callback = handshake
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    pods: Any = SimpleNamespace(pods=lambda: (agent("node-2", ip="127.0.0.9"), agent()))
    door = AgentsDoor(pods, folder=folder)
    try:
        yield door
    finally:
        await door.close()
        await runner.cleanup()


async def test_an_order_that_was_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.headers["Authorization"], await request.text()))
        return web.Response(text=Delivered(order=ORDER.id, left_out=("vision",)).model_dump_json())

    async with door_to(tmp_path, monkeypatch, answer) as door:
        given = await door.give(ORDER, NODE)
    assert (given.answer, given.left_out) == (Answer.DELIVERED, ("vision",))
    [(token, body)] = asked
    assert token == "Bearer of the hub"
    assert type(ORDER).model_validate_json(body) == ORDER


def saying(status: int, body: str = "") -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    return answer


SAID = {
    "not claimed": (409, Refusal(why=Why.NOT_CLAIMED, message="No."), Answer.REFUSED),
    "malformed": (400, Refusal(why=Why.MALFORMED, message="No."), Answer.REFUSED),
    "used": (409, Refusal(why=Why.USED, message="No."), Answer.UNSURE),
    "its disk failed": (409, Refusal(why=Why.SEAT, message="No."), Answer.REFUSED),
    "another token": (403, None, Answer.REFUSED),
    "nobody says whose the token is": (503, None, Answer.REFUSED),
    "a fault of its own": (500, None, Answer.UNSURE),
    "no answer of an agent": (200, None, Answer.UNSURE),
    "a refusal that is none": (409, None, Answer.UNSURE),
}


@pytest.mark.parametrize(("status", "refusal", "expected"), SAID.values(), ids=SAID)
async def test_what_it_says_is_told_by_whether_the_pod_may_have_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, refusal: Refusal | None, expected: Answer
) -> None:
    body = "{}" if refusal is None else refusal.model_dump_json()
    async with door_to(tmp_path, monkeypatch, saying(status, body)) as door:
        given = await door.give(ORDER, NODE)
    assert given.answer is expected
    assert "JUPYTERHUB" not in given.said


async def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door_to(tmp_path, monkeypatch, None) as door:
        assert (await door.give(ORDER, NODE)).answer is Answer.UNREACHED
        assert (await door.give(ORDER, "node-7")).answer is Answer.UNREACHED


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [("somebody.example.org", True), (AGENT_HOST, False)],
    ids=["another name", "another authority"],
)
async def test_one_that_poses_as_an_agent_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_ours: bool
) -> None:
    async def answer(_: web.Request) -> web.Response:
        raise AssertionError("it was asked")

    async with door_to(tmp_path, monkeypatch, answer, name=name, is_ours=is_ours) as door:
        assert (await door.give(ORDER, NODE)).answer is Answer.UNREACHED


async def test_an_agent_that_names_another_place_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=307, headers={"Location": str(request.url)})

    async with door_to(tmp_path, monkeypatch, answer) as door:
        assert (await door.give(ORDER, NODE)).answer is Answer.UNSURE
    assert asked == 1


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_lost_answer_is_asked_for_once_more_and_counts_only_if_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await request.read()
        if asked == 1:
            assert request.transport is not None
            request.transport.abort()
        if is_done:
            return web.Response(text=Delivered(order=ORDER.id).model_dump_json())
        return web.Response(status=409, text=Refusal(why=Why.ENDED, message="The pod ends.").model_dump_json())

    async with door_to(tmp_path, monkeypatch, answer) as door:
        given = await door.give(ORDER, NODE)
    assert asked == 2
    assert given.answer is (Answer.DELIVERED if is_done else Answer.UNSURE)


async def test_one_that_is_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_agents, "ORDER_SECONDS", 0.3)
    asked = 0

    async def answer(_: web.Request) -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    async with door_to(tmp_path, monkeypatch, answer) as door:
        assert (await door.give(ORDER, NODE)).answer is Answer.UNSURE
    assert asked == 1


async def test_an_order_goes_over_the_connection_that_a_greeting_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[tuple[str, Any]] = []
    greeted, rounds = asyncio.Event(), 0

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        met.append((request.method, request.transport.get_extra_info("peername")))
        return web.Response(text=Delivered(order=ORDER.id).model_dump_json())

    def nodes() -> list[str]:
        nonlocal rounds
        rounds += 1
        if rounds == 2:  # the first greeting was answered
            greeted.set()
        return [NODE, NODE, "node-7"] if rounds == 1 else []

    monkeypatch.setattr(node_agents, "GREET_SECONDS", 0.5)
    async with door_to(tmp_path, monkeypatch, answer) as door:
        near = asyncio.create_task(door.keep_near(nodes))
        await asyncio.wait_for(greeted.wait(), 30)
        given = await door.give(ORDER, NODE)
        near.cancel()
    assert given.answer is Answer.DELIVERED
    assert [method for method, _ in met] == ["GET", "POST"]
    assert met[0][1] == met[1][1]


def busy(*_: Any) -> None:
    """A handshake that takes longer than a knock may."""
    time.sleep(2 * KNOCK_SECONDS)


async def test_an_order_has_time_for_its_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=Delivered(order=ORDER.id).model_dump_json())

    monkeypatch.setattr(node_agents, "CONNECT_SECONDS", 30.0)
    monkeypatch.setattr(node_agents, "ORDER_SECONDS", 30.0)
    async with door_to(tmp_path, monkeypatch, answer, handshake=busy) as door:
        assert (await door.give(ORDER, NODE)).answer is Answer.DELIVERED


# A knock, before there is an order


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes is waited for, on a machine that is busy, too."""
    monkeypatch.setattr(knock, "KNOCK_SECONDS", 10.0)


async def knocked(door: AgentsDoor, node: str = NODE, *, with_broker: bool = False) -> Knocked:
    async with asyncio.timeout(30):
        return await door.knock(node, with_broker=with_broker)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("with_broker", [False, True])
async def test_an_agent_that_answers_a_knock_is_there_and_one_of_the_release_before_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_broker: bool
) -> None:
    asked: list[tuple[str, bool]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.headers["Authorization"], WITH_BROKER in request.query))
        return web.Response(status=204)

    async with door_to(tmp_path, monkeypatch, saying(500), knock=answer) as door:
        assert await knocked(door, with_broker=with_broker) is Knocked.THERE
        assert await knocked(door, "node-7") is Knocked.AWAY
    assert asked == [("Bearer of the hub", with_broker)]
    async with door_to(tmp_path, monkeypatch, saying(500)) as older:
        assert await knocked(older, with_broker=with_broker) is Knocked.THERE


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("status", "expected"), [(502, Knocked.NO_BROKER), (403, Knocked.AWAY), (503, Knocked.AWAY)])
async def test_an_agent_that_could_carry_out_nothing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, expected: Knocked
) -> None:
    async with door_to(tmp_path, monkeypatch, saying(204), knock=saying(status)) as door:
        assert await knocked(door, with_broker=True) is expected


@pytest.mark.usefixtures("patient")
async def test_one_that_poses_as_an_agent_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door_to(tmp_path, monkeypatch, saying(204), is_ours=False) as door:
        assert await knocked(door) is Knocked.AWAY


async def test_an_agent_whose_packets_get_lost_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door_to(tmp_path, monkeypatch, None) as door:
        with lost_packets() as port:
            monkeypatch.setattr(node_agents, "AGENT_PORT", port)
            assert await knocked(door) is Knocked.AWAY


@pytest.mark.usefixtures("patient")
async def test_whoever_carried_out_an_order_is_there_without_a_knock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = saying(200, Delivered(order=ORDER.id).model_dump_json())
    monkeypatch.setattr(nearby, "FRESH_SECONDS", 3600.0)
    with_credentials = order(credentials=GivenCredentials(secrets=(CredentialSecret(name="s", env=("A",)),)))
    async with door_to(tmp_path, monkeypatch, delivered, knock=saying(503)) as door:
        await door.give(ORDER, NODE)
        assert await knocked(door) is Knocked.THERE
        assert await knocked(door, with_broker=True) is Knocked.AWAY
        await door.give(with_credentials, NODE)
        assert await knocked(door, with_broker=True) is Knocked.THERE


async def test_a_greeting_that_nobody_takes_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_agents, "GREET_SECONDS", 0.05)
    rounds = 0

    def nodes() -> list[str]:
        nonlocal rounds
        rounds += 1
        return [NODE]

    async with door_to(tmp_path, monkeypatch, None) as door:
        near = asyncio.create_task(door.keep_near(nodes))
        async with asyncio.timeout(30):
            while rounds < 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert not near.done()
        near.cancel()
