"""Looks again and again at what runs, tells who will be stopped, and stops whose time has come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from hub.idle.clock import TwoClocks
from hub.idle.errors import CannotExtend, NothingKnown
from hub.idle.limits import limits_of
from hub.idle.rules import (
    Decision,
    Facts,
    Limits,
    Stop,
    Warn,
    Why,
    decide,
    decide_among,
    likely_end,
    may_extend,
    notices,
)
from hub.idle.words import stop_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import Logger

    from hub.idle.settings import IdleSettings
    from hub.idle.workspaces import Running
    from hub.workspace_rows import WorkspaceRow
    from spawner.lasting import StopReason
    from studiolo.catalog import Catalog, Hardware

MISSED_CHECKS: Final = 3
SLOW: Final = timedelta(seconds=30)
"""A hub that has not looked for so many checks, and so long, was away: nobody saw its notices or could report."""

STOPS_AT_ONCE: Final = 20
"""On a Monday morning everything is unused at once, and the API server and the disks have other work too."""


class Workspaces(Protocol):
    """What the loop asks of the hub."""

    def running(self) -> Iterable[Running]:
        """Every workspace with a server. Raises NothingKnown."""

    async def refresh(self) -> None:
        """Asks who came by since it was asked last. Raises NothingKnown."""

    def extend(self, row: WorkspaceRow, until: datetime) -> Running:
        """Writes down that a workspace may go on. Raises NothingKnown."""

    async def stop(self, row: WorkspaceRow, reason: StopReason, *, is_still_meant: Callable[[Running], bool]) -> bool:
        """Stops a workspace and keeps why. False where nothing was to be stopped. Raises NothingKnown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNotice:
    """What a person is told before a workspace is stopped."""

    why: Why
    limit: timedelta
    at: datetime
    extend_by: timedelta | None
    """How much longer it may go on if its owner asks for it now; None: no more."""


