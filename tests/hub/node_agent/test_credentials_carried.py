"""Credentials on their way into a claimed pod: variables and files before the identity, or the order is refused whole.

The broker is the real one, over TLS, before the same small API server.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.credential_broker.question import Held
from hub.node_agent import actions
from hub.node_agent.actions import Agent
from hub.node_agent.broker import BrokerDoor, NoCredentials, files_of, with_variables
from hub.node_agent.record import Step
from hub.node_agent.refresh import Refreshing
from spawner.identity import AGENT_HOST, CredentialSecret, Delivered, GivenCredentials, Identity, Order, Why
from tests.authorities import Authority
from tests.hub.credential_broker.conftest import TOKEN, listening
from tests.hub.credential_broker.samples import GIT, GIVEN, HF, TEAM, all_secrets, claimed_pod, review, secret
from tests.hub.node_agent.conftest import Node, Park
from tests.hub.node_agent.on_a_node import Claims, refused
from tests.hub.node_agent.samples import NOW

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")
pytestmark = needs_root


class World:
    """A node, a pod that alice has claimed with her credentials, the broker, and an agent that asks it."""

    def __init__(self, claims: Claims, door: BrokerDoor) -> None:
        self.claims = claims
        self.door = door
        self.agent = Agent(claims.node.places(), claims.pods, broker=door, clock=lambda: claims.time, now=lambda: NOW)

    async def claim(self, **change: Any) -> Order:
        order = await self.claims.claim(credentials=GIVEN, **change)
        marks = claimed_pod(order, uid=self.claims.uid)["metadata"]
        told = {"labels": marks["labels"], "annotations": marks["annotations"]}
        self.claims.kubernetes.change_for_test("pods", "warm-1", {"metadata": told})
        return order

    async def look(self) -> None:
        """What happens once a minute, by an agent that remembers nothing."""
        await Refreshing(self.claims.node.places(), self.claims.pods, self.agent, self.door).look_once()

    @property
    def folder(self) -> Path:
        return self.claims.node.credentials(self.claims.uid)

    def files(self) -> dict[str, bytes]:
        found = (Path(where) / name for where, _, names in os.walk(self.folder, followlinks=True) for name in names)
        return {str(one.relative_to(self.folder)): one.read_bytes() for one in found if ".." not in str(one)}


Body = Callable[[World], Awaitable[None]]


@pytest.fixture
def with_broker(on_a_node: Any, node: Node, tmp_path: Path) -> Callable[[Body], None]:
    """Runs the body of a test with all of it there."""

    async def run(claims: Claims, body: Body) -> None:
        api = claims.kubernetes
        api.let_secrets_be_read_for_test()
        for one in all_secrets():
            api.put_for_test("secrets", one)
        node.make_place_for_credentials(claims.uid)
        agents = Authority(tmp_path / "tls" / "agents", name="agents")
        async with api.kube() as kube:
            server, url, brokers = await listening(tmp_path / "tls", kube)
            own = agents.certificate_folder(tmp_path / "tls" / "of-the-agent", AGENT_HOST)
            (own / "token").write_text(TOKEN)
            api.reviews_for_test[TOKEN] = review()
            door = BrokerDoor(url, token=own / "token", certificate=own, authority=brokers.file)
            try:
                await body(World(claims, door))
            finally:
                await door.close()
                server.stop()
                await server.close_all_connections()

    return lambda body: on_a_node(lambda claims: run(claims, body))


def test_a_server_gets_its_person_s_variables_and_finds_their_files(with_broker: Any, park: Park) -> None:
    async def body(world: World) -> None:
        server = park(world.claims.uid)
        order = await world.claim()
        assert await world.agent.carry_out(order) == Delivered(order=order.id)
        env = server.identity()["env"]
        assert env == {**order.identity.env, "HF_TOKEN": "canary-hf", "HUB_TOKEN": "canary-hub"}
        assert world.files() == {"git/forge": b"canary-git", "hub.json": b"canary-json"}

    with_broker(body)


def test_what_is_gone_is_left_out_as_in_any_pod(with_broker: Any, park: Park) -> None:
    async def body(world: World) -> None:
        server = park(world.claims.uid)
        for name in (HF.name, GIT.name):
            world.claims.kubernetes.remove_for_test("secrets", name)
        assert isinstance(await world.agent.carry_out(await world.claim()), Delivered)
        assert "HF_TOKEN" not in server.identity()["env"]
        assert world.files() == {"hub.json": b"canary-json"}

    with_broker(body)


def _give_to_bob(world: World) -> None:
    world.claims.kubernetes.put_for_test("secrets", secret(GIT.name, "bob", **{"file-1": "canary-of-bob"}))


def _replace(world: World, name: str, **data: str) -> None:
    world.claims.kubernetes.put_for_test("secrets", secret(name, "alice", **data))


FAILS: dict[str, Callable[[World], None]] = {
    "the API server is away for the broker": lambda world: world.claims.kubernetes.fail_for_test(
        500, verb="get secrets", times=1000
    ),
    "a Secret is another's": _give_to_bob,
    "a value is no variable": lambda world: _replace(world, HF.name, HF_TOKEN="a\0b"),
    "a file does not fit": lambda world: _replace(world, GIT.name, **{"file-1": "x" * (2 << 20)}),
}


@pytest.mark.parametrize("fails", FAILS.values(), ids=FAILS)
def test_where_they_cannot_be_had_nothing_is_sent_and_nothing_of_them_is_left(
    with_broker: Any, park: Park, fails: Callable[[World], None]
) -> None:
    async def body(world: World) -> None:
        server = park(world.claims.uid)
        fails(world)
        assert refused(await world.agent.carry_out(await world.claim())) is Why.CREDENTIALS
        assert (world.claims.mounted, world.claims.step()) == (frozenset(), Step.BEGUN)
        assert world.files() == {}
        assert "canary" not in server.end()

    with_broker(body)


def test_an_agent_without_a_broker_refuses_who_has_credentials_and_nobody_else(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        assert refused(await claims.agent().carry_out(await claims.claim(credentials=GIVEN))) is Why.CREDENTIALS
        assert claims.mounted == frozenset()
        assert server.end() == ""

    on_a_node(body)


def test_a_pod_that_ended_meanwhile_has_no_file_of_them(
    with_broker: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = actions.mount_home

    async def body(world: World) -> None:
        def slow(*arguments: Any) -> tuple[str, ...]:
            world.claims.time += actions.LATEST_SECONDS + 1
            return real(*arguments)

        monkeypatch.setattr(actions, "mount_home", slow)
        park(world.claims.uid)
        assert refused(await world.agent.carry_out(await world.claim())) is Why.TOO_OLD
        assert world.files() == {}

    with_broker(body)


def test_what_is_rotated_or_removed_changes_in_the_running_pod(with_broker: Any, park: Park) -> None:
    async def body(world: World) -> None:
        server = park(world.claims.uid)
        await world.agent.carry_out(await world.claim())
        server.identity()
        _replace(world, GIT.name, **{"file-1": "rotated"})
        world.claims.kubernetes.remove_for_test("secrets", TEAM.name)
        await world.look()
        assert world.files() == {"git/forge": b"rotated"}

    with_broker(body)


def test_where_the_broker_does_not_answer_files_stay_as_they_are(with_broker: Any, park: Park) -> None:
    async def body(world: World) -> None:
        park(world.claims.uid)
        await world.agent.carry_out(await world.claim())
        before = world.files()
        world.claims.kubernetes.remove_for_test("secrets", GIT.name)
        world.claims.kubernetes.fail_for_test(500, verb="get", times=1000)
        await world.look()
        assert world.files() == before

    with_broker(body)


def test_a_pod_that_had_no_order_of_this_claim_gets_no_files(with_broker: Any) -> None:
    async def body(world: World) -> None:
        order = await world.claim()
        await world.look()
        assert world.files() == {}
        assert world.claims.step() is None
        assert order.credentials == GIVEN

    with_broker(body)


def test_no_value_is_ever_logged(with_broker: Any, park: Park, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def body(world: World) -> None:
        park(world.claims.uid)
        order = await world.claim()
        await world.agent.carry_out(order)
        _replace(world, GIT.name, **{"file-1": "canary-rotated"})
        await world.look()
        _give_to_bob(world)
        await world.look()
        await asyncio.sleep(0)
        assert "canary" not in repr(order)

    with_broker(body)
    assert "canary" not in caplog.text


def test_a_variable_that_is_no_text_names_no_value() -> None:
    identity = Identity(env={"HOME": "/home/jovyan"}, cwd="/home/jovyan")
    given = GivenCredentials(secrets=(CredentialSecret(name="s", env=("A",)),))
    for value in (b"\xff-canary", b"\0-canary"):
        held = Held.model_construct(secrets={"s": {"A": value}})
        with pytest.raises(NoCredentials) as error:
            with_variables(identity, given, held)
        assert "canary" not in str(error.value)
        assert error.value.__cause__ is None
    assert with_variables(identity, given, Held(secrets={"s": {}})) == identity
    assert files_of(given, Held(secrets={})) == {}
