"""What is made on this machine before an image is built: Debian's archive, npm's packages, a compiled program, uv.

Each lies in the cache under the hash of what it is made from, and is made once.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.images.errors import StepFailedError, ToolMissingError
from spawner.environment_failure import BuildFailed
from spawner.environment_lab import WHEEL as LAB_WHEEL
from spawner.environment_lab import LabWheel
from spawner.environment_packages import WHEEL as PACKAGES_WHEEL
from spawner.environment_packages import PackagesWheel
from spawner.environment_studiolo import WHEEL as STUDIOLO_WHEEL
from spawner.environment_studiolo import StudioloWheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spawner.own_wheel import OwnWheel

SUITE: Final = "bookworm"
"""Debian 12, on which everything here was tried. `images/*/Containerfile` name the same one for docker."""

TIMESTAMP: Final = 1_700_000_000
"""The time of every file in every layer: same inputs, same layers. Any moment does; zero confuses some tools."""

LOG_TAIL_LINES: Final = 30
DEBIAN_SOURCES: Final = Path("/etc/apt/sources.list.d/debian.sources")
"""Where this machine gets Debian from. Without it: Debian's public mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """One thing that goes into contexts."""

    inputs: str
    """What it is made from, in one word."""
    make: Callable[[Path], None]
    """Makes it at a path that does not exist yet."""


def ingredients(checkout: Path) -> dict[str, Ingredient]:
    """All of them, by the place they take in a context."""
    images = checkout / "images"
    debian, pause = images / "debian", images / "pause" / "pause.c"
    compile_all = images / "base" / "compile_all.py"
    lab, studiolo = LabWheel(source=checkout / "lab"), StudioloWheel(source=checkout)
    packages = PackagesWheel(source=images / "packages")
    npm_files = (checkout / "package.json", checkout / "package-lock.json")
    return {
        "debian.tar": Ingredient(
            inputs=_hash(
                [debian / "packages.txt", debian / "settle.sh", compile_all], SUITE, str(TIMESTAMP), platform.machine()
            ),
            make=lambda target: _make_debian(target, debian, compile_all),
        ),
        f"lab/{LAB_WHEEL}": Ingredient(inputs=lab.inputs(), make=lambda target: _make_wheel(target, lab)),
        "node_modules": Ingredient(inputs=_hash(npm_files), make=lambda target: _make_node_modules(target, npm_files)),
        "pause": Ingredient(
            inputs=_hash([pause], platform.machine()),
            make=lambda target: _compile(pause, target),
        ),
        f"lab/{PACKAGES_WHEEL}": Ingredient(
            inputs=packages.inputs(), make=lambda target: _make_wheel(target, packages)
        ),
        f"studiolo/{STUDIOLO_WHEEL}": Ingredient(
            inputs=studiolo.inputs(), make=lambda target: _make_wheel(target, studiolo)
        ),
        "tools/uv": Ingredient(inputs=f"{version('uv')}-{platform.machine()}", make=_copy_uv),
    }


def made(name: str, ingredient: Ingredient, cache: Path) -> Path:
    """Where it lies in the cache; made first when it is not there. What is there is complete."""
    folder = cache / "ingredients" / f"{name.replace('/', '-')}-{ingredient.inputs[:16]}"
    target = folder / name.rpartition("/")[2]
    if target.exists():
        return target
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        ingredient.make(Path(temporary, target.name))
        shutil.rmtree(folder, ignore_errors=True)
        Path(temporary).rename(folder)
        Path(temporary).mkdir()  # what the context manager removes
    folder.chmod(0o755)
    return target


def run(
    command: Iterable[str | Path],
    *,
    what: str,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    cwd: Path | None = None,
) -> str:
    """What a program printed. StepFailedError with its last lines where it failed, ToolMissingError where it is not."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise ToolMissingError(words[0])
    tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
    printed: list[str] = []
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(env or {})},
        cwd=cwd,
    ) as process:
        for line in process.stdout or ():
            printed.append(line)
            tail.append(line.rstrip())
            if on_line is not None:
                on_line(line.rstrip())
    if process.returncode:
        raise StepFailedError(what, exit_code=process.returncode, log_tail=tuple(tail))
    return "".join(printed)


def _make_debian(target: Path, folder: Path, compile_all: Path) -> None:
    """The smallest Debian with the packages of `packages.txt`. The hooks run last, in the finished tree."""
    packages = ",".join((folder / "packages.txt").read_text(encoding="utf-8").split())
    quiet = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "doc")]
    hooks = (
        'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
        f'chroot "$1" python3 -I - $(cd "$1" && echo /usr/lib/python3*) < {compile_all}',
        f'chroot "$1" sh -s < {folder / "settle.sh"}',
    )
    run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={packages}"),
            *("--aptopt=Acquire::Languages none", *quiet, "--dpkgopt=path-include=/usr/share/doc/*/copyright"),
            "--skip=output/dev",
            *(f"--customize-hook={hook}" for hook in hooks),
            *(SUITE, str(target), *([str(DEBIAN_SOURCES)] if DEBIAN_SOURCES.is_file() else [])),
        ],
        what="Making Debian's base with mmdebstrap",
        env={"SOURCE_DATE_EPOCH": str(TIMESTAMP)},
    )


def _compile(source: Path, target: Path) -> None:
    """A program that needs no library of the image, and is the same whenever it is made."""
    options = ("-Os", "-static", "-s", "-Wall", "-Wl,--build-id=none")
    run(["gcc", *options, "-o", target, source], what=f"Compiling {source.name}")


def _make_node_modules(target: Path, npm_files: Iterable[Path]) -> None:
    """What the proxy needs to run, without what tests need."""
    with tempfile.TemporaryDirectory() as folder:
        for path in npm_files:
            shutil.copy(path, folder)
        options = ("--omit=dev", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
        run(["npm", "ci", *options], what="npm ci", cwd=Path(folder))
        # npm's own list of what it installed holds addresses of this machine's registry.
        Path(folder, "node_modules", ".package-lock.json").unlink(missing_ok=True)
        shutil.copytree(Path(folder, "node_modules"), target, symlinks=True)


def _make_wheel(target: Path, wheel: OwnWheel) -> None:
    try:
        shutil.copyfile(wheel.made(), target)
    except BuildFailed as failed:
        raise StepFailedError(f"Making {target.name}", exit_code=1, log_tail=failed.log_tail) from failed


def _copy_uv(target: Path) -> None:
    beside = Path(sys.executable).parent / "uv"
    found = beside if beside.is_file() else shutil.which("uv")
    if found is None:
        raise ToolMissingError("uv")
    shutil.copy(found, target)


def _hash(paths: Iterable[Path], *facts: str) -> str:
    digest = hashlib.sha256("\0".join(facts).encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
