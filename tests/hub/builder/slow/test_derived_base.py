"""What becomes of a recipe, step by step, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.builder.slow.derived_base import (
    LONGEST_LOG,
    DerivedBase,
    Seen,
    State,
    about_seconds,
    after_look,
    asked,
    asked_again,
    begins_now,
    begun,
    cancelled,
    checked,
    failed,
    must_wait,
)
from hub.builder.slow.recipe import Recipe

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
DIGEST = f"sha256:{'d' * 64}"
DAY = timedelta(days=1)


def new(by: str = "alice", *, apt: str = "g++", minutes: int = 0) -> DerivedBase:
    recipe = Recipe(base=f"example.org/python@sha256:{'a' * 64}", apt=(apt,))
    moment = NOW + timedelta(minutes=minutes)
    return asked(recipe, environment="python", base_digest=f"sha256:{'a' * 64}", by=by, now=moment)


def building() -> DerivedBase:
    return begun(new(), now=NOW)


def test_a_recipe_is_waited_for_built_checked_and_ready() -> None:
    base = new()
    assert (base.state, base.apt, base.attempt, base.job) == (State.WAITING, ("g++",), 0, "")
    base = begun(base, now=NOW)
    assert (base.state, base.attempt, base.job) == (State.BUILDING, 1, f"base-{base.key[:24]}-1")
    base = after_look(base, Seen(phase="installing"), now=NOW)
    assert (base.state, base.phase) == (State.BUILDING, "installing")
    base = after_look(base, Seen(has_ended=True, digest=DIGEST), now=NOW)
    assert (base.state, base.digest) == (State.CHECKING, DIGEST)
    base = checked(base, more_bytes=7, now=LATER)
    assert (base.state, base.digest, base.seconds, base.more_bytes) == (State.READY, DIGEST, 300.0, 7)
    assert base.job  # which is still to be removed


def test_the_name_of_a_job_follows_from_the_recipe_so_two_wishes_have_one() -> None:
    assert begun(new("alice"), now=NOW).job == begun(new("bob"), now=LATER).job
    assert len(building().job) <= 63 - len("-abcde")


def test_a_build_that_fails_says_why_and_keeps_the_end_of_its_log() -> None:
    base = after_look(building(), Seen(has_ended=True, reason="No.", log="x" * 9999 + "end"), now=LATER)
    assert (base.state, base.reason, base.digest) == (State.FAILED, "No.", "")
    assert base.log.endswith("end")
    assert len(base.log) == LONGEST_LOG


def test_a_build_that_somebody_removed_has_failed() -> None:
    base = after_look(building(), Seen(is_there=False), now=LATER)
    assert base.state is State.FAILED
    assert "removed" in base.reason


def test_an_image_that_is_not_believed_is_not_remembered() -> None:
    base = after_look(building(), Seen(has_ended=True, digest=DIGEST), now=NOW)
    assert failed(base, "Another base.", now=LATER).digest == ""


@pytest.mark.parametrize("over", [failed(building(), "No.", now=NOW), cancelled(building(), now=NOW)])
def test_what_failed_or_was_cancelled_can_be_asked_for_again_under_another_name(over: DerivedBase) -> None:
    again = asked_again(over, by="bob", now=LATER)
    assert (again.state, again.by, again.reason, again.log) == (State.WAITING, "bob", "", "")
    assert begun(again, now=LATER).job.endswith("-2")


@pytest.mark.parametrize("state", [State.WAITING, State.BUILDING, State.CHECKING, State.READY])
def test_what_goes_on_or_is_ready_is_not_begun_again(state: State) -> None:
    base = replace(building(), state=state)
    assert asked_again(base, by="bob", now=LATER) is base


def test_only_ready_failed_and_cancelled_are_over() -> None:
    assert {state for state in State if state.is_over} == {State.READY, State.FAILED, State.CANCELLED}


def test_who_asks_for_many_does_not_hold_up_who_asks_for_one() -> None:
    many = [new("alice", apt=f"lib{number}", minutes=number) for number in range(3)]
    one = new("bob", minutes=9)
    assert begins_now([*many, one], 0, at_once=2) == (many[0].key, one.key)
    assert begins_now([*many, one], 1, at_once=2) == (many[0].key,)
    assert begins_now([*many, one], 2, at_once=2) == ()
    assert begins_now([*many, one], 3, at_once=2) == ()
    assert begins_now([], 0, at_once=2) == ()


def test_how_long_it_takes_is_told_by_those_before() -> None:
    assert about_seconds([]) is None
    assert about_seconds([60, 100, 500]) == 100


def test_a_person_begins_so_many_builds_a_day() -> None:
    hours = [NOW - timedelta(hours=number) for number in (1, 5, 30)]
    assert must_wait(hours, per_day=3, now=NOW, day=DAY) is None
    assert must_wait(hours, per_day=2, now=NOW, day=DAY) == timedelta(hours=19)
    assert must_wait(hours, per_day=1, now=NOW, day=DAY) == timedelta(hours=23)
