"""`DELETE /hub/api/users/USER/servers/NAME` while a hub that was just started still looks at what runs.

JupyterHub answers with an error 500 then, and the workspace runs on.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS: Final = 10.0
"""A look takes up to three seconds for a server that does not answer; a start that goes on ends within one or two."""

ASK_EVERY_SECONDS: Final = 0.1

RETRY_AFTER_SECONDS: Final = 5


class StillLooking(web.HTTPError):
    """The hub has not looked at the server yet."""

    headers: ClassVar[dict[str, str]] = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    """JupyterHub sends them along."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Studiolo was restarted and still looks whether this workspace runs. Ask again in a few seconds.",
        )


class ServerApi(UserServerAPIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """JupyterHub's own, but for a stop while the hub still looks."""

    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def delete(self, user_name: str, server_name: str = "") -> None:
        """Stops it once it is known what there is to stop."""
        user = self.find_user(user_name)
        if user is not None and server_name in user.orm_spawners:
            is_known = await until_looked_at(lambda: user.spawners[server_name], seconds=LOOK_SECONDS)
            if not is_known:
                raise StillLooking
        await super().delete(user_name, server_name)


async def until_looked_at(spawner_now: Callable[[], Any], *, seconds: float) -> bool:
    """Whether the hub has looked at a server within these seconds. A start that goes on meanwhile is told to end."""
    is_told = False
    try:
        async with asyncio.timeout(seconds):
            while (spawner := spawner_now()).pending == "check":
                if spawner.is_resumed and not is_told:
                    spawner.stop_resumed()
                    is_told = True
                await asyncio.sleep(ASK_EVERY_SECONDS)
    except TimeoutError:
        return False
    return True


def handlers() -> list[tuple[str, type[ServerApi]]]:
    """At JupyterHub's own addresses."""
    return [(r"/api/users/([^/]+)/server", ServerApi), (r"/api/users/([^/]+)/servers/([^/]*)", ServerApi)]
