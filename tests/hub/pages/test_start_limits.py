"""Why a start did not even begin, in words that are true."""

from __future__ import annotations

from hub.pages.start_limits import too_many_starts


def test_the_start_after_a_hundred_others_is_told_what_goes_on_and_when_to_come_back() -> None:
    told = too_many_starts(40)
    assert "start at this moment" in told
    assert "nothing was started" in told
    assert told.endswith("Try again in 40 s.")


def test_where_too_many_run_nobody_is_sent_away_for_seconds() -> None:
    assert too_many_starts(None).startswith("As many workspaces run as this installation allows")
