"""When a workspace is stopped for being unused or old: after a notice of full length, and never without evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.idle.rules import Facts, Limits, Stay, Stop, Warn, Why, decide, likely_end, may_extend, notices

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LIMITS = Limits(
    stop_after=2 * HOUR,
    max_age=24 * HOUR,
    notice_before=15 * MINUTE,
    extend_by=HOUR,
    most_extensions=2,
    heard_within=16 * MINUTE,
)


def unused(since: timedelta, **facts: Any) -> Facts:
    """Started six hours ago, last used so long ago, and its server said so just now."""
    known: dict[str, Any] = {"started": NOW - 6 * HOUR, "last_activity": NOW - since, "heard": NOW - MINUTE}
    return Facts(is_ready=True, **{**known, **facts})


def noticed(ago: timedelta, why: Why = Why.IDLE) -> dict[str, Any]:
    return {"noticed": {why: NOW - ago}}


IDLE: dict[str, Any] = {"why": Why.IDLE, "limit": 2 * HOUR}
OLD: dict[str, Any] = {"why": Why.TOO_OLD, "limit": 24 * HOUR}
SINCE_YESTERDAY = {"started": NOW - 23 * HOUR - 50 * MINUTE}


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        pytest.param(unused(MINUTE), Stay(), id="in use"),
        pytest.param(unused(104 * MINUTE), Stay(), id="not long enough for a notice"),
        pytest.param(unused(105 * MINUTE), Warn(at=NOW + 15 * MINUTE, **IDLE), id="a notice"),
        pytest.param(
            unused(115 * MINUTE, **noticed(10 * MINUTE)), Warn(at=NOW + 5 * MINUTE, **IDLE), id="a notice that is up"
        ),
        pytest.param(
            unused(9 * HOUR), Warn(at=NOW + 15 * MINUTE, **IDLE), id="long overdue, and nobody was told: a whole notice"
        ),
        pytest.param(unused(2 * HOUR, **noticed(15 * MINUTE)), Stop(**IDLE), id="its time has come"),
        pytest.param(unused(MINUTE, **noticed(HOUR)), Stay(), id="used again"),
        pytest.param(unused(9 * HOUR, heard=None, **noticed(HOUR)), Stay(), id="never heard of"),
        pytest.param(unused(9 * HOUR, heard=NOW - 17 * MINUTE, **noticed(HOUR)), Stay(), id="not heard of any more"),
        pytest.param(unused(9 * HOUR, heard=NOW + HOUR, **noticed(HOUR)), Stay(), id="heard in the future"),
        pytest.param(unused(9 * HOUR, last_activity=None, **noticed(HOUR)), Stay(), id="never used, says nobody"),
        pytest.param(unused(-HOUR, **noticed(HOUR)), Stay(), id="used in the future: a clock is wrong"),
        pytest.param(
            unused(2 * HOUR, heard=NOW - 16 * MINUTE, **noticed(15 * MINUTE)),
            Warn(at=NOW, **IDLE),
            id="not confirmed since the notice",
        ),
        pytest.param(unused(9 * HOUR, started=NOW - HOUR), Stay(), id="started since: its last use was another life"),
        pytest.param(unused(9 * HOUR, trusted_since=NOW - HOUR), Stay(), id="the clock was set since"),
        pytest.param(unused(9 * HOUR, extended_until=NOW + HOUR, **noticed(HOUR)), Stay(), id="extended"),
        pytest.param(
            unused(9 * HOUR, extended_until=NOW + 5 * MINUTE, **noticed(10 * MINUTE)),
            Warn(at=NOW + 5 * MINUTE, **IDLE),
            id="extended, and nearly over again",
        ),
        pytest.param(replace(unused(9 * HOUR, **noticed(HOUR)), is_ready=False), Stay(), id="starts or stops already"),
        pytest.param(
            unused(MINUTE, **SINCE_YESTERDAY), Warn(at=NOW + 15 * MINUTE, **OLD), id="in use, and soon too old"
        ),
        pytest.param(
            unused(MINUTE, started=NOW - 24 * HOUR, **noticed(15 * MINUTE, Why.TOO_OLD)), Stop(**OLD), id="too old"
        ),
        pytest.param(
            unused(MINUTE, started=NOW - 24 * HOUR, heard=None, **noticed(15 * MINUTE, Why.TOO_OLD)),
            Stop(**OLD),
            id="too old, whatever its server says",
        ),
        pytest.param(
            unused(MINUTE, started=NOW - 24 * HOUR, **noticed(14 * MINUTE, Why.TOO_OLD)),
            Warn(at=NOW + MINUTE, **OLD),
            id="too old, but told so only lately",
        ),
        pytest.param(unused(MINUTE, started=None), Stay(), id="nobody knows how old"),
        pytest.param(unused(MINUTE, started=NOW + HOUR), Stay(), id="started in the future: a clock is wrong"),
        pytest.param(
            unused(110 * MINUTE, **SINCE_YESTERDAY, **noticed(5 * MINUTE)),
            Warn(at=NOW + 10 * MINUTE, **IDLE),
            id="unused and old: what comes first",
        ),
    ],
)
def test_each_workspace_gets_its_decision(facts: Facts, decision: object) -> None:
    assert decide(facts, LIMITS, now=NOW) == decision


def test_without_limits_nothing_is_ever_stopped() -> None:
    limits = replace(LIMITS, stop_after=None, max_age=None)
    assert decide(unused(900 * HOUR, started=NOW - 999 * HOUR, **noticed(HOUR)), limits, now=NOW) == Stay()


def test_a_notice_is_never_longer_than_half_of_its_limit() -> None:
    limits = replace(LIMITS, stop_after=10 * MINUTE, max_age=None)
    assert decide(unused(4 * MINUTE), limits, now=NOW) == Stay()
    assert decide(unused(5 * MINUTE), limits, now=NOW) == Warn(why=Why.IDLE, limit=10 * MINUTE, at=NOW + 5 * MINUTE)


@pytest.mark.parametrize(
    ("facts", "may"),
    [
        pytest.param(unused(MINUTE), False, id="nothing to extend"),
        pytest.param(unused(110 * MINUTE), True, id="a notice"),
        pytest.param(unused(110 * MINUTE, extensions=1), True, id="once more"),
        pytest.param(unused(110 * MINUTE, extensions=2), False, id="often enough"),
        pytest.param(unused(2 * HOUR, **noticed(15 * MINUTE)), False, id="too late"),
    ],
)
def test_extensions_are_bounded_and_only_for_what_would_be_stopped(facts: Facts, *, may: bool) -> None:
    assert may_extend(facts, LIMITS, now=NOW) is may


lengths = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - with the next argument they have one
limits_of_all_kinds = st.builds(
    Limits,
    stop_after=st.none() | lengths,
    max_age=st.none() | lengths,
    notice_before=lengths,
    extend_by=lengths,
    most_extensions=st.integers(0, 3),
    heard_within=lengths,
)
facts_of_all_kinds = st.builds(
    Facts,
    is_ready=st.booleans(),
    started=st.none() | moments,
    last_activity=st.none() | moments,
    heard=st.none() | moments,
    trusted_since=st.none() | moments,
    extended_until=st.none() | moments,
    extensions=st.integers(0, 4),
    noticed=st.dictionaries(st.sampled_from(Why), moments),
)


@given(facts=facts_of_all_kinds, limits=limits_of_all_kinds, now=moments)
def test_nobody_is_stopped_without_a_notice_of_full_length(facts: Facts, limits: Limits, now: datetime) -> None:
    decision = decide(facts, limits, now=now)
    if isinstance(decision, Stop):
        assert now - facts.noticed[decision.why] >= limits.notice(decision.limit)
        assert facts.extended_until is None or facts.extended_until <= now


@given(facts=facts_of_all_kinds, limits=limits_of_all_kinds, now=moments)
def test_without_a_fresh_report_nobody_is_stopped_for_being_unused(facts: Facts, limits: Limits, now: datetime) -> None:
    decision = decide(facts, limits, now=now)
    if isinstance(decision, Stop) and decision.why is Why.IDLE:
        assert facts.heard is not None
        assert facts.last_activity is not None
        assert facts.noticed[Why.IDLE] <= facts.heard <= now
        assert now - facts.heard <= limits.heard_within
        assert now - facts.last_activity >= decision.limit
    for unknown in (replace(facts, heard=None), replace(facts, last_activity=None)):
        blind = decide(unknown, replace(limits, max_age=None), now=now)
        assert blind == Stay()


@given(facts=facts_of_all_kinds, limits=limits_of_all_kinds, now=moments)
def test_whoever_is_used_now_is_not_stopped_for_being_unused(facts: Facts, limits: Limits, now: datetime) -> None:
    used = replace(facts, last_activity=now)
    assert [notice for notice in notices(used, limits, now=now) if notice.why is Why.IDLE and notice.at <= now] == []


@given(facts=facts_of_all_kinds, limits=limits_of_all_kinds, now=moments)
def test_a_notice_that_is_up_keeps_its_moment(facts: Facts, limits: Limits, now: datetime) -> None:
    for notice in notices(facts, limits, now=now):
        told = replace(facts, noticed={**facts.noticed, notice.why: facts.noticed.get(notice.why, now)})
        later = next((again for again in notices(told, limits, now=now) if again.why is notice.why), None)
        assert later == notice


@pytest.mark.parametrize(
    ("facts", "limits", "end"),
    [
        pytest.param(unused(MINUTE), LIMITS, NOW + 18 * HOUR, id="in use: by its age"),
        pytest.param(
            unused(30 * MINUTE), LIMITS, NOW + 90 * MINUTE, id="left: once it has been unused for long enough"
        ),
        pytest.param(unused(MINUTE), replace(LIMITS, max_age=None), None, id="in use, and may last for ever"),
        pytest.param(
            unused(30 * MINUTE, extended_until=NOW + 5 * HOUR), LIMITS, NOW + 5 * HOUR, id="not before it was promised"
        ),
        pytest.param(replace(unused(HOUR), is_ready=False), LIMITS, None, id="still starting"),
    ],
)
def test_a_forecast_rests_on_when_a_workspace_likely_ends(facts: Facts, limits: Limits, end: datetime | None) -> None:
    assert likely_end(facts, limits, now=NOW) == end
