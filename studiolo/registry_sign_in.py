"""Signing in at a registry of container images: what its challenge asks for, a password or a token.

Source: OCI distribution specification 1.1, and the token authentication of the Docker registry.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from studiolo.registry_errors import RegistryRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

Credentials = tuple[str, str]

DOCKER_HUB: Final = "docker.io"
_CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')


class RegistrySignIn:
    """Answers the challenges of registries."""

    def __init__(
        self, http: httpx.AsyncClient, *, allow_http: bool, credentials: Callable[[str], Credentials | None]
    ) -> None:
        """`allow_http`: a token may be fetched over plain HTTP on this machine and in private networks."""
        self._http = http
        self._allow_http = allow_http
        self._credentials = credentials

    async def authorization(self, response: httpx.Response, host: str, *, scopes: Sequence[str]) -> str:
        """The header that lets a request through which got this answer. Raises RegistryRefused, or httpx's errors.

        `scopes`: what is wanted, such as `repository:a/b:pull,push`; all of them in one token, as a mount needs it.
        """
        challenge = response.headers.get("WWW-Authenticate", "")
        kind, _, rest = challenge.partition(" ")
        known = self._credentials(host)
        if kind.lower() == "basic":
            if known is None:
                raise RegistryRefused(f"{host} wants a user and a password.", hint=f"docker login {host}")
            return _basic(known)
        asked = dict(_CHALLENGE_PART.findall(rest))
        realm = urlsplit(asked.get("realm", ""))
        is_trusted = realm.scheme == "https" or (
            realm.scheme == "http" and self._allow_http and is_private_host(realm.netloc)
        )
        if kind.lower() != "bearer" or not is_trusted:
            raise RegistryRefused(f"{host} asks for a way to sign in that is not known here: {kind!r}.")
        query = {"scope": list(scopes), **({"service": asked["service"]} if "service" in asked else {})}
        headers = {} if known is None else {"Authorization": _basic(known)}
        answer = await self._http.get(asked["realm"], params=query, headers=headers)
        if answer.status_code != HTTPStatus.OK:
            raise RegistryRefused(
                f"{realm.netloc} gave no token for {scopes[0]} ({answer.status_code}).",
                hint=f"Sign in first: docker login {host}",
            )
        given = _json_object(answer)
        token = given.get("token") or given.get("access_token")
        if not isinstance(token, str):
            raise RegistryRefused(f"{realm.netloc} gave no token for {scopes[0]}.")
        return f"Bearer {token}"


def is_private_host(netloc: str) -> bool:
    """Whether a host is this machine, or an address that no other network has: there plain HTTP can be a choice."""
    host = urlsplit(f"//{netloc}").hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def docker_credentials(host: str) -> Credentials | None:
    """The user and the password that `docker login` (or podman, buildah, skopeo) wrote for a host, in plain words."""
    found = (credentials_in(path, host) for path in _credential_files())
    return next((credentials for credentials in found if credentials is not None), None)


def credentials_in(path: Path, host: str) -> Credentials | None:
    """The user and the password that a file of that kind has for a host: for exactly this one."""
    names = {host, f"https://{host}"} | ({"https://index.docker.io/v1/"} if host == DOCKER_HUB else set())
    try:
        auths = json.loads(path.read_bytes())["auths"]
        for entry in (auths[name]["auth"] for name in names if name in auths):
            user, _, password = base64.b64decode(entry, validate=True).decode().partition(":")
            return user, password
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a file of another program: what it cannot tell us, it does not know
    return None


def _credential_files() -> tuple[Path, ...]:
    docker = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser()
    others = (os.environ.get("REGISTRY_AUTH_FILE"), f"{os.environ.get('XDG_RUNTIME_DIR')}/containers/auth.json")
    return (*(Path(path) for path in others if path and not path.startswith("None")), docker / "config.json")


def _basic(credentials: Credentials) -> str:
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode()


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
