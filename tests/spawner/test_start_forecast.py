"""What was promised of a start is put right while it goes on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from spawner.progress import Phase, StartProgress
from spawner.progress_board import ProgressBoard
from spawner.stages import Spread, Stage, StageClock
from spawner.start_forecast import UNKNOWN_FORECAST, StartForecast

SPREADS = {
    Stage.SCHEDULING: Spread(usual=1, slow=2, slowest=4),
    Stage.NODE: Spread(usual=200, slow=300, slowest=400),
    Stage.PULL: Spread(usual=60, slow=90, slowest=200),
    Stage.CONTAINERS: Spread(usual=1, slow=2, slowest=5),
    Stage.SERVER: Spread(usual=3, slow=5, slowest=9),
}
READY = StartForecast(
    kind="ready",
    seconds=5,
    stages=((Stage.SCHEDULING, 1), (Stage.CONTAINERS, 1), (Stage.SERVER, 3)),
    spreads=SPREADS,
)
CLAIM = StartForecast(
    kind="ready",
    seconds=0.75,
    stages=((Stage.CLAIM, 0.5), (Stage.LAB, 0.25)),
    otherwise=READY.stages,
    spreads={**SPREADS, Stage.CLAIM: Spread(usual=0.5, slow=1, slowest=3)},
)
PULL = StartForecast(
    kind="pull",
    seconds=65,
    stages=((Stage.SCHEDULING, 1), (Stage.PULL, 60), (Stage.CONTAINERS, 1), (Stage.SERVER, 3)),
    spreads=SPREADS,
)


def test_phases_of_the_waiting_page_take_what_their_stages_take() -> None:
    assert PULL.phase_seconds() == {Phase.ROOM: 1, Phase.SOFTWARE: 61, Phase.SERVER: 3, Phase.LAB: 0}
    assert UNKNOWN_FORECAST.phase_seconds() == {}


def test_a_start_that_is_to_claim_a_warm_pod_has_other_stages_once_the_claim_has_come_to_nothing() -> None:
    assert CLAIM.phase_seconds() == {Phase.ROOM: 0.5, Phase.SOFTWARE: 0, Phase.SERVER: 0, Phase.LAB: 0.25}
    normal = CLAIM.without_claim()
    assert (normal.stages, normal.is_claim) == (READY.stages, False)
    assert READY.without_claim() is READY


@pytest.mark.parametrize(
    ("forecast", "entered", "now", "corrected"),
    [
        pytest.param(READY, [(Stage.SCHEDULING, 0)], 0.5, (Phase.ROOM, 1), id="as promised"),
        pytest.param(READY, [(Stage.SCHEDULING, 0)], 3, (Phase.ROOM, 4), id="it takes longer"),
        pytest.param(READY, [(Stage.SCHEDULING, 0)], 8, (Phase.ROOM, 10), id="longer than ever"),
        pytest.param(
            READY, [(Stage.SCHEDULING, 0), (Stage.NODE, 2)], 3, (Phase.ROOM, 202), id="a node nobody expected"
        ),
        pytest.param(
            READY,
            [(Stage.SCHEDULING, 0), (Stage.PULL, 1)],
            2,
            (Phase.SOFTWARE, 61),
            id="an image that nobody expected to be missing",
        ),
        pytest.param(
            PULL, [(Stage.SCHEDULING, 0), (Stage.CONTAINERS, 1)], 1.5, (Phase.SOFTWARE, 61), id="it may still come"
        ),
        pytest.param(
            PULL,
            [(Stage.CONTAINERS, 1), (Stage.PULL, 1.5), (Stage.CONTAINERS, 41.5)],
            41.9,
            (Phase.SOFTWARE, 41),
            id="it was quicker",
        ),
        pytest.param(READY, [(Stage.LAB, 0)], 1, None, id="nobody knows how long that takes"),
        pytest.param(READY, [], 1, None, id="nothing runs"),
    ],
)
def test_what_is_known_meanwhile_puts_the_promise_right(
    forecast: StartForecast, entered: list[tuple[Stage, float]], now: float, corrected: tuple[Phase, float] | None
) -> None:
    clock = StageClock()
    for stage, moment in entered:
        clock = clock.enter(stage, moment)
    assert forecast.corrected(clock, now) == corrected


def board(forecast: StartForecast) -> ProgressBoard:
    board = ProgressBoard(StartProgress())
    board.begin_anew(StartProgress.expecting(forecast.phase_seconds()), forecast)
    return board


@pytest.mark.looptime
async def test_whoever_waits_is_told_of_a_stage_that_nobody_expected() -> None:
    shown = board(READY)
    shown.begin(Phase.ROOM)
    shown.enter(Stage.SCHEDULING)
    await asyncio.sleep(1)
    shown.enter(Stage.NODE)
    assert shown.progress.of(Phase.ROOM).expected_seconds == 201
    assert shown.progress.seconds_left(asyncio.get_running_loop().time()) == 204


@pytest.mark.looptime
async def test_a_countdown_of_a_claim_that_came_to_nothing_is_put_right_and_the_promise_stays_what_it_was() -> None:
    shown = board(CLAIM)
    shown.begin(Phase.ROOM)
    shown.enter(Stage.CLAIM)
    loop = asyncio.get_running_loop()
    assert shown.progress.seconds_left(loop.time()) == 0.75
    await asyncio.sleep(0.25)
    assert shown.progress.seconds_left(loop.time()) == 0.5
    shown.go_normal()
    assert shown.progress.seconds_left(loop.time()) == 5
    await asyncio.sleep(1)
    shown.finish(Phase.ROOM)
    assert shown.progress.seconds_left(loop.time()) == 4
    assert shown.forecast is CLAIM
    assert shown.stage_seconds() == {Stage.CLAIM: 0.25, Stage.SCHEDULING: 1}


@pytest.mark.looptime
async def test_a_claim_that_nobody_promised_changes_no_promise_where_it_comes_to_nothing() -> None:
    shown = board(READY)
    shown.begin(Phase.ROOM)
    shown.enter(Stage.SCHEDULING)
    shown.enter(Stage.CLAIM)
    await asyncio.sleep(0.5)
    shown.go_normal()
    assert shown.progress.seconds_left(asyncio.get_running_loop().time()) == 5


@pytest.mark.looptime
async def test_a_countdown_that_came_to_its_end_goes_on_with_what_is_usual_for_slow_ones() -> None:
    shown = board(READY)
    shown.begin(Phase.ROOM)
    shown.enter(Stage.SCHEDULING)
    async with aclosing(shown.events()) as events:
        told = [(await anext(events))["phases"][0]["expected_seconds"] for _ in range(4)]
    assert told[0] == 1
    assert told[-1] > 1


@pytest.mark.looptime
async def test_a_phase_that_says_itself_how_long_it_goes_on_is_believed() -> None:
    shown = board(PULL)
    shown.begin(Phase.SOFTWARE)
    shown.enter(Stage.PULL)
    shown.detail(Phase.SOFTWARE, "1 of 2 packages", seconds_left=7)
    await asyncio.sleep(70)
    shown.correct()
    assert shown.progress.of(Phase.SOFTWARE).expected_seconds == 7


@pytest.mark.looptime
async def test_each_start_is_measured_anew() -> None:
    shown = board(READY)
    shown.enter(Stage.SCHEDULING)
    await asyncio.sleep(2)
    shown.leave()
    assert shown.stage_seconds() == {Stage.SCHEDULING: 2}
    shown.begin_anew(StartProgress(), UNKNOWN_FORECAST)
    assert shown.stage_seconds() == {}
