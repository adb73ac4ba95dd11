"""scikit-learn and pandas on a base without them: a layer of ours against a step of buildah's, both compiled."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.comparison import Samples
from bench.package_place import load_base
from bench.package_sides import Buildah, package, share
from deploy.images.buildah import CERTIFICATES, LOCAL_ONLY
from deploy.local.package_index import uv_environment_here
from studiolo.packaging.dependency_layer import ask_python, dependency_layer, lock_of, uv_command
from studiolo.packaging.plan import PACKAGES
from studiolo.packaging.requirements import Needed, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.package_place import BasePlace, BenchProject
    from studiolo.packaging.dependency_layer import PythonFacts

ENVIRONMENT = "minimal"
WANTED = tuple(Needed(requirement=name, source=Source.REQUIREMENTS) for name in ("scikit-learn", "pandas"))
BASE_PYTHON = "/opt/environment/bin/python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Seconds of both ways."""

    buildah: Samples
    first: Samples
    """Of ours: installed, compiled, compressed, sent."""
    afterwards: Samples
    """Of ours: the same lock, other code, another repository."""
    layer_bytes: int
    cpu_seconds: dict[str, float]
    """Median of `buildah` and `first`, without the registry's: what a busy machine changes least."""

    @property
    def share_of_buildah(self) -> float:
        """What ours takes of buildah's time, the first time."""
        return self.first.median / self.buildah.median

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "buildah": self.buildah.as_json(),
            "first": self.first.as_json(),
            "afterwards": self.afterwards.as_json(),
            "share_of_buildah": round(self.share_of_buildah, 3),
            "cpu_seconds": self.cpu_seconds,
            "layer_bytes": self.layer_bytes,
        }


def time_dependencies(host: str, folder: Path, project: BenchProject, *, runs: int) -> Dependencies:
    """Both ways in turns, each with every wheel in uv's cache."""
    base = load_base(host, ENVIRONMENT)
    with _settings(folder):
        python = _bare_python(folder / "python")
        lock = lock_of(WANTED, python)
        dependency_layer(lock, python, cache=folder / "warm-up")  # fills uv's cache
        side = _Buildahs(folder=folder, host=host, base=base, lock=lock)
        taken: dict[str, list[float]] = {"buildah": [], "first": [], "afterwards": []}
        cpu: dict[str, list[float]] = {"buildah": [], "first": []}
        size = 0
        with side.ready(project):
            for number in range(runs):
                project.change()
                before = _cpu_seconds()
                taken["buildah"].append(side.build(project, number))
                cpu["buildah"].append(_cpu_seconds() - before)
                before = _cpu_seconds()
                first, afterwards, size = asyncio.run(
                    _ours(host, base, project, python, lock, cache=folder / f"layers-{number}")
                )
                cpu["first"].append(_cpu_seconds() - before)
                taken["first"].append(first)
                taken["afterwards"].append(afterwards)
                _forget(folder / f"layers-{number}")
    samples = {name: Samples(seconds=tuple(one)) for name, one in taken.items()}
    used = {name: round(statistics.median(one), 2) for name, one in cpu.items()}
    return Dependencies(**samples, layer_bytes=size, cpu_seconds=used)


def _cpu_seconds() -> float:
    """Of this process and of all that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


async def _ours(
    host: str, base: BasePlace, project: BenchProject, python: PythonFacts, lock: str, *, cache: Path
) -> tuple[float, float, int]:
    plan, name = project.plan(), cache.name
    began = time.perf_counter()
    made = await asyncio.to_thread(dependency_layer, lock, python, cache=cache)
    # Each round sends it: a registry that had it would make every round but the first too fast.
    await package(plan, host, base, f"models/{name}/first", dependencies=(made,))
    first = time.perf_counter() - began
    shared = await share(made, host)
    project.change()
    plan = project.plan()
    began = time.perf_counter()
    known = await asyncio.to_thread(dependency_layer, lock, python, cache=cache)
    ready = type(known)(layer=known.layer, opened=known.opened, repository=shared.repository)
    await package(plan, host, base, f"models/{name}/second", dependencies=(ready,))
    return first, time.perf_counter() - began, made.layer.size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Buildahs:
    folder: Path
    host: str
    base: BasePlace
    lock: str

    @contextmanager
    def ready(self, project: BenchProject) -> Iterator[None]:
        """With the base in its store."""
        tools = self.folder / "tools"
        tools.mkdir()
        shutil.copy(uv_command()[0], tools / "uv")
        (tools / "requirements.lock").write_text(self.lock)
        self._side.build(project, "models/dependencies/warm-up")
        try:
            yield
        finally:
            self._side.forget()

    @property
    def _side(self) -> Buildah:
        return Buildah(store=self.folder / "dependencies", host=self.host, base=self.base)

    def build(self, project: BenchProject, number: int) -> float:
        """Seconds of installing, compiling, the project's files, and the push."""
        target = f"/{PACKAGES}"
        step = (
            "USER root\n"
            "RUN export UV_CACHE_DIR=/srv UV_LINK_MODE=copy && /mnt/uv pip install --quiet --offline --no-deps"
            f" --require-hashes --only-binary :all: --python {BASE_PYTHON} --target {target}"
            " -r /mnt/requirements.lock"
            f" && ({BASE_PYTHON} -I -m compileall -q -f -j 0 --invalidation-mode unchecked-hash {target} || true)\n"
        )
        options = (
            *(f"--env={name}={value}" for name, value in _index().items()),
            *("-v", f"{self.folder / 'tools'}:/mnt:ro", "-v", f"{self.folder / 'uv'}:/srv:rw"),
        )
        return self._side.build(project, f"models/dependencies/{number}", step=step, options=options)


def _index() -> dict[str, str]:
    """By which uv's cache knows whence a wheel came. Of this machine, in images that go when the benchmark ends."""
    settings = {**uv_environment_here(), **{name: os.environ[name] for name in os.environ if name.startswith("UV_")}}
    left_out = {*LOCAL_ONLY, CERTIFICATES, "UV_CACHE_DIR"}
    return {name: value for name, value in settings.items() if name not in left_out}


@contextmanager
def _settings(folder: Path) -> Iterator[None]:
    """A cache of uv for this benchmark alone, and the index of this machine."""
    before = dict(os.environ)
    os.environ.update({**uv_environment_here(), "UV_CACHE_DIR": str(folder / "uv")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _bare_python(folder: Path) -> PythonFacts:
    """A Python with nothing installed: of the base, only these packages' own requirements would matter."""
    subprocess.run([*uv_command(), "venv", "--quiet", "--python", sys.executable, folder], check=True)
    return ask_python(folder / "bin" / "python")


def _forget(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
