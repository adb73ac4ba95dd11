"""Nobody waits for a driver: the last look is the answer, and the next one happens beside."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from spawner.gpu_watch import WatchedGpus
from spawner.gpus import GpuInfo, SimulatedGpus

ALL_CARDS = 2


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spawner.gpu_watch.LOOK_EVERY_SECONDS", 0)


class Driver(SimulatedGpus):
    """Tells of each look after the first one, which is then answered by what the test says."""

    def __init__(self, answer: Callable[[tuple[GpuInfo, ...]], tuple[GpuInfo, ...]]) -> None:
        super().__init__(ALL_CARDS)
        self._answer = answer
        self._loop: asyncio.AbstractEventLoop | None = None
        self.looks = asyncio.Semaphore(0)

    def gpus(self) -> tuple[GpuInfo, ...]:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            return super().gpus()
        self._loop.call_soon_threadsafe(self.looks.release)
        return self._answer(super().gpus())


@contextlib.asynccontextmanager
async def watching(gpus: WatchedGpus) -> AsyncIterator[None]:
    task = asyncio.create_task(gpus.watch())
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_first_answer_is_there_from_the_beginning() -> None:
    assert len(WatchedGpus(SimulatedGpus(ALL_CARDS)).gpus()) == ALL_CARDS


async def test_a_card_that_is_lost_is_seen_at_the_next_look() -> None:
    driver = Driver(lambda cards: cards[:1])
    gpus = WatchedGpus(driver)
    async with watching(gpus):
        await driver.looks.acquire()
        await driver.looks.acquire()  # the second look begins once the first is kept
        assert len(gpus.gpus()) == 1


async def test_a_driver_that_hangs_holds_up_nobody() -> None:
    word = threading.Event()

    def hang(cards: tuple[GpuInfo, ...]) -> tuple[GpuInfo, ...]:
        word.wait(30)
        return cards[:1]

    driver = Driver(hang)
    gpus = WatchedGpus(driver)
    async with watching(gpus):
        await driver.looks.acquire()
        assert len(gpus.gpus()) == ALL_CARDS
        word.set()
