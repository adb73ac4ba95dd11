"""Sign-in through OpenID Connect: OAuthenticator's, every token proved, and rights that end when they end there."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from jupyterhub.roles import assign_default_roles
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import _deserialize_state
from tornado import web
from traitlets import Float, List, Unicode

from hub.oidc.claims import claim_of, is_sensible_name, name_of, teams_of
from hub.oidc.errors import ProviderAwayError, TokenRefusedError, UntrustedTokenError
from hub.oidc.handlers import SignedInHandler, SignInHandler, nonce_for
from hub.oidc.provider import Provider
from hub.sign_out import SignedOutHandler, SignOutHandler

CLAIMS = "verified_claims"
"""Beside the tokens that the provider gave: what their ID token proves."""

USERINFO = "userinfo"
"""Beside the tokens, when its address has been asked already."""

JUST_NOW_SECONDS = 5.0
"""One page asks for several things at once; they share an answer."""

WRITTEN_EVERY_SECONDS = 3600.0
"""How seldom an answer that changes nothing is written down: the hub's database has better things to do. A hub that is
started again believes its last answer to be older by so much at most."""


class OidcAuthenticator(GenericOAuthenticator):  # type: ignore[misc]  # oauthenticator has no types
    """People and teams of an OpenID Connect provider. Only those on a list come in, unless everybody may."""

    login_handler = SignInHandler
    callback_handler = SignedInHandler
    logout_handler = SignOutHandler

    issuer = Unicode(config=True, help="The provider's issuer")
    ca_file = Unicode(config=True, help="The authority that the provider's certificate is trusted by")
    client_secret_file = Unicode(config=True, help="The file with the client secret")
    groups_claim = Unicode("groups", config=True, help="The claim with a person's teams")
    number_claims = List(Unicode(), config=True, help="The claims with a person's numbers, where each has their own")
    state_cookie = Unicode("studiolo-sign-in", config=True, help="The cookie between the two addresses of a sign-in")
    believe_for = Float(config=True, help="Seconds that the last answer holds while the provider cannot be asked")
    contact = Unicode(config=True, help="Whom to ask who may not come in")

    def __init__(self, **kwargs: Any) -> None:
        """Takes traitlets' own arguments."""
        super().__init__(**kwargs)
        self.provider = Provider(
            self.issuer,
            client_id=self.client_id,
            secret_file=Path(self.client_secret_file),
            ca_file=self.ca_file,
        )
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._asked: dict[str, float] = {}
        self._answered: dict[str, float] = {}

    def get_handlers(self, app: Any) -> list[tuple[str, type[web.RequestHandler]]]:
        """Sign-in and sign-out."""
        return [*super().get_handlers(app), (r"/signed-out", SignedOutHandler)]

    async def discover(self) -> None:
        """Learn where the provider wants people. Raises ProviderAwayError."""
        self.authorize_url = (await self.provider.metadata()).authorization_endpoint

    def validate_username(self, username: str) -> bool:
        """Whether somebody can be called this."""
        return is_sensible_name(username) and bool(super().validate_username(username))

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """The tokens for the code that the browser brought, and what they prove."""
        answered_by = handler.get_argument("iss", "")  # RFC 9207: a provider that says so must be the one we asked
        if answered_by and answered_by.rstrip("/") != self.issuer.rstrip("/"):
            raise UntrustedTokenError("another provider sent the browser back")
        fields = {name: str(params[name]) for name in ("grant_type", "code", "redirect_uri", "code_verifier")}
        tokens = await self.provider.exchange(fields)
        nonce = nonce_for(_deserialize_state(handler.get_state_cookie())["state_id"])
        return tokens | {CLAIMS: await self.provider.verified(tokens.get("id_token"), nonce=nonce)}

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """What the provider says of the person: the ID token's claims, and newer ones of its userinfo address."""
        proved: dict[str, Any] = token_info[CLAIMS]
        told = token_info.get(USERINFO)
        if told is None:
            told = await self.provider.userinfo(token_info["access_token"])
        if told and told.get("sub") != proved["sub"]:
            raise UntrustedTokenError("userinfo is about somebody else")
        return proved | told

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The person's name. Raises 403 where there is none, or one that nobody should have."""
        name = name_of(user_info, self.username_claim)
        if name is None:
            self.log.warning("The provider gave no claim %s that can be trusted", self.username_claim)
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN,
                f"The identity provider does not say your name here ({self.username_claim}). Ask {self.contact}.",
            )
        if not self.validate_username(self.normalize_username(name)):
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN,
                "Your name at the identity provider cannot be a name here: up to 64 letters, digits and . _ - + @. "
                f"Ask {self.contact}.",
            )
        return name

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
        """What is kept of a sign-in, encrypted: enough to ask again, and nothing more."""
        return {
            "access_token": token_info["access_token"],
            "refresh_token": token_info.get("refresh_token"),
            "id_token": token_info.get("id_token"),
            "subject": user_info["sub"],
            "asked_at": time.time(),
            self.user_auth_state_key: user_info,
        }

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """The person's teams."""
        return set(teams_of(auth_state[self.user_auth_state_key], self.groups_claim))

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> dict[str, Any]:
        """The person who came back from the provider; never one who only has the same name as somebody here."""
        model: dict[str, Any] = await super().authenticate(handler, data, **kwargs)
        known = handler.find_user(model["name"])
        before = await known.get_auth_state() if known else None
        if before and before.get("subject") != model["auth_state"]["subject"]:
            self.log.warning("Refused: the provider gives the name %s to another account than before", model["name"])
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN,
                f"The name {model['name']} belongs to another account of the identity provider. If that account is "
                f"gone, an administrator removes the person here first. Ask {self.contact}.",
            )
        return model

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """True for those who may come in. Raises 403 with a sentence for everybody else."""
        if await super().check_allowed(username, auth_model):
            return True
        self.log.info("Not allowed: %s is in no team that may come in", username)
        raise web.HTTPError(
            HTTPStatus.FORBIDDEN, f"You are not in a team that may use Studiolo: ask {self.contact} to add you to one."
        )

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """What the provider says of a person now; False when they are no longer to be let in like this.

        One at a time for each person: a page asks for several things at once, and a refresh token is good for one.
        """
        name: str = user.name
        lock = self._one_at_a_time.setdefault(name, asyncio.Lock())
        async with lock:
            passed = time.monotonic() - self._asked.get(name, float("-inf"))
            if passed < min(JUST_NOW_SECONDS, self.auth_refresh_age):
                return True
            answer = await self._ask_about(user, can_sign_in=_can_sign_in(user, handler))
            if answer is not False:
                self._asked[name] = time.monotonic()
            return answer

    async def _ask_about(self, user: Any, *, can_sign_in: bool) -> bool | dict[str, Any]:
        state = await user.get_auth_state()
        if not state:
            return False
        last_answer = max(state["asked_at"], self._answered.get(user.name, 0.0))
        is_recent: bool = time.time() - last_answer < self.believe_for
        try:
            model: dict[str, Any] = await self._token_to_auth_model(await self._tokens_now(state))
        except ProviderAwayError as error:
            self.log.warning("Could not ask about %s, the last answer holds: %s", user.name, error.why)
            return is_recent
        except (TokenRefusedError, UntrustedTokenError) as error:
            self.log.info("The session of %s at the provider has ended: %s", user.name, error.why)
            return is_recent and not can_sign_in
        except web.HTTPError:
            return False
        if not await self._may_stay(user, model, subject=state["subject"]):
            return False
        self._answered[user.name] = now = time.time()
        says_the_same = model["auth_state"] | {"asked_at": 0} == state | {"asked_at": 0}
        return True if says_the_same and now - state["asked_at"] < WRITTEN_EVERY_SECONDS else model

    async def _tokens_now(self, state: dict[str, Any]) -> dict[str, Any]:
        """Tokens that work, with what they prove. Raises TokenRefusedError where only a new sign-in can tell."""
        try:
            told = await self.provider.userinfo(state["access_token"])
        except TokenRefusedError:
            told = {}
        if told and all(claim_of(told, claim) is not None for claim in self._claims_told(state)):
            return state | {CLAIMS: {"sub": state["subject"]}, USERINFO: told}
        if not state["refresh_token"]:
            raise TokenRefusedError("there is no refresh token, and the access token tells too little")
        # Used only when it must be: each is good for one time.
        tokens = await self.provider.exchange({"grant_type": "refresh_token", "refresh_token": state["refresh_token"]})
        proved = {"sub": state["subject"]}
        if tokens.get("id_token"):
            proved = await self.provider.verified(tokens["id_token"], nonce=None)
        return {name: state[name] for name in ("refresh_token", "id_token")} | tokens | {CLAIMS: proved}

    def _claims_told(self, state: dict[str, Any]) -> list[str]:
        """What was said before of all that counts here: an answer without it tells too little."""
        said = state[self.user_auth_state_key]
        return [claim for claim in (self.groups_claim, *self.number_claims) if claim_of(said, claim) is not None]

    async def _may_stay(self, user: Any, model: dict[str, Any], *, subject: str) -> bool:
        if model["name"] != user.name or model["auth_state"]["subject"] != subject:
            self.log.warning("The account of %s is another one at the provider now", user.name)
            return False
        try:
            await self.check_allowed(user.name, model)
        except web.HTTPError:
            # What others see of them, and what their running workspaces may, ends at once too.
            user.sync_groups(model["groups"])
            user.admin = False
            assign_default_roles(user.db, entity=user.orm_user)
            user.db.commit()
            return False
        return True


def _can_sign_in(user: Any, handler: Any) -> bool:
    """Whether the person sits before this request, in a browser that can be sent to the provider."""
    if handler is None or getattr(handler, "_token_authenticated", False):
        return False
    return getattr(handler, "_jupyterhub_user", None) is user
