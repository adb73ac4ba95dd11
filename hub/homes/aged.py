"""Removes what nobody has used for long from one folder, and nothing else, whatever people do there meanwhile.

Every step goes from one open folder to the next. No link is followed, no other mount is entered, and before each
removal the folders on the way are asked whether they still lie in one another: what somebody has moved away is left.
"""

from __future__ import annotations

import contextlib
import os
import random
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST: Final = 200
"""Folders in folders. Each level keeps one file open, and somebody may build a tower to exhaust them."""

MOST_NAMES: Final = 100_000
"""Of one folder in one look: their names are kept in memory. The next look goes on."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(slots=True)
class Swept:
    """What one look has done."""

    removed_count: int = 0
    removed_bytes: int = 0
    kept_count: int = 0
    """Old ones that could not be removed."""
    is_whole: bool = True
    """False: not all of it could be looked at."""


@dataclass(slots=True)
class _Level:
    descriptor: int
    name: str
    """In the folder above; "" for the top."""
    is_old: bool
    """Before anything in it was removed, for that makes it new."""
    identity: tuple[int, int]
    folders: list[tuple[str, bool]] = field(default_factory=list)
    """Those that are still to be looked at."""


def last_used(found: os.stat_result) -> float:
    """When a file was changed, moved here, unpacked here, or read, as far as the file system notes that: the latest."""
    return max(found.st_mtime, found.st_ctime, found.st_atime)


def sweep(
    top: int,
    *,
    before: float,
    seconds: float,
    is_stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Swept:
    """Removes below an open folder what was last used before a moment (seconds since 1970), for at most so long.

    Files first, and folders that are empty then and as old; the folder itself stays. What vanishes meanwhile is not
    there.
    """
    return _Sweep(top, before=before, until=clock() + seconds, is_stopped=is_stopped, clock=clock).run()


class _Sweep:
    def __init__(
        self, top: int, *, before: float, until: float, is_stopped: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._before = before
        self._until = until
        self._is_stopped = is_stopped
        self._clock = clock
        self._mount = _mount_of(top)
        self._done = Swept()
        self._levels: list[_Level] = []
        self._top = top

    def run(self) -> Swept:
        try:
            self._enter(os.dup(self._top), "", is_old=False)
            while self._levels:
                level = self._levels[-1]
                if level.folders and not self._has_ended():
                    self._descend(level)
                else:
                    self._done.is_whole = self._done.is_whole and not level.folders
                    self._leave(level)
        finally:
            for level in self._levels:
                os.close(level.descriptor)
        return self._done

    def _descend(self, level: _Level) -> None:
        name, is_old = level.folders.pop()
        if len(self._levels) > DEEPEST:
            self._done.is_whole = False
            return
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=level.descriptor)
        except OSError:  # gone, or exchanged for something else since it was listed, or closed to this process
            return
        if _mount_of(descriptor) == self._mount:
            self._enter(descriptor, name, is_old=is_old)
        else:
            os.close(descriptor)

    def _enter(self, descriptor: int, name: str, *, is_old: bool) -> None:
        found = os.fstat(descriptor)
        level = _Level(descriptor, name, is_old, (found.st_dev, found.st_ino))
        self._levels.append(level)
        for old in self._old_files(level):
            if self._has_ended():
                self._done.is_whole = False
                return
            self._remove(level, old)

    def _old_files(self, level: _Level) -> list[str]:
        """Names of old files; folders are noted, in another order each time, so that each has its turn some day."""
        old: list[str] = []
        try:
            with os.scandir(level.descriptor) as entries:
                for number, entry in enumerate(entries):
                    if number >= MOST_NAMES or self._has_ended():
                        self._done.is_whole = False
                        break
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        # That somebody has listed a folder is not that somebody uses it.
                        is_old = max(found.st_mtime, found.st_ctime) < self._before
                        level.folders.append((entry.name, is_old))
                    elif last_used(found) < self._before:
                        old.append(entry.name)
        except OSError:  # a folder that this process may not read
            self._done.is_whole = False
        random.shuffle(level.folders)
        return old

    def _remove(self, level: _Level, name: str) -> None:
        try:
            found = os.stat(name, dir_fd=level.descriptor, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) or last_used(found) >= self._before or not self._is_in_place():
                return
            os.unlink(name, dir_fd=level.descriptor)
        except FileNotFoundError:
            return
        except OSError:
            self._done.kept_count += 1
            return
        self._done.removed_count += 1
        if found.st_nlink == 1:
            self._done.removed_bytes += found.st_size

    def _leave(self, level: _Level) -> None:
        self._levels.pop()
        os.close(level.descriptor)
        if not level.is_old or self._has_ended():
            return
        above = self._levels[-1].descriptor  # the top is never old
        with contextlib.suppress(OSError):  # not empty, mostly
            found = os.stat(level.name, dir_fd=above, follow_symlinks=False)
            if (found.st_dev, found.st_ino) == level.identity and self._is_in_place():
                os.rmdir(level.name, dir_fd=above)

    def _is_in_place(self) -> bool:
        """Whether each open folder still lies in the one above it, up to the top."""
        for above, level in zip(self._levels, self._levels[1:], strict=False):
            found = os.stat("..", dir_fd=level.descriptor)
            if (found.st_dev, found.st_ino) != above.identity:
                return False
        return True

    def _has_ended(self) -> bool:
        return self._clock() > self._until or self._is_stopped()


def _mount_of(descriptor: int) -> str:
    """Which mount an open folder lies in. Two mounts of one disk have one device number, and two of these."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("mnt_id:"))
