"""What is mounted where, and removing folders without ever walking into a mount."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cluster.errors import ClusterError
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterable


class MountBelowError(ClusterError):
    """A folder was to be removed, and something is mounted inside it: a home could be lost with it."""

    code = "cluster_mount_below"

    def __init__(self, folder: Path, mounts: tuple[str, ...]) -> None:
        """`mounts`: what is mounted there."""
        super().__init__(
            f"{folder} is not removed: {', '.join(mounts)} is mounted in it.",
            hint=f"Unmount it (umount {mounts[-1]}), then repeat the command.",
        )


def parse_mount_points(mountinfo: str) -> tuple[str, ...]:
    """Mount points in the text of /proc/self/mountinfo, outer ones first. Spaces in it are written as octal numbers."""
    fields = (line.split() for line in mountinfo.splitlines())
    return tuple(field[4].encode().decode("unicode_escape") for field in fields if len(field) > 4)  # noqa: PLR2004 - its 5th column


def mounts_below(folder: Path, mount_points: Iterable[str]) -> tuple[str, ...]:
    """Those of the mount points that are this folder or lie in it."""
    top = str(folder)
    return tuple(point for point in mount_points if point == top or point.startswith(f"{top}/"))


def current_mount_points() -> tuple[str, ...]:
    """Every mount point this process sees."""
    return parse_mount_points(Path("/proc/self/mountinfo").read_text())


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted exactly here."""
    return str(path) in current_mount_points()


def unmount_below(folder: Path) -> None:
    """Unmount this folder and everything in it, inner ones first."""
    for point in reversed(mounts_below(folder, current_mount_points())):
        run_program("umount", point)


def remove_folder(folder: Path) -> None:
    """Remove it with all it holds. Raises MountBelowError when anything is mounted in it, and removes nothing then."""
    if found := mounts_below(folder, current_mount_points()):
        raise MountBelowError(folder, found)
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
