"""Asks a container registry one question: which digest does this tag have now? (OCI distribution specification 1.1)"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import httpx

from studiolo.registry_errors import ImageNotFound, RegistryAway, RegistryRefused
from studiolo.registry_sign_in import DOCKER_HUB, RegistrySignIn, docker_credentials, is_private_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from studiolo.registry_sign_in import Credentials

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

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
        host, path = (first, rest) if is_host else (DOCKER_HUB, name)
        repository, _, tag = path.partition(":")
        if host == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(host=host, repository=repository, tag=tag or "latest", digest=digest or None)

    @property
    def api_host(self) -> str:
        """Where the registry's API is: Docker Hub's has another name than its images."""
        return "registry-1.docker.io" if self.host == DOCKER_HUB else self.host


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
        self._http = httpx.AsyncClient(timeout=PATIENCE_SECONDS, transport=transport, follow_redirects=False)
        self._sign_in = RegistrySignIn(
            self._http,
            allow_http=allow_http,
            credentials=credentials if credentials is not None else docker_credentials,
        )

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
            scope = f"repository:{reference.repository}:pull"
            headers["Authorization"] = await self._sign_in.authorization(response, reference.host, scopes=(scope,))
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


def _cannot_be_reached(reference: ImageReference, error: httpx.HTTPError, scheme: str) -> str:
    return f"The registry {reference.host} cannot be reached over {scheme} ({error or type(error).__name__})."


def _way_out(scheme: str, reference: ImageReference) -> str:
    if scheme == "https" and is_private_host(reference.host):
        return "If it speaks plain HTTP, add --plain-http."
    return "Check the name of the registry and the network."
