"""What lies on disk below the environments' folder, and how it is named there.

<root>/<digest>/                    a finished environment; it exists complete or not at all
<root>/.building/<digest>-<any>/    one that is being built or removed, or was left by somebody who died
<root>/.building/<digest>.lock      held by whoever builds or removes
<root>/.building/<digest>.progress  what the builder tells those who wait in other processes
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from spawner.environment_lock import try_lock
from spawner.environment_progress import BuildProgress, BuildStep, Pace
from spawner.environment_recipe import EnvironmentId
from spawner.environment_rules import make_read_only, remove_tree
from spawner.record import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST: Final = "studiolo-environment.json"
"""Written last, before the rename."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a finished environment is, and what it cost."""

    name: str
    """Of the catalog entry it was built for; others may use it too."""
    digest: str
    python: str
    packages: int
    bytes: int
    """Of all files, also those that other environments share by hard links."""
    seconds_after_download: float
    built_at: datetime

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """What `to_json` gave; ValueError, KeyError or TypeError for anything else."""
        raw = json.loads(text)
        return cls(**{**raw, "built_at": datetime.fromisoformat(raw["built_at"])})


@dataclass(frozen=True, slots=True)
class Shelf:
    """The environments' folder of one machine."""

    root: Path

    def folder(self, identity: EnvironmentId) -> Path:
        """Where the finished environment lies."""
        return self.root / identity.short

    def new_tree(self, identity: EnvironmentId) -> Path:
        """Where the environment may be built: a folder that does not exist yet."""
        return self._workshop / f"{identity.short}-{uuid4().hex[:8]}"

    def lock(self, identity: EnvironmentId) -> Path:
        """The file that a builder or remover locks."""
        return self._workshop / f"{identity.short}.lock"

    def is_complete(self, identity: EnvironmentId) -> bool:
        """Whether it is there. The Python it was made for may have gone since: then its link leads nowhere."""
        folder = self.folder(identity)
        return (folder / MANIFEST).is_file() and (folder / "bin" / "python").exists()

    def finish(self, tree: Path, manifest: Manifest) -> None:
        """Makes a built tree the environment, in one step."""
        folder = self.folder(EnvironmentId(digest=manifest.digest))
        write_atomically(tree / MANIFEST, manifest.to_json())
        tree.rename(folder)
        make_read_only(folder)  # afterwards: a folder nobody may write to cannot be renamed

    def touch(self, identity: EnvironmentId) -> None:
        """Notes that the environment was used now."""
        with contextlib.suppress(OSError):  # it is somebody else's: only the list of environments is less exact
            os.utime(self.folder(identity) / MANIFEST)

    def finished(self) -> Iterator[tuple[Manifest, datetime]]:
        """Every finished environment, and when it was last used."""
        for path in self.root.glob(f"*/{MANIFEST}"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # removed in this moment
                yield Manifest.from_json(path.read_text()), datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def pace(self) -> Pace:
        """How long a package took here, in the middle of all builds."""
        paces = [done.seconds_after_download / done.packages for done, _ in self.finished() if done.packages]
        return Pace(seconds_per_package=statistics.median(paces) if paces else None)

    def remove(self, identity: EnvironmentId) -> bool:
        """Removes an environment: gone at once, its files a little later. False where somebody builds it just now."""
        with try_lock(self.lock(identity)) as descriptor:
            if descriptor is None:
                return False
            self.clear(identity)
        return True

    def clear(self, identity: EnvironmentId) -> None:
        """Removes whatever there is of an environment. Only for who holds its lock."""
        folder = self.folder(identity)
        if folder.exists():
            folder.chmod(0o700)  # see `finish`
            folder.rename(self.new_tree(identity))
        for left in tuple(self._workshop.glob(f"{identity.short}-*")):
            remove_tree(left)

    def sweep(self) -> None:
        """Removes what dead builders left."""
        for left in tuple(self._workshop.glob("*-*")):
            with try_lock(self._workshop / f"{left.name.partition('-')[0]}.lock") as descriptor:
                if descriptor is not None and left.exists():
                    remove_tree(left)

    def tell(self, identity: EnvironmentId, progress: BuildProgress) -> None:
        """Tells other processes how far a build is."""
        write_atomically(self._told(identity), json.dumps(progress.as_json()))

    def told(self, identity: EnvironmentId) -> BuildProgress:
        """What the process that builds has last told, or that somebody builds."""
        try:
            return BuildProgress.from_json(json.loads(self._told(identity).read_text()))
        except (OSError, ValueError, TypeError):
            return BuildProgress(step=BuildStep.WAITING)

    def tell_nothing(self, identity: EnvironmentId) -> None:
        """The build is over."""
        self._told(identity).unlink(missing_ok=True)

    @property
    def _workshop(self) -> Path:
        return self.root / ".building"

    def _told(self, identity: EnvironmentId) -> Path:
        return self._workshop / f"{identity.short}.progress"
