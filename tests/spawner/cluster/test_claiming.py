"""Warm pods are claimed over real HTTP: each by one, and nobody fails whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from spawner.claim import Claimed, Claims
from spawner.claim_misses import why_none
from spawner.claim_rules import OLDEST_FEW, Answer, Miss
from spawner.identity import ORDER_ANNOTATION, USER_LABEL, CredentialSecret, GivenCredentials
from spawner.knock import settled
from spawner.knock_rules import Knocked
from spawner.kube import Kube, KubeAway
from tests.spawner.cluster.claiming import FakeAgents, Warmth, until, warmth_of
from tests.spawner.cluster.conftest import PATIENCE_SECONDS, Cluster

LONG_SECONDS = 30.0
"""In place of the quarter of a second that a claim may take: these tests are about nothing of time."""


@pytest.fixture
async def warmth(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Warmth]:
    monkeypatch.setattr("spawner.claim.PAUSE_SECONDS", 0.01)
    async with warmth_of(cluster, claim_seconds=LONG_SECONDS) as made:
        yield made


async def test_a_warm_pod_becomes_the_workspace_of_its_person(warmth: Warmth) -> None:
    await warmth.park(1)
    claimed = await warmth.run()
    assert isinstance(claimed, Claimed)
    assert warmth.owners() == {"warm-small-0": "alice"}
    [(name, order)] = warmth.saved["alice"]
    pod = warmth.pods.get(name)
    assert pod is not None  # at once, and not when its watch tells
    assert pod.annotation(ORDER_ANNOTATION) == order
    assert pod.annotation("a") == "b"
    assert warmth.claims.aimed == set()
    await until(lambda: warmth.claims.warm.pods() == ())


async def test_nothing_of_its_token_is_in_the_api_server(warmth: Warmth) -> None:
    await warmth.park(1)
    await warmth.run()
    assert "of alice" not in str(warmth.api.objects_for_test("pods"))


async def test_without_warm_pods_nothing_is_written(warmth: Warmth) -> None:
    assert await warmth.run() is Miss.NO_POD
    assert "alice" not in warmth.saved


async def test_a_pod_on_a_node_that_is_emptied_is_nobodys(warmth: Warmth) -> None:
    await warmth.park(1)
    assert await warmth.claim(takes_new=lambda node: node != "node1").run() is Miss.NO_POD
    assert isinstance(await warmth.claim(takes_new=lambda node: node == "node1").run(), Claimed)


async def test_a_pod_that_says_to_be_warm_and_is_made_otherwise_is_never_claimed(
    warmth: Warmth, caplog: pytest.LogCaptureFixture
) -> None:
    """Who may make pods and is no hub, a services process that somebody has taken over, would get everybody's token."""
    await warmth.park(2)
    for name in warmth.names():
        raw = warmth.api.objects_for_test("pods")[name]
        [container] = raw["spec"]["containers"]
        evil = {**container, "image": "example.org/evil@sha256:" + "6" * 64}
        warmth.api.change_for_test("pods", name, {"spec": {**raw["spec"], "containers": [evil]}})
    await until(lambda: all(pod.made_of != warmth.wanted().make.of for pod in warmth.claims.warm.pods()))
    assert await warmth.run() is Miss.FOREIGN
    assert (warmth.owners(), warmth.agents.had, "alice" in warmth.saved) == ({}, {}, False)
    assert all(name in caplog.text for name in warmth.names())


async def test_a_hundred_people_and_fifty_pods_no_pod_twice_and_nobody_fails(warmth: Warmth) -> None:
    await warmth.park(50)
    people = [f"person-{number}" for number in range(100)]
    outcomes = Counter(type(one).__name__ for one in await asyncio.gather(*(warmth.run(person) for person in people)))
    assert outcomes == {"Claimed": 50, "Miss": 50}
    assert len(warmth.owners()) == 50
    assert len(set(warmth.owners().values())) == 50
    assert len(set(warmth.agents.had.values())) == 50


async def test_two_hubs_that_know_nothing_of_each_other_claim_no_pod_twice(warmth: Warmth) -> None:
    other = Claims(warm=warmth.claims.warm, agents=warmth.agents, claim_seconds=LONG_SECONDS)
    for number in range(20):
        for name in warmth.names():
            warmth.api.remove_for_test("pods", name)
        await until(lambda: not warmth.claims.warm.pods())
        await warmth.park(1)
        one, two = f"one-{number}", f"two-{number}"
        found = await asyncio.gather(warmth.claim(one).run(), warmth.claim(two, claims=other).run())
        assert sorted(type(each).__name__ for each in found) == ["Claimed", "Miss"]
        assert len(warmth.owners()) == 1


MISSED = {
    "agent": (Knocked.AWAY, Miss.AGENT),
    "broker": (Knocked.NO_BROKER, Miss.CREDENTIALS),
}


