"""What homes hold is measured aside, remembered, and holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from hub.homes.measurements import AT_ONCE, FRESH_SECONDS, Measurements
from spawner.homes import HomeUsage

PATIENCE_SECONDS = 60.0


@dataclass
class Disk:
    """Counts how often it is looked at; may be held, or take long by the clock of the test."""

    now: float = 1000.0
    takes_seconds: float = 0.0
    looked_at: list[str] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    is_gone: bool = False

    def measure(self, home: str, seconds: float) -> HomeUsage:
        self.looked_at.append(home)
        assert self.free.wait(PATIENCE_SECONDS)
        if self.is_gone:
            raise OSError("gone")
        self.now += self.takes_seconds
        return HomeUsage(used_bytes=len(self.looked_at), is_whole=seconds > self.takes_seconds)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def disk() -> Disk:
    disk = Disk()
    disk.free.set()
    return disk


@pytest.fixture
def measurements(disk: Disk) -> Measurements:
    return Measurements(disk.measure, clock=disk.clock)


async def test_a_fresh_measurement_is_good_enough(disk: Disk, measurements: Measurements) -> None:
    first = await measurements.of("alice")
    assert await measurements.of("alice") == first
    disk.now += FRESH_SECONDS
    assert (await measurements.of("alice")).used_bytes == 2
    measurements.close()


async def test_a_large_home_is_looked_at_seldom(disk: Disk, measurements: Measurements) -> None:
    disk.takes_seconds = 15.0
    await measurements.of("alice")
    disk.now += 149.0
    await measurements.of("alice")
    assert len(disk.looked_at) == 1
    disk.now += 2.0
    await measurements.of("alice")
    assert len(disk.looked_at) == 2
    measurements.close()


async def test_many_who_ask_at_once_share_one_look(disk: Disk, measurements: Measurements) -> None:
    await asyncio.gather(*(measurements.of("alice") for _ in range(20)))
    assert disk.looked_at == ["alice"]
    measurements.close()


async def test_who_does_not_wait_finds_it_the_next_time(disk: Disk, measurements: Measurements) -> None:
    disk.free.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(measurements.of("alice"), 0.05)
    disk.free.set()
    assert (await measurements.of("alice")).used_bytes == 1
    measurements.close()


async def test_disks_that_hang_hold_few_threads(disk: Disk, measurements: Measurements) -> None:
    disk.free.clear()
    asking = [asyncio.create_task(measurements.of(f"user-{number}")) for number in range(10)]
    await asyncio.sleep(0)
    assert len(disk.looked_at) <= AT_ONCE
    disk.free.set()
    await asyncio.gather(*asking)
    measurements.close()


async def test_a_home_that_is_gone_is_not_remembered(disk: Disk, measurements: Measurements) -> None:
    await measurements.of("alice")
    disk.now += FRESH_SECONDS
    disk.is_gone = True
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await measurements.of("alice")
    assert len(disk.looked_at) == 3
    measurements.close()
