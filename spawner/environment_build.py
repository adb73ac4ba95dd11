"""Builds one environment into a folder that nobody looks at yet: uv's install, our files, compiled, checked."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spawner.environment_failure import BuildFailed, explain
from spawner.environment_progress import BuildProgress, BuildStep, Pace, ProgressReader
from spawner.environment_rules import broken_rules, lay_over, site_packages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spawner.environment_recipe import Recipe

TELL_EVERY_SECONDS: Final = 0.5
"""How often progress is told. Counting 8,000 compiled files takes a twentieth of a second."""

PRINTED_LINES: Final = 50
"""How much of what uv printed goes with each progress: enough to see what it does, small enough to send often."""

MISLEADING_VARIABLES: Final = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_NO_PROGRESS", "UV_TARGET")
"""What uv would read, and that is about the environment of whoever builds, not about the one that is built."""


def uv_command() -> tuple[str, ...]:
    """How uv is called here: ours, the one beside our Python, or the one on PATH. BuildFailed where there is none."""
    if importlib.util.find_spec("uv"):
        return (sys.executable, "-m", "uv")
    if beside := shutil.which("uv", path=str(Path(sys.executable).parent)):
        return (beside,)
    if found := shutil.which("uv"):
        return (found,)
    raise BuildFailed("uv, which builds environments, is not installed.", (), hint="Run `make up` again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build gave and cost."""

    packages: int
    seconds_after_download: float
    """Of installing, compiling and checking: what the next build on this machine can be measured by."""


@dataclass(slots=True, kw_only=True)
class Build:
    """One attempt. `run` gives what was built, or raises BuildFailed; the folder is the caller's to keep or remove."""

    recipe: Recipe
    tree: Path
    """Where it is built."""
    final: Path
    """Where it will lie."""
    cache: Path | None
    index_url: str | None
    lock_descriptor: int
    """Handed to every program that writes into the tree: see `environment_lock`."""
    pace: Pace
    on_progress: Callable[[BuildProgress], None]
    log: list[str] = field(default_factory=list)
    _reader: ProgressReader = field(init=False)

    async def run(self) -> Built:
        """Builds the environment."""
        self._reader = ProgressReader(pace=self.pace, started=time.monotonic())
        uv = uv_command()
        async with self._telling():
            await self._run(
                *uv, "venv", "--relocatable", "--python", str(self.recipe.interpreter.executable), self.tree
            )
            await self._run(*uv, "pip", "install", *self._install_options(), "--requirements", self.recipe.lock)
            await self._install_own(uv)
            downloaded = self._reader.started
            await asyncio.to_thread(lay_over, self.tree, self.recipe.overlays)
            await self._compile()
            self._begin(BuildStep.CHECKING)
            if broken := await asyncio.to_thread(broken_rules, self.tree):
                raise BuildFailed(" ".join(broken), self.log, hint="This is a fault of the lock or of Studiolo.")
        return Built(packages=self._installed(), seconds_after_download=time.monotonic() - downloaded)

    async def _install_own(self, uv: tuple[str, ...]) -> None:
        wheels = [await asyncio.to_thread(wheel.made) for wheel in self.recipe.wheels]
        options = ("--python", str(self.tree / "bin" / "python"), "--no-deps", "--no-index", "--link-mode", "copy")
        if wheels:
            await self._run(*uv, "pip", "install", *options, *wheels)

    def _install_options(self) -> tuple[str, ...]:
        # The lock is complete: nothing is resolved (--no-deps), nothing is built from source (--only-binary), nothing
        # is installed that is not exactly what was locked. Hard links where the file system has them, else copies.
        index = () if self.index_url is None else ("--default-index", self.index_url)
        return (
            *("--python", str(self.tree / "bin" / "python"), "--require-hashes", "--no-deps"),
            *("--only-binary", ":all:", "--link-mode", "hardlink", *index),
        )

    async def _compile(self) -> None:
        """Compiles what is there for good: the sources of an environment never change, so nothing looks at them again.

        Paths in tracebacks are those of the finished environment. Files that are no Python of this version are left.
        """
        self._begin(BuildStep.COMPILING)
        # Forced: a module that Python itself imports when it starts may lie compiled the ordinary way by then.
        options = ("-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", self.tree, "-p", self.final)
        python = self.tree / "bin" / "python"
        await self._run(python, "-I", "-m", "compileall", *options, site_packages(self.tree), may_fail=True)

    async def _run(self, *command: str | Path, may_fail: bool = False) -> None:
        """Runs one program of the build to its end; cancelled, it and all it started are gone when this returns."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._env(),
            start_new_session=True,  # its own group: uv and compileall have children of their own
            pass_fds=(self.lock_descriptor,),
        )
        try:
            if process.stdout is not None:
                await self._read(process.stdout)
            exit_code = await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
            raise
        if exit_code and not may_fail:
            raise explain(self.log, exit_code=exit_code)

    async def _read(self, output: asyncio.StreamReader) -> None:
        async for raw in output:
            line = raw.decode(errors="replace").rstrip()
            self.log.append(line)
            self._reader.read(line, now=time.monotonic())

    def _env(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name not in MISLEADING_VARIABLES}
        if self.cache is not None:
            env["UV_CACHE_DIR"] = str(self.cache)
        return {**env, "NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never", "PYTHONDONTWRITEBYTECODE": "1"}

    def _begin(self, step: BuildStep) -> None:
        self._reader.begin(step, now=time.monotonic())

    @contextlib.asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        """While open, progress is told twice a second."""
        task = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _tell(self) -> None:
        while True:
            await asyncio.to_thread(self._count)
            progress = self._reader.progress(now=time.monotonic())
            self.on_progress(replace(progress, printed=tuple(self.log[-PRINTED_LINES:])))
            await asyncio.sleep(TELL_EVERY_SECONDS)

    def _count(self) -> None:
        match self._reader.step:
            case BuildStep.INSTALLING:
                self._reader.count_packages(self._installed())
            case BuildStep.COMPILING:
                packages = site_packages(self.tree)
                total = self._reader.files_total or _count(packages, ".py")
                self._reader.count_files(_count(packages, ".pyc"), total=total)
            case _:
                pass

    def _installed(self) -> int:
        return len(list(site_packages(self.tree).glob("*.dist-info")))


def _count(folder: Path, suffix: str) -> int:
    # Path.rglob takes three times as long, 0.1 s: twice a second, a fifth of one of the cores that compile.
    return sum(name.endswith(suffix) for _, _, names in os.walk(folder) for name in names)
