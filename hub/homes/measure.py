"""How much a home holds, worked out without trusting what lies in it."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from spawner.homes import HomeUsage

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST: Final = 200
"""Folders in folders. Each level keeps one file open, and somebody may build a tower to exhaust them."""

BLOCK_BYTES: Final = 512
"""Of what the system counts as a block, whatever the file system's own size is."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(slots=True)
class _Sum:
    used_bytes: int = 0
    is_whole: bool = True
    linked: set[int] = field(default_factory=set)
    """Files with several names, by number: they take their room once."""

    def add(self, found: os.stat_result) -> None:
        if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1:
            if found.st_ino in self.linked:
                return
            self.linked.add(found.st_ino)
        self.used_bytes += found.st_blocks * BLOCK_BYTES


def measure(home: int, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> HomeUsage:
    """What lies below an open folder, as the disk counts it; what could not be seen in time is left out and said so.

    Links are not followed and other file systems not entered. What vanishes meanwhile is not there.
    """
    until, total = clock() + seconds, _Sum()
    device = os.fstat(home).st_dev
    total.add(os.fstat(home))
    waiting: list[tuple[int, list[str]]] = []
    try:
        waiting.append(_entries(os.dup(home), device, total, until, clock))
        while waiting:
            parent, folders = waiting[-1]
            if not folders or clock() > until:
                total.is_whole = total.is_whole and not folders
                os.close(parent)
                waiting.pop()
                continue
            if len(waiting) > DEEPEST:
                total.is_whole = False
                folders.clear()
                continue
            try:
                child = os.open(folders.pop(), _FOLDER, dir_fd=parent)
            except OSError:  # gone, or exchanged for something else since it was listed
                continue
            waiting.append(_entries(child, device, total, until, clock))
    finally:
        for descriptor, _ in waiting:
            os.close(descriptor)
    return HomeUsage(used_bytes=total.used_bytes, is_whole=total.is_whole)


def _entries(folder: int, device: int, total: _Sum, until: float, clock: Callable[[], float]) -> tuple[int, list[str]]:
    """Counts what lies in one folder; the folder, and those in it that are still to be looked at."""
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if clock() > until:
                    total.is_whole = False
                    break
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if found.st_dev != device:
                    continue
                total.add(found)
                if stat.S_ISDIR(found.st_mode):
                    folders.append(entry.name)
    except OSError:  # a folder that this process may not read
        total.is_whole = False
    return folder, folders
