"""Who calls the services process: the hub itself, or a person (or their workspace) whom the hub knows."""

from __future__ import annotations

import hashlib
import hmac
import http
from typing import TYPE_CHECKING, Any

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated, UserNotAllowed
from tornado import web

from hub.database import DatabaseAway
from hub.database_watch import RETRY_AFTER_SECONDS
from hub.logs.references import WithReference
from hub.roles import ACCESS_SERVICE, SERVICE, SERVICE_PREFIX

if TYPE_CHECKING:
    from hub.keys import Keys
    from hub.services import Services
    from hub.settings import Settings

REMEMBERED_SECONDS = 30
"""How long an answer of the hub about a token is believed: a right that is taken away works that much longer."""


def hub_oauth(settings: Settings, keys: Keys) -> Any:
    """What asks the hub about people; told everything here, for an external service gets no variables from the hub."""
    return HubOAuth(
        hub_host="",
        hub_prefix="/hub/",
        base_url=SERVICE_PREFIX,
        api_url=f"{settings.hub_url}api",
        api_token=keys.services_token,
        oauth_client_id=f"service-{SERVICE}",
        # As the hub has it: with a domain for each person it knows no address without one.
        oauth_redirect_uri=f"{settings.public_url if settings.domain_per_person else ''}{SERVICE_PREFIX}oauth_callback",
        cookie_host_prefix_enabled=settings.domain_per_person,
        access_scopes={"access:services", ACCESS_SERVICE},
        cache_max_age=REMEMBERED_SECONDS,
        allow_token_in_url=False,
        cookie_options={"samesite": "Lax"},
    )


def cookie_secret(keys: Keys) -> str:
    """What signs this process's cookies: follows from a key, so that people stay signed in over restarts."""
    return hmac.digest(keys.services_token.encode(), b"cookies", hashlib.sha256).hex()


class Handler(WithReference):
    """Answers in JSON, also when it refuses, and lets no browser guess or keep what it says."""

    def initialize(self, services: Services) -> None:
        """`services` is what this process has."""
        self.services = services

    def set_default_headers(self) -> None:
        """Nothing here is a page of its own."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """`{"status": 404, "message": "…"}`, as the hub's own API; what is not meant for people stays in the log.

        A fault has the `reference` beside it under which the log tells more.
        """
        error = kwargs.get("exc_info", (None, None, None))[1]
        said = error.get_message() if isinstance(error, web.HTTPError) else ""
        if isinstance(error, DatabaseAway):
            status_code, said = 503, f"{error} {error.hint}"
            self.set_status(status_code)
            self.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        self.set_header("Content-Type", "application/json")
        reference = self.refer(status_code)
        answer = {"status": status_code, "message": said or http.HTTPStatus(status_code).phrase}
        self.finish({**answer, "reference": reference} if reference else answer)


class HubOnlyHandler(Handler):
    """For hub and spawner alone: they show the key that lies in the data directory."""

    def check_xsrf_cookie(self) -> None:
        """No cookie is looked at here, so no other site can make a browser speak for anybody."""

    def prepare(self) -> None:
        """Refuse everybody else."""
        kind, _, shown = self.request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(shown.encode(), self.services.keys.hub_token.encode())
        if kind.lower() not in {"token", "bearer"} or not is_right:
            raise web.HTTPError(403, "This address is for the hub itself.")


class PersonHandler(HubOAuthenticated, Handler):  # type: ignore[misc]  # JupyterHub has no types
    """For people and their workspaces: a token of the hub, or the cookie after signing in."""

    needed_scope = ACCESS_SERVICE
    """What a refusal names."""

    _is_being_recognised = False

    def check_xsrf_cookie(self) -> None:
        """Asked when somebody is recognised by a cookie, which another site can make a browser send.

        Tornado itself asks before that, when a token in a header, which no other site can have sent, is not known yet.
        """
        if self._is_being_recognised:
            super().check_xsrf_cookie()

    def initialize(self, services: Services) -> None:
        """`services` knows whom to ask about a caller."""
        super().initialize(services)
        self.hub_auth = services.hub_auth

    async def prepare(self) -> None:
        """Find out who calls. Asks the hub without stopping the event loop, as JupyterHub's own way would."""
        self._is_being_recognised = True
        try:
            model = await self.hub_auth.get_user(self, sync=False)
        except web.HTTPError as error:
            raise web.HTTPError(503, "The hub does not answer, so nobody can be recognised. Try again.") from error
        try:
            self.current_user = self.check_hub_user(model) if model else None
        except UserNotAllowed:
            self.current_user = None
        if self.current_user is not None:
            return
        if model is None and self._is_somebody_clicking():
            self.redirect(self.get_login_url())
            return
        raise web.HTTPError(403, f"Sign in, or send a token that has the scope {self.needed_scope}.")

    def _is_somebody_clicking(self) -> bool:
        """Whether a browser shows this to a person, who can be sent to sign in; programs are told no."""
        headers = self.request.headers
        is_page = self.request.method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
        return is_page and "Authorization" not in headers


class SignedInHandler(WithReference, HubOAuthCallbackHandler):  # type: ignore[misc]  # JupyterHub has no types
    """Where the hub sends people back after they signed in."""

    def initialize(self, services: Services) -> None:
        """`services` has what began the sign-in, to finish it."""
        self.hub_auth = services.hub_auth
