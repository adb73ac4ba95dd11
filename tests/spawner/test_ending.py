"""How a workspace ended is one plain sentence, and survives the way through a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.ending import (
    TAIL_LINE_LENGTH,
    TAIL_LINES,
    Ending,
    EndingKind,
    describe_ending,
    from_json,
    tail,
    to_json,
)

GIB = 1024**3
WHEN = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)


def ended(kind: EndingKind, **facts: Any) -> Ending:
    return Ending(kind=kind, ended_at=WHEN, **facts)


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        (ended(EndingKind.EXITED, exit_code=0), "It ended by itself, without an error."),
        (ended(EndingKind.EXITED, exit_code=1), "It ended by itself with exit code 1."),
        (ended(EndingKind.EXITED), "It ended by itself."),
        (ended(EndingKind.SIGNALLED, signal=9), "It was killed by signal 9 (SIGKILL)."),
        (ended(EndingKind.SIGNALLED, signal=11), "It was killed by signal 11 (SIGSEGV)."),
        (ended(EndingKind.SIGNALLED, signal=99), "It was killed by signal 99."),
        (ended(EndingKind.SIGNALLED), "It was killed by a signal."),
        (
            ended(EndingKind.OUT_OF_MEMORY, limit_bytes=2 * GIB, peak_bytes=int(2.1 * GIB)),
            "It used all of its 2 GiB of memory and was stopped (peak 2.1 GiB).",
        ),
        (ended(EndingKind.OUT_OF_MEMORY), "It used all of its memory and was stopped."),
        (ended(EndingKind.STOPPED, exit_code=0), "It was stopped."),
        (
            ended(EndingKind.LOST),
            "It is gone, and nothing saw how it ended: the machine may have been restarted.",
        ),
        (ended(EndingKind.FAILED_TO_START), "Its server could not be started."),
        (ended(EndingKind.TAKEN_AWAY, why="Its machine was shut down."), "Its machine was shut down."),
        (ended(EndingKind.TAKEN_AWAY), "The cluster ended it."),
        (ended(EndingKind.IDLE, why="It was stopped after 2 h without use."), "It was stopped after 2 h without use."),
        (ended(EndingKind.IDLE), "It was stopped because nobody used it."),
        (ended(EndingKind.TOO_OLD), "It was stopped because it had run for as long as it may."),
    ],
)
def test_each_ending_is_one_plain_sentence(ending: Ending, sentence: str) -> None:
    assert describe_ending(ending) == sentence


def test_every_kind_of_ending_has_a_sentence() -> None:
    assert all(describe_ending(ended(kind)).endswith(".") for kind in EndingKind)


@given(
    kind=st.sampled_from(EndingKind),
    exit_code=st.none() | st.integers(),
    signal=st.none() | st.integers(),
    peak=st.none() | st.integers(),
    lines=st.lists(st.text(max_size=20), max_size=5),
)
def test_an_ending_survives_its_file(
    kind: EndingKind, exit_code: int | None, signal: int | None, peak: int | None, lines: list[str]
) -> None:
    ending = ended(kind, exit_code=exit_code, signal=signal, peak_bytes=peak, limit_bytes=GIB, log_tail=tuple(lines))
    assert from_json(to_json(ending)) == from_json(to_json(ending).encode()) == ending


def test_the_time_is_kept_in_utc_whatever_the_clock_says() -> None:
    local = WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    text = to_json(Ending(kind=EndingKind.STOPPED, ended_at=local))
    assert json.loads(text)["ended_at"] == "2026-11-22T14:20:00+00:00"


def test_only_the_last_lines_are_kept_and_no_line_is_endless() -> None:
    lines = tail([f"line {number}" for number in range(100)] + ["x" * 10_000])
    assert len(lines) == TAIL_LINES
    assert lines[-1] == "x" * TAIL_LINE_LENGTH
    ending = ended(EndingKind.EXITED, log_tail=tuple(f"line {number}" for number in range(100)))
    read = from_json(to_json(ending))
    assert read is not None
    assert read.log_tail == tuple(f"line {number}" for number in range(60, 100))


GOOD: dict[str, Any] = {"kind": "exited", "ended_at": "2026-11-22T14:20:00+00:00"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", '"exited"', "17", "{}", b"\xff\xfe", "[" * 100_000),
        json.dumps({**GOOD, "kind": "exploded"}),
        json.dumps({**GOOD, "kind": ["exited"]}),
        json.dumps({**GOOD, "ended_at": "yesterday"}),
        json.dumps({**GOOD, "ended_at": "2026-11-22T14:20:00"}),
        json.dumps({**GOOD, "ended_at": 17}),
        json.dumps({**GOOD, "exit_code": "1"}),
        json.dumps({**GOOD, "exit_code": True}),
        json.dumps({**GOOD, "peak_bytes": 1.5}),
        json.dumps({**GOOD, "log_tail": "line"}),
        json.dumps({**GOOD, "log_tail": [1]}),
    ],
)
def test_what_is_no_ending_is_none(text: str | bytes) -> None:
    assert from_json(text) is None


def test_an_ending_of_a_later_version_is_read_as_far_as_we_know_it() -> None:
    assert from_json(json.dumps({**GOOD, "cause": "a later version knows"})) == ended(EndingKind.EXITED)
