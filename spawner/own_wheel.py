"""How a wheel of this checkout is made on this machine: once for what it is made from, and kept in the cache.

Two of them are in every environment beside the packages of its lock: `environment_lab.py` and
`environment_studiolo.py`.
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
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from spawner.environment_failure import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILDER_VERSION: Final = 1
"""Part of every hash: raise it when the same files are made into something else here."""

TIMESTAMP: Final = "1700000000"
"""Of every file in a wheel: same inputs, same bytes."""

LOG_TAIL_LINES: Final = 20


class OwnWheel(Protocol):
    """A wheel that is made here, and installed in every environment beside the packages of its lock."""

    def inputs(self) -> str:
        """What it is made from, in one word. OSError where a file cannot be read."""

    def made(self) -> Path:
        """Where it lies; made first where it does not. BuildFailed where it cannot be made."""

    def is_made(self) -> bool:
        """Whether it only has to be picked up."""


def files_of(source: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """The files and the contents of the folders named, in an order that is the same everywhere."""
    for name in names:
        found = source / name
        yield from (
            sorted(p for p in found.rglob("*") if p.suffix != ".pyc" and p.is_file()) if found.is_dir() else (found,)
        )


def hash_of(source: Path, names: tuple[str, ...], *facts: str) -> str:
    """Files and facts in one word."""
    digest = hashlib.sha256(str(BUILDER_VERSION).encode())
    parts = (part for path in files_of(source, names) for part in (_name(path, source), path.read_bytes()))
    for part in (*(fact.encode() for fact in facts), *parts):
        # The length goes first: no two different lists of parts give the same bytes.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def copy_files(source: Path, names: tuple[str, ...], folder: Path) -> None:
    """Copies the files, and nothing else that lies about in a checkout, into a folder that is not there yet."""
    folder.mkdir()
    for path in files_of(source, names):
        place = folder / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def pack(folder: Path, target: Path, *, what: str) -> None:
    """Makes the wheel of a distribution, alone in the folder of `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        made = Path(temporary, "made")
        run(
            (sys.executable, "-P", "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made)),
            cwd=folder,
            what=f"Packing {what}",
        )
        shutil.rmtree(target.parent, ignore_errors=True)
        made.rename(target.parent)


def run(command: tuple[str, ...], *, cwd: Path, what: str, hint: str = "") -> None:
    """Runs one program to its end. BuildFailed where it fails; `hint` says what else may be the cause."""
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
        raise BuildFailed(f"{what} failed.", ended.stdout.splitlines()[-LOG_TAIL_LINES:], hint=hint)


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """One at a time on this machine: the others find what the first made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _name(path: Path, source: Path) -> bytes:
    return path.relative_to(source).as_posix().encode()
