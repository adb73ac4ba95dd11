"""Background work goes on for ever, whatever happens in it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

import pytest

from hub.keep_running import keep_running


async def runs_within(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(keep_running("The work", work, log=logging.getLogger("test")))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.looptime
async def test_work_that_fails_starts_again_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    began: list[float] = []

    async def fails() -> None:
        began.append(asyncio.get_running_loop().time())
        raise LookupError("a fault")

    await runs_within(300, fails)
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(began)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert "a fault" in caplog.text


@pytest.mark.looptime
async def test_a_fault_after_a_long_time_is_a_new_fault(caplog: pytest.LogCaptureFixture) -> None:
    began: list[float] = []

    async def fails_after_an_hour() -> None:
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(3600)
        raise LookupError("a fault")

    await runs_within(4 * 3600, fails_after_an_hour)
    assert [round(later - earlier) for earlier, later in itertools.pairwise(began)] == [3601, 3601, 3601]


@pytest.mark.looptime
async def test_work_that_ends_is_called_a_bug_and_starts_again(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []

    async def ends() -> None:
        runs.append(1)

    await runs_within(2, ends)
    assert len(runs) == 2
    assert "which is a bug" in caplog.text


@pytest.mark.looptime
async def test_cancelling_ends_it() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_running("The work", waits, log=logging.getLogger("test")))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
