"""Files of credentials on one machine: in memory where it has a place for that, and gone with the workspace."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ORIGINS: Final[Mapping[str, str]] = MappingProxyType({})

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - below it, a folder that only we can enter
"""A tmpfs on every Linux, in containers too: what lies there is on no disk and in no backup, and gone at a reboot."""


CHANGING: Final = ".studiolo-changing"
"""Ends the name of a file that is about to take the place of another."""


def credentials_folder(workspace: Path, *, in_memory: Path = IN_MEMORY) -> Path:
    """Where a workspace's files lie: in memory, else in its own folder (macOS). The same at every call."""
    ours = in_memory / f"studiolo-{os.getuid()}"
    if not _is_ours(ours):
        return workspace / "credentials"
    # By a hash: two data directories of one person have workspaces of the same name.
    return ours / f"{hashlib.sha256(os.fsencode(workspace.absolute())).hexdigest()[:32]}.credentials"


ORIGINS: Final = ".studiolo-origins"
"""Beside the files: the name of the credential that each comes from. Two may want one place, and only one has it."""


def write_credentials(folder: Path, files: Mapping[str, str], origins: Mapping[str, str] = NO_ORIGINS) -> None:
    """Writes the files, by their places below the folder, in the stead of all that was there. Raises OSError.

    `origins`: the name of the credential that each comes from.
    """
    remove_credentials(folder)
    if not files:
        return
    folder.mkdir(mode=0o700, parents=True)
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, text)
    if origins:
        write_file(folder / ORIGINS, json.dumps(dict(origins)))


def read_origins(folder: Path) -> dict[str, str]:
    """Which credential each file comes from, by its place; empty where nobody wrote it down."""
    try:
        found = json.loads((folder / ORIGINS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_file(path: Path, text: str) -> None:
    """A new file that nobody else can read, in a folder that is there. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def remove_credentials(folder: Path) -> None:
    """Nothing of it is left; nothing happens where there is nothing."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether the folder is there, or could be made, and only we can enter it: anybody may write beside it."""
    with contextlib.suppress(OSError):  # mostly it is there already
        folder.mkdir(mode=0o700)
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
