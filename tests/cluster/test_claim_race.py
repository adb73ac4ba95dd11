"""Many claim few warm pods of a real API server at once: each pod has one winner, and whoever loses starts normally."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.capacity.pool import PoolKeeper
from spawner import cluster_pods
from spawner.claim_rules import Miss
from spawner.identity import PARKED
from tests.cluster.racing_hubs import Race, racing_hubs
from tests.cluster.stand_in_node import PATIENCE_SECONDS

LOSES = {Miss.NO_POD, Miss.LOST}


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Answers for every pod: their addresses are this machine's."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"version": "2"})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app, host="0.0.0.0") as found:
        monkeypatch.setattr(cluster_pods, "PORT", found.port)
        yield


@pytest.fixture
async def race(kubeconfig: Path, restricted: str, server: None) -> AsyncIterator[Race]:
    """Three hubs. What a claim may take is not what this is about."""
    async with racing_hubs(kubeconfig, restricted, hubs=3, claim_seconds=PATIENCE_SECONDS) as found:
        yield found


async def _races(race: Race, rounds: int) -> None:
    """Nobody but people touches the pods: as many win as there are pods."""
    for number in range(rounds):
        await race.park(3)
        outcomes = await race.claims([f"r{number}-{one}" for one in range(12)])
        assert len(await race.holds(outcomes)) == 3
        assert {one for one in outcomes.values() if isinstance(one, Miss)} <= LOSES
        await race.clear()


async def _races_with_keepers(race: Race, rounds: int) -> None:
    """Two keepers end and make pods as fast as they can while they are claimed."""
    random = Random(7)
    keepers = [race.keeper() for _ in range(2)]

    async def keep(keeper: PoolKeeper) -> None:
        while True:
            race.room = random.randrange(6)
            await keeper.look()

    won = 0
    for number in range(rounds):
        await _becomes_right(race, keepers[0])
        keeping = [asyncio.create_task(keep(one)) for one in keepers]
        outcomes = await race.claims([f"k{number}-{one}" for one in range(12)])
        for task in keeping:
            task.cancel()
        ended = await asyncio.gather(*keeping, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
        winners = await race.holds(outcomes)
        won += len(winners)
        assert {one for one in outcomes.values() if isinstance(one, Miss)} <= LOSES
        # What was claimed is nobody's to count, or to end.
        await _becomes_right(race, keepers[1])
        assert await race.holds(outcomes) == winners
        await race.clear()
    assert won >= rounds


async def _becomes_right(race: Race, keeper: PoolKeeper) -> None:
    """Three wait, after some looks: what changes while it is to end is looked at again."""
    race.room = 3
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(await race.raw(PARKED)) != 3 or not await race.is_known():
            await keeper.look()


async def test_of_twelve_people_at_three_hubs_three_get_the_three_pods(race: Race) -> None:
    await _races(race, 10)


async def test_a_pod_that_is_claimed_while_keepers_end_and_refill_stays_and_is_counted_no_more(race: Race) -> None:
    await _races_with_keepers(race, 10)


@pytest.mark.long
async def test_two_hundred_races_have_one_winner_for_each_pod(race: Race) -> None:
    await _races(race, 100)
    await _races_with_keepers(race, 100)


async def test_a_hundred_people_and_fifty_pods_fifty_claimed_fifty_normal_starts_and_nobody_fails(
    kubeconfig: Path, restricted: str, server: None
) -> None:
    async with racing_hubs(kubeconfig, restricted, hubs=1) as race:
        await race.park(50)
        people = [f"person-{number}" for number in range(100)]
        started = await asyncio.gather(*(race.start(one, race.hubs[0]).run() for one in people), return_exceptions=True)
        assert [one for one in started if not isinstance(one, str)] == []
        assert len(set(started)) == 100
        workspaces = await race.workspaces()
        assert sorted(workspaces.values()) == sorted(people)
        assert sum(name.startswith("warm-") for name in workspaces) == 50
        assert len(race.agents.had) == 50
        assert all(len(found) == 1 for found in race.agents.had.values())
        assert await race.raw(PARKED) == []
