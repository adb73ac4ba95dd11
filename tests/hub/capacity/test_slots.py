"""Slots on an API server: the right ones are there after each look, whatever happened between two."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from hub.capacity.placeholder import HARDWARE_LABEL, SlotPod, slot_pod
from hub.capacity.slots import Demand, SlotKeeper
from hub.database import DatabaseAway
from spawner.kube import KubeAway, KubeNotFound, KubeRefused
from studiolo.catalog_model import Catalog, Hardware, Warm
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.capacity.shapes import NOW, hardware
from tests.hub.capacity.test_placeholder import HELD

NAMESPACE = HELD.namespace


class Situation:
    """A cluster, a catalog that can be changed, and somebody who holds slots."""

    def __init__(self, kubernetes: FakeKubernetes, kube: Any) -> None:
        self.kubernetes = kubernetes
        self.demand = Demand(rates={}, booked={})
        self.slots = 2
        self.shape: dict[str, Any] = {}
        self.others: tuple[Hardware, ...] = ()
        self.kube = kube
        self.keeper = self.another_keeper()

    def another_keeper(self) -> SlotKeeper:
        """As after a restart: it knows nothing of what was."""

        async def demand(_: datetime) -> Demand:
            return self.demand

        log = logging.getLogger(__name__)
        return SlotKeeper(self.kube, HELD, catalog=self.catalog, demand=demand, log=log, now=lambda: NOW)

    def catalog(self) -> Catalog:
        ours = hardware(warm=Warm(slots=self.slots, at_most=8), **self.shape)
        return Catalog(environments=(), hardware=(ours, *self.others))

    def pods(self) -> list[SlotPod]:
        return [slot_pod(raw) for raw in self.kubernetes.objects_for_test("pods", namespace=NAMESPACE).values()]

    def names(self) -> list[str]:
        pods = self.kubernetes.objects_for_test("pods", namespace=NAMESPACE)
        return sorted(name for name, pod in pods.items() if HARDWARE_LABEL in pod["metadata"]["labels"])


@pytest.fixture
async def situation() -> AsyncIterator[Situation]:
    async with FakeKubernetes() as kubernetes, kubernetes.kube() as kube:
        yield Situation(kubernetes, kube)


async def test_slots_come_and_a_second_look_changes_nothing(situation: Situation) -> None:
    await situation.keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]
    before = situation.kubernetes.requests_for_test.copy()
    await situation.keeper.look()
    assert situation.kubernetes.requests_for_test - before == {"list pods": 1}


async def test_a_slot_that_gave_way_is_replaced(situation: Situation) -> None:
    await situation.keeper.look()
    situation.kubernetes.remove_for_test("pods", "slot-small-0", namespace=NAMESPACE)
    await situation.keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_fewer_slots_go_one_by_one(situation: Situation) -> None:
    await situation.keeper.look()
    situation.slots = 0
    await situation.keeper.look()
    assert situation.names() == ["slot-small-0"]
    await situation.keeper.look()
    assert situation.names() == []


async def test_what_is_booked_is_held(situation: Situation) -> None:
    situation.demand = Demand(rates={}, booked={"small": 2})
    await situation.keeper.look()
    assert len(situation.names()) == 4


@pytest.mark.parametrize("request_number", range(5))
async def test_whoever_is_killed_in_the_middle_leaves_the_right_slots_to_the_next_look(
    situation: Situation, request_number: int
) -> None:
    situation.slots = 4
    await situation.keeper.look()
    situation.slots = 8 if request_number % 2 else 3
    killed = situation.another_keeper()
    asked = 0

    async def dies(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        raise KubeAway("killed")

    real = situation.kube.create
    situation.kube.create = dies if request_number % 2 else real
    try:
        await killed.look()
    except KubeAway:
        assert asked == 1
    situation.kube.create = real
    for _ in range(3):
        await situation.another_keeper().look()
    assert len(situation.names()) == situation.slots


async def test_an_empty_list_makes_no_slot_twice(situation: Situation) -> None:
    await situation.keeper.look()
    situation.kubernetes.lists_are_empty_for_test = True
    await situation.keeper.look()
    situation.kubernetes.lists_are_empty_for_test = False
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_two_at_once_make_no_slot_twice(situation: Situation) -> None:
    assert situation.pods() == []
    await situation.another_keeper().look()
    situation.kubernetes.lists_are_empty_for_test = True
    await situation.keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_slots_of_hardware_that_left_the_catalog_go(situation: Situation) -> None:
    situation.others = (hardware("large", warm=Warm(slots=2, at_most=2)),)
    await situation.keeper.look()
    assert len(situation.names()) == 4
    situation.others = ()
    await situation.another_keeper().look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_another_shape_takes_the_place_of_the_old_one(situation: Situation) -> None:
    await situation.keeper.look()
    before = {pod.shape for pod in situation.pods()}
    situation.shape = {"memory": 8}
    for _ in range(2):
        await situation.another_keeper().look()
    pods = situation.pods()
    assert len(pods) == 2
    assert {pod.shape for pod in pods}.isdisjoint(before)


async def test_two_that_look_at_the_same_moment_leave_the_right_slots(situation: Situation) -> None:
    for slots in (6, 1, 4):
        situation.slots = slots
        for _ in range(5):
            both = (situation.another_keeper().look(), situation.another_keeper().look())
            await asyncio.gather(*both)
        await situation.another_keeper().look()
        assert len(situation.names()) == slots


async def test_a_namespace_that_is_not_there_yet_is_waited_for(situation: Situation) -> None:
    real = situation.kube.create

    async def is_missing(*_: Any, **__: Any) -> Any:
        raise KubeNotFound("namespaces not found")

    situation.kube.create = is_missing
    with pytest.raises(KubeNotFound):
        await situation.keeper.look()
    situation.kube.create = real
    await situation.keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_an_api_server_that_is_away_leaves_everything_as_it_is(situation: Situation) -> None:
    await situation.keeper.look()
    situation.kubernetes.fail_for_test(503)
    with pytest.raises(KubeAway):
        await situation.keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]


async def test_hardware_whose_slots_are_refused_keeps_no_other_hardware_from_its_own(situation: Situation) -> None:
    real = situation.kube.create

    async def refuses(path: str, manifest: Any) -> Any:
        if manifest["metadata"]["labels"][HARDWARE_LABEL] == "small":
            raise KubeRefused("no such pods here")
        return await real(path, manifest)

    situation.others = (hardware("large", warm=Warm(slots=1, at_most=1)),)
    situation.kube.create = refuses
    with pytest.raises(KubeRefused, match="no such pods here"):
        await situation.keeper.look()
    assert situation.names() == ["slot-large-0"]
    assert situation.keeper.looked_at is None
    situation.kube.create = real
    await situation.keeper.look()
    assert situation.names() == ["slot-large-0", "slot-small-0", "slot-small-1"]
    assert situation.keeper.looked_at == NOW


async def test_a_database_that_is_away_leaves_everything_as_it_is(situation: Situation) -> None:
    await situation.keeper.look()

    async def away(_: datetime) -> Demand:
        raise DatabaseAway

    log = logging.getLogger(__name__)
    situation.slots = 0
    keeper = SlotKeeper(situation.kube, HELD, catalog=situation.catalog, demand=away, log=log)
    with pytest.raises(DatabaseAway):
        await keeper.look()
    assert situation.names() == ["slot-small-0", "slot-small-1"]
