"""Where programs sign in at Google's and Azure's clouds, as their public protocols have it: OAuth 2.0 by a signed
assertion (RFC 7523), and by a client's secret below a tenant's OpenID configuration.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.places import Answer, Place, Question

GOOGLE_ACCOUNT = "alice@studies.example.org"
GOOGLE_TOKEN = "google says yes"
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's client writes into an assertion, wherever the account's file sends it."""
AZURE_TENANT, AZURE_CLIENT = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000"
AZURE_TOKEN = "azure says yes"


class CloudSignIn(Place):
    """Gives a token to whoever proves to be the account, and refuses anybody else."""

    def __init__(self, address: str, *, secret: str, certificate: Path) -> None:
        """`secret`: of the account at Azure. The key of the one at Google is made here."""
        super().__init__(address, certificate=certificate)
        self._secret = secret
        self._key = rsa.generate_private_key(65537, 2048)

    def google_account(self) -> str:
        """The file that Google gives its owner."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        account = {
            "type": "service_account",
            "project_id": "studies",
            "private_key_id": "1",
            "private_key": key,
            "client_email": GOOGLE_ACCOUNT,
            "token_uri": f"{self.url}/google/token",
        }
        return json.dumps(account)

    def azure_account(self) -> str:
        """As Azure's command line prints it."""
        found = {"clientId": AZURE_CLIENT, "tenantId": AZURE_TENANT, "clientSecret": self._secret}
        return json.dumps(found)

    def answer(self, question: Question) -> Answer:
        form = {name: values[0] for name, values in parse_qs(question.body.decode()).items()}
        azure = f"{self.url}/{AZURE_TENANT}"
        match question.path.removeprefix(f"/{AZURE_TENANT}"):
            case "/google/token":
                return _token(GOOGLE_TOKEN) if self._is_signed(form.get("assertion", "")) else _refusal()
            case "/v2.0/.well-known/openid-configuration":
                known = {
                    "issuer": f"{azure}/v2.0",
                    "authorization_endpoint": f"{azure}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{azure}/oauth2/v2.0/token",
                }
                return Answer(body=json.dumps(known).encode())
            case "/oauth2/v2.0/token":
                right = {"grant_type": "client_credentials", "client_id": AZURE_CLIENT, "client_secret": self._secret}
                return _token(AZURE_TOKEN) if right.items() <= form.items() else _refusal()
        return Answer(status=HTTPStatus.NOT_FOUND)

    def _is_signed(self, assertion: str) -> bool:
        try:
            claims = jwt.decode(assertion, self._key.public_key(), algorithms=["RS256"], audience=GOOGLE_AUDIENCE)
        except jwt.InvalidTokenError:
            return False
        return bool(claims.get("iss") == GOOGLE_ACCOUNT)


def _token(text: str) -> Answer:
    return Answer(body=json.dumps({"access_token": text, "token_type": "Bearer", "expires_in": 3600}).encode())


def _refusal() -> Answer:
    return Answer(status=HTTPStatus.UNAUTHORIZED, body=json.dumps({"error": "invalid_client"}).encode())
