"""JupyterHub's way to know who is asking, with a memory for the time that the hub is away."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.base.handlers import APIHandler
from jupyterhub.services.auth import HubOAuth
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider, JupyterHubOAuthCallbackHandler
from tornado.web import HTTPError
from traitlets import Float

from workspace_server.hub_away import HubAway, write_json, write_page
from workspace_server.people import REMEMBERED_SECONDS, People

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_GATEWAY: Final = 502
"""What JupyterHub's client makes of a hub that answers with 500 or more."""


class WorkspaceHubAuth(HubOAuth):  # type: ignore[misc]  # untyped upstream
    """Asks the hub who is asking, waits a few seconds for it at most, and remembers."""

    answer_seconds = Float(5.0, config=True, help="How long the hub may take to say who somebody is.")
    remembered_seconds = Float(
        REMEMBERED_SECONDS,
        config=True,
        help="How long the hub's last word about a person counts while it does not answer.",
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._people = People(
            hub_answers=self._hub_answers,
            fresh_seconds=self.cache_max_age,
            remembered_seconds=self.remembered_seconds,
        )

    async def _check_hub_authorization(
        self,
        url: str,
        api_token: str,
        cache_key: str | None = None,
        use_cache: bool = True,  # noqa: FBT001, FBT002 - JupyterHub's signature
    ) -> Mapping[str, Any] | None:
        async def ask() -> Mapping[str, Any] | None:
            answer: Mapping[str, Any] | None = await super(WorkspaceHubAuth, self)._check_hub_authorization(
                url, api_token, use_cache=False
            )
            return answer

        return await (self._people.find(cache_key, ask) if use_cache and cache_key is not None else ask())

    async def _api_request(self, method: str, url: str, /, **options: Any) -> Any:
        importlib.import_module("jupyterhub.httpclient")  # put off until now, and no time that the hub takes
        try:
            async with asyncio.timeout(self.answer_seconds):
                return await super()._api_request(method, url, **options)
        except HTTPError as error:
            # JupyterHub tells a connection that failed (an error of the client's came first) as a 500, like a refusal.
            if error.status_code == BAD_GATEWAY or error.__context__ is not None:
                raise HubAway from error
            raise
        except Exception as error:  # too late, broken off, or not the hub's JSON
            self.log.warning("The hub did not answer as it should: %r", error)
            raise HubAway from error

    async def _hub_answers(self) -> bool:
        """Whether the hub can say who somebody is, and be it that this server is nobody."""
        try:
            await self._api_request("GET", f"{self.api_url.rstrip('/')}/user", allow_403=True)
        except HubAway:
            return False
        except HTTPError:
            return True
        return True


class WorkspaceCallback(JupyterHubOAuthCallbackHandler):  # type: ignore[misc]  # untyped upstream
    """The way back from the hub's sign-in."""

    def write_error(self, status_code: int, **options: Any) -> None:
        """The page where the hub went away just now, and else what JupyterHub says."""
        if isinstance((options.get("exc_info") or (None, None))[1], HubAway):
            # Not the same address: what the hub sent along is good for one time.
            write_page(self, again=self.hub_auth.base_url)
        else:
            super().write_error(status_code, **options)


class WorkspaceIdentity(JupyterHubIdentityProvider):  # type: ignore[misc]  # untyped upstream
    """JupyterHub's identity provider. Where the hub does not answer, a page says so instead of a traceback."""

    async def get_user(self, handler: Any) -> Any:
        """Who is asking; raises HubAway."""
        try:
            return await super().get_user(handler)
        except HubAway:
            write = write_json if isinstance(handler, APIHandler) else write_page
            handler.write_error = lambda *_, **__: write(handler)
            raise

    def get_handlers(self) -> list[Any]:
        """JupyterHub's, with our way back."""
        return [
            (path, WorkspaceCallback, *more) if handler is JupyterHubOAuthCallbackHandler else (path, handler, *more)
            for path, handler, *more in super().get_handlers()
        ]
