"""`PATCH /hub/api/users/NAME` with another name: the home goes along, or the name stays."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from jupyterhub.apihandlers.users import UserAPIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from spawner.homes import HomeMissing, HomeRefused, HomesSilent
from studiolo.client_errors import ClientError
from studiolo.names import home_name

if TYPE_CHECKING:
    from studiolo.client import Studiolo


class HomeMover(Protocol):
    """Gives a home the name of its person."""

    async def move(self, home: str, new: str) -> bool:
        """Once, however often it is asked for; whether now. Raises HomesSilent, HomeRefused or HomeMissing."""


class UserApi(UserAPIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """JupyterHub's own, but for another name."""

    @needs_scope("admin:users")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def patch(self, user_name: str) -> None:
        """The home is moved first: an account without its home would get an empty one at its next start."""
        new, is_moved = self._wished_name(user_name), False
        if new:
            is_moved = await self._make_ready(user_name, new)
        try:
            await super().patch(user_name)
        except Exception:
            if is_moved:
                await self._move_back(user_name, new)
            raise
        if new:
            self._move_password(user_name, new)

    def _wished_name(self, user_name: str) -> str:
        """The name that is asked for, where it is another one and could be had; else JupyterHub answers."""
        user, wish = self.find_user(user_name), self.get_json_body()
        if user is None:
            return ""
        self._check_user_model(wish)  # before anything is moved: what JupyterHub refuses moves no home
        wished = wish.get("name")
        may = self.current_user.admin or not (user.admin or wish.get("admin"))
        if not isinstance(wished, str) or not may:
            return ""
        new: str = self.authenticator.normalize_username(wished)
        if new == user_name or not self.authenticator.validate_username(new) or self.find_user(new) is not None:
            return ""
        return new

    async def _make_ready(self, user_name: str, new: str) -> bool:
        """Whether a home was moved: what lay under the new name before is never moved back."""
        if self.find_user(user_name).active:
            raise web.HTTPError(
                HTTPStatus.CONFLICT, "Workspaces of %s run, and work in the home. Stop them first.", user_name
            )
        mover: HomeMover | None = self.settings["studiolo_home_keeper"]
        if mover is None:
            raise web.HTTPError(
                HTTPStatus.CONFLICT,
                "The name stays: homes are moved by the home service, and there is none (homes.service.enabled).",
            )
        try:
            is_moved = await mover.move(home_name(user_name), home_name(new))
        except HomeMissing:
            is_moved = False  # there is none yet
        except (HomesSilent, HomeRefused) as error:
            sentence = "The name stays, and the home where it is: %s"
            raise web.HTTPError(HTTPStatus.CONFLICT, sentence, str(error)) from error
        services: Studiolo = self.settings["studiolo_services"]
        try:
            await services.account_leaves_name(user_name)  # last, as it alone cannot be taken back
        except ClientError as error:
            if is_moved:
                await self._move_back(user_name, new)
            raise web.HTTPError(HTTPStatus.CONFLICT, "The name stays: %s", str(error)) from error
        return is_moved

    async def _move_back(self, user_name: str, new: str) -> None:
        mover: HomeMover = self.settings["studiolo_home_keeper"]
        try:
            await mover.move(home_name(new), home_name(user_name))
        except HomeMissing:
            pass  # there was none
        except (HomesSilent, HomeRefused) as error:
            self.log.error("The home of %s lies under the name %s: %s", user_name, new, error)  # noqa: TRY400 - expected

    def _move_password(self, user_name: str, new: str) -> None:
        """On one machine; elsewhere the identity provider knows."""
        passwords = getattr(self.authenticator, "passwords", None)
        if passwords is not None:
            passwords.move(user_name, new)


def handlers() -> list[tuple[Any, ...]]:
    """To be placed before JupyterHub's own; paths are relative to the hub's prefix."""
    return [(r"/api/users/([^/]+)", UserApi)]
