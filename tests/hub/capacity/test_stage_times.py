"""How long a stage takes: by starts most like this one, recent ones first, and by experience before there are any."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.capacity.stage_times import HALF_LIFE, PRIORS, Measured, StageTimes, lesson_of, spread_of, sum_up
from spawner.stages import Spread, Stage
from tests.hub.capacity.shapes import IMAGE, NOW


def start(*, days: float = 0, **more: object) -> Measured:
    values = {"environment": "python", "digest": IMAGE, "hardware": "small", "group": "", "stages": {}, **more}
    return Measured(at=NOW - timedelta(days=days), **values)  # type: ignore[arg-type]


def usual(starts: list[Measured], stage: Stage = Stage.SERVER, **more: object) -> float:
    about = {"digest": IMAGE, "environment": "python", "hardware": "small", "groups": (), **more}
    return sum_up(starts, now=NOW).of(stage, **about).usual  # type: ignore[arg-type]


def took(seconds: float, stage: Stage = Stage.SERVER, **more: object) -> list[Measured]:
    return [start(stages={stage: seconds}, **more) for _ in range(5)]


@pytest.mark.parametrize("stage", Stage)
def test_before_any_history_experience_speaks_and_says_that_nothing_was_measured(stage: Stage) -> None:
    found = StageTimes().of(stage, digest=IMAGE, environment="python", hardware="small")
    assert found == PRIORS[stage]
    assert found.weight == 0
    assert found.usual <= found.slow <= found.slowest


def test_half_of_the_starts_took_less_than_usual() -> None:
    assert spread_of([(float(second), 1) for second in range(1, 100)]) == Spread(
        usual=50, slow=74.75, slowest=89.6, weight=99
    )
    assert spread_of([(1, 1), (2, 1)]).usual == 1.5
    assert spread_of([(3, 0.1)]) == Spread(usual=3, slow=3, slowest=3, weight=0.1)


@pytest.mark.parametrize(
    ("stages", "is_claimed", "lesson"),
    [
        pytest.param(
            {Stage.SCHEDULING: 0.25, Stage.CLAIM: 0.5, Stage.LAB: 0.125},
            True,
            {Stage.CLAIM: 0.75, Stage.LAB: 0.125},
            id="before a claim nothing is done that a normal start does",
        ),
        pytest.param(
            {Stage.CLAIM: 0.5, Stage.SCHEDULING: 1, Stage.SERVER: 2},
            False,
            {Stage.SCHEDULING: 1, Stage.SERVER: 2},
            id="a claim that came to nothing is none",
        ),
        pytest.param({Stage.CLAIM: 0.5}, True, {Stage.CLAIM: 0.5}, id="nobody watched the last stage"),
    ],
)
def test_claimed_starts_say_how_long_claims_take_and_nothing_else(
    stages: dict[Stage, float], lesson: dict[Stage, float], *, is_claimed: bool
) -> None:
    assert lesson_of(stages, is_claimed=is_claimed) == lesson


def test_one_slow_start_changes_nothing() -> None:
    assert usual([*took(2), start(stages={Stage.SERVER: 600.0})]) == 2


def test_what_is_old_counts_less() -> None:
    slow_then = [start(days=4 * HALF_LIFE.days, stages={Stage.SERVER: 9.0}) for _ in range(20)]
    assert usual([*slow_then, *took(2)]) == pytest.approx(2, abs=0.1)


def test_a_start_of_the_future_counts_as_one_of_now() -> None:
    assert usual([start(days=-100, stages={Stage.SERVER: 3.0}) for _ in range(3)]) == 3


@pytest.mark.parametrize(
    ("like", "unlike"),
    [
        pytest.param({}, {"hardware": "large"}, id="the same hardware"),
        pytest.param({"hardware": "large"}, {"digest": "another", "hardware": "large"}, id="the same image"),
        pytest.param(
            {"digest": "an older one"},
            {"digest": "another", "environment": "pytorch", "hardware": "large"},
            id="the same environment with an older image",
        ),
        pytest.param(
            {"digest": "another", "environment": "pytorch"},
            {"digest": "another", "environment": "pytorch", "hardware": "large"},
            id="at least the same hardware",
        ),
    ],
)
def test_those_most_like_it_are_believed(like: dict[str, object], unlike: dict[str, object]) -> None:
    assert usual([*took(2, **like), *took(20, **unlike), *took(20, **unlike)]) == 2


def test_where_nothing_is_like_it_any_start_is_better_than_none() -> None:
    assert usual(took(7, digest="another", environment="pytorch", hardware="large")) == 7


def test_a_few_starts_like_it_give_way_to_many_that_are_less_like_it() -> None:
    assert usual([start(stages={Stage.SERVER: 60.0}), *took(2, hardware="large")]) == 2
    assert usual([start(stages={Stage.SERVER: 60.0})]) == 60


def test_room_is_a_matter_of_hardware_and_nodes_whatever_runs_there() -> None:
    starts = [
        *took(200, Stage.NODE, digest="another", environment="pytorch", group="slow-pool"),
        *took(60, Stage.NODE, group="quick-pool"),
    ]
    assert usual(starts, Stage.NODE, groups=("slow-pool",)) == 200
    assert usual(starts, Stage.NODE, groups=("slow-pool",), hardware="of no history") == 200
    assert 60 <= usual(starts, Stage.NODE, groups=("slow-pool", "quick-pool")) <= 200


def test_that_nodes_come_is_known_once_one_was_waited_for() -> None:
    times = sum_up(took(60, Stage.NODE), now=NOW)
    assert times.has_measured(Stage.NODE, hardware="small")
    assert not times.has_measured(Stage.NODE, hardware="large")
    assert not StageTimes().has_measured(Stage.NODE, hardware="small")


@pytest.mark.parametrize(
    ("elapsed", "whole"), [(0, 2), (1.9, 2), (2, 4), (5, 10), (10, 12.5), (100, 125)], ids=lambda value: f"{value} s"
)
def test_a_stage_that_takes_longer_is_expected_to_take_longer(elapsed: float, whole: float) -> None:
    assert Spread(usual=2, slow=4, slowest=10).after(elapsed) == whole
