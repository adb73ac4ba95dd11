"""Who may take the lease, and when: on values, with no clock but the hub's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.lease_rules import (
    TERM_SECONDS,
    LeaseState,
    Seen,
    Step,
    choose_step,
    observe,
)

MINE = LeaseState(holder="hub-a", version="7")
ANOTHERS = LeaseState(holder="hub-b", version="7")
FREE = LeaseState(version="7")


@pytest.mark.parametrize(
    ("state", "unchanged_seconds", "step"),
    [
        pytest.param(LeaseState(), 0.0, Step.MAKE, id="there is none"),
        pytest.param(FREE, 0.0, Step.TAKE, id="it was given back"),
        pytest.param(MINE, 0.0, Step.RENEW, id="it is ours"),
        pytest.param(MINE, 1000.0, Step.RENEW, id="it is ours, and nobody took it"),
        pytest.param(ANOTHERS, 0.0, Step.WAIT, id="another hub has it"),
        pytest.param(ANOTHERS, TERM_SECONDS - 0.1, Step.WAIT, id="another hub may only be slow"),
        pytest.param(ANOTHERS, TERM_SECONDS, Step.TAKE, id="another hub has not renewed for a term"),
    ],
)
def test_what_a_hub_does_about_a_lease(state: LeaseState, unchanged_seconds: float, step: Step) -> None:
    assert choose_step(Seen(state=state, since=100.0), me="hub-a", now=100.0 + unchanged_seconds) is step


def test_the_term_of_the_holder_counts_and_not_ours() -> None:
    patient = LeaseState(holder="hub-b", version="7", term_seconds=60)
    assert choose_step(Seen(state=patient, since=0), me="hub-a", now=59) is Step.WAIT
    assert choose_step(Seen(state=patient, since=0), me="hub-a", now=60) is Step.TAKE


def test_each_renewal_that_is_seen_begins_the_wait_anew() -> None:
    seen = observe(None, ANOTHERS, now=10)
    assert observe(seen, ANOTHERS, now=20).since == 10
    assert observe(seen, LeaseState(holder="hub-b", version="8"), now=20).since == 20


@given(offset=st.floats(min_value=-1e6, max_value=1e6))
def test_a_clock_that_shows_another_time_decides_the_same(offset: float) -> None:
    for unchanged in (0.0, TERM_SECONDS / 2, TERM_SECONDS + 1):
        here = choose_step(Seen(state=ANOTHERS, since=0), me="hub-a", now=unchanged)
        there = choose_step(Seen(state=ANOTHERS, since=offset), me="hub-a", now=offset + unchanged)
        assert here is there
