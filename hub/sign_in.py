"""Which way people sign in, as JupyterHub's settings."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from hub.passwords import ADMIN
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from pathlib import Path

    from hub.keys import Keys
    from hub.settings import Settings

CLIENT_SECRET = "oidc_client_secret"  # noqa: S105 - the name of a file
"""The file with the client secret, beside the keys."""

ANYBODY = "Anybody can be anyone here: this Studiolo is for development only."


def configure_sign_in(c: Any, settings: Settings, keys: Keys) -> None:
    """Choose the authenticator and set it up. Raises StudioloError where a file that it needs is missing."""
    match settings.auth.kind:
        case "password":
            _configure_passwords(c, settings)
        case "oidc":
            _configure_oidc(c, settings, keys)
        case "dummy":
            c.JupyterHub.authenticator_class = "jupyterhub.auth.DummyAuthenticator"
            c.DummyAuthenticator.allow_all = True
            c.DummyAuthenticator.admin_users = {ADMIN}
            c.JupyterHub.template_vars["announcement"] = ANYBODY


def client_secret_file(settings: Settings) -> Path:
    """Where the client secret of OpenID Connect lies."""
    return (settings.secrets_directory or settings.data.secrets) / CLIENT_SECRET


def _configure_passwords(c: Any, settings: Settings) -> None:
    c.JupyterHub.authenticator_class = "hub.authenticator.LocalAuthenticator"
    c.LocalAuthenticator.passwords_file = str(settings.data.passwords)
    c.LocalAuthenticator.admin_password_file = str(settings.data.admin_password)
    c.LocalAuthenticator.admin_users = {ADMIN}
    c.LocalAuthenticator.allow_all = True  # everybody with a password; there is no sign-up


def _configure_oidc(c: Any, settings: Settings, keys: Keys) -> None:
    oidc, secret = settings.auth.oidc, client_secret_file(settings)
    if not secret.is_file() or not secret.read_text().strip():
        raise StudioloError(
            f"{secret} is missing or empty, so nobody could sign in.",
            hint=f"Write the client secret that the identity provider gave into it: the entry {CLIENT_SECRET} of the "
            "installation's Secret.",
        )
    c.JupyterHub.authenticator_class = "hub.oidc.authenticator.OidcAuthenticator"
    authenticator = c.OidcAuthenticator
    authenticator.issuer = oidc.issuer
    authenticator.ca_file = oidc.ca_file
    authenticator.client_id = oidc.client_id
    authenticator.client_secret_file = str(secret)
    authenticator.oauth_callback_url = f"{settings.public_url}/hub/oauth_callback"
    authenticator.login_service = oidc.name
    authenticator.scope = list(oidc.scopes)
    authenticator.enable_pkce = True
    authenticator.username_claim = oidc.username_claim
    authenticator.groups_claim = oidc.groups_claim
    authenticator.number_claims = [claim for claim in (oidc.uid_claim, oidc.gid_claim) if claim]
    authenticator.manage_groups = True  # the provider alone says who is in which team
    authenticator.allow_all = oidc.allow_all
    authenticator.allow_existing_users = False  # the list decides, not who was here once
    authenticator.allowed_users = set(oidc.allowed_users)
    authenticator.allowed_groups = set(oidc.allowed_teams)
    authenticator.admin_groups = {oidc.admin_team} if oidc.admin_team else set()
    authenticator.contact = oidc.contact
    authenticator.state_cookie = f"{'__Host-' if settings.domain_per_person else ''}studiolo-sign-in"
    authenticator.auth_refresh_age = round(oidc.refresh_every.total_seconds())
    authenticator.auth_refresh_strict = True  # tokens too: what a person may not, their token may not
    authenticator.refresh_pre_spawn = True
    authenticator.believe_for = oidc.believe_for.total_seconds()
    authenticator.enable_auth_state = True
    # Follows from the key of the cookies: whoever replaces that one wants everybody to sign in again.
    derived = hmac.digest(bytes.fromhex(keys.cookie_secret), b"what is kept of a sign-in", hashlib.sha256)
    c.CryptKeeper.keys = [derived.hex()]
