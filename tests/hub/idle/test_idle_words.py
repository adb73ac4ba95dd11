"""How a stop is told, before and after, and which limits a hardware sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.idle.clock import TwoClocks
from hub.idle.limits import limits_of, report_every
from hub.idle.rules import Why
from hub.idle.settings import IdleSettings
from hub.idle.words import describe_limits, describe_notice
from hub.pages.cards import hardware_card
from studiolo.catalog import Catalog

NOW = datetime(2026, 11, 22, 13, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("why", "left", "timezone", "words"),
    [
        (Why.IDLE, 12 * MINUTE, "Europe/Rome", "stops at 14:20 (in 12 min) unless it is used"),
        (Why.IDLE, 12 * MINUTE, "UTC", "stops at 13:20 (in 12 min) unless it is used"),
        (Why.IDLE, 12 * MINUTE, "Europe/Nowhere", "stops at 13:20 (in 12 min) unless it is used"),
        (Why.IDLE, timedelta(seconds=20), "UTC", "stops at 13:08 (in 1 min) unless it is used"),
        (Why.IDLE, timedelta(0), "UTC", "stops any moment now unless it is used"),
        (Why.TOO_OLD, 65 * MINUTE, "UTC", "stops at 14:13 (in 1 h 5 min): 2 h is the longest it may run"),
        (Why.TOO_OLD, -MINUTE, "UTC", "stops any moment now: 2 h is the longest it may run"),
    ],
)
def test_a_notice_says_when_and_how_to_keep_the_workspace(why: Why, left: timedelta, timezone: str, words: str) -> None:
    assert describe_notice(why, 2 * HOUR, NOW + left, now=NOW, timezone=timezone) == words


@pytest.mark.parametrize(
    ("usual", "words"),
    [
        ({}, ""),
        ({"stopAfter": "2h"}, "stopped after 2 h without use"),
        ({"maxAge": "12h"}, "stopped 12 h after its start"),
        ({"stopAfter": "2h", "maxAge": "24h"}, "stopped after 2 h without use, and 1 d after its start"),
    ],
)
def test_before_a_start_the_card_says_how_long_it_lasts(
    usual: dict[str, str], words: str, sample_catalog: Catalog
) -> None:
    hardware = sample_catalog.hardware[0]
    limits = limits_of(hardware, IdleSettings.model_validate(usual))
    assert describe_limits(limits) == words
    card = hardware_card(hardware, None, currency="EUR", is_selected=False, lasts=words)
    assert card.notes == ((words,) if words else ())


@pytest.mark.parametrize(
    ("own", "usual", "limit"),
    [
        pytest.param(None, None, None, id="nobody says anything"),
        pytest.param(None, "2h", 2 * HOUR, id="as the settings say"),
        pytest.param(HOUR, "2h", HOUR, id="as the hardware says"),
        pytest.param(3 * HOUR, None, 3 * HOUR, id="only the hardware says something"),
        pytest.param("never", "2h", None, id="never"),
    ],
)
def test_what_the_hardware_says_comes_before_the_settings(
    own: Any, usual: str | None, limit: timedelta | None, sample_catalog: Catalog
) -> None:
    settings = IdleSettings.model_validate({"stopAfter": usual, "maxAge": usual})
    hardware = sample_catalog.hardware[0].model_copy(update={"stop_after": own, "max_age": own})
    limits = limits_of(hardware, settings)
    assert (limits.stop_after, limits.max_age) == (limit, limit)
    gone = limits_of(None, settings)
    assert (gone.stop_after, gone.max_age) == (None, None)


@pytest.mark.parametrize(("notice", "seconds"), [("15m", 300), ("24h", 300), ("3m", 60), ("3s", 1), ("1s", 1)])
def test_servers_report_several_times_while_a_notice_is_up(notice: str, seconds: int) -> None:
    settings = IdleSettings.model_validate({"noticeBefore": notice})
    assert report_every(settings) == timedelta(seconds=seconds)
    assert limits_of(None, settings).heard_within > 3 * report_every(settings)


@pytest.mark.parametrize("key", ["stopAfter", "maxAge", "noticeBefore", "extendBy", "checkEvery"])
def test_no_time_at_all_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="greater than"):
        IdleSettings.model_validate({key: "0s"})


def test_a_clock_that_runs_evenly_is_trusted() -> None:
    seconds = iter([0.0, 60.0, 121.0])
    wall = iter([NOW, NOW + MINUTE, NOW + 2 * MINUTE])
    clocks = TwoClocks(longest_pause=5 * MINUTE, wall=lambda: next(wall), steady=lambda: next(seconds))
    for _ in range(2):
        step = clocks.look()
        assert not step.has_jumped
        assert not step.has_paused
    assert clocks.trusted_since is None
    assert clocks.on_this_clock(NOW) == NOW


def test_what_was_written_before_a_jump_moves_along_and_what_came_after_stays() -> None:
    seconds = iter([0.0, 60.0])
    wall = iter([NOW, NOW + 3 * HOUR + MINUTE])
    clocks = TwoClocks(longest_pause=5 * MINUTE, wall=lambda: next(wall), steady=lambda: next(seconds))
    assert clocks.look().has_jumped
    assert clocks.trusted_since == NOW + 3 * HOUR + MINUTE
    assert clocks.on_this_clock(NOW - HOUR) == NOW + 2 * HOUR
    assert clocks.on_this_clock(NOW + 4 * HOUR) == NOW + 4 * HOUR


def test_a_look_that_comes_late_is_noticed() -> None:
    seconds = iter([0.0, 301.0])
    wall = iter([NOW, NOW + timedelta(seconds=301)])
    clocks = TwoClocks(longest_pause=5 * MINUTE, wall=lambda: next(wall), steady=lambda: next(seconds))
    step = clocks.look()
    assert step.has_paused
    assert not step.has_jumped
