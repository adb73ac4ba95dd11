"""Both ways from a project to an image in a registry, each timed until the digest is known: buildah's, and ours."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.package_place import RUNTIME, place_of
from studiolo.packaging.assemble import Packaged, assemble
from studiolo.packaging.images import Blob
from studiolo.packaging.plan import ENTRYPOINT, PACKAGES, PROJECT, RUNNER
from studiolo.packaging.registry_store import RegistryStore
from studiolo.packaging.runner_layer import runner_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.package_place import BasePlace, BenchProject
    from studiolo.packaging.assemble import ReadyLayer
    from studiolo.packaging.plan import Plan


@dataclass(slots=True, kw_only=True)
class Buildah:
    """buildah with a store of its own; warm once it has the base."""

    store: Path
    host: str
    base: BasePlace

    def build(
        self, project: BenchProject, repository: str, *, step: str = "", options: Sequence[str | Path] = ()
    ) -> float:
        """Seconds of a build and a push. `step`: lines of the Containerfile before the project's."""
        context = self.store.parent / f"{self.store.name}-context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir(parents=True)
        shutil.copytree(RUNTIME, context / "runner", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(project.folder, context / "project")
        words = ", ".join(f'"{word}"' for word in ENTRYPOINT)
        (context / "Containerfile").write_text(
            f"FROM {self.host}/{self.base.repository}:{self.base.tag}\n"
            f"COPY runner /{RUNNER}\n{step}"
            f"COPY project /{PROJECT}\n"
            f'ENV PYTHONPATH=/{PACKAGES}\nWORKDIR /{PROJECT}\nENTRYPOINT [{words}]\nCMD ["serve"]\n'
        )
        image = f"{self.host}/{repository}:1"
        words_of_build = ("--isolation=chroot", "--tls-verify=false", "--pull=false", "--layers=false", *options)
        began = time.perf_counter()
        self._run("build", *words_of_build, "-t", image, context)
        self._run("push", "--tls-verify=false", "--digestfile", context / "digest", image)
        seconds = time.perf_counter() - began
        assert (context / "digest").read_text().startswith("sha256:")
        self._run("rmi", image)
        return seconds

    def forget(self) -> None:
        """As a fresh machine: nothing of the base, nothing of what was built."""
        if self.store.is_dir():
            self._run("rmi", "--all", "--force")
        shutil.rmtree(self.store, ignore_errors=True)

    def _run(self, command: str, *words: str | Path) -> None:
        runroot = self.store.parent / f"{self.store.name}-run"
        options = ("--log-level=error", "--root", self.store, "--runroot", runroot)
        done = subprocess.run(["buildah", *options, command, *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"buildah {command}: {done.stderr[-2000:]}"


SHARED_REPOSITORY = "shared/layers"
"""From which every other repository has the layers that are the same for many, as in the service."""


async def share(layer: ReadyLayer, host: str) -> ReadyLayer:
    """The layer, to be had from there."""
    store = RegistryStore(place_of(host), SHARED_REPOSITORY)
    try:
        assert layer.opened is not None
        described = layer.layer
        blob = Blob(digest=described.digest, size=described.size, media_type=described.media_type)
        await store.put(blob, layer.opened)
    finally:
        await store.close()
    return replace(layer, repository=SHARED_REPOSITORY)


async def package(
    plan: Plan, host: str, base: BasePlace, repository: str, *, dependencies: Sequence[ReadyLayer] = ()
) -> Packaged:
    """One package of ours, as the service makes it."""
    store = RegistryStore(place_of(host), repository)
    try:
        below = (replace(runner_layer(), repository=SHARED_REPOSITORY), *dependencies)
        return await assemble(plan, store, base.base, tag=plan.version, below=below, base_repository=base.repository)
    finally:
        await store.close()


def time_package(
    plan: Plan, host: str, base: BasePlace, repository: str, *, dependencies: Sequence[ReadyLayer] = ()
) -> tuple[float, Packaged]:
    """Seconds from a ready plan until the digest was read back, and the package."""

    async def timed() -> tuple[float, Packaged]:
        began = time.perf_counter()
        packaged = await package(plan, host, base, repository, dependencies=dependencies)
        return time.perf_counter() - began, packaged

    return asyncio.run(timed())
