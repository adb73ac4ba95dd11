"""Two hubs never run: the lease on a fake API server, in time that the tests own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from kubernetes_asyncio import client

from hub.lease import Lease, LeaseLost, LeaseName, LeaseThread
from hub.lease_rules import RENEW_SECONDS, TERM_SECONDS
from spawner.kube import Kube
from tests.fakes.fake_kubernetes import NAMESPACE, PATIENCE_SECONDS, FakeKubernetes

LOG = logging.getLogger("test")
NAME = "studiolo-hub"


class Clock:
    """Time that goes on only while somebody sleeps; a sleep can be told what happens meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: dict[int, Callable[[], Awaitable[object]]] = {}
        self.sleeps = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.now += seconds
        if (happens := self.meanwhile.get(self.sleeps)) is not None:
            await happens()


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as fake:
        yield fake


@pytest.fixture
async def kube(kubernetes: FakeKubernetes) -> AsyncIterator[Kube]:
    async with kubernetes.kube() as door:
        yield door


def lease_of(me: str, kube: Kube, clock: Clock | None = None) -> Lease:
    clock = clock or Clock()
    which = LeaseName(namespace=NAMESPACE, name=NAME, me=me)
    return Lease(kube, which, log=LOG, clock=clock, sleep=clock.sleep)


def holder(kubernetes: FakeKubernetes) -> str:
    return str(kubernetes.objects_for_test("leases")[NAME]["spec"]["holderIdentity"])


