"""The environments of one machine: built when first asked for, shared by everybody, named by what they are made from.

This file says who builds and who waits. What an environment is made from is in `environment_recipe`, one build in
`environment_build`, what must hold in a finished one in `environment_rules`, the folders in `environment_shelf`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spawner.environment_build import Build
from spawner.environment_failure import BuildFailed
from spawner.environment_lock import wait_for_lock
from spawner.environment_progress import BuildProgress, BuildStep
from spawner.environment_recipe import BASE_FILES, EnvironmentId, recipe_for
from spawner.environment_rules import remove_tree, size_bytes
from spawner.environment_shelf import Manifest, Shelf
from spawner.processes import is_running
from spawner.record import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from spawner.environment_recipe import Recipe
    from spawner.own_wheel import OwnWheel
    from studiolo.catalog import Environment

__all__ = ["BuildFailed", "BuildProgress", "BuildStep", "BuiltEnvironment", "EnvironmentId", "EnvironmentStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEnvironment:
    """One environment on disk."""

    names: tuple[str, ...]
    """Of the catalog entries that use it; where none does, of the one it was built for."""
    digest: str
    bytes: int
    packages: int
    built_at: datetime
    last_used: datetime
    in_use: bool
    """A running workspace has it."""
    is_named: bool
    """A catalog entry uses it."""


@dataclass(slots=True)
class _Running:
    """A build of this process, and those who wait for it."""

    listeners: list[Callable[[BuildProgress], None]] = field(default_factory=list)
    last: BuildProgress | None = None

    def tell(self, progress: BuildProgress) -> None:
        self.last = progress
        for listener in tuple(self.listeners):
            listener(progress)


class EnvironmentStore:
    """The environments below one folder."""

    def __init__(
        self,
        root: Path,
        *,
        cache: Path | None = None,
        index_url: str | None = None,
        workspaces: Path | None = None,
        base_files: Path = BASE_FILES,
        wheels: tuple[OwnWheel, ...] = (),
        log: Any,
    ) -> None:
        """`cache`: uv's, None for its default; `workspaces`: where running ones leave their records.
        `wheels`: what of this checkout is in each of them.
        """
        self._shelf = Shelf(root)
        self._cache = cache
        self._index_url = index_url
        self._workspaces = workspaces
        self._base_files = base_files
        self._wheels = wheels
        self._log = log
        self._builds: dict[str, tuple[asyncio.Task[Path], _Running]] = {}

    def identify(self, environment: Environment) -> EnvironmentId:
        """The digest of what the environment is made from. BuildFailed where that cannot be read."""
        return _identify(self._recipe(environment))

    def is_ready(self, environment: Environment) -> bool:
        """Whether it can be used at once."""
        return self._shelf.is_complete(self.identify(environment))

    def python(self, environment: Environment) -> Path:
        """The environment's Python, there once it is built."""
        return self._shelf.folder(self.identify(environment)) / "bin" / "python"

    async def build(self, environment: Environment, on_progress: Callable[[BuildProgress], None]) -> Path:
        """The environment's folder, built first where it is not there yet.

        However many ask, in this process or in others, one of them builds and all see how far it is. When the last
        who waits is cancelled, the build ends and leaves nothing. Raises BuildFailed.
        """
        recipe = self._recipe(environment)
        identity = _identify(recipe)
        if self._shelf.is_complete(identity):
            self._shelf.touch(identity)
            return self._shelf.folder(identity)
        if identity.digest not in self._builds:
            running = _Running()
            task = asyncio.create_task(self._build(recipe, identity, environment.name, running))
            self._builds[identity.digest] = task, running
        task, running = self._builds[identity.digest]
        running.listeners.append(on_progress)
        if running.last is not None:
            on_progress(running.last)
        try:
            return await asyncio.shield(task)
        finally:
            running.listeners.remove(on_progress)
            if not running.listeners and self._builds.get(identity.digest) == (task, running):
                # Over, or nobody waits any more. Who asks from now on begins anew, after this one's lock.
                del self._builds[identity.digest]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def missing_programs(self, environment: Environment) -> tuple[str, ...]:
        """What the environment needs on this machine and no lock can bring, as far as it is not on PATH."""
        return tuple(program for program in environment.programs if shutil.which(program) is None)

    def on_disk(self, environments: Iterable[Environment] = ()) -> tuple[BuiltEnvironment, ...]:
        """Every finished environment, the last used one first; `environments` are the catalog's, for their names."""
        names = self._names(environments)
        in_use = self._in_use()
        found = [
            BuiltEnvironment(
                names=names.get(manifest.digest, (manifest.name,)),
                digest=manifest.digest,
                bytes=manifest.bytes,
                packages=manifest.packages,
                built_at=manifest.built_at,
                last_used=last_used,
                in_use=manifest.digest in in_use,
                is_named=manifest.digest in names,
            )
            for manifest, last_used in self._shelf.finished()
        ]
        return tuple(sorted(found, key=lambda built: built.last_used, reverse=True))

    def prune(self, keep: Iterable[Environment], *, in_use: Collection[str] = ()) -> tuple[BuiltEnvironment, ...]:
        """Removes what no entry of `keep` and no running workspace uses, and gives what that was.

        Also removes what dead builders left. `in_use`: digests to keep beside those of running workspaces.
        """
        unused = (
            built for built in self.on_disk(keep) if not (built.is_named or built.in_use or built.digest in in_use)
        )
        removed = tuple(built for built in unused if self._shelf.remove(EnvironmentId(digest=built.digest)))
        self._shelf.sweep()
        return removed

    def _recipe(self, environment: Environment) -> Recipe:
        if environment.requirements is None:
            raise BuildFailed(
                f'Software "{environment.name}" names no requirements: it runs on Kubernetes only.',
                (),
                hint="Name a lock under `requirements` in environments.yaml.",
            )
        return recipe_for(environment.requirements, base_files=self._base_files, wheels=self._wheels)

    async def _build(self, recipe: Recipe, identity: EnvironmentId, name: str, running: _Running) -> Path:
        shelf = self._shelf
        try:
            async with wait_for_lock(shelf.lock(identity), lambda: running.tell(shelf.told(identity))) as descriptor:
                if not shelf.is_complete(identity):  # else made by the one we waited for
                    await self._build_alone(recipe, identity, name, running=running, lock_descriptor=descriptor)
        except OSError as error:
            raise BuildFailed(f"The environment cannot be written: {error}.", ()) from error
        return shelf.folder(identity)

    async def _build_alone(
        self, recipe: Recipe, identity: EnvironmentId, name: str, *, running: _Running, lock_descriptor: int
    ) -> None:
        """Builds while nobody else does, and leaves the environment or nothing."""
        await asyncio.to_thread(self._shelf.clear, identity)
        tree = self._shelf.new_tree(identity)
        try:
            await self._build_into(
                tree, recipe, identity=identity, name=name, running=running, lock_descriptor=lock_descriptor
            )
        finally:
            self._shelf.tell_nothing(identity)
            with contextlib.suppress(FileNotFoundError):  # it has become the environment
                await asyncio.to_thread(remove_tree, tree)

    async def _build_into(
        self,
        tree: Path,
        recipe: Recipe,
        *,
        identity: EnvironmentId,
        name: str,
        running: _Running,
        lock_descriptor: int,
    ) -> None:
        def tell(progress: BuildProgress) -> None:
            self._shelf.tell(identity, progress)
            running.tell(progress)

        began = time.monotonic()
        self._log.info("Building environment %s (%s)", name, identity.short)
        built = await Build(
            recipe=recipe,
            tree=tree,
            final=self._shelf.folder(identity),
            cache=self._cache,
            index_url=self._index_url,
            lock_descriptor=lock_descriptor,
            pace=self._shelf.pace(),
            on_progress=tell,
        ).run()
        manifest = Manifest(
            name=name,
            digest=identity.digest,
            python=recipe.interpreter.version,
            packages=built.packages,
            bytes=await asyncio.to_thread(size_bytes, tree),
            seconds_after_download=round(built.seconds_after_download, 3),
            built_at=datetime.now(UTC),
        )
        await asyncio.to_thread(self._shelf.finish, tree, manifest)
        self._log.info("Built environment %s (%s) in %.1f s", name, identity.short, time.monotonic() - began)

    def _names(self, environments: Iterable[Environment]) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for environment in environments:
            with contextlib.suppress(BuildFailed):  # for Kubernetes only, or unreadable: nothing on disk is its
                digest = self.identify(environment).digest
                names[digest] = (*names.get(digest, ()), environment.name)
        return names

    def _in_use(self) -> frozenset[str]:
        if self._workspaces is None:
            return frozenset()
        records = (read_record(path) for path in self._workspaces.glob("*/record.json"))
        # Without a keeper it is about to start, or never came to be: not knowing, the environment is kept.
        return frozenset(
            record.environment_digest
            for record in records
            if record is not None and (record.keeper is None or is_running(record.keeper))
        )


def _identify(recipe: Recipe) -> EnvironmentId:
    try:
        return recipe.identify()
    except OSError as error:
        raise BuildFailed(
            f"{recipe.lock} cannot be read: {error.strerror}.", (), hint="`studiolo catalog check` says more."
        ) from error
