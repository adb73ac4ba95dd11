"""The loop over idle and age: notices, stops and extensions as time goes by, in a hub that may be away or wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.idle.clock import TwoClocks
from hub.idle.errors import CannotExtend, NothingKnown
from hub.idle.loop import STOPS_AT_ONCE, IdleLoop
from hub.idle.rules import Why
from hub.idle.settings import IdleSettings
from hub.idle.workspaces import Running
from hub.workspace_rows import WorkspaceRow
from spawner.ending import EndingKind
from spawner.lasting import StopReason
from studiolo.catalog import Catalog

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
IRIS = WorkspaceRow(user="ada", server="iris")
OTHER = WorkspaceRow(user="ada", server="")
SETTINGS = IdleSettings.model_validate({"stopAfter": "2h", "maxAge": "24h"})


@dataclass
class FakeWorkspaces:
    """A hub whose workspaces run until they are stopped, and say again and again when they were used."""

    running_now: dict[WorkspaceRow, Running] = field(default_factory=dict)
    stopped: dict[WorkspaceRow, tuple[StopReason, datetime]] = field(default_factory=dict)
    is_away: bool = False
    proxy_is_away: bool = False
    refreshed: Callable[[], None] = lambda: None
    now: Callable[[], datetime] = lambda: NOON
    saving: Callable[[WorkspaceRow], Awaitable[object]] | None = None

    def running(self) -> tuple[Running, ...]:
        if self.is_away:
            raise NothingKnown("away")
        return tuple(self.running_now.values())

    async def refresh(self) -> None:
        if self.proxy_is_away:
            raise NothingKnown("away")
        self.refreshed()

    def extend(self, row: WorkspaceRow, until: datetime) -> Running:
        seen = self.running_now[row]
        self.running_now[row] = replace(seen, extensions=seen.extensions + 1, extended_until=until)
        return self.running_now[row]

    async def stop(self, row: WorkspaceRow, reason: StopReason, *, is_still_meant: Callable[[Running], bool]) -> bool:
        if not is_still_meant(self.running_now[row]):
            return False
        self.running_now[row] = replace(self.running_now[row], is_ready=False)
        if self.saving is not None:
            await self.saving(row)
        del self.running_now[row]
        self.stopped[row] = (reason, self.now())
        return True

    def start(self, row: WorkspaceRow = IRIS) -> None:
        now = self.now()
        self.running_now[row] = Running(row=row, hardware="small", is_ready=True, started=now, last_activity=now)

    def use(self, row: WorkspaceRow = IRIS) -> None:
        self.running_now[row] = replace(self.running_now[row], last_activity=self.now())


class Hub:
    """A hub at work in virtual time, its servers reporting every five minutes."""

    def __init__(self, catalog: Catalog, settings: IdleSettings = SETTINGS) -> None:
        self.catalog = catalog
        self.settings = settings
        self.workspaces = FakeWorkspaces(now=self.wall)
        self.set_forward = timedelta(0)
        self.counted: list[Why] = []
        self.servers_are_silent = False
        self.tasks: list[asyncio.Task[None]] = []

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time()) + self.set_forward

    def begin(self) -> None:
        """A new hub process: what the last one had in memory is gone."""
        self.end()
        longest_pause = 3 * self.settings.check_every
        clocks = TwoClocks(longest_pause=longest_pause, wall=self.wall, steady=asyncio.get_running_loop().time)
        self.loop = IdleLoop(
            self.workspaces,
            self.settings,
            catalog=lambda: self.catalog,
            log=logging.getLogger("idle"),
            clocks=clocks,
            count_stop=self.counted.append,
        )
        self.tasks = [asyncio.create_task(self.loop.run()), asyncio.create_task(self._reports())]

    def end(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def _reports(self) -> None:
        while True:
            if not self.servers_are_silent:
                for row in self.workspaces.running_now:
                    self.loop.heard_of(row)
            await asyncio.sleep(300)

    async def passes(self, length: timedelta) -> None:
        if not self.tasks:  # not before: outside of the test itself, time is not virtual
            self.workspaces.start()
            self.begin()
        await asyncio.sleep(length.total_seconds())

    @property
    def says_stop_at(self) -> timedelta | None:
        """How long after noon the person is told that it will stop; None: no notice."""
        notice = self.loop.notice_of(IRIS)
        return None if notice is None else notice.at - NOON

    def stopped_after(self, row: WorkspaceRow = IRIS) -> timedelta | None:
        found = self.workspaces.stopped.get(row)
        return None if found is None else found[1] - NOON


@pytest.fixture
async def hub(sample_catalog: Catalog) -> AsyncIterator[Hub]:
    running = Hub(sample_catalog)
    yield running
    running.end()


pytestmark = pytest.mark.looptime


async def test_what_nobody_uses_is_told_so_and_then_stopped_with_its_reason(hub: Hub) -> None:
    await hub.passes(104 * MINUTE)
    assert hub.says_stop_at is None
    await hub.passes(2 * MINUTE)
    assert hub.says_stop_at is not None
    assert 2 * HOUR <= hub.says_stop_at <= 2 * HOUR + MINUTE
    await hub.passes(20 * MINUTE)
    stopped = hub.stopped_after()
    assert stopped is not None
    assert 2 * HOUR <= stopped <= 2 * HOUR + 2 * MINUTE
    reason, _ = hub.workspaces.stopped[IRIS]
    assert reason == StopReason(kind=EndingKind.IDLE, sentence="It was stopped after 2 h without use.")
    assert hub.counted == [Why.IDLE]


async def test_use_takes_the_notice_down(hub: Hub) -> None:
    await hub.passes(110 * MINUTE)
    assert hub.says_stop_at is not None
    hub.workspaces.use()
    await hub.passes(2 * MINUTE)
    assert hub.says_stop_at is None
    await hub.passes(100 * MINUTE)
    assert hub.stopped_after() is None


async def test_what_is_in_use_is_stopped_when_it_is_too_old(hub: Hub) -> None:
    for _ in range(24):
        await hub.passes(HOUR)
        if IRIS in hub.workspaces.running_now:
            hub.workspaces.use()
    await hub.passes(2 * MINUTE)
    reason, _ = hub.workspaces.stopped[IRIS]
    assert reason.kind is EndingKind.TOO_OLD
    assert reason.sentence == "It was stopped after 1 d, the longest that its hardware allows."


async def test_a_server_that_is_not_heard_is_not_stopped(hub: Hub) -> None:
    await hub.passes(HOUR)
    hub.servers_are_silent = True
    await hub.passes(10 * HOUR)
    assert hub.stopped_after() is None
    hub.servers_are_silent = False
    await hub.passes(10 * MINUTE)
    assert hub.stopped_after() is None, "heard again, but nobody was told yet"
    await hub.passes(15 * MINUTE)
    assert hub.stopped_after() is not None


async def test_a_new_hub_gives_everybody_a_whole_notice_again(hub: Hub) -> None:
    await hub.passes(119 * MINUTE)
    assert hub.says_stop_at is not None
    hub.begin()
    await hub.passes(MINUTE)
    assert hub.says_stop_at is not None
    assert (119 + 15) * MINUTE <= hub.says_stop_at <= (119 + 17) * MINUTE
    await hub.passes(13 * MINUTE)
    assert hub.stopped_after() is None
    await hub.passes(10 * MINUTE)
    assert hub.stopped_after() is not None


async def test_a_hub_that_was_away_for_long_stops_nobody_on_its_return(hub: Hub) -> None:
    await hub.passes(HOUR)
    hub.end()
    await hub.passes(20 * HOUR)
    hub.begin()
    hub.workspaces.use()
    await hub.passes(HOUR)
    assert hub.stopped_after() is None


async def test_a_hub_that_stood_still_gives_a_whole_notice_again(hub: Hub) -> None:
    await hub.passes(106 * MINUTE)
    for task in hub.tasks:
        task.cancel()
    await hub.passes(30 * MINUTE)  # stopped by a debugger, or by a machine without memory: the process is the same
    hub.tasks = [asyncio.create_task(hub.loop.run()), asyncio.create_task(hub._reports())]
    await hub.passes(MINUTE)
    assert hub.stopped_after() is None
    assert hub.says_stop_at is not None
    assert (106 + 30 + 15) * MINUTE <= hub.says_stop_at <= (106 + 30 + 17) * MINUTE


async def test_a_clock_that_is_set_forward_is_no_time_without_use(hub: Hub) -> None:
    await hub.passes(HOUR)
    hub.set_forward = 30 * HOUR
    await hub.passes(100 * MINUTE)
    assert hub.stopped_after() is None
    assert hub.says_stop_at is None
    await hub.passes(HOUR)
    assert hub.workspaces.stopped[IRIS][0].kind is EndingKind.IDLE


async def test_hours_that_the_clock_skipped_make_nothing_old(hub: Hub) -> None:
    await hub.passes(HOUR)
    hub.set_forward = 30 * HOUR
    for _ in range(20):
        await hub.passes(HOUR)
        hub.workspaces.use()
    assert hub.stopped_after() is None
    assert hub.says_stop_at is None
    await hub.passes(3 * HOUR - 10 * MINUTE)
    assert hub.workspaces.stopped[IRIS][0].kind is EndingKind.IDLE


async def test_a_clock_that_is_set_back_stops_nobody(hub: Hub) -> None:
    await hub.passes(118 * MINUTE)
    hub.set_forward = -HOUR
    await hub.passes(20 * MINUTE)
    assert hub.stopped_after() is None


async def test_who_comes_back_in_the_last_minute_is_seen(hub: Hub) -> None:
    hub.workspaces.refreshed = hub.workspaces.use
    await hub.passes(3 * HOUR)
    assert hub.stopped_after() is None
    assert hub.says_stop_at is None


@pytest.mark.parametrize("what", ["is_away", "proxy_is_away"])
async def test_while_database_or_proxy_are_away_nobody_is_stopped(what: str, hub: Hub) -> None:
    await hub.passes(110 * MINUTE)
    setattr(hub.workspaces, what, True)
    await hub.passes(5 * HOUR)
    assert hub.stopped_after() is None
    setattr(hub.workspaces, what, False)
    hub.workspaces.use()
    await hub.passes(HOUR)
    assert hub.stopped_after() is None


async def test_an_extension_moves_the_stop_and_there_are_only_so_many(hub: Hub) -> None:
    await hub.passes(110 * MINUTE)
    first = hub.says_stop_at
    assert first is not None
    assert hub.loop.extend(IRIS) - NOON == first + HOUR
    assert hub.says_stop_at is None
    await hub.passes(HOUR)
    assert hub.says_stop_at == first + HOUR
    hub.loop.extend(IRIS)
    await hub.passes(HOUR)
    notice = hub.loop.notice_of(IRIS)
    assert notice is not None
    assert notice.extend_by is None
    with pytest.raises(CannotExtend, match="as often as it may be"):
        hub.loop.extend(IRIS)
    await hub.passes(20 * MINUTE)
    stopped = hub.stopped_after()
    assert stopped is not None
    assert stopped >= first + 2 * HOUR


async def test_nothing_is_extended_that_nothing_stops(hub: Hub) -> None:
    await hub.passes(HOUR)
    for row in (IRIS, OTHER):
        with pytest.raises(CannotExtend, match="Nothing is about to stop"):
            hub.loop.extend(row)


async def test_an_extension_outlives_the_hub(hub: Hub) -> None:
    await hub.passes(110 * MINUTE)
    until = hub.loop.extend(IRIS)
    hub.begin()
    await hub.passes(HOUR)
    assert hub.stopped_after() is None
    await hub.passes(30 * MINUTE)
    stopped = hub.stopped_after()
    assert stopped is not None
    assert stopped >= until - NOON


async def test_one_that_takes_long_to_save_does_not_hold_up_the_others(hub: Hub) -> None:
    hub.workspaces.start(OTHER)

    async def saves(row: WorkspaceRow) -> None:
        if row == IRIS:
            await asyncio.Event().wait()

    hub.workspaces.saving = saves
    await hub.passes(3 * HOUR)
    assert hub.stopped_after(OTHER) is not None
    assert hub.stopped_after() is None


async def test_a_hundred_are_stopped_a_few_at_a_time(hub: Hub) -> None:
    at_once = 0
    most = 0

    async def saves(_row: WorkspaceRow) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(10)
        at_once -= 1

    await hub.passes(MINUTE)
    for number in range(100):
        hub.workspaces.start(WorkspaceRow(user="ada", server=f"w{number}"))
    hub.workspaces.saving = saves
    await hub.passes(3 * HOUR)
    assert hub.workspaces.running_now == {}
    assert most == STOPS_AT_ONCE


async def test_one_that_does_not_stop_is_tried_again(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    attempts = []

    async def saves(row: WorkspaceRow) -> None:
        attempts.append(row)
        if len(attempts) < 3:
            hub.workspaces.running_now[row] = replace(hub.workspaces.running_now[row], is_ready=True)
            raise OSError("no")

    hub.workspaces.saving = saves
    await hub.passes(4 * HOUR)
    assert hub.stopped_after() is not None
    assert "could not be stopped" in caplog.text


async def test_a_limit_that_is_lowered_takes_nobody_by_surprise(hub: Hub) -> None:
    small, *others = hub.catalog.hardware
    await hub.passes(100 * MINUTE)
    lower = small.model_copy(update={"stop_after": 30 * MINUTE})
    hub.catalog = hub.catalog.model_copy(update={"hardware": (lower, *others)})
    await hub.passes(2 * MINUTE)
    assert hub.stopped_after() is None
    assert hub.says_stop_at is not None
    await hub.passes(20 * MINUTE)
    assert hub.workspaces.stopped[IRIS][0].sentence == "It was stopped after 30 min without use."


async def test_hardware_may_say_never_and_what_left_the_catalog_disturbs_nobody(hub: Hub) -> None:
    small, *others = hub.catalog.hardware
    never = small.model_copy(update={"stop_after": "never", "max_age": "never"})
    hub.catalog = hub.catalog.model_copy(update={"hardware": (never, *others)})
    await hub.passes(30 * HOUR)
    assert hub.stopped_after() is None
    hub.catalog = hub.catalog.model_copy(update={"hardware": tuple(others)})
    await hub.passes(30 * HOUR)
    assert hub.stopped_after() is None


async def test_as_it_ships_the_database_is_not_even_asked(sample_catalog: Catalog) -> None:
    hub = Hub(sample_catalog, IdleSettings())
    hub.workspaces.is_away = True
    await hub.passes(HOUR)
    hub.end()
    assert hub.loop.notice_of(IRIS) is None
