"""One thing that happened is one line, whatever somebody typed; and it says when, how grave and whose it is."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.logs.lines import MOST_CHARACTERS, log_formatter
from tests.hub.logs.log_lines import written

LOG = logging.getLogger("tests.lines")
LOG.propagate = False

LINE_ENDS = ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
FORGED = '{"level": "critical", "logger": "hub", "message": "forged", "time": "2026-01-01T00:00:00Z"}'
HOSTILE = st.one_of(
    st.text(),
    st.lists(st.one_of(st.text(), st.sampled_from([*LINE_ENDS, FORGED, '"', "\\", "}", "\x1b[2J", "\ud800"]))).map(
        "".join
    ),
)


def fail(text: str) -> None:
    raise ValueError(text)


@settings(deadline=None)
@given(HOSTILE)
def test_no_text_forges_a_line_of_json(text: str) -> None:
    with written("tests.lines") as log:
        LOG.warning("%s could not sign in", text)
    (line,) = log.objects
    assert line["level"] == "warning"
    assert line["logger"] == "tests.lines"
    assert line["message"].endswith(" could not sign in")


@settings(deadline=None)
@given(HOSTILE)
def test_no_text_of_an_exception_forges_a_line_of_json(text: str) -> None:
    with written("tests.lines") as log:
        try:
            fail(text)
        except ValueError:
            LOG.exception("failed")
    (line,) = log.objects
    assert line["message"] == "failed"
    assert line["exception"].startswith("Traceback (most recent call last):")


@settings(deadline=None)
@given(HOSTILE)
def test_in_text_only_the_first_line_begins_at_the_margin(text: str) -> None:
    with written("tests.lines", kind="text") as log:
        try:
            fail(text)
        except ValueError:
            LOG.exception("%s", text)
    first, *rest = log.text.splitlines()
    assert first.startswith("[E 20")
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in log.text


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_forged_line_stays_a_part_of_its_own(end: str) -> None:
    with written("tests.lines") as log:
        LOG.warning("user %s", f"x{end}{FORGED}")
    assert [line["logger"] for line in log.objects] == ["tests.lines"]


def test_a_line_says_when_how_grave_whose_and_what() -> None:
    with written("tests.lines") as log:
        LOG.info("It is %d", 7, extra={"reference": "7F3KQ", "password": "not one of the fields"})
    (line,) = log.objects
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {"level": "info", "logger": "tests.lines", "message": "It is 7", "reference": "7F3KQ"}


def test_a_reference_is_shown_in_text_once() -> None:
    with written("tests.lines", kind="text") as log:
        LOG.error("failed (ref 7F3KQ)", extra={"reference": "7F3KQ"})
        LOG.error("failed", extra={"reference": "7F3KQ"})
    assert [line.split("] ")[1] for line in log.text.splitlines()] == ["failed (ref 7F3KQ)", "failed ref=7F3KQ"]


def test_words_that_do_not_fit_their_values_are_a_line_all_the_same() -> None:
    # Not by a logger: pytest's own handler fails at it.
    record = logging.LogRecord("tests.lines", logging.INFO, "", 0, "Initialized %i in %.3f s", (None, 0.25), None)
    line = json.loads(log_formatter("json").format(record))
    assert line["message"] == "Initialized %i in %.3f s (None, 0.25)"


def test_a_very_long_text_is_cut_and_says_so() -> None:
    with written("tests.lines") as log:
        LOG.info("x" * 10 * MOST_CHARACTERS)
    (line,) = log.objects
    assert len(json.dumps(line)) < 2 * MOST_CHARACTERS
    assert "more characters" in line["message"]


def test_a_secret_in_a_traceback_is_hidden_too() -> None:
    with written("tests.lines") as log:
        try:
            fail("GET /hub/oauth_callback?code=opensesame&state=x")
        except ValueError:
            LOG.exception("failed")
    assert "opensesame" not in log.text
