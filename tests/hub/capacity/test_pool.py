"""Warm pods on an API server: the right ones wait after each look, and a claimed one is never ended."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.capacity.pool import PoolKeeper
from hub.capacity.pool_plan import Pool
from hub.capacity.view import View
from spawner.identity import CLAIMED, PARKED, SEAT_LABEL
from spawner.installation import KIND_LABEL, Installation
from spawner.kube import KubeRefused
from spawner.warm_pod import ENVIRONMENT_LABEL, HARDWARE_LABEL
from studiolo.catalog_model import Catalog, Environment, Gpu, Hardware, Warm
from tests.fakes.fake_kubernetes import NAMESPACE, FakeKubernetes
from tests.hub.capacity.shapes import NOW, hardware, node, pod

INSTALLATION = Installation(namespace=NAMESPACE, release="test", homes=None)
IMAGE = "example.org/python@sha256:" + "0" * 64
BASE: Pool = ("base", "small")


class Situation:
    """A cluster, a catalog that can be changed, and somebody who keeps pods."""

    def __init__(self, kubernetes: FakeKubernetes, kube: Any) -> None:
        self.kubernetes, self.kube = kubernetes, kube
        self.now = NOW
        self.room: dict[str, int] | None = {"small": 3}
        self.rates: dict[Pool, float] = {BASE: 900.0}
        self.image = IMAGE
        self.offered: dict[str, str] = {}
        self.shape: dict[str, Any] = {}
        self.view: View | None = None
        self.keeper = self.another_keeper()

    def another_keeper(self) -> PoolKeeper:
        async def rates(_: Any) -> Mapping[Pool, float]:
            return self.rates

        async def offered() -> Mapping[str, str]:
            return self.offered

        return PoolKeeper(
            self.kube,
            INSTALLATION,
            catalog=self.catalog,
            rates=rates,
            room=lambda: self.room,
            offered=offered,
            view=lambda: self.view,
            log=logging.getLogger(__name__),
            now=lambda: self.now,
        )

    def catalog(self) -> Catalog:
        ours: Hardware = hardware(**{"warm": Warm(slots=2, at_most=8), **self.shape})
        environments = (
            Environment(name="rare", title="Rare", image=self.image),
            Environment(name="base", title="Base", image=self.image, default=True),
        )
        return Catalog(environments=environments, hardware=(ours,))

    def pods(self, seat: str = PARKED) -> dict[str, Any]:
        found = self.kubernetes.objects_for_test("pods", namespace=NAMESPACE)
        return {
            name: one
            for name, one in found.items()
            if one["metadata"]["labels"].get(SEAT_LABEL) == seat and "deletionTimestamp" not in one["metadata"]
        }

    def claim(self) -> str:
        name = next(iter(self.pods()))
        labels = {SEAT_LABEL: CLAIMED, KIND_LABEL: "workspace"}
        self.kubernetes.change_for_test("pods", name, {"metadata": {"labels": labels}}, namespace=NAMESPACE)
        return name

    def place(self) -> None:
        """All that wait are on one node."""
        for name in self.pods():
            self.kubernetes.change_for_test("pods", name, {"spec": {"nodeName": "a"}}, namespace=NAMESPACE)
        self.view = View(nodes=(node("a", pod(), pod(), pod(), pod()),))

    def start(self, **status: Any) -> None:
        """Somebody's, which the scheduler has found no room for."""
        unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        labels = {**INSTALLATION.labels, HARDWARE_LABEL: "small"}
        body = {"metadata": {"name": "ws-ada", "labels": labels}, "spec": {}}
        found = {"phase": "Pending", "conditions": [unscheduled], **status}
        self.kubernetes.put_for_test("pods", {**body, "status": found}, namespace=NAMESPACE)

    async def looks(self, seconds: int = 10) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            await self.keeper.look()


@pytest.fixture
async def situation() -> AsyncIterator[Situation]:
    async with FakeKubernetes() as kubernetes, kubernetes.kube() as kube:
        yield Situation(kubernetes, kube)


async def test_pods_of_what_is_used_often_come_and_a_second_look_changes_nothing(situation: Situation) -> None:
    await situation.keeper.look()
    assert len(situation.pods()) == 3
    before = situation.kubernetes.requests_for_test.copy()
    await situation.keeper.look()
    assert situation.kubernetes.requests_for_test - before == {"list pods": 2}
    assert situation.keeper.parked == {"small": 3}
    assert situation.keeper.kept[BASE].parking == 3


async def test_a_claimed_pod_is_replaced_a_little_later_and_left_alone(situation: Situation) -> None:
    await situation.looks(2)
    claimed = situation.claim()
    await situation.looks(1)
    assert len(situation.pods()) == 2
    await situation.looks(5)
    assert len(situation.pods()) == 3
    assert list(situation.pods(CLAIMED)) == [claimed]


async def test_claims_without_a_pause_do_not_put_it_off_for_ever(situation: Situation) -> None:
    situation.room, situation.rates = {"small": 30}, {BASE: 10_000.0}
    await situation.looks(1)
    for _ in range(25):
        situation.claim()
        await situation.looks(1)
    assert len(situation.pods()) > 5


async def test_pods_of_an_older_image_go_and_others_come(situation: Situation) -> None:
    await situation.keeper.look()
    old = set(situation.pods())
    situation.image = IMAGE.replace("0", "1")
    await situation.looks()
    assert len(situation.pods()) == 3
    assert not old & set(situation.pods())


