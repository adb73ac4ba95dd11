"""Every start is counted once, when it is ready or has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from spawner.chosen_workspace import ChosenWorkspace
from spawner.claim_rules import Miss
from spawner.errors import StartStopped
from spawner.meter import EndedStart, NoMeter
from spawner.progress import Phase
from studiolo.choice import Choice

SMALL = {"environment": "python", "hardware": "small"}

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


class FakeMeter:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.starts: list[EndedStart] = []

    def start_ended(self, start: EndedStart) -> None:
        self.starts.append(start)

    def stop_retried(self) -> None:
        raise AssertionError("nothing was stopped twice")

    def orphans_ended(self, count: int) -> None:
        raise AssertionError("there were none")

    def claim_ended(self, miss: Miss | None, seconds: float | None) -> None:
        raise AssertionError("there are no warm pods")


@pytest.fixture
def meter(hub: Any) -> Iterator[FakeMeter]:
    """What the spawners of `hub` count with."""
    ChosenWorkspace.meter = FakeMeter()
    yield ChosenWorkspace.meter
    ChosenWorkspace.meter = NoMeter()


async def test_a_start_that_is_ready_is_counted_with_all_its_phases(hub: Any, meter: FakeMeter) -> None:
    await hub.start(SMALL)
    (start,) = meter.starts
    assert start.outcome == "ready"
    assert start.choice == Choice(environment="python", hardware="small")
    assert set(start.phases) == set(Phase)
    assert 0 < sum(start.phases.values()) <= start.seconds + 0.1


async def test_a_refusal_is_counted_and_not_with_the_phases_of_the_start_before(hub: Any, meter: FakeMeter) -> None:
    spawner = await hub.start(SMALL)
    await spawner.user.stop(spawner.name)
    await hub.fails({"environment": "python", "hardware": "cray"})
    assert [(start.outcome, dict(start.phases)) for start in meter.starts[1:]] == [("options_invalid", {})]


async def test_a_start_that_is_stopped_is_counted_once(hub: Any, meter: FakeMeter) -> None:
    spawner = hub.user.get_or_create_spawner("", "")
    spawner.apply_user_options(spawner, SMALL)
    start = asyncio.create_task(spawner._run_start(lambda _: asyncio.Event().wait()))
    await asyncio.sleep(0)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    assert isinstance(spawner.failure, StartStopped)
    assert [start.outcome for start in meter.starts] == ["start_stopped"]
