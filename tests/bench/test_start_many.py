"""What is made of a crowd's starts: figures, and whether they are good enough."""

from __future__ import annotations

import pytest

from bench.comparison import percentile
from bench.crowd import Outcome
from bench.start_many import Crowded, Round, is_good


def outcome(seconds: float | None, *, accepted: float = 1.0) -> Outcome:
    reason = "" if seconds is not None else "Spawn failed"
    return Outcome(user="ada", accepted_seconds=accepted, ready_seconds=seconds, reason=reason)


def one_round(*outcomes: Outcome, pods: int | None = None, left_behind: int = 0) -> Round:
    there = sum(one.ready_seconds is not None for one in outcomes)
    return Round(
        outcomes=outcomes,
        hub_cpu_seconds=0.2,
        seconds=0.5,
        pods=there if pods is None else pods,
        left_behind=left_behind,
    )


@pytest.mark.parametrize(("percent", "expected"), [(50, 50.0), (95, 95.0), (100, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, expected: float) -> None:
    assert percentile([float(value) for value in range(1, 101)], percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert percentile([3.0], 95) == 3.0


def test_the_figures_are_over_all_rounds() -> None:
    figures = Crowded(rounds=(one_round(outcome(2.0), outcome(4.0)), one_round(outcome(3.0), outcome(None)))).as_json()
    assert figures["starts"] == 4
    assert figures["lost"] == 1
    assert figures["ready_median"] == 3.0
    assert figures["ready_max"] == 4.0
    assert figures["hub_cpu_ms_per_start"] == 100.0
    assert figures["hub_cores"] == 0.4
    assert figures["reasons"] == ["Spawn failed"]
    assert figures["pods_too_many"] == 0


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        (one_round(outcome(2.0)), True),
        (one_round(outcome(2.0), outcome(None)), False),
        (one_round(outcome(20.0, accepted=5.5)), False),
        (one_round(outcome(2.0), pods=2), False),
        (one_round(outcome(2.0), left_behind=1), False),
    ],
    ids=["all well", "one lost", "taken late", "a pod too many", "something stays"],
)
def test_everybody_is_taken_in_time_and_nothing_is_lost(played: Round, expected: bool) -> None:
    assert is_good(Crowded(rounds=(played,)).as_json()) is expected