@pytest.mark.parametrize(("knocked", "miss"), MISSED.values(), ids=MISSED)
async def test_where_nobody_answers_a_knock_no_pod_is_touched(
    warmth: Warmth, caplog: pytest.LogCaptureFixture, knocked: Knocked, miss: Miss
) -> None:
    caplog.set_level(logging.INFO)
    await warmth.park(2)
    before = warmth.api.objects_for_test("pods")
    warmth.agents.knocked["node1"] = settled(knocked)
    assert await warmth.run() is miss
    assert warmth.api.objects_for_test("pods") == before
    assert (warmth.saved, warmth.agents.orders, warmth.claims.aimed) == ({}, [], set())
    assert why_none(miss) in caplog.messages
    assert "node1" in caplog.text
    assert "alice" not in caplog.text


async def test_a_pod_of_a_node_whose_agent_answers_is_claimed_while_another_s_is_silent(warmth: Warmth) -> None:
    await warmth.park(2, node="node2")
    await warmth.park(1)
    silent: asyncio.Future[Knocked] = asyncio.get_running_loop().create_future()
    warmth.agents.knocked["node2"] = silent
    assert isinstance(await warmth.run(), Claimed)
    assert not silent.done()
    assert warmth.owners() == {"warm-small-2": "alice"}
    silent.set_result(Knocked.AWAY)
    assert await warmth.run("bob") is Miss.AGENT
    assert len(warmth.names()) == 3


async def test_many_starts_that_wait_for_the_same_knocks_get_all_pods_of_all_nodes(warmth: Warmth) -> None:
    nodes = [f"node{number}" for number in range(2, 8)]
    waits = {node: asyncio.get_running_loop().create_future() for node in nodes}
    for node in nodes:
        await warmth.park(1, node=node)
    # Each asks at the same few nodes, and all of them go on at once.
    warmth.agents.knocked = dict(waits)
    people = [asyncio.create_task(warmth.run(f"person-{number}")) for number in range(8)]
    await until(lambda: len(warmth.agents.knocks) == 8 * OLDEST_FEW)
    warmth.agents.knocked = {}
    for one in waits.values():
        one.set_result(Knocked.THERE)
    outcomes = Counter(type(one).__name__ for one in await asyncio.gather(*people))
    assert outcomes == {"Claimed": 6, "Miss": 2}
    assert len(warmth.owners()) == 6


async def test_one_whose_pods_others_took_while_it_knocked_for_too_long_goes_the_normal_way(warmth: Warmth) -> None:
    await warmth.park(1)
    await warmth.park(1, node="node2")
    waits: dict[str, asyncio.Future[Knocked]] = {"node1": asyncio.get_running_loop().create_future()}
    warmth.agents.knocked = {**waits, "node2": settled(Knocked.AWAY)}
    warmth.claims.claim_seconds = -1.0
    claiming = asyncio.create_task(warmth.run())
    await until(lambda: warmth.agents.knocks)
    warmth.claims.aimed |= {pod.uid for pod in warmth.claims.warm.pods() if pod.node == "node1"}
    waits["node1"].set_result(Knocked.THERE)
    assert await claiming is Miss.LATE
    assert len(warmth.names()) == 2


async def test_the_broker_is_asked_for_only_where_there_are_credentials(warmth: Warmth) -> None:
    await warmth.park(2)
    await warmth.run()
    claim = warmth.claim("bob")
    given = GivenCredentials(secrets=(CredentialSecret(name="s", env=("A",)),))
    await replace(claim, wanted=replace(claim.wanted, credentials=given)).run()
    assert warmth.agents.knocks == [("node1", False), ("node1", True)]


@pytest.mark.parametrize("answer", [Answer.UNREACHED, Answer.REFUSED])
async def test_an_agent_that_vanishes_after_the_knock_costs_the_pod_and_no_waiting(
    warmth: Warmth, answer: Answer
) -> None:
    await warmth.park(2)
    warmth.agents.answers = [answer]
    assert await warmth.run() is Miss.AGENT
    assert warmth.agents.had == {}
    await until(lambda: len(warmth.names()) == 1)


async def test_a_pod_that_may_have_the_identity_is_gone_before_the_start_goes_on(warmth: Warmth) -> None:
    await warmth.park(2)
    warmth.agents.answers = [Answer.UNSURE]
    assert await warmth.run() is Miss.AGENT
    assert len(warmth.names()) == 1
    assert len(warmth.agents.had) == 1


async def test_a_pod_that_dies_with_its_identity_is_gone_before_the_start_goes_on(warmth: Warmth) -> None:
    ended = {"name": "notebook", "state": {"terminated": {"exitCode": 1}}}

    class Dying(FakeAgents):
        async def give(self, order: Any, node: str) -> Any:
            given = await super().give(order, node)
            status = {"phase": "Failed", "containerStatuses": [ended]}
            self.api.change_for_test("pods", order.pod, {"status": status})
            await until(lambda: (pod := warmth.pods.get(order.pod)) is not None and pod.has_ended)
            return given

    warmth.claims.agents = Dying(warmth.api)
    await warmth.park(1)
    assert await warmth.run() is Miss.POD
    assert warmth.names() == []


