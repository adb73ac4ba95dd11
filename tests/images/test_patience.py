"""A server waits for its hub, and tells it of activity, whatever happens to the hub: by a clock that the tests own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workspace_server.activity import body, keep_reporting, latest_activity
from workspace_server.startup import Startup, once_settled
from workspace_server.waiting import first_answer

SEEN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
NOW = SEEN + timedelta(hours=2)


@pytest.mark.looptime
async def test_f5_a_server_waits_for_the_hub_for_as_long_as_it_takes_and_asks_ever_more_seldom() -> None:
    asked: list[float] = []

    async def ask() -> str:
        asked.append(asyncio.get_running_loop().time())
        if asked[-1] < 20 * 60:
            raise ConnectionRefusedError
        return "6.1.1"

    assert await first_answer(ask, say=lambda _: None) == "6.1.1"
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[0] < 2
    assert 24 <= min(pauses[10:]) <= max(pauses) <= 36


@pytest.mark.looptime
async def test_a_server_talks_to_the_hub_when_the_starts_of_the_same_moment_are_over() -> None:
    class Settled(Startup):
        async def settled(self) -> None:
            pass

    talked: list[float] = []

    async def talk(_: object) -> None:
        talked.append(asyncio.get_running_loop().time())

    begun = asyncio.get_running_loop().time()
    await once_settled(Settled(), talk)(object())
    assert talked[0] - begun >= 2


@pytest.mark.parametrize(
    ("kernels", "expected"),
    [
        ([], SEEN),
        ([{"execution_state": "idle"}], SEEN),
        ([{"execution_state": "idle"}, {"execution_state": "busy"}], NOW),
        ([{"execution_state": "starting"}], SEEN),
        ([{}], SEEN),
    ],
    ids=["no kernel", "idle", "one of two is busy", "starting", "unknown"],
)
def test_a_kernel_that_computes_is_activity_of_this_moment(kernels: list[dict[str, Any]], expected: datetime) -> None:
    assert latest_activity(SEEN, kernels, now=NOW) == expected


def test_a_time_without_a_zone_is_utc() -> None:
    assert latest_activity(SEEN.replace(tzinfo=None), [], now=NOW) == SEEN


def test_the_report_names_the_server() -> None:
    at = "2026-03-01T10:00:00Z"
    assert body("second", SEEN) == {"servers": {"second": {"last_activity": at}}, "last_activity": at}


async def reports_within(seconds: float, report: Callable[[], Awaitable[None]]) -> list[str]:
    said: list[str] = []
    task = asyncio.create_task(keep_reporting(report, interval=300, say=said.append))
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return said


@pytest.mark.looptime
async def test_activity_is_told_every_five_minutes() -> None:
    told: list[float] = []

    async def report() -> None:
        told.append(asyncio.get_running_loop().time())

    assert await reports_within(3600, report) == []
    assert 11 <= len(told) <= 14


@pytest.mark.looptime
async def test_a_report_that_fails_is_tried_again_soon_and_ends_nothing() -> None:
    told: list[float] = []

    async def report() -> None:
        told.append(asyncio.get_running_loop().time())
        if told[-1] < 20 * 60:
            raise ConnectionRefusedError("nobody there")

    said = await reports_within(3600, report)
    assert told[1] - told[0] < 6
    assert max(later - earlier for earlier, later in itertools.pairwise(told)) <= 330
    assert len(said) == 2, "once that it failed, once that it went well again"
    assert "nobody there" in said[0]
