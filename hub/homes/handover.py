"""A home whose person has another user number than before: everything in it that was theirs is given to the new one.

The folder itself comes last. While it has its former owner the work is not done, and the next start goes on with it.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from hub.homes.errors import HomeInTheWay
from hub.homes.measure import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Collection

    from spawner.file_owner import FileOwner

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def hand_over(home: int, owner: FileOwner, *, former: Collection[int]) -> None:
    """Gives what lies below an open folder and belongs to one of these users to another owner. Raises HomeInTheWay.

    No link is followed and no other file system entered; what belongs to anybody else stays theirs. What vanishes
    meanwhile is not there. The folder itself is left to the caller.
    """
    device = os.fstat(home).st_dev
    waiting = [(os.dup(home), _taken_over(home, device, owner, former))]
    try:
        while waiting:
            parent, folders = waiting[-1]
            if not folders:
                os.close(parent)
                waiting.pop()
                continue
            if len(waiting) > DEEPEST:
                raise HomeInTheWay(
                    f"Folders lie more than {DEEPEST} deep in each other, so not all files get their new owner.",
                    hint="Give them to their new owner with chown, the folder of the home at last.",
                )
            try:
                child = os.open(folders.pop(), _FOLDER, dir_fd=parent)
            except OSError:  # gone, or exchanged for something else since it was listed
                continue
            waiting.append((child, _taken_over(child, device, owner, former)))
    finally:
        for descriptor, _ in waiting:
            os.close(descriptor)


def _taken_over(folder: int, device: int, owner: FileOwner, former: Collection[int]) -> list[str]:
    """Gives what lies in one folder to its new owner; the folders in it."""
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
                if found.st_dev != device:
                    continue
                if found.st_uid in former:
                    os.chown(entry.name, owner.uid, owner.gid, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(found.st_mode):
                folders.append(entry.name)
    return folders
