"""What can be done with slow builds: ask, look, cancel, and take each a step further. Any line may be the last one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from hub.builder.errors import ModelRefused
from hub.builder.slow import store
from hub.builder.slow.checking import check_result, config_digest, more_bytes_of
from hub.builder.slow.derived_base import (
    State,
    about_seconds,
    after_look,
    asked,
    asked_again,
    begins_now,
    begun,
    cancelled,
    checked,
    failed,
    must_wait,
)
from hub.builder.slow.errors import CannotBuild, ClusterAway, ClusterRefuses, NoSuchBase, NothingToBuild, TooManyBuilds
from hub.builder.slow.job import REPOSITORY, why_off
from hub.builder.slow.recipe import Recipe, recipe_of
from hub.builder.slow.words import needs
from hub.credentials.store import owner_text
from studiolo.packaging.errors import StoreAway, StoreError, StoreRefused
from studiolo.quantities import format_duration
from studiolo.registry import ImageReference
from studiolo.wire_bases import SlowBuildOffer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.orm import Session

    from hub.builder.places import Places, Standing
    from hub.builder.slow.cluster import BuildCluster
    from hub.builder.slow.derived_base import DerivedBase
    from hub.credentials.credential import Owner
    from hub.database import Database
    from hub.settings import Settings
    from studiolo.packaging.images import Base

KNOWN_SECONDS: Final = 30.0
"""What nodes can do changes seldom."""

Answer = TypeVar("Answer")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFor:
    """What a package stands on, or why it cannot yet."""

    standing: Standing
    problems: tuple[str, ...] = ()
    offer: SlowBuildOffer | None = None


class DerivedBases:
    """Everybody's."""

    def __init__(
        self,
        database: Database,
        places: Places,
        settings: Settings,
        cluster: BuildCluster | None,
        *,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`cluster` builds them; None where nothing can (`why_off` says why)."""
        self._database = database
        self._places = places
        self._settings = settings
        self._slow = settings.models.slow_build
        self._cluster = cluster
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: tuple[float, str] | None = None
        self.news = asyncio.Event()
        """Set when there may be something to do."""

    async def why_not(self) -> str:
        """Why nothing can be built here now; "" where it can."""
        if self._cluster is None:
            return why_off(self._settings)
        now = asyncio.get_running_loop().time()
        if self._known is None or now - self._known[0] > KNOWN_SECONDS:
            try:
                self._known = now, await self._cluster.why_not()
            except (ClusterAway, ClusterRefuses) as error:
                return str(error)
        return self._known[1]

    def recipe(self, standing: Standing, *, apt: Collection[str], sources: str) -> Recipe:
        """What a base would be made of. Raises ModelRefused."""
        reference = ImageReference.parse(standing.base.name) if standing.base.name else None
        named = f"{reference.host}/{reference.repository}@{standing.base.digest}" if reference else "this machine"
        return recipe_of(standing.base, reference=named, apt=apt, lock=sources)

    async def offer(self, recipe: Recipe) -> SlowBuildOffer:
        """What is known of a recipe, and whether it can be built."""
        there, earlier = await self._run(
            lambda session: (store.base_of(session, recipe.key), store.seconds_of_earlier(session))
        )
        why_not = await self.why_not()
        return SlowBuildOffer(
            key=recipe.key,
            apt=recipe.apt,
            sources=tuple(line.partition(" ")[0] for line in recipe.lock),
            state="" if there is None else str(there.state),
            available=not why_not,
            why_not=why_not,
            about_seconds=about_seconds(earlier),
        )

    async def standing_for(self, standing: Standing, *, apt: Collection[str], sources: str) -> StandingFor:
        """What a package stands on that needs these: the base that was built for it, or why there is none."""
        if not apt and not sources.strip():
            return StandingFor(standing=standing)
        if not standing.base.digest:
            why_not = why_off(self._settings) or "This environment has no image that another could stand on."
            offer = SlowBuildOffer(apt=tuple(apt), why_not=why_not)
            return StandingFor(standing=standing, problems=(needs(offer),), offer=offer)
        try:
            recipe = self.recipe(standing, apt=apt, sources=sources)
        except ModelRefused as error:
            return StandingFor(standing=standing, problems=error.problems)
        if recipe.is_empty:
            return StandingFor(standing=standing)
        on = await self.standing_on(recipe, standing)
        if on is not None:
            return StandingFor(standing=on)
        offer = await self.offer(recipe)
        return StandingFor(standing=standing, problems=(needs(offer),), offer=offer)

    async def standing_on(self, recipe: Recipe, standing: Standing) -> Standing | None:
        """The same environment on what was built of a recipe; None where nothing was. Raises StoreError."""
        found = await self._run(partial(store.base_of, key=recipe.key))
        if found is None or found.state is not State.READY:
            return None
        name = self.reference(found)
        return replace(
            standing,
            base=await self._places.base_at(name),
            repository=ImageReference.parse(name).repository,
            store=self._places.store_of(name),
        )

    def reference(self, base: DerivedBase) -> str:
        """The image of one, by its digest."""
        return f"{self._places.place(self._repository)}@{base.digest}"

    async def of(self, person: str) -> tuple[DerivedBase, ...]:
        """All that somebody asked for, the newest first."""
        return await self._run(partial(store.bases_of, person=person))

    async def named(self, person: str, key: str) -> DerivedBase:
        """One that somebody asked for. Raises NoSuchBase."""
        found, wishes = await self._run(lambda session: (store.base_of(session, key), store.wishes(session, key)))
        if found is None or person not in wishes:
            raise NoSuchBase(key)
        return found

    async def earlier_seconds(self) -> float | None:
        """How long a build takes, by those before."""
        return about_seconds(await self._run(store.seconds_of_earlier))

    async def ask(self, person: str, owner: Owner, recipe: Recipe, standing: Standing) -> DerivedBase:
        """It is built, unless it is already. Raises CannotBuild, NothingToBuild or TooManyBuilds."""
        if recipe.is_empty:
            raise NothingToBuild
        there = await self._run(partial(store.base_of, key=recipe.key))
        if (there is None or there.state is not State.READY) and (why := await self.why_not()):
            raise CannotBuild(why)
        new = asked(
            recipe,
            environment=standing.environment,
            base_digest=standing.base.digest,
            by=person,
            now=self._clock(),
        )
        base = await self._run(lambda session: self._keep_wish(session, new, owner_text(owner)))
        self.news.set()
        return base

    async def cancel(self, person: str, key: str) -> DerivedBase:
        """They do not want it any more. Its build ends when nobody does. Raises NoSuchBase."""
        await self.named(person, key)
        async with self._turn:
            base = await self._run(lambda session: self._drop_wish(session, person, key))
        self.news.set()
        return base

    async def forget(self, person: str) -> None:
        """An account is deleted: whoever is called so later has asked for nothing."""
        for key in await self._run(partial(store.keys_wished, person=person)):
            await self.cancel(person, key)

    async def unfinished(self) -> tuple[DerivedBase, ...]:
        """Those that something is to be done about."""
        return await self._run(store.unfinished)

    async def begin_some(self) -> None:
        """As many of those that wait as may be built at once."""
        found = await self.unfinished()
        waiting = [one for one in found if one.state is State.WAITING and not one.job]
        going_on = sum(one.state in {State.BUILDING, State.CHECKING} for one in found)
        for key in begins_now(waiting, going_on, at_once=self._slow.at_once):
            base = next(one for one in waiting if one.key == key)
            await self._change(base, begun(base, now=self._clock()))

    async def step(self, base: DerivedBase) -> DerivedBase:
        """One, as far as it can be brought now. Raises ClusterAway or StoreAway where that is not known now."""
        async with self._turn:
            if self._cluster is None:
                return base
            if base.state.is_over or base.state is State.WAITING:
                return await self._tidy(base, self._cluster)
            if base.state is State.CHECKING:
                return await self._check(base)
            if not base.phase:
                return await self._create(base, self._cluster)
            seen = await self._cluster.look(base.job)
            return await self._change(base, after_look(base, seen, now=self._clock()))

    async def _create(self, base: DerivedBase, cluster: BuildCluster) -> DerivedBase:
        try:
            below = await self._places.base_at(base.base)
            recipe = recipe_of(below, reference=base.base, apt=base.apt, lock="\n".join(base.lock))
            await cluster.create(base, recipe)
        except (ClusterAway, StoreAway):
            raise
        except (ClusterRefuses, StoreError) as error:
            return await self._change(base, failed(base, f"The build could not begin. {error}", now=self._clock()))
        return await self._change(base, replace(base, phase="waiting for a pod"))

    async def _check(self, base: DerivedBase) -> DerivedBase:
        try:
            found, more = await self._checked(base)
        except StoreAway:
            raise
        except StoreError as error:
            return await self._change(base, failed(base, f"{error} It is not used.", now=self._clock()))
        del found
        return await self._change(base, checked(base, more_bytes=more, now=self._clock()))

    async def _checked(self, base: DerivedBase) -> tuple[Base, int]:
        below = await self._places.base_at(base.base)
        images = self._places.open(self._repository)
        try:
            manifest = await images.manifest(base.digest)
            if manifest is None:
                raise StoreRefused("The image that the build says it pushed is not in the registry.")
            config = await images.get(config_digest(manifest))
        finally:
            await images.close()
        name = self.reference(base)
        found = check_result(below, manifest, config, most_bytes=self._slow.most_bytes, name=name)
        return found, more_bytes_of(below, found)

    async def _tidy(self, base: DerivedBase, cluster: BuildCluster) -> DerivedBase:
        if not base.job:
            return base
        await cluster.remove(base.job)
        return await self._change(base, replace(base, job=""))

    async def _change(self, before: DerivedBase, after: DerivedBase) -> DerivedBase:
        """What is kept now; where somebody else was faster, theirs."""
        if after == before:
            return before

        def change(session: Session) -> DerivedBase:
            store.change_base(session, before, after)
            return store.base_of(session, before.key) or after

        return await self._run(change)

    def _keep_wish(self, session: Session, new: DerivedBase, counted_with: str) -> DerivedBase:
        there = store.base_of(session, new.key)
        base = new if there is None else asked_again(there, by=new.by, now=new.asked)
        if there is None or base is not there:
            self._look_at_quota(session, counted_with, now=new.asked)
            store.note_begun(session, counted_with, now=new.asked)
        if there is None:
            store.add_base(session, base)
            session.flush()
        elif base is not there:
            store.change_base(session, there, base)
        store.add_wish(session, base.key, new.by)
        return base

    def _look_at_quota(self, session: Session, counted_with: str, *, now: datetime) -> None:
        began = store.begun_by(session, counted_with)
        wait = must_wait(began, per_day=self._slow.per_day, now=now, day=store.DAY)
        if wait is not None:
            raise TooManyBuilds(
                f"{self._slow.per_day} builds were begun in the last day, and more are not allowed. The next one can "
                f"be asked for in {format_duration(wait)}.",
                retry_after_seconds=max(1, round(wait.total_seconds())),
            )

    def _drop_wish(self, session: Session, person: str, key: str) -> DerivedBase:
        store.remove_wish(session, key, person)
        session.flush()
        base = store.base_of(session, key)
        if base is None:
            raise NoSuchBase(key)
        if base.state.is_over or store.wishes(session, key):
            return base
        after = cancelled(base, now=self._clock())
        store.change_base(session, base, after)
        return after

    async def _run(self, work: Callable[[Session], Answer]) -> Answer:
        return await self._database.run(work)

    async def close(self) -> None:
        """Let go of connections."""
        if self._cluster is not None:
            await self._cluster.close()

    @property
    def _repository(self) -> str:
        prefix = self._places.prefix.strip("/")
        return f"{prefix}/{REPOSITORY}" if prefix else REPOSITORY
