"""Asks a container registry one question: which digest does this tag have now? (OCI distribution specification 1.1)"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import os
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import httpx

from studiolo.registry_errors import ImageNotFound, RegistryAway, RegistryRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Lists for several kinds of machine first: their digest is the one that runs everywhere."""

PATIENCE_SECONDS: Final = 20.0
LARGEST_MANIFEST: Final = 4 * 2**20
"""Bytes; registries refuse larger ones themselves."""

_DOCKER_HUB: Final = "docker.io"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')

Credentials = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """The name of an image, taken apart as docker does it: `python:3.13` is on Docker Hub."""

    host: str
    repository: str
    tag: str
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """The parts of a reference; one without tag and digest means `latest`."""
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        is_host = bool(slash) and (first == "localhost" or "." in first or ":" in first)
        host, path = (first, rest) if is_host else (_DOCKER_HUB, name)
        repository, _, tag = path.partition(":")
        if host == _DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(host=host, repository=repository, tag=tag or "latest", digest=digest or None)

    @property
    def api_host(self) -> str:
        """Where the registry's API is: Docker Hub's has another name than its images."""
        return "registry-1.docker.io" if self.host == _DOCKER_HUB else self.host


class Registry:
    """The registries of the world, over one HTTP client."""

    def __init__(
        self,
        *,
        allow_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        credentials: Callable[[str], Credentials | None] | None = None,
    ) -> None:
        """`allow_http`: speak plain HTTP with registries on this machine and in private networks.

        `credentials` gives a user and a password for a host; without it, what `docker login` left is used.
        """
        self._allow_http = allow_http
        self._credentials = credentials if credentials is not None else docker_credentials
        self._http = httpx.AsyncClient(timeout=PATIENCE_SECONDS, transport=transport, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def digest(self, reference: ImageReference) -> str:
        """The digest that a tag has now. Raises a RegistryError."""
        scheme = "http" if self._allow_http and is_private_host(reference.host) else "https"
        url = f"{scheme}://{reference.api_host}/v2/{reference.repository}/manifests/{reference.tag}"
        try:
            response = await self._ask("HEAD", url, reference)
            digest = response.headers.get("Docker-Content-Digest", "")
            if _DIGEST.fullmatch(digest):
                return str(digest)
            # The header is optional in the specification: then the digest is that of the bytes.
            body = (await self._ask("GET", url, reference)).content
        except httpx.HTTPError as error:
            raise RegistryAway(
                _cannot_be_reached(reference, error, scheme), hint=_way_out(scheme, reference)
            ) from error
        if len(body) > LARGEST_MANIFEST or not body.startswith(b"{"):
            raise RegistryAway(f"What answers at {reference.host} is no registry.")
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    async def _ask(self, method: str, url: str, reference: ImageReference) -> httpx.Response:
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        response = await self._http.request(method, url, headers=headers)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            headers["Authorization"] = await self._authorization(response, reference)
            response = await self._http.request(method, url, headers=headers)
        match response.status_code:
            case HTTPStatus.OK:
                return response
            case HTTPStatus.NOT_FOUND:
                raise ImageNotFound(
                    f"{reference.host} has no {reference.repository}:{reference.tag}.",
                    hint="Correct the name or the tag, or push the image first.",
                )
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise RegistryRefused(
                    f"{reference.host} does not let you read {reference.repository}.",
                    hint=f"Sign in first (docker login {reference.host}), and check the name: a private image is "
                    "often refused where a missing one would be.",
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RegistryAway(f"{reference.host} has had too many questions.", hint="Wait, then try again.")
            case status:
                raise RegistryAway(f"{reference.host} answered {status}, which a registry does not.")

    async def _authorization(self, response: httpx.Response, reference: ImageReference) -> str:
        """What the registry's challenge asks for: a password, or a token that its own place gives out."""
        challenge = response.headers.get("WWW-Authenticate", "")
        kind, _, rest = challenge.partition(" ")
        known = self._credentials(reference.host)
        if kind.lower() == "basic":
            if known is None:
                raise RegistryRefused(
                    f"{reference.host} wants a user and a password.", hint=f"docker login {reference.host}"
                )
            return _basic(known)
        asked = dict(_CHALLENGE_PART.findall(rest))
        realm = urlsplit(asked.get("realm", ""))
        is_trusted = realm.scheme == "https" or (
            realm.scheme == "http" and self._allow_http and is_private_host(realm.netloc)
        )
        if kind.lower() != "bearer" or not is_trusted:
            raise RegistryRefused(f"{reference.host} asks for a way to sign in that is not known here: {kind!r}.")
        scope = asked.get("scope") or f"repository:{reference.repository}:pull"
        query = {"scope": scope, **({"service": asked["service"]} if "service" in asked else {})}
        headers = {} if known is None else {"Authorization": _basic(known)}
        answer = await self._http.get(asked["realm"], params=query, headers=headers)
        if answer.status_code != HTTPStatus.OK:
            raise RegistryRefused(
                f"{realm.netloc} gave no token for {reference.repository} ({answer.status_code}).",
                hint=f"Sign in first: docker login {reference.host}",
            )
        given = _json_object(answer)
        token = given.get("token") or given.get("access_token")
        if not isinstance(token, str):
            raise RegistryRefused(f"{realm.netloc} gave no token for {reference.repository}.")
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
    names = {host, f"https://{host}"} | ({"https://index.docker.io/v1/"} if host == _DOCKER_HUB else set())
    for path in _credential_files():
        try:
            auths = json.loads(path.read_bytes())["auths"]
            entries = [auths[name]["auth"] for name in names if name in auths]
            for entry in entries:
                user, _, password = base64.b64decode(entry, validate=True).decode().partition(":")
                return user, password
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a file of another program: what it cannot tell us, it does not know
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


def _cannot_be_reached(reference: ImageReference, error: httpx.HTTPError, scheme: str) -> str:
    return f"The registry {reference.host} cannot be reached over {scheme} ({error or type(error).__name__})."


def _way_out(scheme: str, reference: ImageReference) -> str:
    if scheme == "https" and is_private_host(reference.host):
        return "If it speaks plain HTTP, add --plain-http."
    return "Check the name of the registry and the network."
