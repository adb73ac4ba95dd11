"""What the page asks, below `{base_url}studiolo/`: JSON, for those who may use this server and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from studiolo_lab.notices import board

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Method = Callable[..., Awaitable[None] | None]


def for_its_person(method: Method) -> Method:
    """Answers only those who are signed in and may use this server."""
    allowed: Method = authorized(method)  # untyped upstream
    return authenticated(allowed)


class StudioloHandler(APIHandler):  # type: ignore[misc]  # untyped upstream
    """What all of them share."""

    auth_resource = "studiolo"
    _track_activity = False
    """A page that asks by itself is no sign of work: otherwise no workspace with an open page were ever idle."""


class NoticesHandler(StudioloHandler):
    """`GET studiolo/notices`."""

    @for_its_person
    async def get(self) -> None:
        """What the person should know now."""
        self.finish({"notices": [notice.as_json() for notice in board.current()]})


ROUTES: tuple[tuple[str, type[Any]], ...] = (("notices", NoticesHandler),)


def handlers(base_url: str) -> list[tuple[str, type[Any]]]:
    """All routes, as tornado takes them."""
    return [(url_path_join(base_url, "studiolo", path), handler) for path, handler in ROUTES]
