"""What is made of warm starts: states, ratios, and whether each start was what it counts as."""

from __future__ import annotations

import pytest

from bench.warm import figures
from bench.warm_hub import Start
from bench.warm_images import ABSENT, NEW_DIGEST, PREPULLED, PRESENT, check


def starts(*seconds: float, waited: float = 0.0) -> list[Start]:
    return [Start(seconds=value, phases={"server": value / 2}, waited=waited) for value in seconds]


FOUND = {
    "free": starts(1.0, 2.0, 3.0),
    "preempted": starts(2.1, 1.1, 9.0),
    "full": starts(1.5, waited=3.0),
    PRESENT: starts(1.0),
    PREPULLED: starts(1.1),
    NEW_DIGEST: starts(1.3),
}


def test_each_ratio_is_of_medians_and_of_minima() -> None:
    ratio = figures(FOUND)["ratio"]
    assert ratio["preempted_over_free"] == {"median": 1.05, "min": 1.1}
    assert ratio["prepulled_over_present"] == {"median": 1.1, "min": 1.1}


def test_a_bound_that_is_not_kept_is_said() -> None:
    assert figures(FOUND)["holds"] == {
        "preempted_over_free": True,
        "prepulled_over_present": True,
        "new_digest_over_present": False,
    }


def test_what_was_waited_for_is_told_beside_the_seconds_of_the_start() -> None:
    full = figures(FOUND)["states"]["full"]
    assert full["samples"] == [1.5]
    assert full["waited"] == [3.0]
    assert full["stages"] == {"server": 0.75}


def test_a_part_that_was_left_out_has_no_ratio() -> None:
    told = figures({"free": starts(1.0), "preempted": starts(1.0), PRESENT: []})
    assert list(told["ratio"]) == ["preempted_over_free"]
    assert PRESENT not in told["states"]


@pytest.mark.parametrize("state", [PRESENT, PREPULLED, NEW_DIGEST])
def test_a_start_whose_image_had_to_be_fetched_after_all_is_an_error(state: str) -> None:
    start = Start(seconds=1.0, phases={}, has_pulled=True, image="lab@sha256:0")
    with pytest.raises(RuntimeError, match="the node fetched the image"):
        check(start, state=state, image="lab@sha256:0")


def test_a_start_without_an_image_that_fetched_none_is_an_error() -> None:
    start = Start(seconds=1.0, phases={}, image="lab@sha256:0")
    with pytest.raises(RuntimeError, match="the node did not fetch the image"):
        check(start, state=ABSENT, image="lab@sha256:0")


def test_a_start_of_the_old_image_is_an_error() -> None:
    start = Start(seconds=1.0, phases={}, image="lab@sha256:0")
    with pytest.raises(RuntimeError, match="it ran lab@sha256:0, and not lab@sha256:1"):
        check(start, state=NEW_DIGEST, image="lab@sha256:1")
