"""The home of this workspace's person, asked in a thread and with patience: a disk may hang for hours."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from studiolo_lab.home_files import Contents, delete_files, look_through, mount_points
from studiolo_lab.home_rules import Room, state_of, tell
from studiolo_lab.notices import board

if TYPE_CHECKING:
    from collections.abc import Callable

    from studiolo_lab.home_rules import State
    from studiolo_lab.notices import Board

QUOTA_VARIABLE: Final = "STUDIOLO_HOME_QUOTA"

PATIENCE_SECONDS: Final = 3.0
"""How long anybody waits for the disk before it is said to be slow."""

LOOK_SECONDS: Final = 2.0
"""How long files are counted at most; less than the patience, so that a large home is not a slow one."""

FRESH_SECONDS: Final = 300.0
"""So long a measure counts. Counting a million files reads the disk of everybody."""

Answer = TypeVar("Answer")


class HomeSilentError(Exception):
    """The disk did not answer in time; the text is for the person."""

    def __init__(self) -> None:
        super().__init__("Your home does not answer. Try again in a moment.")


class Home:
    """What is known of one home."""

    def __init__(self, path: str, *, quota_bytes: int | None, to: Board, patience: float = PATIENCE_SECONDS) -> None:
        self.path = path
        self._quota_bytes = quota_bytes
        self._board = to
        self._patience = patience
        self._contents: Contents | None = None
        self._measured_at = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studiolo-home")
        """One: behind a call that hangs all others wait, and are told so in time."""

    @classmethod
    def of_this_server(cls) -> Home:
        """The home that the server was started with."""
        quota = os.environ.get(QUOTA_VARIABLE, "")
        path = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - paths are compared as text with mounts
        return cls(path, quota_bytes=int(quota) if quota.isdecimal() and int(quota) else None, to=board)

    async def look(self, *, anew: bool = False) -> dict[str, Any]:
        """How full it is, for the page; notices are told by the way."""
        try:
            room = await self._ask(lambda: self._room(anew=anew))
        except HomeSilentError:
            tell(self._board, "slow", None)
            return self._as_json("slow", None)
        state = state_of(room)
        tell(self._board, state, room)
        return self._as_json(state, room)

    async def largest(self) -> list[dict[str, Any]]:
        """The largest files. Raises HomeSilentError."""
        contents = await self._ask(lambda: self._measured(anew=False))
        return [
            {
                "path": file.path,
                "bytes": file.size_bytes,
                "modified": datetime.fromtimestamp(file.modified, UTC).isoformat(),
            }
            for file in contents.largest
            if file.path.isprintable()  # a name that is no text cannot be named in JSON either
        ]

    async def delete(self, paths: list[str]) -> dict[str, str]:
        """Deletes files; why not, for each that was not deleted. Raises HomeSilentError."""
        problems = await self._ask(lambda: delete_files(self.path, paths, mounts=mount_points()))
        await self.look(anew=True)
        return problems

    def _room(self, *, anew: bool) -> Room:
        disk = os.statvfs(self.path)
        contents = self._measured(anew=anew)
        used_blocks = disk.f_blocks - disk.f_bfree
        return Room(
            used_bytes=contents.used_bytes,
            is_whole=contents.is_whole,
            quota_bytes=self._quota_bytes,
            # As `df` counts: what is kept for the system belongs to nobody.
            disk_bytes=(used_blocks + disk.f_bavail) * disk.f_frsize,
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
            is_writable=not disk.f_flag & os.ST_RDONLY and os.access(self.path, os.W_OK),
        )

    def _measured(self, *, anew: bool) -> Contents:
        now = time.monotonic()
        if anew or self._contents is None or now - self._measured_at > FRESH_SECONDS:
            self._contents = look_through(self.path, seconds=LOOK_SECONDS, mounts=mount_points())
            self._measured_at = now
        return self._contents

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.get_running_loop().run_in_executor(self._thread, question)
        except (TimeoutError, OSError) as error:  # gone from under us is as good as silent
            raise HomeSilentError from error

    def _as_json(self, state: State, room: Room | None) -> dict[str, Any]:
        return {
            "state": state,
            "used_bytes": room.used_bytes if room else None,
            "is_whole": room.is_whole if room else False,
            "quota_bytes": self._quota_bytes,
            "free_bytes": room.free_bytes if room else None,
            "disk_bytes": room.disk_bytes if room else None,
        }