async def test_pods_are_of_the_image_that_is_offered_until_the_new_one_is(situation: Situation) -> None:
    await situation.keeper.look()
    before = set(situation.pods())
    situation.image, situation.offered = IMAGE.replace("0", "1"), {"base": IMAGE}
    await situation.looks()
    assert set(situation.pods()) == before
    situation.offered = {}
    await situation.looks()
    assert len(situation.pods()) == 3
    assert not before & set(situation.pods())


async def test_one_that_is_claimed_in_the_moment_in_which_it_was_to_end_stays(situation: Situation) -> None:
    await situation.keeper.look()
    situation.room = {}
    real = situation.kube.delete

    async def after_a_claim(path: str, **conditions: Any) -> None:
        if not situation.pods(CLAIMED):
            name = path.rpartition("/")[2]
            change = {"metadata": {"labels": {SEAT_LABEL: CLAIMED}}}
            situation.kubernetes.change_for_test("pods", name, change, namespace=NAMESPACE)
        await real(path, **conditions)

    situation.kube.delete = after_a_claim
    await situation.keeper.look()
    situation.kube.delete = real
    assert len(situation.pods(CLAIMED)) == 1
    assert situation.pods() == {}


async def test_a_start_that_no_node_has_room_for_gets_that_of_a_warm_pod_and_keeps_it(situation: Situation) -> None:
    await situation.keeper.look()
    situation.place()
    situation.start()
    await situation.looks()
    assert len(situation.pods()) == 2
    situation.kubernetes.remove_for_test("pods", "ws-ada", namespace=NAMESPACE)
    await situation.looks()
    assert len(situation.pods()) == 3


async def test_a_start_that_a_slot_gives_way_to_already_takes_nothing_of_a_warm_pod(situation: Situation) -> None:
    await situation.keeper.look()
    situation.place()
    situation.start(nominatedNodeName="a")
    await situation.looks()
    assert len(situation.pods()) == 3


async def test_pods_leave_a_node_that_is_emptied_and_come_elsewhere(situation: Situation) -> None:
    await situation.keeper.look()
    before = set(situation.pods())
    situation.place()
    situation.view = View(nodes=(node("a", is_cordoned=True),))
    await situation.looks()
    assert len(situation.pods()) == 3
    assert not before & set(situation.pods())


async def test_a_device_is_kept_from_nobody_unless_its_owner_asks_for_that(situation: Situation) -> None:
    situation.shape = {"gpu": Gpu(resource="nvidia.com/gpu", count=1)}
    await situation.keeper.look()
    assert situation.pods() == {}
    situation.shape |= {"warm": Warm(slots=2, at_most=2, pods=1)}
    situation.rates = {}
    await situation.keeper.look()
    labels = [one["metadata"]["labels"] for one in situation.pods().values()]
    assert [found[ENVIRONMENT_LABEL] for found in labels] == ["base"]  # the default


async def test_pods_that_end_by_themselves_are_not_made_again_and_again(
    situation: Situation, caplog: pytest.LogCaptureFixture
) -> None:
    situation.room, situation.now = {"small": 1}, datetime.now(UTC)  # the server dates what is made

    async def so_many_made(seconds: int) -> int:
        made: set[str] = set()
        for _ in range(seconds):
            await situation.looks(1)
            made |= set(situation.pods())
            for name in situation.pods():
                ended = {"status": {"phase": "Failed", "reason": "Evicted"}}
                situation.kubernetes.change_for_test("pods", name, ended, namespace=NAMESPACE)
        return len(made)

    assert await so_many_made(40) == 1
    assert "Evicted" not in caplog.text
    assert await so_many_made(40) > 1
    assert "Evicted" in caplog.text


async def test_before_anybody_knows_how_much_room_is_held_nothing_is_ended(situation: Situation) -> None:
    await situation.keeper.look()
    situation.room = None
    await situation.another_keeper().look()
    assert len(situation.pods()) == 3


async def test_two_keepers_make_too_many_and_the_next_look_ends_those(situation: Situation) -> None:
    other = situation.another_keeper()
    real = situation.kube.create

    async def both(path: str, body: Any) -> Any:
        situation.kube.create = real
        await other.look()
        return await real(path, body)

    situation.kube.create = both
    await situation.keeper.look()
    await situation.keeper.look()
    assert len(situation.pods()) == 3


async def test_what_is_refused_for_one_keeps_no_other_from_coming(situation: Situation) -> None:
    real, asked = situation.kube.create, 0

    async def first_refused(path: str, body: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise KubeRefused("no", status=403)
        return await real(path, body)

    situation.kube.create = first_refused
    await situation.keeper.look()
    assert len(situation.pods()) == 2


async def test_after_a_refusal_none_is_made_for_a_while_and_starts_that_wait_are_seen(situation: Situation) -> None:
    real, asked = situation.kube.create, 0

    async def refused(_path: str, _body: Any) -> Any:
        nonlocal asked
        asked += 1
        raise KubeRefused("exceeded quota", status=403)

    situation.room = {"small": 1}
    await situation.keeper.look()
    situation.place()
    situation.room = {"small": 2}
    situation.kube.create = refused
    await situation.looks(14)
    assert asked == 1
    situation.start()
    await situation.looks(1)
    assert situation.pods() == {}
    situation.kubernetes.remove_for_test("pods", "ws-ada", namespace=NAMESPACE)
    situation.kube.create = real
    await situation.looks(10)
    assert len(situation.pods()) == 2
