"""The one door to the OpenID Connect provider: what it says of itself, tokens, and what it says of people."""

from __future__ import annotations

import base64
import hmac
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import jwt

from hub.oidc.errors import ProviderAwayError, TokenRefusedError, UntrustedTokenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
"""A page of the hub may wait for this answer: a person waits no longer."""

NO_KEEPING = httpx.Limits(max_keepalive_connections=0)
"""A kept connection that the provider closes in the same moment would look like a provider that is away."""

METADATA_SECONDS = 3600.0
"""Providers change their keys and addresses seldom, and announce new keys early."""

KEYS_AT_MOST_EVERY = 60.0
"""Tokens with made-up key names must not make us ask for keys all the time."""

AWAY_SECONDS = 15.0
"""After a failure the provider is left alone so long: every open page of everybody would wait for it."""

CLOCK_LEEWAY_SECONDS = 60

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key of the provider's. Never HS…: its key, our client secret, would prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    takes_secret_in_form: bool = False


class Provider:
    """One provider, by its issuer."""

    def __init__(self, issuer: str, *, client_id: str, secret_file: Path, ca_file: str = "") -> None:
        """`secret_file` is read whenever the secret is needed, so that a new one needs no restart."""
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret_file = secret_file
        trust = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._client = httpx.AsyncClient(verify=trust, timeout=TIMEOUT, limits=NO_KEEPING, trust_env=False)
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = float("-inf")
        self._away_until = float("-inf")

    async def metadata(self) -> Metadata:
        """What it says of itself. Raises ProviderAwayError."""
        if self._metadata is None or time.monotonic() - self._metadata_at > METADATA_SECONDS:
            try:
                told = _object(await self._ask("GET", f"{self._issuer}/.well-known/openid-configuration"))
                self._metadata = read_metadata(told, issuer=self._issuer)
                self._metadata_at = time.monotonic()
            except ProviderAwayError:
                if self._metadata is None:
                    raise
        return self._metadata

    async def exchange(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """The tokens for a code or a refresh token. Raises TokenRefusedError or ProviderAwayError."""
        metadata = await self.metadata()
        secret = self._secret_file.read_text().strip()
        form, headers = dict(fields), {"Accept": "application/json"}
        if metadata.takes_secret_in_form:
            form |= {"client_id": self._client_id, "client_secret": secret}
        else:
            pair = f"{quote(self._client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        reply = await self._ask("POST", metadata.token_endpoint, data=form, headers=headers)
        if (error := _error_code(reply)) == "invalid_grant":
            raise TokenRefusedError(error)
        tokens = _object(reply)
        if not isinstance(tokens.get("access_token"), str):
            raise ProviderAwayError("the token endpoint gave no access_token")
        return tokens

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """What it says of the person of this token; nothing where it has no such address."""
        address = (await self.metadata()).userinfo_endpoint
        if not address:
            return {}
        headers = {"Accept": "application/json", "Authorization": f"Bearer {access_token}"}
        reply = await self._ask("GET", address, headers=headers)
        if reply.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise TokenRefusedError(f"userinfo answers {reply.status_code}")
        return _object(reply)

    async def verified(self, id_token: object, *, nonce: str | None) -> dict[str, Any]:
        """The claims of an ID token that proves them. `nonce`: of this sign-in; None when a session is renewed."""
        if not isinstance(id_token, str):
            raise UntrustedTokenError("there is no id_token")
        metadata = await self.metadata()
        try:
            key = await self._key(str(jwt.get_unverified_header(id_token).get("kid", "")), metadata)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=key.key,
                algorithms=list(ALGORITHMS),
                audience=self._client_id,
                issuer=metadata.issuer,
                leeway=CLOCK_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise UntrustedTokenError(f"{type(error).__name__}: {error}") from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._client_id:
            raise UntrustedTokenError("it was issued to another party")
        if nonce is not None and not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise UntrustedTokenError("its nonce is of another sign-in")
        return claims

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _key(self, name: str, metadata: Metadata) -> jwt.PyJWK:
        if name not in self._keys and time.monotonic() - self._keys_at > KEYS_AT_MOST_EVERY:
            told = _object(await self._ask("GET", metadata.jwks_uri))
            self._keys_at = time.monotonic()
            try:
                keys = [key for key in jwt.PyJWKSet.from_dict(told).keys if key.public_key_use != "enc"]
                self._keys = {key.key_id or "": key for key in keys} | ({"": keys[0]} if len(keys) == 1 else {})
            except jwt.PyJWTError as error:
                raise ProviderAwayError(f"its keys cannot be read: {error}") from error
        if name not in self._keys:
            raise UntrustedTokenError("it is signed with a key that the provider does not have")
        return self._keys[name]

    async def _ask(self, method: str, url: str, **request: Any) -> httpx.Response:
        if time.monotonic() < self._away_until:
            raise ProviderAwayError("it did not answer a moment ago")
        try:
            return await self._client.request(method, url, **request)
        except httpx.HTTPError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise ProviderAwayError(f"{method} {url}: {type(error).__name__}: {error}") from error


def _object(reply: httpx.Response) -> dict[str, Any]:
    """The JSON object that was answered. Raises ProviderAwayError where there is none."""
    where = f"{reply.request.method} {reply.request.url.copy_with(query=None)}: {reply.status_code}"
    if reply.status_code != HTTPStatus.OK:
        raise ProviderAwayError(f"{where} {_error_code(reply)}")
    try:
        told = reply.json()
    except ValueError as error:
        raise ProviderAwayError(f"{where}, no JSON") from error
    if not isinstance(told, dict):
        raise ProviderAwayError(f"{where}, no JSON object")
    return told


def read_metadata(told: Mapping[str, Any], *, issuer: str) -> Metadata:
    """The provider's description, checked. Raises ProviderAwayError where it is of another or leads to plain http."""
    if str(told.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ProviderAwayError(f"it calls itself {str(told.get('issuer'))[:100]!r}, not {issuer!r}")
    addresses = {
        name: str(told.get(name) or "")
        for name in (
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        )
    }
    missing = [name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not addresses[name]]
    if missing:
        raise ProviderAwayError(f"its description lacks {', '.join(missing)}")
    if urlsplit(issuer).scheme == "https":
        plain = [name for name, address in addresses.items() if address and not address.startswith("https://")]
        if plain:
            raise ProviderAwayError(f"its description leads to plain http: {', '.join(plain)}")
    methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        issuer=str(told["issuer"]),
        takes_secret_in_form="client_secret_post" in methods,
        **addresses,
    )


def _error_code(reply: httpx.Response) -> str:
    try:
        return str(reply.json().get("error", ""))[:60]
    except (ValueError, AttributeError):
        return ""
