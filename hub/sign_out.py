"""Signing out: of this browser here, and of the provider that people signed in with."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LogoutHandler

from studiolo.errors import StudioloError


class SignOutHandler(LogoutHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`/hub/logout`: ends this browser's session here, then at the provider, where that knows how."""

    id_token: str | None = None

    async def handle_logout(self) -> None:
        """Take what tells the provider whose session ends, before it is forgotten who this was."""
        state = await self.current_user.get_auth_state() if self.current_user else None
        self.id_token = state.get("id_token") if state else None

    async def render_logout_page(self) -> None:
        """On to the provider; to our own last page where it has no such address, or cannot be asked."""
        here = f"{self.settings['public_url'].geturl().rstrip('/')}{self.hub.base_url}signed-out"
        try:
            metadata = await self.authenticator.provider.metadata()
        except StudioloError:
            self.redirect(here)
            return
        self.redirect(
            sign_out_address(
                metadata.end_session_endpoint,
                client_id=self.authenticator.client_id,
                id_token=self.id_token,
                back_to=here,
            )
        )


class SignedOutHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`/hub/signed-out`: says so. Changes nothing."""

    async def get(self) -> None:
        """The page."""
        html: Any = await self.render_template("logout.html", user=self.current_user)
        self.finish(html)


def sign_out_address(end_session: str, *, client_id: str, id_token: str | None, back_to: str) -> str:
    """Where the provider ends its session and sends people `back_to` (OpenID Connect RP-Initiated Logout 1.0)."""
    if not end_session:
        return back_to
    query = {"client_id": client_id, "post_logout_redirect_uri": back_to}
    if id_token:
        query["id_token_hint"] = id_token
    return f"{end_session}{'&' if '?' in end_session else '?'}{urlencode(query)}"
