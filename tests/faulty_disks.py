"""Disks that fail, as Linux itself makes them: full, read-only, or silent. For root.

A silent one is a FUSE whose other end never answers; it is let go by closing that end, whoever still waits for it.
`within` is the mount namespace of a node of the cluster.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FUSE: Final = Path("/dev/fuse")


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int, within: Path | None = None) -> Iterator[Path]:
    """A disk of its own at this folder, empty, of this size, and for a few dozen files."""
    with _mounted("tmpfs", folder, "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes=64,mode=0755", within=within):
        yield folder


@contextlib.contextmanager
def read_only(folder: Path, *, within: Path | None = None) -> Iterator[Path]:
    """Nothing in this folder can be written; what is there is seen."""
    with _mounted(str(folder), folder, "--bind", within=within):
        _run("mount", "-o", "remount,bind,ro", str(folder), within=within)
        yield folder


@contextlib.contextmanager
def silent(folder: Path, *, within: Path | None = None) -> Iterator[Path]:
    """Whoever looks into this folder waits until the end of the block."""
    if not FUSE.exists():
        pytest.skip(f"not run: this machine has no {FUSE}")
    descriptor = os.open(FUSE, os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={descriptor},rootmode=40755,user_id=0,group_id=0,allow_other"
    try:
        # -i: without fuse's own program, which would answer.
        with _mounted("silent", folder, "-i", "-t", "fuse", "-o", options, within=within, descriptor=descriptor):
            try:
                yield folder
            finally:
                os.close(descriptor)  # all that waited gets an error now
                descriptor = -1
    finally:
        if descriptor >= 0:
            os.close(descriptor)


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


@contextlib.contextmanager
def _mounted(
    source: str, folder: Path, *options: str, within: Path | None, descriptor: int | None = None
) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("not run: only root may mount the disks that fail here")
    _run("mount", *options, source, str(folder), within=within, descriptor=descriptor)
    try:
        yield
    finally:
        # At once, also while somebody has a file of it open: the disk itself goes when the last of them has.
        _run("umount", "--lazy", str(folder), within=within)


def _run(*words: str, within: Path | None, descriptor: int | None = None) -> None:
    inside = ("nsenter", f"--mount={within}") if within is not None else ()
    subprocess.run((*inside, *words), check=True, pass_fds=() if descriptor is None else (descriptor,), timeout=30)
