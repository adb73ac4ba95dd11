"""What can be done with model packages: plan, package, list, delete, download."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy.exc import IntegrityError

from hub.builder import store
from hub.builder.errors import ModelRefused, NoSuchModel, TooManyPackages, VersionTaken
from hub.builder.looking import look
from hub.builder.model_package import Lineage, ModelPackage
from hub.builder.provenance import origin_of
from hub.builder.quota import Quota
from hub.builder.rules import (
    name_from,
    problems_with_name,
    problems_with_secrets,
    problems_with_version,
    repository_of,
)
from hub.builder.slow.errors import NeedsBase
from studiolo.errors import StudioloError
from studiolo.package_name import LATEST
from studiolo.packaging.assemble import assemble
from studiolo.packaging.git_state import kept_diff
from studiolo.packaging.locks import lock_text, read_lock
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import Limits
from studiolo.packaging.provenance import attach

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
    from pathlib import Path
    from typing import Any

    from sqlalchemy.orm import Session

    from hub.builder.layers_below import LayersBelow
    from hub.builder.places import Places, Standing
    from hub.builder.settings import ModelsSettings
    from hub.builder.slow.actions import DerivedBases
    from hub.builder.turns import Turns
    from hub.credentials.credential import Owner
    from hub.database import Database
    from studiolo.catalog_model import Environment
    from studiolo.packaging.assemble import Packaged
    from studiolo.packaging.secret_scan import FoundSecret
    from studiolo.packaging.stores import Store
    from studiolo.wire_bases import SlowBuildOffer
    from studiolo.wire_models import NewModelPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants packaged, and of what."""

    by: str
    owner: Owner
    teams: tuple[str, ...]
    """All that they are in."""
    new: NewModelPackage
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a package would be."""

    name: str
    version: str
    plan: Plan
    standing: Standing
    secrets: tuple[FoundSecret, ...]
    problems: tuple[str, ...]
    there: ModelPackage | None
    """What has this version already."""
    offer: SlowBuildOffer | None = None
    """A base that has to be built first."""

    @property
    def is_packaged(self) -> bool:
        """Whether that is the same content on the same base."""
        if self.there is None:
            return False
        was, standing = self.there.lineage, self.standing
        is_same_base = (was.base_digest, was.environment) == (standing.base.digest, standing.environment)
        return is_same_base and was.tree_sha256 == self.plan.tree_digest

    @property
    def warnings(self) -> tuple[str, ...]:
        """All."""
        return (*self.plan.inspection.warnings, *self.standing.warnings)


Answer = TypeVar("Answer")

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Models:
    """Everybody's packages. An image is kept first, then remembered: a crash between costs a second click."""

    def __init__(
        self,
        database: Database,
        places: Places,
        below: LayersBelow,
        settings: ModelsSettings,
        *,
        turns: Turns,
        bases: DerivedBases,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`places` keeps the images; the database, what is known of them; `below` makes what all of them have.

        `turns` keeps other services processes apart from this one; `bases` are those of slow builds.
        """
        self._database = database
        self._places = places
        self._below = below
        self._settings = settings
        self._turns = turns
        self._bases = bases
        self._clock = clock

    @property
    def limits(self) -> Limits:
        """Of one package."""
        return Limits(most_bytes=self._settings.most_bytes, most_files=self._settings.most_files)

    def environments(self, teams: Collection[str]) -> tuple[Environment, ...]:
        """What may lie below a package of who is in these teams. Reads files; raises CatalogError."""
        return self._places.environments(teams)

    async def of(self, *owners: Owner) -> tuple[ModelPackage, ...]:
        """All of these, by name, newest first; a person's own before their teams'."""
        return await self._database.run(lambda session: store.packages_of(session, owners))

    async def of_all_teams(self) -> tuple[ModelPackage, ...]:
        """All of every team; of teams that are gone, too."""
        return await self._database.run(store.packages_of_teams)

    async def named(self, owner: Owner, name: str, version: str) -> ModelPackage:
        """One of them; `latest` is the newest. Raises NoSuchModel."""
        versions = await self.versions(owner, name)
        if not versions:
            raise NoSuchModel(name, "", {one.name for one in await self.of(owner)}, team=owner.team)
        if version == LATEST:
            return versions[0]
        found = [one for one in versions if one.version == version]
        if not found:
            raise NoSuchModel(name, version, [one.version for one in versions], team=owner.team)
        return found[0]

    async def versions(self, owner: Owner, name: str) -> tuple[ModelPackage, ...]:
        """All of one model, newest first."""
        return await self._database.run(lambda session: store.versions_of(session, owner, name))

    async def plan(self, wish: Wish) -> Planned:
        """What it would be; nothing is kept. Raises ModelRefused where it cannot even be looked at, or StoreError."""
        new = wish.new
        name = new.name or name_from(new.source)
        wrong: list[str] = []
        lock = lock_text(read_lock("lock", new.lock, wrong), {})
        problems = problems_with_name(name) + problems_with_version(new.version) + tuple(wrong)
        async with asyncio.TaskGroup() as together:
            looking = together.create_task(_answer(look(wish.folder, new.source, self.limits)))
            standing_on = together.create_task(_answer(self._places.standing(new.environment, wish.teams)))
        looked, standing = looking.result(), standing_on.result()
        failed = [one for one in (looked, standing) if isinstance(one, StudioloError)]
        problems += tuple(problem for one in failed if isinstance(one, ModelRefused) for problem in one.problems)
        if isinstance(looked, StudioloError) or isinstance(standing, StudioloError):
            raise next((one for one in failed if not isinstance(one, ModelRefused)), ModelRefused(problems))
        on = await self._bases.standing_for(standing, apt=looked.apt, sources=new.sources)
        standing, problems = on.standing, problems + on.problems
        plan = Plan(inspection=looked.inspection, project=looked.project, source=new.source, lock=lock)
        version = plan.version_at(asked=new.version, commit=new.commit, uncommitted=new.diff)
        return Planned(
            name=name,
            version=version,
            plan=plan,
            standing=standing,
            secrets=looked.secrets,
            problems=(
                *problems,
                *looked.inspection.problems,
                *problems_with_secrets(looked.secrets, allowed=new.allowed_secrets),
            ),
            there=await self._version(wish.owner, name, version),
            offer=on.offer,
        )

    async def package(self, wish: Wish) -> tuple[ModelPackage, bool]:
        """The package, and whether it is new. Raises what `plan` does, VersionTaken, TooManyPackages or StoreError."""
        began = time.monotonic()
        planned = await self.plan(wish)
        if planned.offer is not None:
            raise NeedsBase(planned.problems, planned.offer)
        if planned.problems:
            raise ModelRefused(planned.problems)
        async with self._repository(wish.owner, planned.name) as (repository, images):
            planned = replace(planned, there=await self._version(wish.owner, planned.name, planned.version))
            if planned.there is not None:
                if planned.is_packaged:
                    return planned.there, False
                raise VersionTaken(planned.name, planned.version)
            size = planned.plan.project.size
            quota = Quota(by=wish.by, owner=wish.owner, size=size, settings=self._settings)
            now = self._clock()
            quota.look_at(await self._database.run(lambda session: store.used(session, quota.by, quota.owner, now=now)))
            made = await self._assemble(planned, images)
            package = self._described(wish, planned, made, repository, seconds=time.monotonic() - began)
            # Before it is remembered: whatever ends this early, the next try says what is not said yet.
            await attach(images, package.digest, origin_of(package))
            try:
                await self._remember(package, quota)
            except (ModelRefused, TooManyPackages):
                await self._let_go(images, package)
                raise
            except IntegrityError:  # another process was here all the same: our turn had gone with its session
                there = await self._version(wish.owner, planned.name, planned.version)
                if there is not None and there.digest == package.digest:
                    return there, False
                raise VersionTaken(planned.name, planned.version) from None
        return package, True

    async def delete(self, owner: Owner, name: str, version: str) -> None:
        """Image and record are gone. Raises NoSuchModel, or StoreError: then it is listed, and can be deleted again."""
        version = (await self.named(owner, name, version)).version
        async with self._repository(owner, name) as (_, images):
            package = await self.named(owner, name, version)  # somebody else may have been here first
            await self._let_go(images, package)
            await self._database.run(lambda session: store.remove_package(session, package))

    async def forget(self, owner: Owner) -> None:
        """Forget all of a person or team that is deleted: whoever is called so later must not have them.

        An image that cannot be deleted now is named in the log; nobody reaches it through us any more.
        """
        for package in await self.of(owner):
            try:
                await self.delete(owner, package.name, package.version)
            except StudioloError as error:
                log.warning("An image of a deleted account is left", image=package.reference, why=str(error))
                await self._database.run(partial(store.remove_package, package=package))

    @asynccontextmanager
    async def image(self, package: ModelPackage) -> AsyncGenerator[Store]:
        """Where its image can be read from."""
        images = self._places.open(repository_of(package.owner, package.name, prefix=self._places.prefix))
        try:
            yield images
        finally:
            await images.close()

    async def _assemble(self, planned: Planned, images: Store) -> Packaged:
        standing = planned.standing
        below, sent = await self._below.of(planned.plan, standing)
        made = await assemble(
            planned.plan,
            self._places.named(images, standing),
            standing.base,
            tag=planned.version,
            below=below,
            base_repository=standing.repository,
            base_store=standing.store,
            replaces=True,  # what is not recorded was left by a process that died in between, and is nobody's
        )
        return replace(made, sent_bytes=made.sent_bytes + sent)

    async def _remember(self, package: ModelPackage, quota: Quota) -> None:
        """Limits are looked at once more: other packages of the same person may have come meanwhile."""
        now = self._clock()

        def remember(session: Session) -> None:
            store.alone(session)
            quota.look_at(store.used(session, quota.by, quota.owner, now=now))
            store.add_package(session, package)

        await self._database.run(remember)

    async def _let_go(self, images: Store, package: ModelPackage) -> None:
        """The image goes, unless another version is the very same one."""
        versions = await self.versions(package.owner, package.name)
        if all(one.version == package.version for one in versions if one.digest == package.digest):
            await images.delete(package.digest)

    async def _version(self, owner: Owner, name: str, version: str) -> ModelPackage | None:
        found = (one for one in await self.versions(owner, name) if one.version == version)
        return next(found, None)

    def _described(
        self, wish: Wish, planned: Planned, made: Packaged, repository: str, *, seconds: float
    ) -> ModelPackage:
        plan, standing, new = planned.plan, planned.standing, wish.new
        files = {file.path: file.sha256 for file in plan.project.files}
        cells = plan.inspection.cells
        return ModelPackage(
            owner=wish.owner,
            name=planned.name,
            version=planned.version,
            digest=made.digest,
            place=self._places.place(repository),
            by=wish.by,
            made=self._clock(),
            lineage=Lineage(
                source=new.source,
                source_sha256=files[new.source],
                tree_sha256=plan.tree_digest,
                environment=standing.environment,
                environment_sha256=standing.environment_sha256,
                base_name=standing.base.name,
                base_digest=standing.base.digest,
                lock_sha256=hashlib.sha256(plan.lock.encode()).hexdigest() if plan.lock else "",
                commit=new.commit,
                diff=kept_diff(new.diff),
            ),
            contract=plan.contract,
            cells_kept=tuple(cell.number for cell in cells if cell.is_kept),
            cells_left=tuple(cell.number for cell in cells if not cell.is_kept),
            files=len(files),
            project_bytes=plan.project.size,
            layer_bytes=made.project.size,
            sent_bytes=made.sent_bytes,
            seconds=round(seconds, 3),
            overridden=tuple(one.place for one in planned.secrets),
            warnings=planned.warnings,
        )

    @asynccontextmanager
    async def _repository(self, owner: Owner, name: str) -> AsyncGenerator[tuple[str, Store]]:
        """One change at a time of each."""
        repository = repository_of(owner, name, prefix=self._places.prefix)
        async with self._turns.of(repository):
            images = self._places.open(repository)
            try:
                yield repository, images
            finally:
                await images.close()


async def _answer(asking: Coroutine[Any, Any, Answer]) -> Answer | StudioloError:
    """What it gives or raises, so that people hear everything that is wrong at once."""
    try:
        return await asking
    except StudioloError as error:
        return error
