"""Checkpoints where the home has no room for them: beside the sockets, so that a notebook opens in a full home.

JupyterLab makes one when it opens a file that has none, and does not open it where that fails. One that is in the home
already is not replaced by one elsewhere: that a newer one does not fit is said instead.
"""

from __future__ import annotations

import errno
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

ID = "checkpoint"
"""Jupyter keeps one for each file."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_checkpoints_elsewhere_if_need_be() -> None:
    """Put it in. Without a folder of its own for its sockets, a server keeps checkpoints as stock."""
    from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints  # noqa: PLC0415 - once imported

    runtime = os.environ.get("JUPYTER_RUNTIME_DIR")
    if not runtime:
        return
    in_home = AsyncFileCheckpoints.checkpoint_path

    def beside(path: str) -> Path:
        return Path(runtime, "checkpoints", path.strip("/"))

    def place_in_home(self: Any, checkpoint_id: str, path: str) -> Path | None:
        try:
            return Path(in_home(self, checkpoint_id, path))
        except OSError as error:
            if error.errno not in FULL:
                raise
            return None  # there is not even room for the folder

    def checkpoint_path(self: Any, checkpoint_id: str, path: str) -> str:
        found, other = place_in_home(self, checkpoint_id, path), beside(path)
        return str(other if found is None or (other.is_file() and not found.exists()) else found)

    async def create_checkpoint(self: Any, contents_mgr: Any, path: str) -> Any:
        source = contents_mgr._get_os_path(path)  # noqa: SLF001 - as Jupyter's own
        target = place_in_home(self, ID, path)
        if target is not None and await _is_copied(self, source, target):
            return await self.checkpoint_model(ID, str(target))
        other = beside(path)
        other.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._copy(source, str(other))
        return await self.checkpoint_model(ID, str(other))

    AsyncFileCheckpoints.checkpoint_path = checkpoint_path
    AsyncFileCheckpoints.create_checkpoint = create_checkpoint


async def _is_copied(checkpoints: Any, source: str, target: Path) -> bool:
    """Whether there was room. Raises where an older one is there and stays: that has to be said."""
    had_one = target.exists()  # noqa: ASYNC240 - as Jupyter's own
    try:
        await checkpoints._copy(source, str(target))  # noqa: SLF001 - as Jupyter's own
    except Exception as error:
        if had_one or getattr(error, "status_code", 0) != HTTPStatus.INSUFFICIENT_STORAGE:
            raise
        return False
    return True