class IdleLoop:
    """Everything that is known of use and age; one for the hub. Notices live here alone, so a new hub begins anew."""

    def __init__(
        self,
        workspaces: Workspaces,
        settings: IdleSettings,
        *,
        catalog: Callable[[], Catalog],
        log: Logger,
        clocks: TwoClocks | None = None,
        count_stop: Callable[[Why], None] = lambda _why: None,
    ) -> None:
        """`catalog` gives the catalog as it is now; `count_stop` is told of every stop."""
        self._workspaces = workspaces
        self._settings = settings
        self._catalog = catalog
        self._log = log
        self._clocks = clocks or TwoClocks(longest_pause=MISSED_CHECKS * settings.check_every + SLOW)
        self._count_stop = count_stop
        self._heard: dict[WorkspaceRow, datetime] = {}
        self._noticed: dict[WorkspaceRow, dict[Why, datetime]] = {}
        self._last: dict[WorkspaceRow, Running] = {}
        self._stops: dict[WorkspaceRow, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(STOPS_AT_ONCE)

    # What others tell and ask

    def heard_of(self, row: WorkspaceRow) -> None:
        """A server has just said when it was used last."""
        self._heard[row] = self._clocks.now

    def notice_of(self, row: WorkspaceRow) -> StopNotice | None:
        """What its owner has to know; None where nothing is near."""
        seen = self._last.get(row)
        if seen is None:
            return None
        facts, limits, now = self._facts(seen), self._limits_by_name(seen.hardware), self._clocks.now
        decision = decide(facts, limits, now=now)
        if not isinstance(decision, Warn):
            return None
        extend_by = limits.extend_by if may_extend(facts, limits, now=now) else None
        return StopNotice(why=decision.why, limit=decision.limit, at=decision.at, extend_by=extend_by)

    def likely_ends(self) -> dict[WorkspaceRow, datetime]:
        """When those that run likely end, as far as limits say so: for forecasts."""
        now = self._clocks.now
        found = {
            row: likely_end(self._facts(seen), self._limits_by_name(seen.hardware), now=now)
            for row, seen in self._last.items()
        }
        return {row: end for row, end in found.items() if end is not None}

    def limits_on(self, hardware: Hardware | None) -> Limits:
        """How long a workspace on this hardware may last."""
        return limits_of(hardware, self._settings)

    def extend(self, row: WorkspaceRow) -> datetime:
        """Keep a workspace longer; until when, at least. Raises CannotExtend, NothingKnown."""
        notice = self.notice_of(row)
        if notice is None:
            raise CannotExtend("Nothing is about to stop this workspace.")
        if notice.extend_by is None:
            hint = "Use it to keep it." if notice.why is Why.IDLE else "Save your work; you can start it again at once."
            raise CannotExtend("This workspace was extended as often as it may be.", hint=hint)
        until = notice.at + notice.extend_by
        seen = self._last[row] = self._workspaces.extend(row, until)
        self._judge(seen, self._limits_by_name(seen.hardware), self._clocks.now)
        return until

    # The loop

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await self.check()
            await asyncio.sleep(self._settings.check_every.total_seconds())

    async def check(self) -> None:
        """One look: load, decide, apply."""
        step = self._clocks.look()
        if step.has_jumped or step.has_paused:
            self._log.warning("Time has jumped, or the hub was away: what was known of use is not believed any more")
            self._heard.clear()
            self._noticed.clear()
        if not self._has_limits():
            self._last.clear()  # as it ships: nothing to look at, and no query
            return
        try:
            if not self._look_at(self._workspaces.running(), step.now):
                return
            await self._workspaces.refresh()  # somebody may have come back this very minute
            ripe = self._look_at(self._workspaces.running(), self._clocks.now)
        except NothingKnown as error:
            self._log.warning("Nothing is stopped for being idle or old at the moment: %s", error)
            return
        for row, stop in ripe.items():
            if row not in self._stops:
                # Each on its own: one that takes its time to save must not hold up the others.
                self._stops[row] = asyncio.create_task(self._stop(row, stop))

    async def _stop(self, row: WorkspaceRow, stop: Stop) -> None:
        def is_still_meant(seen: Running) -> bool:
            return self._judge(seen, self._limits_by_name(seen.hardware), self._clocks.now) == stop

        try:
            async with self._slots:
                has_stopped = await self._workspaces.stop(row, stop_reason(stop), is_still_meant=is_still_meant)
        except Exception:  # noqa: BLE001 - one that does not stop must not keep the others
            self._log.exception("The workspace %s of %s could not be stopped; it is tried again", row.server, row.user)
            return
        finally:
            del self._stops[row]
        if has_stopped:
            self._count_stop(stop.why)
            self._log.info("Stopped the workspace %s of %s: %s", row.server, row.user, stop_reason(stop).sentence)

    def _look_at(self, running: Iterable[Running], now: datetime) -> dict[WorkspaceRow, Stop]:
        """Puts notices up and takes them down; which workspaces are to be stopped."""
        self._last = {seen.row: seen for seen in running}
        for memory in (self._heard, self._noticed):
            for row in memory.keys() - self._last.keys():
                del memory[row]
        limits_on = {name: self._limits_by_name(name) for name in {seen.hardware for seen in self._last.values()}}
        decisions = {row: self._judge(seen, limits_on[seen.hardware], now) for row, seen in self._last.items()}
        return {row: decision for row, decision in decisions.items() if isinstance(decision, Stop)}

    def _judge(self, seen: Running, limits: Limits, now: datetime) -> Decision:
        facts = self._facts(seen)
        due = notices(facts, limits, now=now)
        self._noticed[seen.row] = {notice.why: facts.noticed.get(notice.why, now) for notice in due}
        return decide_among(due, facts, now=now)

    def _facts(self, seen: Running) -> Facts:
        return Facts(
            is_ready=seen.is_ready,
            started=self._clocks.on_this_clock(seen.started) if seen.started else None,
            last_activity=seen.last_activity,
            heard=self._heard.get(seen.row),
            trusted_since=self._clocks.trusted_since,
            extensions=seen.extensions,
            extended_until=seen.extended_until,
            noticed=self._noticed.get(seen.row, {}),
        )

    def _limits_by_name(self, hardware: str) -> Limits:
        return self.limits_on(self._catalog().hardware_named(hardware))

    def _has_limits(self) -> bool:
        return not all(self.limits_on(hardware).are_none for hardware in self._catalog().hardware)
