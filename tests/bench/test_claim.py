"""What is made of claims: where their time goes, and whether what is wanted is kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.claim import kept, measured
from bench.seats import cpu_seconds
from bench.stages import stages_of_claim

ASKED = datetime(2026, 11, 27, 10, 0, 0, tzinfo=UTC)
LINE = (
    "[I 2026-11-27T10:00:00.190000Z spawner] The warm pod warm-1 is claimed: patch 12.0 ms, order 21.0 ms"
    " (verified 1.0 ms, mounted 9.0 ms, delivered 11.0 ms), answer 95.0 ms"
)


def test_the_stages_of_a_claim_are_all_of_its_time() -> None:
    ready = ASKED + timedelta(seconds=0.21)
    stages = stages_of_claim(["something else", LINE], asked=ASKED, ready=ready)
    assert stages == pytest.approx(
        {
            "request": 0.062,
            "patch": 0.012,
            "order": 0.011,
            "mount": 0.008,
            "deliver": 0.002,
            "answer": 0.095,
            "route": 0.02,
        }
    )
    assert sum(stages.values()) == pytest.approx(0.21)


def test_a_start_that_claimed_nothing_has_no_stages() -> None:
    assert stages_of_claim(["something else"], asked=ASKED, ready=ASKED) == {}


def result(**change: Any) -> dict[str, Any]:
    return {
        "ratio": {"median": 20.0, "min": 13.0},
        "ours": {"p99": 0.5},
        "together": {"ratio": {"median": 13.0}},
        "first_cell": {"ours": {"samples": [0.2, 0.24, 0.9]}},
        "missed": 0,
        "ten_at_once": {"last": 1.6, "full_again": 20.0},
        "seat": {"without_kernel": {"mib": 95.0}, "with_kernel": {"mib": 135.0, "cpu_seconds": 0.0}},
        "one_machine": {"ratio": {"median": 14.0, "min": 13.0}},
        **change,
    }


def test_a_run_that_keeps_all_bounds_says_so() -> None:
    holds = kept(measured(result()))
    assert len(holds) == 12
    assert all(is_kept for *_, is_kept in holds.values())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ratio": {"median": 14.9, "min": 13.0}}, "ratio.median"),
        ({"ours": {"p99": 0.9}}, "p99"),
        ({"ten_at_once": {"last": 2.1, "full_again": 20.0}}, "ten_at_once"),
        ({"missed": 1}, "missed"),
    ],
)
def test_a_bound_that_is_not_kept_is_said(change: dict[str, Any], name: str) -> None:
    assert [one for one, (*_, is_kept) in kept(measured(result(**change))).items() if not is_kept] == [name]


def test_a_run_without_a_cluster_is_about_one_machine() -> None:
    assert measured({"ratio": {"median": 14.0, "min": 13.0}}) == {"one_machine.median": 14.0}


def test_a_run_without_bursts_says_nothing_of_them() -> None:
    told = measured(result(ten_at_once={"last": None, "full_again": None}))
    assert not {"ten_at_once", "full_again"} & told.keys()


def test_the_time_of_a_process_is_what_it_used() -> None:
    assert cpu_seconds(os.getpid()) > 0
