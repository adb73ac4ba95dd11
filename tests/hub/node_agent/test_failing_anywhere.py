"""Wherever an agent dies or fails: nobody who works loses a home, nothing is sent twice, and what it says is true.

One case for each line of the way of an order. `tests/cluster/test_node_agent_dies.py` does some of it to a process.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.node_agent import actions
from hub.node_agent.mounts import BadSeat
from hub.node_agent.record import Step
from spawner.claim_rules import Answer, answer_of
from spawner.identity import Delivered, Refusal, Why
from tests.hub.node_agent.conftest import Park, ParkedServer
from tests.hub.node_agent.on_a_node import Claims, Died, refused
from tests.hub.node_agent.samples import NOW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

LINES = [
    ("opened_seat", 1),
    ("load_record", 1),
    ("opened_seat", 2),
    ("close_seat", 1),
    ("load_record", 2),
    ("save_record", 1),
    ("unmount", 1),
    ("write_accounts", 1),
    ("mount_home", 1),
    ("connect", 1),
    ("save_record", 2),
    ("deliver", 1),
    ("save_record", 3),
]
"""What an agent calls for an order, in turn, and the how-manieth time it is."""

FAULTS = {
    "dies": Died(),
    "has no room or no descriptor left": OSError(errno.ENOSPC, "No space left on device"),
    "has a bug": RuntimeError("a bug"),
}


def failing(real: Callable[..., Any], nth: int, when: str, fault: BaseException) -> Callable[..., Any]:
    """At the nth call, before or after the real one."""
    calls = 0

    def is_now() -> bool:
        nonlocal calls
        calls += 1
        return calls == nth

    def sync(*given: Any, **named: Any) -> Any:
        now = is_now()
        if now and when == "before":
            raise fault
        found = real(*given, **named)
        if now:
            raise fault
        return found

    async def unsync(*given: Any, **named: Any) -> Any:
        now = is_now()
        if now and when == "before":
            raise fault
        found = await real(*given, **named)
        if now:
            if found is not None:
                found.close()
            raise fault
        return found

    return unsync if asyncio.iscoroutinefunction(real) else sync


def meaning(answer: Delivered | Refusal | None) -> Answer:
    """For whoever gave the order. None: a connection that was lost, or an answer that says a bug is one."""
    if answer is None:
        return Answer.UNSURE
    return answer_of(answer.why) if isinstance(answer, Refusal) else Answer.DELIVERED


def begins_again(line: str, nth: int, when: str) -> bool:
    """Whether the server has not even had a connection: one that ends without a line ends the server."""
    before = LINES.index((line, nth)) - LINES.index(("connect", 1))
    return before < 0 or (before == 0 and when == "before")


def has_it(claims: Claims, server: ParkedServer) -> bool:
    """Once it had its connection it ends, with what it got or without; before, it waits and has nothing."""
    if claims.step() in {Step.SENT, Step.DELIVERED}:
        server.process.wait(60)
    told = server.end()
    assert told.count("of-alice") <= 1
    return "of-alice" in told


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", LINES, ids=lambda place: f"{place[0]} {place[1]}")
def test_wherever_it_fails_its_answers_are_true_and_a_server_keeps_its_home(  # noqa: PLR0917 - a case has three parts
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch, place: tuple[str, int], when: str, fault: BaseException
) -> None:
    line, nth = place

    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        given = await claims.claim()
        with monkeypatch.context() as patch:
            patch.setattr(actions, line, failing(getattr(actions, line), nth, when, fault))
            try:
                first = meaning(await claims.agent().carry_out(given))
            except (Died, RuntimeError):
                first = Answer.UNSURE
        if first is Answer.REFUSED:
            # Whoever gave the order starts another pod at once.
            assert claims.mounted == frozenset()
        again = meaning(await claims.agent().carry_out(given))
        await claims.keep()
        if begins_again(line, nth, when):
            assert again is Answer.DELIVERED
        if has_it(claims, server):
            assert again in {Answer.DELIVERED, Answer.UNSURE}
            assert first is not Answer.REFUSED or again is Answer.DELIVERED
            assert claims.mounted == {claims.uid}
            assert (claims.node.seat(claims.uid) / "jovyan" / "notes.txt").read_text() == "of alice"
        else:
            assert Answer.DELIVERED not in {first, again}
        assert (claims.node.homes / "alice" / "notes.txt").read_text() == "of alice"

    on_a_node(body)


def test_that_it_was_sent_counts_more_than_that_the_pod_ends_or_the_order_is_old(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pod is looked at after the record: it may end because its server ran into a fault as somebody's."""

    async def body(claims: Claims) -> None:
        park(claims.uid)
        given = await claims.claim()
        with monkeypatch.context() as patch:
            patch.setattr(actions, "deliver", failing(actions.deliver, 1, "after", Died()))
            with pytest.raises(Died):
                await claims.agent().carry_out(given)
        claims.kubernetes.change_for_test("pods", "warm-1", {"metadata": {"deletionTimestamp": "2026-11-27T06:30:00Z"}})
        await claims.until(lambda: bool(claims.pods.pods) and claims.pods.pods[claims.uid].is_ending)
        for agent in (claims.agent(), claims.agent(now=NOW + timedelta(hours=1))):
            assert refused(await agent.carry_out(given)) is Why.USED
        claims.kubernetes.remove_for_test("pods", "warm-1")
        await claims.until(lambda: claims.pods.pods == {})
        assert refused(await claims.agent().carry_out(given)) is Why.USED

    on_a_node(body)


