"""Sign-in on one machine: names and passwords that an administrator gave out, and no sign-up."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.auth import Authenticator
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import new_token
from tornado import web
from traitlets import Unicode

from hub.passwords import MAX_BYTES, PasswordFile, PasswordRefusedError
from hub.throttle import LoginThrottle

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

MAX_NAME_LENGTH = 64
NAME = re.compile(r"[\w.@+-]+( [\w.@+-]+)*")
"""Letters of any script, digits, and what e-mail addresses need."""

MAX_WAITING = 16
"""Sign-ins waiting for the one hashing thread. More would keep honest people waiting behind a program that guesses."""


class LocalAuthenticator(Authenticator):  # type: ignore[misc]  # JupyterHub has no types
    """Names and passwords from the data directory. Everybody with a password and an account may sign in."""

    passwords_file = Unicode(config=True, help="The file with the password hashes")
    admin_password_file = Unicode(config=True, help="Where the administrator's own password is kept readable")

    def __init__(self, **kwargs: Any) -> None:
        """Takes traitlets' own arguments."""
        super().__init__(**kwargs)
        self.passwords = PasswordFile(Path(self.passwords_file), admin_copy=Path(self.admin_password_file))
        self.throttle = LoginThrottle()
        # One thread: hashing takes 50 ms and 64 MiB each, and must neither block the hub nor take all cores.
        self._hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._waiting = 0

    def validate_username(self, username: str) -> bool:
        """Whether somebody can be called this: short, readable, one line."""
        is_sensible = len(username) <= MAX_NAME_LENGTH and NAME.fullmatch(username) is not None
        return is_sensible and bool(super().validate_username(username))

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The user's name when name and password are right; None otherwise, whatever was wrong with them."""
        name: str = self.normalize_username(data.get("username", ""))
        password = data.get("password", "")
        if "username" not in data:  # JupyterHub's own page handler would fail on it afterwards
            raise web.HTTPError(400, "The sign-in form has a user name and a password.")
        if not self.validate_username(name) or len(password.encode(errors="surrogatepass")) > MAX_BYTES:
            return None
        if wait := self.throttle.seconds_to_wait(name, time.monotonic()):
            raise web.HTTPError(429, f"Too many failed sign-ins. Try again in {math.ceil(wait)} seconds.")
        if not await self.in_thread(partial(self.passwords.check, name, password)):
            self.throttle.failed(name, time.monotonic())
            return None
        if orm.User.find(handler.db, name) is None:  # no sign-up: an administrator makes accounts
            return None
        self.throttle.succeeded(name)
        return name

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """The work's answer, without stopping the event loop for it."""
        if self._waiting >= MAX_WAITING:
            raise web.HTTPError(503, "Too many people sign in at this moment. Try again in a few seconds.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, work)
        finally:
            self._waiting -= 1

    def delete_user(self, user: Any) -> None:
        """Forget the password of an account that is removed, so that a later namesake does not inherit it."""
        super().delete_user(user)
        self.passwords.remove(user.name)

    def get_handlers(self, app: Any) -> list[tuple[str, type[web.RequestHandler]]]:
        """Sign-in, and the route that sets a person's password."""
        return [*super().get_handlers(app), (r"/api/users/([^/]+)/password", PasswordHandler)]


class PasswordHandler(APIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`PUT /hub/api/users/NAME/password`: gives the person a new password, generated unless the body has one."""

    @needs_scope("admin:users")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def put(self, user_name: str) -> None:
        """Answers `{"password": …}`, and signs the person out of every browser."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f'There is no user "{user_name}". Add them first: studiolo user add {user_name}')
        authenticator: LocalAuthenticator = self.authenticator
        asked = self._asked_password()
        try:
            password = await authenticator.in_thread(partial(_set_password, authenticator.passwords, user.name, asked))
        except PasswordRefusedError as error:
            raise web.HTTPError(400, str(error)) from error
        self._sign_out_everywhere(user.orm_user)
        self.log.info("%s set the password of %s", self.current_user.name, user.name)
        self.set_header("Cache-Control", "no-store")
        self.write(json.dumps({"password": password}))

    def _sign_out_everywhere(self, user: orm.User) -> None:
        """Whoever knew the old password is out, in every browser: of the hub, of workspaces and of the services."""
        user.cookie_id = new_token()
        for token in [token for token in user.api_tokens if token.session_id]:  # those of browsers; others have none
            self.db.delete(token)
        self.db.commit()

    def _asked_password(self) -> str | None:
        body = self.get_json_body() if self.request.body else {}
        if not isinstance(body, dict) or body.keys() - {"password"}:
            raise web.HTTPError(400, 'The body is empty, or {"password": "…"}.')
        password = body.get("password")
        if password is not None and not isinstance(password, str):
            raise web.HTTPError(400, "A password is text.")
        return password


def _set_password(passwords: PasswordFile, user: str, password: str | None) -> str:
    if password is None:
        return passwords.generate(user)
    passwords.set(user, password)
    return password
