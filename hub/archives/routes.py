"""REST about homes of deleted accounts: for administrators, and the hub's word that somebody was deleted."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from tornado import web

from hub.archives.errors import HomeStays, NothingPutAside
from hub.archives.rules import State
from hub.auth import HubOnlyHandler, PersonHandler
from studiolo.client_errors import ClientError
from studiolo.wire import HomeArchive, HomeArchives, HomeToPutAside

if TYPE_CHECKING:
    from hub.archives.rules import Archive

NEEDED: str = "admin:users"
"""Whoever may delete people may put their homes aside and bring them back."""


def view_of(archive: Archive) -> HomeArchive:
    """What an administrator sees of it."""
    return HomeArchive(
        user=archive.user,
        home=archive.home,
        state=archive.state.value,
        since=archive.since,
        due=archive.due if archive.state is State.WAITING else None,
        next_try=archive.next_try if archive.state in {State.FAILED, State.NOT_POSSIBLE} else None,
        archived=archive.archived,
        reason=archive.reason,
    )


class DeletedHandler(HubOnlyHandler):
    """`POST api/homes/USER/deleted`: the hub is about to delete an account."""

    async def post(self, user: str) -> None:
        """204, once it is kept."""
        await self.services.archives.remember(user)
        self.set_status(HTTPStatus.NO_CONTENT)


class PanelHandler(HubOnlyHandler):
    """`GET api/home-archives`: the same as `api/homes`, for the hub, which knows who is an administrator."""

    async def get(self) -> None:
        """`{homes: […]}`."""
        found = await self.services.archives.all()
        self.write(HomeArchives(homes=tuple(map(view_of, found))).model_dump_json())


class AdministratorHandler(PersonHandler):
    """For who may delete people, by a token that carries this right: the cookie of a page never does."""

    async def prepare(self) -> None:
        """Refuse everybody else."""
        await super().prepare()
        if self._finished:
            return
        if NEEDED not in self.current_user.get("scopes", ()):
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN, f"This is for administrators: sign in with a token that has the scope {NEEDED}."
            )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What stands in the way, in its own words."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        match error:
            case HomeStays():
                status_code = HTTPStatus.CONFLICT
            case NothingPutAside():
                status_code = HTTPStatus.NOT_FOUND
            case ClientError():
                status_code = HTTPStatus.SERVICE_UNAVAILABLE
            case _:
                super().write_error(status_code, **kwargs)
                return
        self.set_status(status_code)
        self.finish({"status": status_code, "message": f"{error} {error.hint}".strip()})

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """What is refused is no fault of ours."""
        if not isinstance(value, HomeStays | NothingPutAside | ClientError):
            super().log_exception(typ, value, tb)


class HomesHandler(AdministratorHandler):
    """`GET api/homes`: every deleted account and its home, the newest first."""

    async def get(self) -> None:
        """`{homes: […]}`."""
        found = await self.services.archives.all()
        self.write(HomeArchives(homes=tuple(map(view_of, found))).model_dump_json())


class PutAsideHandler(AdministratorHandler):
    """`POST api/homes/USER/archive`: for an account that is gone."""

    async def post(self, user: str) -> None:
        """How it is then; 409 where the account is there."""
        try:
            wanted = HomeToPutAside.model_validate_json(self.request.body or b"{}")
        except ValidationError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, 'Send {"now": true}, or {}.') from error
        archive = await self.services.archives.put_aside(user, at_once=wanted.now)
        self.write(view_of(archive).model_dump_json())


class BringBackHandler(AdministratorHandler):
    """`POST api/homes/USER/restore`: for an account that is there again."""

    async def post(self, user: str) -> None:
        """How it is then; 404 where nothing is put aside, 409 where it cannot be brought back now."""
        self.write(view_of(await self.services.archives.bring_back(user)).model_dump_json())
