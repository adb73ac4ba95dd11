"""What lies in the home: how much it is, the largest files, and deleting some. No link is ever followed.

A person's own programs write there at the same time, and somebody else's may too: each step goes from one open folder
to the next.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_LISTED: Final = 100
DEEPEST: Final = 200
"""Folders in folders: each level keeps one file open."""

BLOCK_BYTES: Final = 512
"""Of what the system counts as a block, whatever the file system's own size is."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, order=True)
class LargeFile:
    """One file, ordered by the room it takes."""

    size_bytes: int
    path: str
    """Below the home."""
    modified: float
    """Seconds since 1970."""


@dataclass(slots=True)
class Contents:
    """What was found in a home."""

    used_bytes: int = 0
    is_whole: bool = True
    """False: at least so much; not all of it could be looked at in time."""
    largest: list[LargeFile] = field(default_factory=list)
    """The largest first."""


def look_through(
    home: str,
    *,
    seconds: float,
    mounts: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.monotonic,
) -> Contents:
    """What lies in the home, as far as it could be looked at in so many seconds. OSError where there is none.

    `mounts` are folders on which something else is mounted (a team's folder, data): they are not the person's.
    """
    contents, until = Contents(), clock() + seconds
    largest: list[LargeFile] = []
    for found, path in _walk(home, mounts, contents, is_over=lambda: clock() > until):
        size = _room(found)
        contents.used_bytes += size
        if stat.S_ISREG(found.st_mode):
            keep = heapq.heappush if len(largest) < MOST_LISTED else heapq.heappushpop
            keep(largest, LargeFile(size_bytes=size, path=path, modified=found.st_mtime))
    contents.largest = sorted(largest, reverse=True)
    return contents


def delete_files(home: str, paths: Iterable[str], *, mounts: frozenset[str] = frozenset()) -> dict[str, str]:
    """Deletes regular files below the home; why not, for each that was not deleted."""
    problems: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        try:
            _delete(home, path, mounts)
        except OSError as error:
            problems[path] = _reason(error)
    return problems


def mount_points() -> frozenset[str]:
    """Every folder on which something is mounted here; none where the system does not say."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - light
            return frozenset(_unescaped(line.split(" ", 5)[4]) for line in file)
    except (OSError, IndexError):
        return frozenset()


def _walk(
    home: str, mounts: frozenset[str], contents: Contents, *, is_over: Callable[[], bool]
) -> Iterator[tuple[os.stat_result, str]]:
    linked: set[int] = set()
    root = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    device = os.fstat(root).st_dev
    open_folders: list[tuple[int, str, Iterator[str]]] = []
    try:
        open_folders.append((root, "", iter(_names(root, contents))))
        while open_folders:
            folder, below, names = open_folders[-1]
            if is_over():
                contents.is_whole = False
                return
            name = next(names, None)
            if name is None:
                os.close(open_folders.pop()[0])
                continue
            path = f"{below}{name}"
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:  # gone since it was listed
                continue
            if found.st_dev != device or f"{home.rstrip('/')}/{path}" in mounts:
                continue
            if not _counts(found, linked):
                continue
            yield found, path
            if stat.S_ISDIR(found.st_mode):
                if len(open_folders) > DEEPEST:
                    contents.is_whole = False
                    continue
                with contextlib.suppress(OSError):  # gone, or exchanged for something else
                    child = os.open(name, _FOLDER, dir_fd=folder)
                    open_folders.append((child, f"{path}/", iter(_names(child, contents))))
    finally:
        for descriptor, _, _ in open_folders:
            os.close(descriptor)


def _counts(found: os.stat_result, linked: set[int]) -> bool:
    """A file with several names takes its room once."""
    if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
        return True
    if found.st_ino in linked:
        return False
    linked.add(found.st_ino)
    return True


def _names(folder: int, contents: Contents) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # a folder that its own owner closed
        contents.is_whole = False
        return []


def _room(found: os.stat_result) -> int:
    # Some file systems count no blocks; a sparse file takes less than its size.
    return found.st_blocks * BLOCK_BYTES or found.st_size


def _delete(home: str, path: str, mounts: frozenset[str]) -> None:
    parts = path.split("/")
    if "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise OSError(errno.EINVAL, "No file below your home is called so.")
    with contextlib.ExitStack() as stack:
        folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, folder)
        for depth, part in enumerate(parts[:-1], start=1):
            if "/".join((home.rstrip("/"), *parts[:depth])) in mounts:
                raise OSError(errno.EXDEV, "It lies on another volume than your home.")
            folder = os.open(part, _FOLDER, dir_fd=folder)
            stack.callback(os.close, folder)
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.EISDIR, "It is not a file.")
        os.unlink(parts[-1], dir_fd=folder)


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "It is not there any more."
        case errno.ENOTDIR | errno.ELOOP:
            return "A link or a file is where a folder was."
        case errno.EROFS:
            return "Your home can only be read."
        case errno.EACCES | errno.EPERM:
            return "You may not delete it: its folder is closed to you."
        case _:
            return error.strerror or type(error).__name__


def _unescaped(place: str) -> str:
    for written, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(written, character)
    return place
