"""A claimed workspace is told of as any other: its start and what was promised of it, and how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from spawner.claim_rules import Answer, Miss
from spawner.cluster import WorkspaceSpawner
from spawner.ending import EndingKind
from spawner.lasting import StopReason
from spawner.plan import LaunchPlan
from spawner.stages import Spread, Stage
from spawner.start_forecast import StartForecast
from tests.spawner.cluster import test_claims_and_hubs
from tests.spawner.cluster.claiming import until
from tests.spawner.cluster.test_claims_and_hubs import OWN, SMALL, ClaimingHub

hub = test_claims_and_hubs.hub

SECONDS = {Stage.SCHEDULING: 1.0, Stage.CONTAINERS: 1.0, Stage.SERVER: 3.0, Stage.CLAIM: 0.5, Stage.LAB: 0.5}
NORMAL = tuple((stage, SECONDS[stage]) for stage in (Stage.SCHEDULING, Stage.CONTAINERS, Stage.SERVER, Stage.LAB))
PROMISED = StartForecast(
    kind="ready",
    seconds=1.0,
    stages=((Stage.CLAIM, 0.5), (Stage.LAB, 0.5)),
    otherwise=NORMAL,
    spreads={stage: Spread(usual=took, slow=took * 2, slowest=took * 3) for stage, took in SECONDS.items()},
)
POD = "warm-small-0"
ENDED = {"name": "notebook", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}


class Promises:
    """A forecast that a warm pod waits."""

    def at_click(self, _plan: LaunchPlan) -> StartForecast:
        return PROMISED

    def instead(self, _plan: LaunchPlan) -> tuple[Any, ...]:
        return ()


def promise() -> None:
    WorkspaceSpawner.parts = replace(WorkspaceSpawner.parts, forecasts=Promises())


async def listened(spawner: Any) -> list[dict[str, Any]]:
    return [event async for event in spawner.progress()]


def expected(event: dict[str, Any]) -> dict[str, float]:
    return {phase["phase"]: phase["expected_seconds"] for phase in event["phases"]}


async def test_a_claimed_start_keeps_what_it_was_promised_and_tells_how_long_the_claim_took(hub: ClaimingHub) -> None:
    promise()
    await hub.warmth.park(1)
    events = asyncio.create_task(listened(hub.spawner()))
    await hub.start(SMALL)
    assert any(event["message"].endswith("A server that waits already becomes yours") for event in await events)
    assert expected((await events)[-1]) == {"room": 0.5, "software": 0, "server": 0, "lab": 0.5}
    (told,) = WorkspaceSpawner.parts.starts.told
    assert (told.outcome, set(told.stages)) == ("claimed", {"claim", "lab"})
    assert (told.forecast.seconds, told.forecast.stages) == (1.0, {"claim": 0.5, "lab": 0.5})
    [seconds] = hub.counted.seconds
    assert seconds is not None
    assert 0 < seconds <= told.stages["claim"] + 0.001
    await hub.user.stop("")


async def test_whoever_waits_is_told_that_a_claim_came_to_nothing_and_the_countdown_is_put_right(
    hub: ClaimingHub,
) -> None:
    promise()
    await hub.warmth.park(1)
    hub.warmth.agents.answers = [Answer.UNREACHED]
    events = asyncio.create_task(listened(hub.spawner()))
    starting = asyncio.create_task(hub.start(SMALL))
    await until(lambda: hub.cluster.names("pods") == [OWN] and hub.cluster.names("secrets") == [OWN])
    waiting = hub.spawner().progress_now()
    assert waiting is not None
    now = asyncio.get_running_loop().time()
    assert (waiting.seconds_left(now) or 0) > PROMISED.seconds  # type: ignore[operator]  # it has some
    hub.cluster.is_running()
    await starting
    assert (await events)[-1]["phases"][0]["detail"] == "Looking for a machine"
    assert {name: expected((await events)[-1])[name] for name in ("server", "lab")} == {"server": 3.0, "lab": 0.5}
    assert hub.counted.claims == [Miss.AGENT]
    (told,) = WorkspaceSpawner.parts.starts.told
    assert (told.outcome, told.forecast.stages) == ("ready", {"claim": 0.5, "lab": 0.5})
    assert {"claim", "scheduling", "server", "lab"} <= set(told.stages)
    await hub.user.stop("")


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        pytest.param(
            {"phase": "Failed", "containerStatuses": [ENDED]}, EndingKind.OUT_OF_MEMORY, "", id="out of memory"
        ),
        pytest.param(
            {"phase": "Failed", "reason": "NodeLost"},
            EndingKind.TAKEN_AWAY,
            "The machine it ran on does not answer any more.",
            id="its node is gone",
        ),
        pytest.param(None, EndingKind.LOST, "", id="it is gone, and nobody said why"),
    ],
)
@pytest.mark.parametrize("is_restarted", [False, True], ids=["the same hub", "a hub that has started anew"])
async def test_how_a_claimed_workspace_ended_is_told_as_of_any_other(
    hub: ClaimingHub, status: dict[str, Any] | None, kind: EndingKind, why: str, *, is_restarted: bool
) -> None:
    await hub.warmth.park(1)
    await hub.start(SMALL)
    if is_restarted:
        hub.lives(kube=hub.cluster.kube, agents=hub.warmth.agents)
        await hub.look()
    if status is None:
        hub.cluster.api.remove_for_test("pods", POD)
    else:
        hub.cluster.api.change_for_test("pods", POD, {"status": status})
    await until(lambda: (pod := hub.cluster.pods.get(POD)) is None or pod.has_ended)
    spawner = hub.spawner()
    assert await spawner.poll() is not None
    ending = spawner.ending()
    assert ending is not None
    assert (ending.kind, ending.why) == (kind, why)
    await hub.user.stop("")
    await hub.sweep()  # JupyterHub stops nothing that has ended
    await until(lambda: hub.warmth.names() == [])


async def test_a_claimed_workspace_that_nobody_uses_is_stopped_and_says_so(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    spawner = await hub.start(SMALL)
    spawner.stop_for(StopReason(kind=EndingKind.IDLE, sentence="Nobody used it for an hour."))
    await hub.user.stop("")
    ending = spawner.ending()
    assert ending is not None
    assert (ending.kind, ending.why) == (EndingKind.IDLE, "Nobody used it for an hour.")
    assert hub.warmth.names() == []


async def test_after_a_claimed_workspace_has_died_the_next_start_claims_another(hub: ClaimingHub) -> None:
    await hub.warmth.park(2)
    first = (await hub.start(SMALL)).pod_name
    change = {"status": {"phase": "Failed", "containerStatuses": [ENDED]}}
    hub.cluster.api.change_for_test("pods", first, change)
    await until(lambda: (pod := hub.cluster.pods.get(first)) is not None and pod.has_ended)
    assert await hub.spawner().poll() is not None
    await hub.user.stop("")
    spawner = await hub.start(SMALL)
    assert spawner.pod_name != first
    assert hub.alive() == [spawner.pod_name]
    assert spawner.ending() is None
    await hub.user.stop("")
