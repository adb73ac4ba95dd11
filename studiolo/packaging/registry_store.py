"""Images in a registry, over its HTTP API (OCI distribution specification 1.1). One connection, few round trips."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urljoin

import httpx

from studiolo.packaging.attachments import INDEX, fallback_tag, is_fallback_tag, listed_in, subject_of, with_listed
from studiolo.packaging.errors import StoreAway, StoreConflict, StoreRefused
from studiolo.packaging.images import MANIFEST, digest_of
from studiolo.packaging.registry_answers import arrived, location, pause_before, with_query
from studiolo.packaging.registry_trust import trust, untrusted
from studiolo.packaging.stores import DIGEST, Manifest
from studiolo.registry import MANIFEST_TYPES
from studiolo.registry_errors import RegistryError
from studiolo.registry_sign_in import RegistrySignIn, docker_credentials, is_private_host

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from studiolo.packaging.errors import StoreError
    from studiolo.packaging.images import Blob
    from studiolo.packaging.stores import Opened
    from studiolo.registry_sign_in import Credentials

CHUNK_BYTES: Final = 8 * 2**20
"""Sent at once. A larger blob goes in several, and goes on where it broke off."""

TRIES: Final = 5
PATIENCE_SECONDS: Final = 30.0

AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a registry that is busy, or is being restarted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPlace:
    """A registry, and how it is reached."""

    host: str
    credentials: Callable[[str], Credentials | None] = docker_credentials
    allow_http: bool = False
    """Speak plain HTTP with it, on this machine and in private networks."""
    ca_file: Path | None = None
    """Authorities that are trusted beside those that every machine trusts."""
    ca_setting: str = "SSL_CERT_FILE"
    """What names that file, for whoever has to correct it."""

    @property
    def trust(self) -> ssl.SSLContext:
        """Whose certificates count. Raises StoreRefused where the file cannot be read."""
        return trust(self.ca_file, setting=self.ca_setting)

    @property
    def url(self) -> str:
        """Of its API."""
        scheme = "http" if self.allow_http and is_private_host(self.host) else "https"
        return f"{scheme}://{self.host}/v2/"


class RegistryStore:
    """One repository of a registry."""

    def __init__(
        self,
        place: RegistryPlace,
        repository: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        pause: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        """Connects to nothing yet."""
        self.repository = repository
        self._place = place
        self._url = f"{place.url}{repository}/"
        self._chunk_bytes = chunk_bytes
        self._pause = pause
        self._http = httpx.AsyncClient(
            verify=place.trust, timeout=PATIENCE_SECONDS, transport=transport, trust_env=False
        )
        self._sign_in = RegistrySignIn(self._http, allow_http=place.allow_http, credentials=place.credentials)
        self._tokens: dict[tuple[str, ...], str] = {}

    async def has(self, blob: Blob) -> bool:
        """Whether it is here."""
        response = await self._ask("HEAD", f"blobs/{_checked(blob.digest)}")
        return self._is_there(response)

    async def mount(self, blob: Blob, *, source: str) -> bool:
        """From another repository of this registry. Refused is no error: then its bytes have to come."""
        query = urlencode({"mount": _checked(blob.digest), "from": source})
        response = await self._ask("POST", f"blobs/uploads/?{query}", sources=(source,))
        if response.status_code == HTTPStatus.CREATED:
            return True
        if response.status_code == HTTPStatus.ACCEPTED:  # an upload was begun instead; nobody goes on with it
            await self._abandon(response)
            return False
        if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.BAD_REQUEST}:
            return False
        raise self._refusal(response)

    async def put(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        """Sends it, in pieces where it is large; nothing where it is here."""
        if await self.has(blob):
            return 0
        sent = 0
        for attempt in range(TRIES):
            try:
                return sent + await self._upload(blob, opened)
            except _BrokenOff as broken:
                sent += broken.sent
                if attempt == TRIES - 1:
                    raise StoreAway(
                        f"{self._place.host} broke off {TRIES} times while {blob.digest} was sent.",
                        hint="Try again: what arrived whole is not sent a second time.",
                    ) from broken
                await self._pause(pause_before(attempt))
                if await self.has(blob):  # the last answer was lost, not the bytes
                    return sent
        raise AssertionError  # the loop has ended one way or another

    async def get(self, digest: str) -> bytes:
        """A small one, whole, and checked."""
        response = await self._ask("GET", f"blobs/{_checked(digest)}")
        if not self._is_there(response):
            raise StoreRefused(f"{self._named} has no {digest}.")
        if digest_of(response.content) != digest:
            raise StoreRefused(f"{self._named} gave other bytes than {digest}.")
        return response.content

    async def read(self, digest: str) -> AsyncIterator[bytes]:
        """Piece by piece."""
        path = f"blobs/{_checked(digest)}"
        if not self._is_there(await self._ask("HEAD", path)):  # signs in, too
            raise StoreRefused(f"{self._named} has no {digest}.")
        headers = self._headers((self.repository,))
        url = urljoin(self._url, path)
        try:
            async with self._http.stream("GET", url, headers=headers, follow_redirects=True) as response:
                if response.status_code != HTTPStatus.OK:
                    raise self._refusal(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise self._away(error) from error

    async def manifest(self, reference: str) -> Manifest | None:
        """By its tag or its digest."""
        response = await self._ask("GET", f"manifests/{reference}", headers={"Accept": ", ".join(MANIFEST_TYPES)})
        if not self._is_there(response):
            return None
        digest = digest_of(response.content)
        if DIGEST.fullmatch(reference) and digest != reference:
            raise StoreRefused(f"{self._named} gave another manifest than {reference}.")
        return Manifest(content=response.content, media_type=response.headers.get("Content-Type", ""), digest=digest)

    async def put_manifest(self, content: bytes, *, media_type: str, tag: str = "", replaces: bool = False) -> str:
        """Keeps it and reads it back."""
        digest = digest_of(content)
        if tag:
            there = await self.manifest(tag)
            if there is not None and there.digest != digest and not replaces:
                raise StoreConflict(f"{self._named}:{tag} is there already, with other content.")
            if there is not None and there.digest == digest:
                return digest
        await self._write(content, media_type=media_type, reference=tag or digest)
        found = await self.manifest(tag or digest)
        if found is None or found.digest != digest:
            raise StoreAway(f"{self._named} took the manifest and gives another one back.")
        return digest

    async def attach(self, content: bytes, *, subject: str) -> str:
        """Keeps it; a registry that does not say that it lists it gets a list of ours, below a tag."""
        digest = digest_of(content)
        response = await self._write(content, media_type=MANIFEST, reference=digest)
        if "OCI-Subject" in response.headers:
            return digest
        for _ in range(TRIES):  # somebody else may write the same list at the same time
            there = await self._fallback_list(subject)
            listed = with_listed(there, content)
            if listed == there:
                return digest
            await self._write(listed, media_type=INDEX, reference=fallback_tag(subject))
        raise StoreAway(f"{self._named} does not keep the list of what is said of {subject}.", hint="Try again.")

    async def attached(self, subject: str) -> tuple[Manifest, ...]:
        """As the registry lists them; else as our list does."""
        response = await self._ask("GET", f"referrers/{_checked(subject)}", headers={"Accept": INDEX})
        is_listed = response.status_code == HTTPStatus.OK
        index = response.content if is_listed else await self._fallback_list(subject)
        found = [await self.manifest(digest) for digest in listed_in(index)]
        return tuple(one for one in found if one is not None and subject_of(one.content) == subject)

    async def tags(self) -> tuple[str, ...]:
        """All tags."""
        response = await self._ask("GET", "tags/list")
        if not self._is_there(response):
            return ()
        try:
            tags = response.json().get("tags") or ()
        except (ValueError, AttributeError) as error:
            raise StoreAway(f"{self._named} does not say which tags it has.") from error
        return tuple(sorted(tag for tag in tags if isinstance(tag, str) and not is_fallback_tag(tag)))

    async def delete(self, digest: str) -> None:
        """Forgets a manifest and what is attached, where the registry allows that."""
        for one in await self.attached(_checked(digest)):
            await self._forget(one.digest)
        if index := await self._fallback_list(digest):
            await self._forget(digest_of(index))
        await self._forget(digest)

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._http.aclose()

    async def _fallback_list(self, subject: str) -> bytes:
        found = await self.manifest(fallback_tag(subject))
        return b"" if found is None else found.content

    async def _write(self, content: bytes, *, media_type: str, reference: str) -> httpx.Response:
        response = await self._ask(
            "PUT", f"manifests/{reference}", headers={"Content-Type": media_type}, content=content
        )
        if response.status_code not in {HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            raise self._refusal(response)
        return response

    async def _forget(self, digest: str) -> None:
        response = await self._ask("DELETE", f"manifests/{_checked(digest)}")
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            raise StoreRefused(f"{self._place.host} deletes nothing.", hint="Its operator can allow that.")
        if response.status_code not in {HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise self._refusal(response)

    @property
    def host(self) -> str:
        """Of the registry."""
        return self._place.host

    @property
    def _named(self) -> str:
        return f"{self._place.host}/{self.repository}"

    async def _upload(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        begun = await self._ask("POST", "blobs/uploads/")
        if begun.status_code != HTTPStatus.ACCEPTED:
            raise self._refusal(begun)
        place = location(begun)
        sent = 0
        with opened() as source:
            while blob.size - sent > self._chunk_bytes:
                place, sent = await self._send_chunk(place, source, sent)
            source.seek(sent)
            await self._finish(place, blob, source.read(blob.size - sent), sent)
        return blob.size

    async def _send_chunk(self, place: str, source: Opened, sent: int) -> tuple[str, int]:
        """Sends the next piece; where the upload is then, and how far."""
        source.seek(sent)
        chunk = source.read(self._chunk_bytes)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{sent}-{sent + len(chunk) - 1}",
        }
        for attempt in range(TRIES):
            response = await self._once("PATCH", place, headers=headers, content=chunk)
            if response is not None and response.status_code in {HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT}:
                return location(response), arrived(response, sent + len(chunk))
            if response is not None and response.status_code not in AGAIN | {416}:
                raise self._refusal(response)
            await self._pause(pause_before(attempt, response))
            there = await self._once("GET", place)
            if there is None:
                continue
            if there.status_code == HTTPStatus.NO_CONTENT:
                so_far = arrived(there, sent)
                if so_far != sent:
                    return location(there), so_far
            elif there.status_code == HTTPStatus.NOT_FOUND:  # the registry forgot the upload: from the start
                raise _BrokenOff(sent + len(chunk))
        raise _BrokenOff(sent + len(chunk))

    async def _finish(self, place: str, blob: Blob, rest: bytes, sent: int) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        if sent:
            headers["Content-Range"] = f"{sent}-{sent + len(rest) - 1}"
        url = with_query(place, digest=blob.digest)
        response = await self._once("PUT", url, headers=headers, content=rest)
        if response is None or response.status_code in AGAIN or response.status_code == HTTPStatus.NOT_FOUND:
            raise _BrokenOff(sent + len(rest))
        if response.status_code != HTTPStatus.CREATED:
            raise self._refusal(response)

    async def _abandon(self, begun: httpx.Response) -> None:
        await self._once("DELETE", location(begun))  # an upload that nobody ends is collected some day

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        sources: tuple[str, ...] = (),
    ) -> httpx.Response:
        """The answer to a question that may be asked again. Raises StoreAway, or StoreRefused without the right."""
        url = urljoin(self._url, path)
        response: httpx.Response | None = None
        for attempt in range(TRIES):
            response = await self._once(method, url, headers=headers, content=content, sources=sources)
            if response is not None and response.status_code not in AGAIN:
                return response
            if attempt < TRIES - 1:
                await self._pause(pause_before(attempt, response))
        if response is None:
            raise StoreAway(
                f"The registry {self._place.host} does not answer.", hint="Look at it and at the network; try again."
            )
        raise self._refusal(response)

    async def _once(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        sources: tuple[str, ...] = (),
    ) -> httpx.Response | None:
        """One answer; None where there was none. Signs in where it is asked to."""
        repositories = (self.repository, *sources)
        for is_last in (False, True):
            signed = {**(headers or {}), **self._headers(repositories)}
            try:
                response = await self._http.request(
                    method, url, headers=signed, content=content, follow_redirects=method in {"GET", "HEAD"}
                )
            except httpx.HTTPError as error:
                if (refused := self._untrusted(error)) is not None:
                    raise refused from error
                return None
            if response.status_code != HTTPStatus.UNAUTHORIZED or is_last:
                return response
            await self._sign(repositories, response)
        raise AssertionError  # the loop has returned

    def _headers(self, repositories: tuple[str, ...]) -> dict[str, str]:
        token = self._tokens.get(repositories)
        return {"Authorization": token} if token else {}

    async def _sign(self, repositories: tuple[str, ...], response: httpx.Response) -> None:
        """One token for all that is asked at once: a mount needs to read there and to write here."""
        target, *sources = repositories
        scopes = (f"repository:{target}:pull,push,delete", *(f"repository:{source}:pull" for source in sources))
        try:
            self._tokens[repositories] = await self._sign_in.authorization(response, self._place.host, scopes=scopes)
        except RegistryError as error:
            raise StoreRefused(str(error), hint=error.hint) from error
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _is_there(self, response: httpx.Response) -> bool:
        if response.status_code == HTTPStatus.NOT_FOUND:
            return False
        if response.status_code != HTTPStatus.OK:
            raise self._refusal(response)
        return True

    def _untrusted(self, error: httpx.HTTPError) -> StoreRefused | None:
        return untrusted(error, setting=self._place.ca_setting)

    def _away(self, error: httpx.HTTPError) -> StoreError:
        refused = self._untrusted(error)
        return refused or StoreAway(
            f"The registry {self._place.host} cannot be reached ({error or type(error).__name__})."
        )

    def _refusal(self, response: httpx.Response) -> StoreError:
        match response.status_code:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return StoreRefused(
                    f"{self._place.host} does not let us at {self.repository}.",
                    hint="Check the credentials that Studiolo has for this registry.",
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return StoreAway(
                    f"{self._place.host} has had too many questions.", hint="Wait a minute, then try again."
                )
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE | HTTPStatus.INSUFFICIENT_STORAGE:
                return StoreRefused(f"{self._place.host} has no room for this image.")
            case status:
                return StoreAway(f"{self._place.host} answered {status}, and nobody knows what to make of it.")


class _BrokenOff(Exception):
    """An upload that has to begin anew."""

    def __init__(self, sent: int) -> None:
        super().__init__(sent)
        self.sent = sent


def _checked(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise StoreRefused(f"{digest[:80]!r} is no digest.")
    return digest
