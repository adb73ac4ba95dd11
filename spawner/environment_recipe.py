"""What an environment is made from, and the digest that names it.

Two environments with the same recipe are one folder on disk; whatever could make them differ is part of the digest.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spawner.own_wheel import OwnWheel

BUILDER_VERSION: Final = 1
"""Part of every digest: raise it when the builder makes something else of the same lock."""

BASE_FILES: Final = Path(__file__).parent.parent / "images" / "base" / "files"
"""What lies in every environment beside its packages: Jupyter's settings."""

SHORT_DIGEST_LENGTH: Final = 12
"""Folder names: 48 bits tell the few environments of a machine apart, and people can compare them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that an environment is made for."""

    executable: Path
    implementation: str
    version: str
    machine: str

    @classmethod
    def running(cls) -> Interpreter:
        """The Python that runs this: environments on one machine are made for the same one."""
        return cls(
            executable=Path(sys.executable),
            implementation=sys.implementation.name,
            version=platform.python_version(),
            machine=f"{sys.platform}-{platform.machine()}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentId:
    """The name of what a recipe gives."""

    digest: str

    @property
    def short(self) -> str:
        """The name of its folder."""
        return self.digest[:SHORT_DIGEST_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A lock, the files that go beside its packages, and the Python it is installed for."""

    lock: Path
    overlays: tuple[Path, ...]
    """Folders copied over the environment, later ones over earlier ones; those that do not exist add nothing."""
    interpreter: Interpreter
    wheels: tuple[OwnWheel, ...] = ()
    """What of this checkout is installed beside the packages of the lock."""

    def identify(self) -> EnvironmentId:
        """The digest of everything named here, contents included. OSError where a file cannot be read."""
        digest = hashlib.sha256()
        facts = (self.interpreter.implementation, self.interpreter.version, self.interpreter.machine)
        for part in (str(BUILDER_VERSION), *facts):
            _add(digest, part.encode())
        _add(digest, self.lock.read_bytes())
        for wheel in self.wheels:
            _add(digest, wheel.inputs().encode())
        for overlay in self.overlays:
            for path in overlay_files(overlay):
                _add(digest, path.relative_to(overlay).as_posix().encode())
                _add(digest, path.read_bytes())
        return EnvironmentId(digest=digest.hexdigest())


def recipe_for(
    lock: Path,
    *,
    base_files: Path = BASE_FILES,
    interpreter: Interpreter | None = None,
    wheels: tuple[OwnWheel, ...] = (),
) -> Recipe:
    """The recipe of a lock: the folder `files` beside it comes over what every environment gets."""
    return Recipe(
        lock=lock,
        overlays=(base_files, lock.parent / "files"),
        interpreter=interpreter or Interpreter.running(),
        wheels=wheels,
    )


def overlay_files(overlay: Path) -> Iterator[Path]:
    """The files of a folder, in an order that is the same everywhere."""
    return (path for path in sorted(overlay.rglob("*")) if path.is_file())


def _add(digest: hashlib._Hash, part: bytes) -> None:
    # The length goes first: no two different lists of parts give the same bytes.
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)
