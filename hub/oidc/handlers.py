"""The two addresses of a sign-in: where it begins, and where the provider sends people back."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Any

from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler
from tornado import web

from hub.oidc.errors import ProviderAwayError, TokenRefusedError, UntrustedTokenError

SIGN_IN_DAYS = 1 / 24
"""How long a sign-in may take, in days, as tornado's cookies count."""

STALE = "This sign-in was begun in another window, or too long ago. Go to the list of workspaces and sign in again."


def nonce_for(state_id: str) -> str:
    """What the ID token must repeat: follows from the sign-in, so that it need not be remembered beside it."""
    return hashlib.sha256(f"nonce of {state_id}".encode()).hexdigest()


def refused(error: ProviderAwayError | TokenRefusedError | UntrustedTokenError) -> web.HTTPError:
    """The page for what went wrong."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, ProviderAwayError) else HTTPStatus.FORBIDDEN
    return web.HTTPError(status, f"{error} {error.hint}")


class StateCookie:
    """What the browser keeps between the two addresses, under a name that no other subdomain can set."""

    def set_state_cookie(self: Any, value: str) -> None:
        """Remember the sign-in for an hour."""
        self._set_cookie(self.authenticator.state_cookie, value, expires_days=SIGN_IN_DAYS)

    def get_state_cookie(self: Any) -> str:
        """What was remembered, once."""
        if self._state_cookie is None:
            name = self.authenticator.state_cookie
            self._state_cookie = (self.get_secure_cookie(name, max_age_days=SIGN_IN_DAYS) or b"").decode()
            self.clear_cookie(name)
        return str(self._state_cookie)


class SignInHandler(StateCookie, OAuthLoginHandler):  # type: ignore[misc]  # oauthenticator has no types
    """`/hub/oauth_login`: on to the provider."""

    async def get(self) -> None:
        """Learn where the provider wants people, then send this one there."""
        try:
            await self.authenticator.discover()
        except ProviderAwayError as error:
            self.log.warning("Nobody can sign in: %s", error.why)
            self.set_header("Retry-After", "30")
            raise refused(error) from error
        super().get()

    def _generate_state_id(self) -> str:
        state_id: str = super()._generate_state_id()
        self._state_id = state_id
        return state_id

    def authorize_redirect(self, **words: Any) -> None:
        """As OAuthenticator, with a nonce."""
        words["extra_params"] = {**(words.get("extra_params") or {}), "nonce": nonce_for(self._state_id)}
        super().authorize_redirect(**words)


class SignedInHandler(StateCookie, OAuthCallbackHandler):  # type: ignore[misc]  # oauthenticator has no types
    """`/hub/oauth_callback`: back from the provider."""

    def check_arguments(self) -> None:
        """Whether this answers a sign-in that this browser began; only then is anything of the address believed."""
        try:
            self.check_state()
        except web.HTTPError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, STALE) from error
        if self.get_argument("error", ""):
            self.log.info("The provider ended a sign-in: %.60r", self.get_argument("error"))
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "The identity provider did not let you in. You may try again.")
        if not self.get_argument("code", ""):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, STALE)

    async def get(self) -> None:
        """Sign in, or say why not in a sentence."""
        try:
            await super().get()
        except (ProviderAwayError, TokenRefusedError, UntrustedTokenError) as error:
            self.log.warning("A sign-in failed: %s: %s", error, error.why)
            raise refused(error) from error
