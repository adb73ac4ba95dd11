"""A small OpenID Connect provider: signs ID tokens, gives and refuses tokens as a test says. No pages, no passwords."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from tornado import web
from tornado.httpserver import HTTPServer

CLIENT_ID = "studiolo"
CLIENT_SECRET = "a secret: with / odd % signs"
KEY_NAME = "first"

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""One for all tests: making one takes a tenth of a second."""


@dataclass
class FakeIdentityProvider:
    """Knows people by name and signs in the one that the test names, without asking."""

    port: int
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Claims by subject."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    """Subject by token."""
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    seconds_late: float = 0
    """How long it takes for an answer."""
    gives_refresh_tokens: bool = True
    changes: dict[str, Any] = field(default_factory=dict)
    """Claims of ID tokens that are not as they should be."""
    signing_key: Any = _KEY
    signs_with: str = "RS256"
    names_its_key: bool = True

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_for_test(self, name: str, *teams: str, subject: str = "", **claims: Any) -> str:
        """Somebody new; their subject."""
        subject = subject or f"subject-of-{name}"
        self.people[subject] = {"preferred_username": name, "groups": list(teams), **claims}
        return subject

    def end_sessions_for_test(self) -> None:
        """No token works any more."""
        self.sessions.clear()

    def code_for_test(self, authorize_url: str, subject: str) -> str:
        """Where the browser is sent back after this person signed in at this address: path and query."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        code = secrets.token_hex(8)
        self.codes[code] = {"subject": subject, **asked}
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens(self, subject: str, nonce: str | None = None) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": subject, "iat": now, "exp": now + 300}
        if nonce:
            claims["nonce"] = nonce
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.sessions[access] = self.sessions[refresh] = subject
        headers = {"kid": KEY_NAME} if self.names_its_key else {}
        signed = jwt.encode(claims | self.changes, self.signing_key, algorithm=self.signs_with, headers=headers)
        given = {"access_token": access, "token_type": "Bearer", "id_token": signed}
        return given | ({"refresh_token": refresh} if self.gives_refresh_tokens else {})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:  # noqa: C901 - a class for each address
        """Answer on the port."""
        fake = self

        class Answer(web.RequestHandler):
            async def prepare(self) -> None:
                fake.asked.append(self.request.path)
                await asyncio.sleep(fake.seconds_late)
                if fake.is_away:
                    raise web.HTTPError(502)

            def write_error(self, status_code: int, **_: Any) -> None:
                self.finish()

        class Description(Answer):
            def get(self) -> None:
                self.write(
                    {
                        "issuer": fake.issuer,
                        "authorization_endpoint": f"{fake.issuer}/authorize",
                        "token_endpoint": f"{fake.issuer}/token",
                        "jwks_uri": f"{fake.issuer}/keys",
                        "userinfo_endpoint": f"{fake.issuer}/me",
                        "end_session_endpoint": f"{fake.issuer}/end",
                        "token_endpoint_auth_methods_supported": ["client_secret_post"],
                    }
                )

        class Keys(Answer):
            def get(self) -> None:
                key = RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
                self.write({"keys": [key | {"kid": KEY_NAME, "use": "sig"}]})

        class Token(Answer):
            def post(self) -> None:
                if (self.get_argument("client_id"), self.get_argument("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                    self.set_status(401)
                    self.finish({"error": "invalid_client"})
                    return
                given = self._by_code() if self.get_argument("grant_type") == "authorization_code" else self._again()
                if given is None:
                    self.set_status(400)
                self.finish(given or {"error": "invalid_grant"})

            def _by_code(self) -> dict[str, Any] | None:
                asked = fake.codes.pop(self.get_argument("code"), None)
                if asked is None:
                    return None
                digest = hashlib.sha256(self.get_argument("code_verifier").encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                is_same = self.get_argument("redirect_uri") == asked["redirect_uri"]
                if challenge != asked["code_challenge"] or not is_same:
                    return None
                return fake.tokens(asked["subject"], asked["nonce"])

            def _again(self) -> dict[str, Any] | None:
                subject = fake.sessions.pop(self.get_argument("refresh_token"), None)
                return None if subject is None else fake.tokens(subject)

        class Me(Answer):
            def get(self) -> None:
                subject = fake.sessions.get(self.request.headers["Authorization"].removeprefix("Bearer "))
                if subject not in fake.people:
                    raise web.HTTPError(401)
                self.write({"sub": subject, **fake.people[subject]})

        routes = [
            (r"/.well-known/openid-configuration", Description),
            (r"/keys", Keys),
            (r"/token", Token),
            (r"/me", Me),
        ]
        server = HTTPServer(web.Application(routes, log_function=lambda _: None))
        server.listen(self.port, address="127.0.0.1")
        try:
            yield
        finally:
            server.stop()
            await server.close_all_connections()
