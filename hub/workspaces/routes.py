"""REST about workspaces: what one printed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tornado import web

from hub.auth import PersonHandler
from spawner.bounded_log import LOG_LIMIT_BYTES, last_bytes
from studiolo.names import server_from_shown

if TYPE_CHECKING:
    from pathlib import Path


class LogHandler(PersonHandler):
    """`GET api/workspaces/USER/NAME/log`: the last MiB a workspace printed, also after its end."""

    async def get(self, user: str, shown_name: str) -> None:
        """Plain text, for the owner alone. Others learn as much as of a workspace that does not exist."""
        nothing = web.HTTPError(404, f'You have no workspace "{shown_name}" that has printed anything.')
        is_owner = self.current_user["kind"] == "user" and self.current_user["name"] == user
        if not is_owner:  # an administrator neither: a log shows what somebody works on
            raise nothing
        path = self.services.settings.data.workspace(user, server_from_shown(shown_name)).log
        text = await asyncio.to_thread(_read, path)
        if text is None:
            raise nothing
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        await self.finish(text)


def _read(path: Path) -> bytes | None:
    try:
        return last_bytes(path, LOG_LIMIT_BYTES)
    except FileNotFoundError:
        return None
