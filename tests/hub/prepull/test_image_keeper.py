"""Images brought to nodes on an API server in memory: what is there after each look, whatever happened between two."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.capacity.actions import remember
from hub.database import Database
from hub.prepull import store
from hub.prepull.keeper import LATELY, TRIES, ImageKeeper, Limits
from hub.prepull.offers import BELIEVED, ImageOffers
from hub.prepull.pull_pod import Came, Fetching, pull_pod
from hub.prepull.views import image_views, offered_images
from hub.starts.actions import record_start
from spawner.kube import KubeAway
from spawner.pod_facts import NodeFacts
from spawner.start_report import CLAIMED, READY
from studiolo.catalog import Environment
from studiolo.catalog_model import Catalog
from studiolo.client import ServiceAway
from studiolo.wire import StartRecord
from studiolo.wire_capacity import OfferedImages
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.capacity.shapes import NOW, SMALL
from tests.hub.prepull.test_image_plan import facts

HELD = "lab-capacity"
FETCHING = Fetching(release="studiolo", namespace=HELD, priority_class="pull", image_pull_secrets=("registry",))
LIMITS = Limits(budget_bytes=100, at_once=2, within=timedelta(minutes=30))
POOL = "karpenter.sh/nodepool"
TORCH = "registry.test/torch@sha256:" + "c" * 64
OLD, NEW = "registry.test/python@sha256:" + "a" * 64, "registry.test/python@sha256:" + "b" * 64

STARTED = {"state": {"terminated": {"reason": "StartError", "exitCode": 128}}}
PULLING = {"state": {"waiting": {"reason": "ContainerCreating"}}}
NO_SUCH = {
    "state": {
        "waiting": {
            "reason": "ErrImagePull",
            "message": 'rpc error: code = NotFound desc = failed to pull and unpack image "x": x: not found',
        }
    }
}


class Situation:
    """Two nodes, a catalog that can be changed, time that a test owns, and somebody who brings images."""

    def __init__(self, kubernetes: FakeKubernetes, kube: Any, database: Database) -> None:
        self.kubernetes = kubernetes
        self.kube = kube
        self.database = database
        self.image = OLD
        self.more: tuple[Environment, ...] = ()
        self.nodes: tuple[NodeFacts, ...] | None = (facts("a"), facts("b"))
        self.is_answered = True
        self.now = datetime.now(UTC)  # as the API server has it, which says when a pod was made
        self.keeper = self.another_keeper()

    def another_keeper(self) -> ImageKeeper:
        """As after a restart: it knows nothing but what the database keeps."""

        async def booked(_: datetime) -> frozenset[str]:
            return frozenset()

        return ImageKeeper(
            self.kube,
            self.database,
            FETCHING,
            LIMITS,
            catalog=self.catalog,
            nodes=lambda: self.nodes,
            is_answered=lambda: self.is_answered,
            sizes=dict,
            booked=booked,
            watched=lambda _: {},
            log=logging.getLogger(__name__),
            now=lambda: self.now,
        )

    def catalog(self) -> Catalog:
        python = Environment(name="python", title="Python", image=self.image, default=True)
        return Catalog(environments=(python, *self.more), hardware=(SMALL,))

    def pulls(self) -> list[tuple[str, str]]:
        """Which node fetches which image."""
        pods = self.kubernetes.objects_for_test("pods", namespace=HELD).values()
        found = [pull_pod(pod, now=self.now) for pod in pods]
        return sorted((one.node, one.image) for one in found)

    def end_all(self, status: dict[str, Any]) -> None:
        """What every node says of its pull."""
        for pod in self.kubernetes.objects_for_test("pods", namespace=HELD).values():
            node = pod["metadata"]["annotations"]["studiolo.dev/node"]
            told = {"phase": "Pending", "containerStatuses": [{"name": "notebook", **status}]}
            self.kubernetes.put_for_test(
                "pods", {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": told}, namespace=HELD
            )

    def offered(self) -> str:
        return self.keeper.seen.switches["python"].offered


@pytest.fixture
async def situation(tmp_path: Path) -> AsyncIterator[Situation]:
    database = Database(f"sqlite:///{tmp_path}/services.sqlite")
    await asyncio.to_thread(database.upgrade)
    async with FakeKubernetes() as kubernetes, kubernetes.kube() as kube:
        yield Situation(kubernetes, kube, database)
    database.close()


async def test_a_pod_that_fetches_keeps_no_node_from_being_removed(situation: Situation) -> None:
    await situation.keeper.look()
    pods = situation.kubernetes.objects_for_test("pods", namespace=HELD).values()
    said = {pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] for pod in pods}
    assert said == {"true"}


async def test_each_node_fetches_what_is_wanted_once(situation: Situation) -> None:
    await situation.keeper.look()
    assert situation.pulls() == [("a", OLD), ("b", OLD)]
    await situation.keeper.look()
    assert situation.pulls() == [("a", OLD), ("b", OLD)]
    situation.end_all(STARTED)
    for _ in range(3):
        await situation.keeper.look()
        assert situation.pulls() == []
    # The nodes never tell of it: a kubelet names its fifty largest alone. It is fetched again after a day.
    situation.now += store.BELIEVED + timedelta(minutes=1)
    await situation.keeper.look()
    assert len(situation.pulls()) == 2


async def test_nodes_fetch_what_started_on_nodes_of_their_group_and_new_groups_what_started_anywhere(
    situation: Situation,
) -> None:
    situation.more = (Environment(name="torch", title="Torch", image=TORCH),)
    situation.nodes = tuple(facts(name, labels=((POOL, name),), images=(OLD,)) for name in ("cpu", "gpu", "new"))

    async def started(group: str, environment: str, *, days_ago: float = 1, outcome: str = READY) -> None:
        start = StartRecord(
            user="ada",
            server="",
            environment=environment,
            hardware="small",
            environment_digest=TORCH,
            phases={},
            stages={"server": 1.0},
            outcome=outcome,
            started_at=situation.now - timedelta(days=days_ago),
            node_group=group,
        )
        await remember(situation.database, start)

    await started("cpu", "python")
    await started("cpu", "torch", outcome="out_of_memory")
    await started("cpu", "torch", days_ago=LATELY / timedelta(days=1) + 0.1)
    await started("gpu", "torch", outcome=CLAIMED)
    await started("", "torch")
    await situation.keeper.look()
    assert situation.pulls() == [("gpu", TORCH), ("new", TORCH)]
    shown = {one.environment: one for one in image_views(situation.keeper.seen)}
    assert (shown["torch"].because, shown["torch"].groups, shown["torch"].nodes) == ("started", ("gpu", "new"), 2)
    assert (shown["python"].because, shown["python"].groups, shown["python"].nodes) == ("default", (), 3)


async def test_a_node_that_has_it_and_one_short_of_disk_fetch_nothing(situation: Situation) -> None:
    situation.nodes = (facts("a", images=(OLD,)), facts("b", is_short_of_disk=True), facts("c", is_cordoned=True))
    await situation.keeper.look()
    assert situation.pulls() == []
    (shown,) = image_views(situation.keeper.seen)
    assert (shown.nodes, shown.present, shown.waiting) == (1, 1, 0)


async def test_a_failed_pull_is_named_and_tried_again_later_each_time(situation: Situation) -> None:
    situation.nodes = (facts("a"),)
    for tries, minutes in ((1, 1), (2, 2), (3, 4)):
        await situation.keeper.look()
        situation.end_all(NO_SUCH)
        await situation.keeper.look()
        (shown,) = image_views(situation.keeper.seen)
        (failed,) = shown.failed
        assert failed.reason == "The registry of images has none of that name."
        assert (failed.node, failed.tries) == ("a", tries)
        assert situation.pulls() == []
        situation.now += timedelta(minutes=minutes) - timedelta(seconds=1)
        await situation.keeper.look()
        assert situation.pulls() == []
        situation.now += timedelta(seconds=2)


async def test_a_new_image_is_announced_fetched_everywhere_and_then_offered(situation: Situation) -> None:
    situation.nodes = (facts("a", images=(OLD,)), facts("b", images=(OLD,)))
    await situation.keeper.look()
    situation.image = NEW
    await situation.keeper.look()
    assert situation.pulls() == [("a", NEW), ("b", NEW)]
    assert offered_images(situation.keeper.seen.switches) == OfferedImages(
        offered={"python": OLD}, announced={"python": NEW}
    )
    # Whoever dies here has lost nothing.
    situation.keeper = situation.another_keeper()
    await situation.keeper.look()
    assert situation.offered() == OLD
    situation.end_all(STARTED)
    await situation.keeper.look()
    assert situation.offered() == NEW


async def test_what_no_node_could_fetch_is_offered_all_the_same_and_its_start_says_why(situation: Situation) -> None:
    await situation.keeper.look()
    situation.end_all(STARTED)
    situation.image = NEW
    await situation.keeper.look()
    for _ in range(TRIES):
        # Once or twice may be a registry that was away for a moment: what starts meanwhile is what is there.
        assert situation.offered() == OLD
        await situation.keeper.look()
        situation.end_all(NO_SUCH)
        await situation.keeper.look()
        situation.now += store.FIRST_PAUSE * 5
    assert situation.offered() == NEW


async def test_after_a_restart_the_old_one_starts_before_any_node_was_looked_at(situation: Situation) -> None:
    await situation.keeper.look()
    situation.image = NEW
    await situation.keeper.look()
    known, situation.nodes, situation.is_answered = situation.nodes, None, False
    situation.keeper = situation.another_keeper()
    for _ in range(2):
        offered = offered_images(await situation.keeper.switches())
        assert offered == OfferedImages(offered={"python": OLD}, announced={"python": NEW})
        await situation.keeper.look()
    situation.nodes, situation.is_answered = known, True
    await situation.keeper.look()
    assert situation.offered() == OLD


async def test_a_pull_that_no_node_takes_is_given_up_and_named(situation: Situation) -> None:
    situation.nodes = (facts("a"),)
    await situation.keeper.look()
    began = pull_pod(*situation.kubernetes.objects_for_test("pods", namespace=HELD).values(), now=situation.now).came
    assert began is Came.FETCHING
    situation.now += timedelta(minutes=30)
    await situation.keeper.look()
    ((failed,),) = [shown.failed for shown in image_views(situation.keeper.seen)]
    assert failed.reason.startswith("The node takes no more pods")
    assert situation.pulls() == []


async def test_after_half_an_hour_it_is_offered_wherever_it_is(situation: Situation) -> None:
    await situation.keeper.look()
    situation.image = NEW
    await situation.keeper.look()
    situation.now += timedelta(minutes=29)
    await situation.keeper.look()
    assert situation.offered() == OLD
    situation.now += timedelta(minutes=1)
    await situation.keeper.look()
    assert situation.offered() == NEW


@pytest.mark.parametrize(
    ("image", "outcome", "offered"),
    [(OLD, "image_not_found", NEW), (OLD, "registry_away", OLD), (OLD, "ready", OLD), (NEW, "image_not_found", OLD)],
)
async def test_once_a_start_finds_that_the_old_image_is_gone_the_new_one_is_offered(
    situation: Situation, image: str, outcome: str, offered: str
) -> None:
    await situation.keeper.look()
    situation.image = NEW
    await situation.keeper.look()
    start = StartRecord(
        user="ada",
        server="",
        environment="python",
        hardware="small",
        environment_digest=image,
        phases={},
        outcome=outcome,
        started_at=situation.now + timedelta(seconds=5),
    )
    await record_start(situation.database, start)
    situation.now += timedelta(seconds=10)
    await situation.keeper.look()
    assert situation.offered() == offered


async def test_where_nodes_may_not_be_seen_a_new_image_is_offered_at_once(situation: Situation) -> None:
    situation.nodes = None
    await situation.keeper.look()
    situation.image = NEW
    await situation.keeper.look()
    assert (situation.offered(), situation.pulls()) == (NEW, [])


@pytest.mark.parametrize("verb", ["create pods", "delete pods", "list pods"])
async def test_what_an_api_server_refuses_is_done_at_the_next_look(situation: Situation, verb: str) -> None:
    situation.nodes = (facts("a"),)
    situation.kubernetes.fail_for_test(503, verb="create pods")
    with pytest.raises(KubeAway):
        await situation.keeper.look()
    assert situation.keeper.looked_at is None
    for ended in (None, STARTED):
        situation.kubernetes.fail_for_test(503, verb=verb)
        for _ in range(3):
            try:
                await situation.keeper.look()
            except KubeAway:
                situation.keeper = situation.another_keeper()
        if ended is None:
            assert situation.pulls() == [("a", OLD)]
            situation.end_all(STARTED)
    assert situation.pulls() == []
    assert situation.keeper.looked_at == situation.now


async def test_two_processes_fetch_nothing_twice(situation: Situation) -> None:
    both = (situation.keeper, situation.another_keeper())
    await asyncio.gather(*(one.look() for one in both))
    assert situation.pulls() == [("a", OLD), ("b", OLD)]


def test_the_pod_runs_nothing_takes_nothing_and_goes_to_its_node_alone() -> None:
    from hub.prepull.plan import Pull, Why  # noqa: PLC0415 - of this test alone

    pull = Pull(node="a", node_uid="u", image=OLD, environment="python", why=Why.DEFAULT)
    pod = FETCHING.manifest(pull)
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert "resources" not in container
    assert container["command"][0].startswith("/studiolo")
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert FETCHING.manifest(replace(pull, node_uid="v"))["metadata"]["name"] != pod["metadata"]["name"]


@pytest.mark.parametrize(
    ("status", "phase", "came"),
    [
        ({}, "Pending", Came.FETCHING),
        (PULLING, "Pending", Came.FETCHING),
        (STARTED, "Failed", Came.FETCHED),
        ({"state": {"waiting": {"reason": "RunContainerError"}}}, "Pending", Came.FETCHED),
        ({"state": {"waiting": {"reason": "CreateContainerConfigError"}}}, "Pending", Came.FETCHED),
        (NO_SUCH, "Pending", Came.FAILED),
    ],
)
def test_what_has_become_of_a_pull_is_read_off_its_pod(status: dict[str, Any], phase: str, came: Came) -> None:
    containers = [{"name": "notebook", **status}] if status else []
    raw = {
        "metadata": {"name": "x", "creationTimestamp": NOW.isoformat()},
        "spec": {"nodeName": "a"},
        "status": {"phase": phase, "containerStatuses": containers},
    }
    assert pull_pod(raw, now=NOW + timedelta(seconds=5)).came is came


def test_a_pull_that_took_too_long_has_failed() -> None:
    raw = {
        "metadata": {"name": "x"},
        "spec": {"nodeName": "a"},
        "status": {"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active too long"},
    }
    found = pull_pod(raw, now=NOW)
    assert (found.came, found.reason) == (Came.FAILED, "Pod was active too long")


class Catalogs:
    """What is told to start."""

    def __init__(self) -> None:
        self.told: dict[str, str] | None = None

    def start_images(self, offered: dict[str, str]) -> None:
        self.told = offered


class Services:
    """Answers, or does not."""

    is_away = False

    async def offered_images(self) -> OfferedImages:
        if self.is_away:
            raise ServiceAway("away")
        return OfferedImages(offered={"python": OLD})


async def test_the_hub_believes_the_last_answer_for_a_while_and_then_the_catalog() -> None:
    catalogs, services, clock = Catalogs(), Services(), [0.0]
    offers = ImageOffers(services, catalogs, clock=lambda: clock[0])  # type: ignore[arg-type]  # what is used of them
    services.is_away = True
    await offers.ask()
    assert catalogs.told is None
    services.is_away = False
    await offers.ask()
    services.is_away = True
    clock[0] = BELIEVED.total_seconds() - 1
    await offers.ask()
    assert catalogs.told == {"python": OLD}
    clock[0] += 2
    await offers.ask()
    assert catalogs.told == {}