def test_an_order_that_was_carried_out_is_answered_so_for_as_long_as_its_seat_is_there(
    on_a_node: Any, park: Park
) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        given = await claims.claim()
        assert isinstance(await claims.agent().carry_out(given), Delivered)
        claims.kubernetes.remove_for_test("pods", "warm-1")
        await claims.until(lambda: claims.pods.pods == {})
        late = claims.agent(now=NOW + timedelta(hours=1))
        assert await late.carry_out(given) == Delivered(order=given.id)
        # Of any other order it says no more than of a pod that it has never seen.
        assert refused(await claims.agent().carry_out(given.model_copy(update={"id": "0" * 32}))) is Why.UNKNOWN_POD

    on_a_node(body)


def test_a_record_that_cannot_be_read_takes_nobody_s_home(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(claims: Claims) -> None:
        park(claims.uid)
        given = await claims.claim()
        await claims.agent().carry_out(given)

        def unreadable(_: int) -> None:
            raise BadSeat("too many open files")

        monkeypatch.setattr(actions, "load_record", unreadable)
        assert refused(await claims.agent().carry_out(given)) is Why.USED
        assert claims.mounted == {claims.uid}

    on_a_node(body)


def test_an_agent_that_is_told_to_end_waits_for_what_works_in_a_seat(
    on_a_node: Any, park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor that is closed under a thread soon is the number of another file, and the thread writes there."""
    real = actions.mount_home
    begun, may_go_on = threading.Event(), threading.Event()
    seats: list[int] = []

    def slow(places: Any, seat: int, *rest: Any) -> tuple[str, ...]:
        begun.set()
        may_go_on.wait(60)
        seats.append(os.fstat(seat).st_ino)
        return real(places, seat, *rest)

    async def body(claims: Claims) -> None:
        server = park(claims.uid)
        given = await claims.claim()
        monkeypatch.setattr(actions, "mount_home", slow)
        working = asyncio.create_task(claims.agent().carry_out(given))
        await asyncio.to_thread(begun.wait, 60)
        working.cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert seats == [claims.node.seat(claims.uid).stat().st_ino]
        assert claims.step() is Step.BEGUN
        assert server.end() == ""

    on_a_node(body)
