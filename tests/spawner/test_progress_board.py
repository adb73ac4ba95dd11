"""Whoever waits for a start hears each change at once and each second, and hears the end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from spawner.progress import Phase, PhaseState, StartProgress
from spawner.progress_board import ProgressBoard

pytestmark = pytest.mark.looptime


async def test_first_event_comes_at_once() -> None:
    board = ProgressBoard(StartProgress())
    async with aclosing(board.events()) as events:
        assert (await anext(events))["progress"] == 0
    assert asyncio.get_running_loop().time() == 0


async def test_change_is_told_at_once_and_silence_each_second() -> None:
    board = ProgressBoard(StartProgress.expecting({Phase.SOFTWARE: 10.0}))
    loop = asyncio.get_running_loop()
    loop.call_later(2.5, board.begin, Phase.ROOM)
    told = []
    async with aclosing(board.events()) as events:
        for _ in range(5):
            await anext(events)
            told.append(loop.time())
    assert told == [0, 1, 2, 2.5, 3.5]


async def test_everybody_hears_the_end() -> None:
    board = ProgressBoard(StartProgress())

    async def listen() -> list[dict[str, Any]]:
        return [event async for event in board.events()]

    listeners = [asyncio.ensure_future(listen()) for _ in range(2)]
    await asyncio.sleep(0.5)
    for phase in Phase:
        with board.phase(phase):
            await asyncio.sleep(0.1)
    for heard in await asyncio.gather(*listeners):
        assert heard[-1]["progress"] == 100


async def test_phase_that_raises_has_failed_and_ends_the_events() -> None:
    board = ProgressBoard(StartProgress())
    with pytest.raises(ValueError, match="no room"), board.phase(Phase.ROOM):
        raise ValueError("no room")
    assert board.progress.of(Phase.ROOM).state is PhaseState.FAILED
    events = [event async for event in board.events()]
    assert len(events) == 1


async def test_better_estimate_of_what_is_left_is_kept() -> None:
    board = ProgressBoard(StartProgress())
    board.begin(Phase.SOFTWARE)
    await asyncio.sleep(3)
    board.detail(Phase.SOFTWARE, "Installing", seconds_left=7)
    software = board.progress.of(Phase.SOFTWARE)
    assert (software.detail, software.expected_seconds) == ("Installing", 10)


async def test_what_was_printed_stands_behind_the_details_and_stays() -> None:
    board = ProgressBoard(StartProgress())
    board.detail(Phase.SOFTWARE, "Installing", printed=["uv said hello"])
    board.detail(Phase.SOFTWARE, "Compiling")
    assert board.progress.log == ("uv said hello",)