async def test_one_that_loses_too_late_aims_at_no_other(warmth: Warmth) -> None:
    await warmth.park(2)
    warmth.claims.claim_seconds = -1.0

    async def somebody_else() -> None:
        name, _ = warmth.saved["alice"][-1]
        labels = {USER_LABEL: "bob", "studiolo.dev/seat": "claimed"}
        warmth.api.change_for_test("pods", name, {"metadata": {"labels": labels}})

    losing = Losing(warmth.kube, "merge", is_done=False, then=somebody_else)
    assert await warmth.claim(kube=losing).run() is Miss.LATE
    assert warmth.agents.had == {}
    assert list(warmth.owners().values()) == ["bob"]


async def test_one_that_comes_too_late_keeps_the_pod_that_is_its_own(warmth: Warmth) -> None:
    await warmth.park(1)
    warmth.claims.claim_seconds = -1.0
    assert isinstance(await warmth.run(), Claimed)


# The hub's questions and answers get lost


class Losing:
    """A door to Kubernetes that loses an answer, or a question, of one kind."""

    def __init__(self, kube: Kube, kind: str, *, is_done: bool, then: Any = None) -> None:
        self._kube, self._kind, self._is_done, self._then = kube, kind, is_done, then
        self._left = 1

    async def merge(self, path: str, body: Any) -> Any:
        return await self._ask("merge", lambda: self._kube.merge(path, body))

    async def delete(self, path: str, **options: Any) -> None:
        await self._ask("delete", lambda: self._kube.delete(path, **options))

    async def _ask(self, kind: str, ask: Any) -> Any:
        if kind != self._kind or not self._left:
            return await ask()
        self._left -= 1
        if self._is_done:
            await ask()
        if self._then is not None:
            await self._then()
        raise KubeAway("The answer was lost.")


async def test_a_claim_whose_answer_was_lost_goes_on(warmth: Warmth) -> None:
    await warmth.park(1)
    found = await warmth.claim(kube=Losing(warmth.kube, "merge", is_done=True)).run()
    assert isinstance(found, Claimed)
    assert list(warmth.owners().values()) == ["alice"]


async def test_a_claim_that_never_arrived_ends_that_pod_and_takes_the_next(warmth: Warmth) -> None:
    await warmth.park(2)
    found = await warmth.claim(kube=Losing(warmth.kube, "merge", is_done=False)).run()
    assert isinstance(found, Claimed)
    await until(lambda: len(warmth.names()) == 1)
    assert list(warmth.owners().values()) == ["alice"]


async def test_a_pod_that_became_another_s_while_the_answer_was_lost_is_left_alone(warmth: Warmth) -> None:
    await warmth.park(1)

    async def somebody_else() -> None:
        found = await warmth.claim("bob", claims=Claims(warm=warmth.claims.warm, agents=warmth.agents)).run()
        assert isinstance(found, Claimed)

    losing = Losing(warmth.kube, "merge", is_done=False, then=somebody_else)
    assert await warmth.claim(kube=losing).run() is Miss.LOST
    assert warmth.owners() == {"warm-small-0": "bob"}


# Somebody stops the start, or the hub ends


async def test_a_claim_that_is_stopped_leaves_no_pod_of_its_person(warmth: Warmth) -> None:
    reached = asyncio.Event()

    class Slow(FakeAgents):
        async def give(self, order: Any, node: str) -> Any:
            reached.set()
            await asyncio.sleep(PATIENCE_SECONDS)

    warmth.claims.agents = Slow(warmth.api)
    await warmth.park(1)
    claiming = asyncio.create_task(warmth.claim().run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reached.wait()
    claiming.cancel()
    with suppress(asyncio.CancelledError):
        await claiming
    await until(lambda: warmth.names() == [])
    assert warmth.claims.aimed == set()


async def test_a_pod_that_somebody_claimed_meanwhile_is_not_ended_by_a_start_that_is_stopped(warmth: Warmth) -> None:
    await warmth.park(1)

    async def never() -> None:
        labels = {USER_LABEL: "bob", "studiolo.dev/seat": "claimed"}
        warmth.api.change_for_test("pods", "warm-small-0", {"metadata": {"labels": labels}})
        raise asyncio.CancelledError

    with suppress(asyncio.CancelledError):
        await warmth.claim(kube=Losing(warmth.kube, "merge", is_done=False, then=never)).run()
    assert warmth.owners() == {"warm-small-0": "bob"}


async def test_a_node_that_shows_no_other_numbers_says_so_once_and_costs_nobody_else_a_pod(warmth: Warmth) -> None:
    warmth.agents.shows_others = False
    await warmth.park(3)
    assert await warmth.claim("ada", uid=5001).run() is Miss.AGENT
    assert await warmth.claim("bob", uid=5002).run() is Miss.OTHER_USER
    assert len(warmth.agents.orders) == 1
    assert "bob" not in warmth.saved
    # Who needs no other numbers has nothing to do with it; and in an hour it is tried again.
    assert isinstance(await warmth.run("carol"), Claimed)
    warmth.claims.plain["node1"] = asyncio.get_running_loop().time() - 1
    warmth.agents.shows_others = True
    assert isinstance(await warmth.claim("bob", uid=5002).run(), Claimed)
