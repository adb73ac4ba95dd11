"""Our part of JupyterLab as a wheel: made once on a machine for what `lab/` holds, and installed in every environment.

Two steps, each in the cache under the hash of what it is made from: the page's half, which takes npm half a minute,
and the wheel around it, which takes none. `python -P -m spawner.environment_lab` makes both and prints where it lies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spawner.data_directory import default_cache_directory
from spawner.environment_failure import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB: Final = Path(__file__).parent.parent / "lab"
BUILDER_VERSION: Final = 1
"""Part of every hash: raise it when the same files are made into something else here."""

PAGE: Final = (".npmrc", "package.json", "package-lock.json", "tsconfig.json", "rspack.config.js", "src", "style")
SERVER: Final = ("pyproject.toml", "jupyter-config", "studiolo_lab")
WHEEL: Final = "studiolo_lab-0.1.0-py3-none-any.whl"

TIMESTAMP: Final = "1700000000"
"""Of every file in the wheel: same inputs, same bytes."""

LOG_TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWheel:
    """The wheel of one checkout."""

    source: Path = LAB
    cache: Path | None = None
    """None: this machine's cache."""

    def inputs(self) -> str:
        """What it is made from, in one word. OSError where a file cannot be read."""
        return _hash(self.source, (*PAGE, *SERVER))

    def made(self) -> Path:
        """Where it lies; made first where it does not. BuildFailed where it cannot be made."""
        cache, wheel = self._cache, self._place()
        if wheel.exists():
            return wheel
        with _alone(cache):
            if not wheel.exists():
                page = cache / f"page-{_hash(self.source, PAGE)[:16]}"
                if not page.exists():
                    self._make_page(page)
                self._make_wheel(wheel, page)
        return wheel

    def is_made(self) -> bool:
        """Whether it only has to be picked up."""
        return self._place().exists()

    @property
    def _cache(self) -> Path:
        return (self.cache or default_cache_directory()) / "lab"

    def _place(self) -> Path:
        return self._cache / f"wheel-{self.inputs()[:16]}" / WHEEL

    def _make_page(self, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            folder = Path(temporary, "lab")
            _copy(self.source, PAGE, folder)
            packages = ("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
            _run(packages, cwd=folder, what="Getting what our part of JupyterLab is built with")
            _run(("npm", "run", "--silent", "build"), cwd=folder, what="Building our part of JupyterLab")
            (folder / "labextension").rename(target)

    def _make_wheel(self, target: Path, page: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
            folder, made = Path(temporary, "lab"), Path(temporary, "made")
            _copy(self.source, SERVER, folder)
            shutil.copytree(page, folder / "labextension")
            command = (sys.executable, "-P", "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made))
            _run(command, cwd=folder, what="Packing our part of JupyterLab")
            shutil.rmtree(target.parent, ignore_errors=True)
            made.rename(target.parent)


def _copy(source: Path, names: tuple[str, ...], folder: Path) -> None:
    folder.mkdir()
    for path in _files(source, names):
        place = folder / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _files(source: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        found = source / name
        yield from (
            sorted(p for p in found.rglob("*") if p.suffix != ".pyc" and p.is_file()) if found.is_dir() else (found,)
        )


def _hash(source: Path, names: tuple[str, ...]) -> str:
    digest = hashlib.sha256(str(BUILDER_VERSION).encode())
    for path in _files(source, names):
        for part in (path.relative_to(source).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _run(command: tuple[str, ...], *, cwd: Path, what: str) -> None:
    env = {**os.environ, "SOURCE_DATE_EPOCH": TIMESTAMP, "NO_COLOR": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise BuildFailed(f"{what} needs {command[0]}, which is not there.", (), hint="Run `make up` again.") from error
    if ended.returncode:
        lines = ended.stdout.splitlines()[-LOG_TAIL_LINES:]
        raise BuildFailed(f"{what} failed.", lines, hint="Is this machine's npm registry reachable?")


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One at a time on this machine: the others find what the first made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Makes the wheel of this checkout."""
    wheel = LabWheel()
    if not wheel.is_made():
        sys.stderr.write("Building our part of JupyterLab…\n")
    try:
        sys.stdout.write(f"{wheel.made()}\n")
    except BuildFailed as failed:
        sys.exit("\n".join((*failed.log_tail, failed.reason, failed.hint or "")))


if __name__ == "__main__":
    main()
