"""When a home is put aside, and what becomes of each answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.archives.rules import LONGEST_PAUSE, Archive, State, Step, after_try, begun, deleted_again, next_step
from studiolo.wire import HomeOutcome, HomeStep

NOW = datetime(2026, 11, 26, 20, 15, tzinfo=UTC)
SOON = timedelta(seconds=1)
BOB = Archive(id=7, user="Bob", home="bob---0123456789abcdef", state=State.WAITING, since=NOW, due=NOW)
ASIDE = "bob---0123456789abcdef.20261126T201500Z.7"


@pytest.mark.parametrize(
    ("archive", "step"),
    [
        pytest.param(replace(BOB, due=NOW + SOON), Step.WAIT, id="the person may come back"),
        pytest.param(BOB, Step.BEGIN, id="due this second"),
        pytest.param(replace(BOB, due=NOW - timedelta(days=400)), Step.BEGIN, id="services were away for a year"),
        pytest.param(replace(BOB, state=State.ARCHIVING, due=NOW + SOON), Step.PUT_ASIDE, id="begun is asked again"),
        pytest.param(replace(BOB, state=State.FAILED, next_try=NOW + SOON), Step.WAIT, id="tried a moment ago"),
        pytest.param(replace(BOB, state=State.FAILED, next_try=NOW), Step.PUT_ASIDE, id="tried again"),
        pytest.param(replace(BOB, state=State.NOT_POSSIBLE, next_try=NOW), Step.PUT_ASIDE, id="perhaps possible now"),
        pytest.param(replace(BOB, state=State.ARCHIVED), Step.OVER, id="archived"),
        pytest.param(replace(BOB, state=State.RESTORED), Step.OVER, id="restored"),
        pytest.param(replace(BOB, state=State.CANCELLED), Step.OVER, id="cancelled"),
    ],
)
def test_what_is_done_now(archive: Archive, step: Step) -> None:
    assert next_step(archive, now=NOW) is step


@pytest.mark.parametrize(
    ("outcome", "state", "is_tried_again"),
    [
        ("done", State.ARCHIVED, False),
        ("account", State.CANCELLED, False),
        ("no-home", State.CANCELLED, False),
        ("busy", State.FAILED, True),
        ("failed", State.FAILED, True),
        ("not-possible", State.NOT_POSSIBLE, True),
    ],
)
def test_what_becomes_of_an_answer(outcome: HomeOutcome, state: State, is_tried_again: bool) -> None:
    after = after_try(begun(BOB, name=ASIDE, now=NOW), HomeStep(outcome=outcome, reason="A reason."), now=NOW + SOON)
    assert (after.state, after.since, after.archived) == (state, NOW + SOON, ASIDE)
    assert (after.next_try is not None) is is_tried_again
    assert (after.reason == "A reason.") is (outcome not in {"account", "no-home"})


def test_what_fails_again_and_again_is_tried_less_and_less_but_always() -> None:
    archive, pauses, now = begun(BOB, name=ASIDE, now=NOW), [], NOW
    for _ in range(40):
        archive = after_try(archive, HomeStep(outcome="failed", reason="The disk hangs."), now=now)
        assert archive.next_try is not None
        pauses.append(archive.next_try - now)
        now = archive.next_try
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses[6:] == [LONGEST_PAUSE] * 34
    assert archive.since == NOW, "it has failed since then, not since the last try"


def test_a_second_deletion_gives_the_whole_time_again() -> None:
    later = NOW + timedelta(days=7)
    assert deleted_again(BOB, due=later, now=NOW).due == later
    for state in (State.ARCHIVING, State.FAILED, State.NOT_POSSIBLE):
        kept = deleted_again(replace(BOB, state=state, archived=ASIDE), due=later, now=NOW)
        assert kept.archived == ASIDE, "it may lie there already"
        assert next_step(kept, now=later - SOON) is Step.WAIT
        assert next_step(kept, now=later) is Step.PUT_ASIDE