async def test_the_first_hub_makes_the_lease(kubernetes: FakeKubernetes, kube: Kube) -> None:
    await lease_of("hub-a", kube).acquire()
    spec = kubernetes.objects_for_test("leases")[NAME]["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("hub-a", 15, 0)
    assert spec["acquireTime"] == spec["renewTime"]


async def test_a_second_hub_waits_for_a_term_after_the_first_has_died(kubernetes: FakeKubernetes, kube: Kube) -> None:
    await lease_of("hub-a", kube).acquire()
    clock = Clock()
    await lease_of("hub-b", kube, clock).acquire()
    assert TERM_SECONDS <= clock.now - 1000 <= TERM_SECONDS + RENEW_SECONDS
    assert holder(kubernetes) == "hub-b"
    assert kubernetes.objects_for_test("leases")[NAME]["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_was_given_back_is_taken_at_once(kubernetes: FakeKubernetes, kube: Kube) -> None:
    first = lease_of("hub-a", kube)
    await first.acquire()
    await first.release()
    assert holder(kubernetes) == ""
    clock = Clock()
    await lease_of("hub-b", kube, clock).acquire()
    assert clock.sleeps == 0


async def test_a_hub_that_renews_keeps_others_waiting_for_ever(kubernetes: FakeKubernetes, kube: Kube) -> None:
    renewing = lease_of("hub-a", kube)
    await renewing.acquire()
    clock = Clock()

    async def renew() -> None:
        assert not await renewing._try(is_held=True)

    async def end() -> None:
        raise asyncio.CancelledError

    clock.meanwhile = {**dict.fromkeys(range(1, 100), renew), 100: end}
    with pytest.raises(asyncio.CancelledError):
        await lease_of("hub-b", kube, clock).acquire()
    assert holder(kubernetes) == "hub-a"


async def test_a_hub_whose_lease_another_has_taken_ends_at_its_next_look(
    kubernetes: FakeKubernetes, kube: Kube
) -> None:
    lost = lease_of("hub-a", kube)
    await lost.acquire()
    kubernetes.change_for_test("leases", NAME, {"spec": {"holderIdentity": "hub-b"}})
    with pytest.raises(LeaseLost, match="hub-b"):
        await lost.keep()
    await lost.release()
    assert holder(kubernetes) == "hub-b"


@pytest.mark.parametrize("seconds", [4, 600])
async def test_an_api_server_that_is_away_costs_no_lease(kubernetes: FakeKubernetes, kube: Kube, seconds: int) -> None:
    clock = Clock()
    lease = lease_of("hub-a", kube, clock)
    await lease.acquire()
    failures = round(seconds / RENEW_SECONDS)
    kubernetes.fail_for_test(503, times=failures)

    async def end() -> None:
        raise asyncio.CancelledError

    clock.meanwhile = {failures + 3: end}
    with pytest.raises(asyncio.CancelledError):
        await lease.keep()
    assert holder(kubernetes) == "hub-a"


async def test_a_hub_that_was_held_up_ends_when_another_took_its_lease_meanwhile(
    kubernetes: FakeKubernetes, kube: Kube
) -> None:
    clock = Clock()
    lease = lease_of("hub-a", kube, clock)
    await lease.acquire()

    async def stand_still() -> None:
        clock.now += 60
        await lease_of("hub-b", kube).acquire()

    clock.meanwhile = {1: stand_still}
    with pytest.raises(LeaseLost, match="hub-b"):
        await lease.keep()
    assert holder(kubernetes) == "hub-b"


async def test_a_hub_that_was_killed_and_started_again_in_its_pod_waits_for_nobody(
    kubernetes: FakeKubernetes, kube: Kube
) -> None:
    await lease_of("hub-a", kube).acquire()
    clock = Clock()
    await lease_of("hub-a", kube, clock).acquire()
    assert clock.sleeps == 0


async def test_of_many_hubs_that_take_a_free_lease_at_once_one_gets_it(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.answer_seconds_for_test = 0.01
    hubs = [lease_of(f"hub-{number}", kube) for number in range(8)]
    tries = await asyncio.gather(*(hub._try() for hub in hubs))
    assert [not why for why in tries].count(True) == 1
    assert holder(kubernetes) == f"hub-{tries.index('')}"


async def test_an_api_server_that_is_away_when_a_hub_starts_is_waited_for(
    kubernetes: FakeKubernetes, kube: Kube
) -> None:
    kubernetes.fail_for_test(503, times=5)
    await lease_of("hub-a", kube).acquire()
    assert holder(kubernetes) == "hub-a"


class RunningLease:
    """A lease in its thread, on a fake API server."""

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        self.lost = threading.Event()

        @asynccontextmanager
        async def connect() -> AsyncIterator[Kube]:
            kube = Kube(client.ApiClient(client.Configuration(host=kubernetes.url)))
            try:
                yield kube
            finally:
                await kube.close()

        which = LeaseName(namespace=NAMESPACE, name=NAME, me="hub-a")
        self.thread = LeaseThread(connect, which, log=LOG, on_lost=self.lost.set)


async def test_the_thread_holds_the_lease_from_acquire_to_release(kubernetes: FakeKubernetes) -> None:
    running = RunningLease(kubernetes)
    await running.thread.acquire()
    assert holder(kubernetes) == "hub-a"
    await asyncio.to_thread(running.thread.release)
    assert holder(kubernetes) == ""
    assert not running.lost.is_set()


async def test_the_thread_ends_the_hub_when_the_lease_is_lost(kubernetes: FakeKubernetes) -> None:
    running = RunningLease(kubernetes)
    await running.thread.acquire()
    kubernetes.change_for_test("leases", NAME, {"spec": {"holderIdentity": "hub-b"}})
    assert await asyncio.to_thread(running.lost.wait, PATIENCE_SECONDS)
    await asyncio.to_thread(running.thread.release)
    assert holder(kubernetes) == "hub-b"


async def test_a_hub_that_is_stopped_while_it_waits_leaves_the_lease_alone(kubernetes: FakeKubernetes) -> None:
    async with kubernetes.kube() as kube:
        await lease_of("hub-b", kube).acquire()
    running = RunningLease(kubernetes)
    waiting = asyncio.create_task(running.thread.acquire())
    while kubernetes.requests_for_test["get leases"] < 2:  # noqa: ASYNC110 - the fake counts, it does not tell
        await asyncio.sleep(0.01)
    await asyncio.to_thread(running.thread.release)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert holder(kubernetes) == "hub-b"
