"""What the page asks, below `{base_url}studiolo/`: JSON, for those who may use this server and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

from studiolo_lab.home import Home, HomeSilentError
from studiolo_lab.notices import board

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Method = Callable[..., Awaitable[None] | None]


def for_its_person(method: Method) -> Method:
    """Answers only those who are signed in and may use this server."""
    allowed: Method = authorized(method)  # untyped upstream
    return authenticated(allowed)


class AnswersItsPerson(APIHandler):  # type: ignore[misc]  # untyped upstream
    """What all routes of ours share."""

    auth_resource = "studiolo"
    _track_activity = False
    """A page that asks by itself is no sign of work: otherwise no workspace with an open page were ever idle."""


class StudioloHandler(AnswersItsPerson):
    """What is asked about the home."""

    def initialize(self, home: Home) -> None:
        """Tornado's way to hand something to a handler."""
        self.home = home


class NoticesHandler(StudioloHandler):
    """`GET studiolo/notices`."""

    @for_its_person
    async def get(self) -> None:
        """What the person should know now. Somebody looks: so the home is looked after, too."""
        await self.home.look()
        self.finish({"notices": [notice.as_json() for notice in board.current()]})


class HomeHandler(StudioloHandler):
    """`GET studiolo/home`."""

    @for_its_person
    async def get(self) -> None:
        """How full the home is; measured anew with `?anew=1`."""
        self.finish(await self.home.look(anew=self.get_argument("anew", "") == "1"))


class LargestHandler(StudioloHandler):
    """`GET studiolo/home/largest`."""

    @for_its_person
    async def get(self) -> None:
        """The largest files."""
        try:
            self.finish({"files": await self.home.largest()})
        except HomeSilentError as silent:
            raise HTTPError(503, str(silent)) from silent


class FilesHandler(StudioloHandler):
    """`DELETE studiolo/home/files`."""

    @for_its_person
    async def delete(self) -> None:
        """Deletes files. All that could not be deleted is named at once."""
        match self.get_json_body():
            case {"paths": [*paths]} if all(isinstance(path, str) for path in paths):
                pass
            case _:
                raise HTTPError(400, 'The body is {"paths": ["…"]}.')
        try:
            problems = await self.home.delete(paths)
        except HomeSilentError as silent:
            raise HTTPError(503, str(silent)) from silent
        self.finish({"problems": [{"path": path, "reason": reason} for path, reason in problems.items()]})


ROUTES: tuple[tuple[str, type[StudioloHandler]], ...] = (
    ("notices", NoticesHandler),
    ("home", HomeHandler),
    ("home/largest", LargestHandler),
    ("home/files", FilesHandler),
)


def handlers(base_url: str, home: Home) -> list[tuple[str, type[StudioloHandler], dict[str, Any]]]:
    """All routes, as tornado takes them."""
    return [(url_path_join(base_url, "studiolo", path), handler, {"home": home}) for path, handler in ROUTES]
