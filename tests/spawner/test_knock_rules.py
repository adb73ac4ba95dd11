"""Where a start may aim at pods, by what the agents of nodes said when it knocked."""

from __future__ import annotations

import pytest

from spawner.claim_rules import Miss
from spawner.knock_rules import Knocked, after_knocks, said_by
from spawner.nearby import FRESH_SECONDS, is_fresh

THERE, NO_BROKER, AWAY = Knocked.THERE, Knocked.NO_BROKER, Knocked.AWAY

SAID = {
    "one of one": ({"a": THERE}, frozenset({"a"})),
    "nobody waits for a second": ({"a": THERE, "b": None}, frozenset({"a"})),
    "another is away": ({"a": AWAY, "b": THERE}, frozenset({"b"})),
    "all": ({"a": THERE, "b": THERE}, frozenset({"a", "b"})),
    "nothing yet": ({"a": None}, None),
    "one may answer yet": ({"a": AWAY, "b": NO_BROKER, "c": None}, None),
    "none": ({"a": AWAY, "b": AWAY}, Miss.AGENT),
    "no broker": ({"a": AWAY, "b": NO_BROKER}, Miss.CREDENTIALS),
}


@pytest.mark.parametrize(("said", "expected"), SAID.values(), ids=SAID)
def test_a_start_aims_where_somebody_answered_and_waits_only_where_nobody_did(
    said: dict[str, Knocked | None], expected: frozenset[str] | Miss | None
) -> None:
    assert after_knocks(said) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, THERE),
        (204, THERE),
        (404, THERE),
        (405, THERE),
        (502, NO_BROKER),
        (200, AWAY),
        (403, AWAY),
        (500, AWAY),
        (503, AWAY),
    ],
)
def test_an_agent_that_is_busy_or_of_the_release_before_is_there_and_one_that_could_do_nothing_is_not(
    status: int | None, expected: Knocked
) -> None:
    assert said_by(status) is expected


def test_an_answer_counts_for_a_second() -> None:
    assert not is_fresh(None, now=1.0)
    assert is_fresh(10.0, now=10.0 + FRESH_SECONDS / 2)
    assert not is_fresh(10.0, now=10.0 + FRESH_SECONDS)
