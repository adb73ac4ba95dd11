"""An order from its arrival to the server that has its identity, and everything that may come between.

The parked server is a process of the pod's user with the door of `images/base/park`; the API server is a small one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import timedelta
from typing import Any

import pytest

from hub.node_agent import actions, deliver
from hub.node_agent.keeper import Keeper
from hub.node_agent.record import Step
from hub.node_agent.watch import NodePods
from spawner.identity import Delivered, TeamFolder, Why
from spawner.kube_feed import Persistence
from tests.hub.node_agent.conftest import Park
from tests.hub.node_agent.on_a_node import Claims, refused
from tests.hub.node_agent.samples import NOW, order

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")


def test_the_server_gets_its_home_its_teams_and_its_identity(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        given = await claims.claim()
        answer = await claims.agent().carry_out(given)
        assert answer == Delivered(order=given.id)
        assert server.identity() == given.identity.model_dump(mode="json")
        home = claims.node.seat(claims.uid) / "jovyan"
        assert (home / "notes.txt").read_text() == "of alice"
        assert (home / "shared" / "vision" / "plan.txt").read_text() == "of vision"

    on_a_node(body)


def test_a_claim_that_the_agent_sees_a_moment_later_is_waited_for(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        given = order(pod_uid=claims.uid)
        answering = asyncio.create_task(claims.agent().carry_out(given))
        await asyncio.sleep(0)
        await claims.claim()
        assert isinstance(await answering, Delivered)

    on_a_node(body)


def test_what_nobody_claimed_is_left_alone(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        assert refused(await claims.agent().carry_out(order(pod_uid=claims.uid))) is Why.NOT_CLAIMED
        assert (claims.mounted, claims.step()) == (frozenset(), None)
        assert server.end() == ""

    on_a_node(body)


def test_an_order_for_another_person_than_the_claims_is_refused(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        given = await claims.claim()
        forged = given.model_copy(update={"home": given.home.model_copy(update={"name": "bob"})})
        assert refused(await claims.agent().carry_out(forged)) is Why.NOT_CLAIMED
        assert claims.mounted == frozenset()
        assert server.end() == ""

    on_a_node(body)


def test_an_order_asked_for_again_is_answered_again_and_carried_out_once(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        given = await claims.claim(teams=(TeamFolder(name="nobodys"),))
        agent = claims.agent()
        answers = await asyncio.gather(agent.carry_out(given), agent.carry_out(given))
        assert {(one.order, one.left_out) for one in answers if isinstance(one, Delivered)} == {
            (given.id, ("nobodys",))
        }
        # And once more, of an agent that was started anew.
        assert await claims.agent().carry_out(given) == answers[0]
        server.identity()

    on_a_node(body)


def test_a_pod_that_had_an_order_takes_no_other(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        assert isinstance(await claims.agent().carry_out(await claims.claim()), Delivered)
        park(claims.uid)  # as if it were parked again
        second = await claims.claim(id="b" * 32)
        await claims.until(lambda: bool(claims.pods.pods) and claims.pods.pods[claims.uid].marks[0] == "b" * 32)
        assert refused(await claims.agent().carry_out(second)) is Why.USED

    on_a_node(body)


def test_nobody_parked_means_no_home_and_no_identity(on_a_node: Any) -> None:
    async def body(claims: Claims) -> None:
        given = await claims.claim()
        assert refused(await claims.agent().carry_out(given)) is Why.NOT_PARKED
        assert (claims.mounted, claims.step()) == (frozenset(), Step.BEGUN)

    on_a_node(body)


def test_somebody_else_who_listens_there_gets_nothing(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        server = park(claims.uid, uid=1234)
        assert refused(await claims.agent().carry_out(await claims.claim())) is Why.NOT_PARKED
        assert claims.mounted == frozenset()
        assert "of-alice" not in server.end()

    on_a_node(body)


@pytest.mark.parametrize("planted", ["a link to a socket elsewhere", "a file", "a link in place of the folder"])
def test_what_is_planted_in_place_of_the_socket_is_not_followed(on_a_node: Any, park: Park, planted: str) -> None:
    async def body(claims: Claims) -> None:
        other = "11111111-2222-3333-4444-666666666666"
        claims.node.make_seat(other)
        server = park(other)
        seat, elsewhere = claims.node.seat(claims.uid), claims.node.seat(other) / ".seat"
        if planted == "a link in place of the folder":
            (seat / ".seat").symlink_to(elsewhere)
        else:
            (seat / ".seat").mkdir()
            place = seat / ".seat" / "identity.sock"
            if planted == "a file":
                place.touch()
            else:
                place.symlink_to(elsewhere / "identity.sock")
        assert refused(await claims.agent().carry_out(await claims.claim())) is Why.NOT_PARKED
        assert server.end() == ""

    on_a_node(body)


def test_a_server_that_does_not_say_that_it_has_it_may_have_it_and_gets_it_once(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ACCEPT_SECONDS", 0.2)

    async def body(claims: Claims) -> None:
        park(claims.uid, "deaf")
        given = await claims.claim()
        for _ in range(2):
            assert refused(await claims.agent().carry_out(given)) is Why.USED
        await claims.keep()
        assert claims.mounted == {claims.uid}

    on_a_node(body)


def test_a_disk_that_hung_until_nobody_waits_any_more_brings_no_identity(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = actions.mount_home

    async def body(claims: Claims) -> None:
        def slow(*arguments: Any) -> tuple[str, ...]:
            claims.time += actions.LATEST_SECONDS + 1
            return real(*arguments)

        monkeypatch.setattr(actions, "mount_home", slow)
        server = park(claims.uid)
        assert refused(await claims.agent().carry_out(await claims.claim())) is Why.TOO_OLD
        assert claims.mounted == frozenset()
        assert server.end() == ""

    on_a_node(body)


def test_a_pod_whose_end_was_asked_for_meanwhile_gets_no_identity(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = actions.mount_home

    async def body(claims: Claims) -> None:
        def end_meanwhile(*arguments: Any) -> tuple[str, ...]:
            change = {"metadata": {"deletionTimestamp": "2026-11-27T06:30:00Z"}}
            asyncio.run_coroutine_threadsafe(deleted(change), loop).result()
            return real(*arguments)

        async def deleted(change: dict[str, Any]) -> None:
            claims.kubernetes.change_for_test("pods", "warm-1", change)
            await claims.until(lambda: bool(claims.pods.pods) and claims.pods.pods[claims.uid].is_ending)

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(actions, "mount_home", end_meanwhile)
        server = park(claims.uid)
        assert refused(await claims.agent().carry_out(await claims.claim())) is Why.ENDED
        assert claims.mounted == frozenset()
        assert server.end() == ""

    on_a_node(body)


def test_an_order_of_yesterday_is_refused(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        given = await claims.claim(at=NOW - timedelta(days=1))
        assert refused(await claims.agent().carry_out(given)) is Why.TOO_OLD

    on_a_node(body)


def test_the_home_goes_when_the_containers_have_ended_and_not_before(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        await claims.agent().carry_out(await claims.claim())
        claims.kubernetes.change_for_test("pods", "warm-1", {"metadata": {"deletionTimestamp": "2026-11-27T06:30:00Z"}})
        await claims.until(lambda: bool(claims.pods.pods) and claims.pods.pods[claims.uid].is_ending)
        await claims.keep()
        assert claims.mounted == {claims.uid}
        ended = {"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}}
        claims.kubernetes.change_for_test("pods", "warm-1", ended)
        await claims.until(lambda: bool(claims.pods.pods) and claims.pods.pods[claims.uid].has_ended)
        await claims.keep()
        assert claims.mounted == frozenset()
        assert (claims.node.homes / "alice" / "notes.txt").read_text() == "of alice"

    on_a_node(body)


def test_a_list_that_lacks_a_pod_takes_no_home_from_it(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        await claims.agent().carry_out(await claims.claim())
        claims.kubernetes.lists_are_empty_for_test = True
        claims.kubernetes.forget_versions_for_test()
        claims.kubernetes.end_watches_for_test()
        await claims.until(lambda: claims.pods.pods == {})
        keeper = Keeper(claims.node.places(), claims.pods, claims.agent(), clock=lambda: claims.time)
        for _ in range(3):
            await keeper.look_once()
            claims.time += 100
        assert claims.mounted == {claims.uid}
        claims.kubernetes.remove_for_test("pods", "warm-1")
        await keeper.look_once()
        assert claims.mounted == frozenset()

    on_a_node(body)


def test_the_agent_of_another_installation_on_the_node_takes_no_home_from_a_pod_that_is_not_its_own(
    on_a_node: Any, park: Park
) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        await claims.agent().carry_out(await claims.claim())
        other = NodePods(
            claims.pods._kube, namespace="other", node="node-1", persistence=Persistence(log=logging.getLogger("test"))
        )
        other._pods = {}
        keeper = Keeper(claims.node.places(), other, claims.agent(), clock=lambda: claims.time)
        for _ in range(3):
            await keeper.look_once()
            claims.time += 100
        assert claims.mounted == {claims.uid}

    on_a_node(body)


def test_a_home_is_left_alone_before_the_pods_are_known(on_a_node: Any, park: Park) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        await claims.agent().carry_out(await claims.claim())
        claims.pods._pods = None
        claims.time += 1000
        await claims.keep()
        assert claims.mounted == {claims.uid}

    on_a_node(body)
