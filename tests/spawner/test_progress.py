"""A start tells where it is, how long it takes, and never more than it knows."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.progress import (
    LOG_LINES,
    PHASE_TITLES,
    Phase,
    PhaseProgress,
    PhaseState,
    StartProgress,
    format_seconds,
)

EXPECTED = {Phase.ROOM: 0.1, Phase.SOFTWARE: 0.2, Phase.SERVER: 1.1, Phase.LAB: 0.6}


def started(*done: Phase) -> StartProgress:
    """A start in which these phases took half a second each, from second 100 on."""
    progress, now = StartProgress.expecting(EXPECTED), 100.0
    for phase in done:
        progress = progress.begin(phase, now).finish(phase, now + 0.5)
        now += 0.5
    return progress


def test_a_start_has_four_phases_that_wait() -> None:
    assert [(entry.phase, entry.state) for entry in StartProgress().phases] == [
        (Phase.ROOM, PhaseState.WAITING),
        (Phase.SOFTWARE, PhaseState.WAITING),
        (Phase.SERVER, PhaseState.WAITING),
        (Phase.LAB, PhaseState.WAITING),
    ]


def test_every_phase_has_a_title_in_every_state() -> None:
    assert PHASE_TITLES[Phase.ROOM] == "Room found"
    titles = [PhaseProgress(phase=phase, state=state).title for phase in Phase for state in PhaseState]
    assert all(titles)


@pytest.mark.parametrize(
    ("progress", "now", "message"),
    [
        pytest.param(StartProgress(), 0, "Your workspace is about to start", id="nothing yet"),
        pytest.param(
            StartProgress().begin(Phase.ROOM, 1), 1.2, "Looking for room: 0.2 s, no estimate yet", id="no estimate"
        ),
        pytest.param(started(Phase.ROOM), 101, "Room found", id="between two phases"),
        pytest.param(
            started(Phase.ROOM).begin(Phase.SOFTWARE, 101).detail(Phase.SOFTWARE, "34 of 92\n  packages, 120 MB "),
            102,
            "Installing software: 34 of 92 packages, 120 MB",
            id="what the phase says itself",
        ),
        pytest.param(
            started(Phase.ROOM, Phase.SOFTWARE).begin(Phase.SERVER, 101),
            101.8,
            "Server starts: 0.8 s of about 1.1 s",
            id="within the estimate",
        ),
        pytest.param(
            started(Phase.ROOM, Phase.SOFTWARE).begin(Phase.SERVER, 101),
            104,
            "Server starts: 3.0 s, longer than the usual 1.1 s",
            id="later than the estimate",
        ),
        pytest.param(
            started(Phase.ROOM, Phase.SOFTWARE).begin(Phase.SERVER, 101).fail(Phase.SERVER, 113),
            999,
            "Server did not start, after 13 s",
            id="failed",
        ),
        pytest.param(started(*Phase), 999, "Your workspace is ready, after 2.0 s", id="ready"),
    ],
)
def test_the_message_says_what_happens_at_this_moment(progress: StartProgress, now: float, message: str) -> None:
    assert progress.message(now) == message


def test_the_time_left_counts_the_phases_to_come() -> None:
    progress = started(Phase.ROOM, Phase.SOFTWARE).begin(Phase.SERVER, 101)
    assert progress.seconds_left(101.5) == pytest.approx(0.6 + 0.6)


def test_a_late_phase_leaves_the_phases_to_come() -> None:
    progress = started(Phase.ROOM, Phase.SOFTWARE).begin(Phase.SERVER, 101)
    assert progress.seconds_left(200) == pytest.approx(0.6)


def test_the_time_left_is_unknown_when_one_phase_to_come_is() -> None:
    progress = StartProgress.expecting({**EXPECTED, Phase.LAB: math.nan}).begin(Phase.ROOM, 0)
    assert progress.seconds_left(0) is None


def test_no_time_is_left_when_it_is_ready_and_none_is_told_when_it_failed() -> None:
    assert started(*Phase).seconds_left(0) == 0
    assert started(Phase.ROOM).fail(Phase.SOFTWARE, 103).seconds_left(104) is None


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -1.0, None])
def test_a_nonsensical_estimate_is_none(nonsense: float) -> None:
    progress = StartProgress.expecting({Phase.ROOM: nonsense})
    assert progress.of(Phase.ROOM).expected_seconds is None


def test_a_new_estimate_changes_the_time_left_and_takes_nothing_back_from_the_bar() -> None:
    before = started(Phase.ROOM).begin(Phase.SOFTWARE, 101)
    after = before.expect(Phase.SOFTWARE, 600, 101.2)
    assert after.fraction(101.2) == before.fraction(101.2)
    assert after.seconds_left(101.2) == pytest.approx(599.8 + 1.7)


def test_a_phase_that_never_ran_takes_no_time() -> None:
    progress = StartProgress().finish(Phase.SOFTWARE, 5)
    assert progress.of(Phase.SOFTWARE).seconds == 0
    assert progress.of(Phase.SOFTWARE).state is PhaseState.DONE


def test_what_is_over_stays_as_it_was() -> None:
    progress = started(Phase.ROOM)
    assert progress.begin(Phase.ROOM, 200) == progress.finish(Phase.ROOM, 200) == progress.fail(Phase.ROOM, 200)


def test_beginning_twice_keeps_the_first_moment() -> None:
    progress = StartProgress().begin(Phase.ROOM, 1).begin(Phase.ROOM, 2)
    assert progress.of(Phase.ROOM).started == 1


def test_a_clock_that_was_set_back_takes_no_time_back() -> None:
    progress = StartProgress().begin(Phase.ROOM, 100)
    assert progress.of(Phase.ROOM).elapsed(50) == 0
    assert progress.finish(Phase.ROOM, 50).of(Phase.ROOM).seconds == 0


def test_phases_that_are_expected_to_take_no_time_show_nothing_before_they_are_done() -> None:
    progress = StartProgress.expecting(dict.fromkeys(Phase, 0.0)).begin(Phase.ROOM, 0)
    assert progress.fraction(10) == 0


def test_the_bar_is_full_only_when_it_is_ready() -> None:
    almost = started(Phase.ROOM, Phase.SOFTWARE, Phase.SERVER).begin(Phase.LAB, 101.5)
    assert almost.fraction(1e9) == 0.99
    assert almost.finish(Phase.LAB, 1e9).fraction(1e9) == 1


def test_the_bar_stands_still_where_it_failed() -> None:
    failed = started(Phase.ROOM).begin(Phase.SOFTWARE, 101).fail(Phase.SOFTWARE, 101.1)
    assert failed.fraction(101.1) == failed.fraction(1e6) < 1


@given(
    expected=st.dictionaries(st.sampled_from(Phase), st.floats(0, 1e4)),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["wait", "begin", "finish", "fail", "expect"]),
            st.sampled_from(Phase),
            st.floats(0, 1e3),
        ),
        max_size=12,
    ),
)
def test_the_bar_never_goes_backwards(expected: dict[Phase, float], steps: list[tuple[str, Phase, float]]) -> None:
    progress, now, shown = StartProgress.expecting(expected), 0.0, 0.0
    for step, phase, seconds in steps:
        now += seconds
        match step:
            case "begin":
                progress = progress.begin(phase, now)
            case "finish":
                progress = progress.finish(phase, now)
            case "fail":
                progress = progress.fail(phase, now)
            case "expect":
                progress = progress.expect(phase, seconds, now)
        assert shown <= progress.fraction(now) + 1e-9
        assert (progress.fraction(now) == 1) == progress.is_done
        shown = progress.fraction(now)


def test_the_event_is_plain_json() -> None:
    progress = started(Phase.ROOM).printed(["uv: resolved 92 packages"]).begin(Phase.SOFTWARE, 101)
    assert json.loads(json.dumps(progress.as_event(101.05))) == {
        "progress": 7,
        "message": "Installing software: 0.0 s of about 0.2 s",
        "phases": [
            {
                "phase": "room",
                "title": "Room found",
                "state": "done",
                "seconds": 0.5,
                "expected_seconds": 0.1,
                "detail": "",
            },
            {
                "phase": "software",
                "title": "Installing software",
                "state": "running",
                "seconds": 0.05,
                "expected_seconds": 0.2,
                "detail": "",
            },
            {
                "phase": "server",
                "title": "Server starts",
                "state": "waiting",
                "seconds": None,
                "expected_seconds": 1.1,
                "detail": "",
            },
            {
                "phase": "lab",
                "title": "JupyterLab opens",
                "state": "waiting",
                "seconds": None,
                "expected_seconds": 0.6,
                "detail": "",
            },
        ],
        "seconds_left": 1.85,
        "log": ["uv: resolved 92 packages"],
    }


def test_what_a_person_should_know_is_told_once_and_stays_whatever_the_phases_do() -> None:
    progress = StartProgress().noticing("One.", "Two.").noticing("One.").begin(Phase.ROOM, 100).finish(Phase.ROOM, 101)
    assert progress.notices == ("One.", "Two.")
    assert progress.as_event(101)["notices"] == ["One.", "Two."]
    assert "notices" not in StartProgress().as_event(100)


def test_the_log_keeps_the_last_lines() -> None:
    progress = StartProgress().printed([f"line {number}" for number in range(LOG_LINES + 5)])
    assert len(progress.log) == LOG_LINES
    assert progress.log[-1] == f"line {LOG_LINES + 4}"


def test_what_was_measured_is_what_the_next_start_expects() -> None:
    progress = started(Phase.ROOM).begin(Phase.SOFTWARE, 101).fail(Phase.SOFTWARE, 105)
    assert progress.measured_seconds() == {Phase.ROOM: 0.5}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (9.94, "9.9 s"),
        (34.4, "34 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (190, "3 min 10 s"),
    ],
)
def test_seconds_are_told_as_people_wait_for_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
