"""Pods that nobody knows are ended, and only those."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from spawner.cluster_orphans import ORPHAN_ANNOTATION, YOUNGEST, ForeignDatabase, are_too_many, end_orphan_pods, orphans
from spawner.installation import RELEASE_LABEL
from spawner.pod_facts import PodFacts
from tests.fakes.fake_kubernetes import NAMESPACE
from tests.spawner.cluster.conftest import INSTALLATION, PATIENCE_SECONDS, Cluster

NOW = datetime(2026, 11, 26, 14, 20, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)


def pod(
    name: str, *, created_at: datetime | None = OLD, is_deleting: bool = False, is_confirmed: bool = False
) -> PodFacts:
    return PodFacts(
        name=name,
        namespace="work",
        uid=name,
        resource_version="1",
        created_at=created_at,
        is_deleting=is_deleting,
        annotations=((ORPHAN_ANNOTATION, "true"),) if is_confirmed else (),
    )


CASES = {
    "known": (pod("ws-alice"), False),
    "unknown": (pod("ws-eve"), True),
    "unknown, of this minute": (pod("ws-eve", created_at=NOW - YOUNGEST / 2), False),
    "unknown, just old enough": (pod("ws-eve", created_at=NOW - YOUNGEST), True),
    "unknown, ended by somebody already": (pod("ws-eve", is_deleting=True), False),
    "unknown, of an age that nobody told": (pod("ws-eve", created_at=None), False),
}


@pytest.mark.parametrize(("one", "is_orphan"), CASES.values(), ids=CASES)
def test_a_pod_is_an_orphan_when_it_is_old_and_nobody_knows_it(one: PodFacts, is_orphan: bool) -> None:
    assert orphans((one,), known={"ws-alice"}, now=NOW) == ((one,) if is_orphan else ())


def pods(unknown: int, known: int, *, confirmed: int = 0) -> tuple[tuple[PodFacts, ...], tuple[PodFacts, ...]]:
    """Those that nobody knows, of which some are confirmed, and all."""
    lost = tuple(pod(f"ws-lost-{number}", is_confirmed=number < confirmed) for number in range(unknown))
    return lost, (*lost, *(pod(f"ws-known-{number}") for number in range(known)))


FAULTS = {
    "one of one: a start that a dead hub left": (pods(1, 0), False),
    "two of two: an empty database": (pods(2, 0), True),
    "two of three: an empty database, and one new start": (pods(2, 1), True),
    "two of four": (pods(2, 2), False),
    "three of six": (pods(3, 3), False),
    "four of seven: another one's database": (pods(4, 3), True),
    "ten of a hundred": (pods(10, 90), False),
    "all, and all confirmed": (pods(5, 0, confirmed=5), False),
    "all, and two are confirmed": (pods(5, 0, confirmed=2), True),
}


@pytest.mark.parametrize(("found", "is_fault"), FAULTS.values(), ids=FAULTS)
def test_most_pods_are_never_taken_for_orphans_at_once(
    found: tuple[tuple[PodFacts, ...], tuple[PodFacts, ...]], is_fault: bool
) -> None:
    assert are_too_many(*found) is is_fault


async def look(cluster: Cluster, *, known: tuple[str, ...] = (), now: datetime) -> int:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await end_orphan_pods(cluster.kube, cluster.pods, known=known, now=now, log=logging.getLogger(__name__))


async def has(cluster: Cluster, count: int) -> datetime:
    """So many workspaces run, and the hub's picture has them; a time at which none of them is new."""
    for number in range(count):
        metadata = {"name": f"ws-{number}", "namespace": NAMESPACE, "labels": INSTALLATION.labels}
        cluster.api.put_for_test("pods", {"metadata": metadata, "spec": {}})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(cluster.pods.pods()) < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    return max(one.created_at or NOW for one in cluster.pods.pods()) + 2 * YOUNGEST


async def test_a_hub_with_an_empty_database_ends_nobody_s_workspace_and_says_so(cluster: Cluster) -> None:
    now = await has(cluster, 4)
    with pytest.raises(ForeignDatabase) as refused:
        await look(cluster, now=now)
    assert len(cluster.names()) == 4
    assert "4 of 4" in str(refused.value)
    assert f"{RELEASE_LABEL}=test" in (refused.value.hint or "")


async def test_what_an_administrator_confirmed_is_ended_all_the_same(cluster: Cluster) -> None:
    now = await has(cluster, 4)
    for name in cluster.names():
        cluster.api.change_for_test("pods", name, {"metadata": {"annotations": {ORPHAN_ANNOTATION: "true"}}})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(one.annotations for one in cluster.pods.pods()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    assert await look(cluster, now=now) == 4


async def test_one_pod_that_nobody_knows_is_ended(cluster: Cluster) -> None:
    now = await has(cluster, 4)
    assert await look(cluster, known=("ws-0", "ws-1", "ws-2"), now=now) == 1
