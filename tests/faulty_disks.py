"""Disks that fail, as Linux itself makes them: full, read-only, silent, or refusing what is written. For root.

A silent one is a FUSE whose other end never answers; it is let go by closing that end, whoever still waits for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MS_RDONLY: Final = 1
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MNT_DETACH: Final = 2

FUSE: Final = Path("/dev/fuse")


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """A disk of its own at this folder, empty, of this size, and for a few dozen files."""
    _mount("tmpfs", folder, "tmpfs", 0, f"size={megabytes}m,nr_inodes=64,mode=0755")
    try:
        yield folder
    finally:
        _unmount(folder)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Nothing in this folder can be written; what is there is seen."""
    _mount(str(folder), folder, "", MS_BIND, "")
    try:
        _mount("", folder, "", MS_REMOUNT | MS_BIND | MS_RDONLY, "")
        yield folder
    finally:
        _unmount(folder)


@contextlib.contextmanager
def silent(folder: Path) -> Iterator[Path]:
    """Whoever looks into this folder waits until the end of the block."""
    if not FUSE.exists():
        pytest.skip(f"not run: this machine has no {FUSE}")
    descriptor = os.open(FUSE, os.O_RDWR | os.O_CLOEXEC)
    try:
        options = f"fd={descriptor},rootmode=40755,user_id=0,group_id=0,allow_other"
        _mount("silent", folder, "fuse", 0, options)
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield folder
    finally:
        os.close(descriptor)  # all that waited gets an error now
        _unmount(folder)


def fill(folder: Path, *, files_too: bool = True) -> Path:
    """A file that leaves not one byte of its disk to others; nor, with some empty ones, a place for another file."""
    path = folder / "large.bin"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    with contextlib.suppress(OSError):
        for number in range(64 if files_too else 0):
            (folder / f"empty-{number}").touch()
    return path


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("not run: only root may mount the disks that fail here")
    _done(_libc().mount(source.encode(), os.fsencode(target), kind.encode(), flags, options.encode()), target)


def _unmount(target: Path) -> None:
    # At once, also while somebody has a file of it open: the disk itself goes when the last of them has.
    _done(_libc().umount2(os.fsencode(target), MNT_DETACH), target)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _done(result: int, target: Path) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
