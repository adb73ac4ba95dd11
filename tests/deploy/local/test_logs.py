"""Logs are kept within bounds, and their last lines are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.local.processes import bound_log, how_it_ended, log_tail

if TYPE_CHECKING:
    from pathlib import Path


def test_a_log_within_its_bounds_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("one\ntwo\n")
    bound_log(log, max_bytes=100)
    assert log.read_text() == "one\ntwo\n"


def test_a_log_beyond_its_bounds_is_emptied_and_its_end_is_kept_in_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    bound_log(log, max_bytes=20)
    assert log.read_text() == ""
    assert (tmp_path / "hub.log.1").read_text() == "line 98\nline 99\n"


def test_a_process_that_has_the_log_open_goes_on_writing_at_its_start(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    with log.open("ab", buffering=0) as written:
        written.write(b"x" * 50 + b"\n")
        bound_log(log, max_bytes=20)
        written.write(b"next\n")
    assert log.read_text() == "next\n"


def test_a_log_that_does_not_exist_has_no_lines(tmp_path: Path) -> None:
    bound_log(tmp_path / "missing")
    assert log_tail(tmp_path / "missing") == ()


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_bytes(b"one\n\xff\ntwo\nthree\n")
    assert log_tail(log, lines=2) == ("two", "three")


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed (SIGKILL)"),
        (-99, "was killed (signal 99)"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(returncode: int, words: str) -> None:
    assert how_it_ended(returncode) == words
