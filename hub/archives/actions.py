"""What is done about homes of deleted accounts: remembered, put aside, brought back. Any line may be the last one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from hub.archives import rules, store
from hub.archives.errors import HomeStays, NothingPutAside
from hub.archives.rules import Archive, State, Step
from hub.homes.rules import numbered_archive_name
from studiolo.names import home_name
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from hub.database import Database
    from studiolo.wire import HomeStep


class Hub(Protocol):
    """What the hub knows and does; `studiolo.client` has it. Everything raises ClientError where it is away."""

    async def has_account(self, user: str) -> bool:
        """Whether there is an account of this name now."""

    async def put_home_aside(self, user: str, name: str) -> HomeStep:
        """Puts it aside under a name, unless the account is there."""

    async def bring_home_back(self, user: str, name: str) -> HomeStep:
        """Brings back what lies there under a name, where the account is there."""


def _wall() -> datetime:
    return datetime.now(UTC)


class Archives:
    """All deleted accounts of an installation."""

    def __init__(
        self, database: Database, hub: Hub, *, after: timedelta, clock: Callable[[], datetime] = _wall
    ) -> None:
        """`after` is how long homes stay where they are."""
        self._database = database
        self._hub = hub
        self._after = after
        self._clock = clock
        self._turn = asyncio.Lock()
        self.news = asyncio.Event()
        """Set when there may be something to do earlier than was known."""

    @property
    def now(self) -> datetime:
        """The time on the wall."""
        return self._clock()

    async def all(self) -> tuple[Archive, ...]:
        """Every deletion, the newest first."""
        return await self._database.run(store.all_archives)

    async def open(self) -> tuple[Archive, ...]:
        """Those that are not over, the oldest first."""
        return await self._database.run(store.open_archives)

    async def remember(self, user: str, *, at_once: bool = False) -> Archive:
        """An account is deleted; its home is due later, or now. Safe to repeat."""
        now = self.now
        due = now if at_once else now + self._after
        home = home_name(user)
        kept = await self._database.run(
            lambda session: store.add_deletion(session, user=user, home=home, due=due, now=now)
        )
        self.news.set()
        return kept

    async def put_aside(self, user: str, *, at_once: bool) -> Archive:
        """Put the home of a name without an account aside, now or after the usual time. Raises HomeStays."""
        if await self._hub.has_account(user):
            raise HomeStays(
                f"{quoted(user)} has an account, and the home belongs to it.",
                hint="Delete the account first, on the admin page; the home is put aside by itself then.",
            )
        waiting = await self.remember(user, at_once=at_once)
        return await self.step(waiting) if at_once else waiting

    async def bring_back(self, user: str) -> Archive:
        """The home that was put aside last is where it was. Raises HomeStays, NothingPutAside."""
        async with self._turn:
            known = await self._database.run(lambda session: store.archives_of(session, user))
            archive = next((one for one in known if one.state is State.ARCHIVED), None)
            if archive is None:
                raise _nothing_to_bring_back(user, known)
            step = await self._hub.bring_home_back(user, archive.archived)
            reason = ""
            match step.outcome:
                case "no-account":
                    raise HomeStays(
                        f"There is no account {quoted(user)}, so nobody would have the home.",
                        hint=f"Make it first: studiolo user add {user}",
                    )
                case "no-home":
                    # It was brought back before, and this process ended before it wrote that down; or by hand.
                    reason = f"{archive.archived} is no longer among the homes put aside."
                case "done":
                    pass
                case _:
                    raise HomeStays(step.reason)
            return await self._change(archive, rules.restored(archive, reason=reason, now=self.now))

    async def step(self, archive: Archive) -> Archive:
        """One deletion, as far as it can be brought now. Raises ClientError where the hub is away."""
        async with self._turn:
            if rules.next_step(archive, now=self.now) is Step.BEGIN:
                archive = await self._begin(archive)
            if rules.next_step(archive, now=self.now) is Step.PUT_ASIDE:
                answer = await self._hub.put_home_aside(archive.user, archive.archived)
                archive = await self._change(archive, rules.after_try(archive, answer, now=self.now))
            return archive

    async def _begin(self, archive: Archive) -> Archive:
        if await self._hub.has_account(archive.user):
            return await self._change(archive, rules.kept(archive, now=self.now))
        name = numbered_archive_name(archive.home, now=self.now, number=archive.id)
        return await self._change(archive, rules.begun(archive, name=name, now=self.now))

    async def _change(self, before: Archive, after: Archive) -> Archive:
        has_changed = await self._database.run(lambda session: store.change_archive(session, before, after))
        if not has_changed:
            raise HomeStays("Something else has just changed this.", hint="Look again: studiolo home list")
        return after


def _nothing_to_bring_back(user: str, known: tuple[Archive, ...]) -> HomeStays | NothingPutAside:
    if any(one.state in store.OPEN for one in known):
        return HomeStays(
            f"The home of {quoted(user)} was not put aside yet: it is where it was.",
            hint="Whoever has an account of this name has it. studiolo home list says how long that is so.",
        )
    return NothingPutAside(
        f"No home of {quoted(user)} is put aside.", hint="See those that are, and were: studiolo home list"
    )
