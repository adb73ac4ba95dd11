"""Whether a home takes what is saved in it, and what its person is told where it does not. Only looking may block."""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM_BYTES: Final = 1 << 20
"""With less than this much left on its disk a home is full: a notebook with a few pictures needs as much."""

EMPTY_HOME_SAID: Final = "This is not your home. What you save here is gone when the workspace stops."


class HomeState(StrEnum):
    """What a home is good for."""

    OK = "ok"
    FULL = "full"
    READ_ONLY = "read_only"

    @property
    def sentence(self) -> str:
        """What the person is told; "" where there is nothing to tell."""
        return SAID.get(self, "")


SAID: Final[Mapping[HomeState, str]] = MappingProxyType(
    {
        HomeState.FULL: "Your home is full, so nothing can be saved in it. Delete files that you do not need.",
        HomeState.READ_ONLY: (
            "Your home can only be read at the moment: you see your files, and nothing can be saved. Tell an "
            "administrator."
        ),
    }
)

TAKES_NOTHING: Final[Mapping[int, HomeState]] = MappingProxyType(
    {errno.EROFS: HomeState.READ_ONLY, errno.ENOSPC: HomeState.FULL, errno.EDQUOT: HomeState.FULL}
)
"""What a disk says that is there and takes nothing."""


def state_of(home: int) -> HomeState:
    """The state of an open home. Makes no file: it touches the folder, and asks how much is left. May block.

    Raises OSError for what is none of the three.
    """
    found = os.fstatvfs(home)
    if found.f_flag & os.ST_RDONLY:
        return HomeState.READ_ONLY
    try:
        # A server may export for reading what is mounted for writing: only an attempt tells.
        now = os.fstat(home)
        os.utime(home, ns=(now.st_atime_ns, now.st_mtime_ns))
    except PermissionError:
        pass  # a folder of somebody else's, which says nothing about its disk
    except OSError as error:
        if (state := TAKES_NOTHING.get(error.errno or 0)) is not None:
            return state
        raise
    # Of a file system that counts no files both numbers are 0.
    has_no_file_left = found.f_files > 0 and found.f_favail == 0
    if has_no_file_left or found.f_bavail * found.f_frsize < ROOM_BYTES:
        return HomeState.FULL
    return HomeState.OK
