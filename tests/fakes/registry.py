"""A registry of images in memory, with the odd answers that real ones give. Its tests ask a real one the same."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Oddities:
    """What is not as the simplest reading of the specification has it."""

    mounts: bool = True
    """False: a mount is answered with a new upload (202)."""
    relative_locations: bool = False
    ranges: bool = True
    """False: answers to pieces do not say how far they came."""
    busy: int = 0
    """So many requests are told to come again later, with `Retry-After`."""
    lose_answers_to: set[str] = field(default_factory=set)
    """Methods whose next answer is lost after it was done, once each."""
    drop_pieces: int = 0
    """So many pieces arrive by half, and the connection breaks off."""
    forgets_uploads_after: int = 0
    """So many pieces; then the upload is unknown, once."""
    token: str = ""
    """Wanted from everybody, and given out at `/token`."""
    other_manifest_back: bool = False
    sends_uploads_to: str = ""
    referrers: bool = False
    """It lists what is attached to an image by itself, as OCI 1.1 has it."""


class FakeRegistry:
    """Answers as `https://fake.example.org`; `requests` is what it was asked."""

    host = "fake.example.org"

    def __init__(self, oddities: Oddities | None = None) -> None:
        self.odd = oddities or Oddities()
        self.blobs: dict[str, set[str]] = {}
        """Digests by repository."""
        self.content: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.requests: list[str] = []
        self.referrers_for_test: bytes | None = None
        self.scopes: list[tuple[str, ...]] = []
        self.transport = httpx.MockTransport(self._answer)

    def add_blob_for_test(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.content[digest] = content
        self.blobs.setdefault(repository, set()).add(digest)
        return digest

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if request.url.path == "/token":
            self.scopes.append(tuple(request.url.params.get_list("scope")))
            return httpx.Response(200, json={"token": self.odd.token})
        if self.odd.token and request.headers.get("Authorization") != f"Bearer {self.odd.token}":
            challenge = f'Bearer realm="https://{self.host}/token",service="fake"'
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        if self.odd.busy:
            self.odd.busy -= 1
            return httpx.Response(429, headers={"Retry-After": "3"})
        response = self._do(request)
        if request.method in self.odd.lose_answers_to:
            self.odd.lose_answers_to.remove(request.method)
            raise httpx.ReadError("broken off")
        return response

    def _do(self, request: httpx.Request) -> httpx.Response:
        answers: tuple[tuple[str, Callable[..., httpx.Response]], ...] = (
            (r"/v2/(.+)/blobs/(sha256:\w+)", self._blob),
            (r"/v2/(.+)/blobs/uploads/", self._begin),
            (r"/v2/(.+)/blobs/uploads/(\d+)", self._upload),
            (r"/v2/(.+)/manifests/(.+)", self._manifest),
            (r"/v2/(.+)/referrers/(sha256:\w+)", self._referrers),
            (r"/v2/(.+)/tags/list", self._tags),
        )
        for pattern, answer in answers:
            if found := re.fullmatch(pattern, request.url.path):
                return answer(*found.groups(), request)
        return httpx.Response(404)

    def _tags(self, repository: str, _: httpx.Request) -> httpx.Response:
        tags = [name for where, name in self.manifests if where == repository and ":" not in name]
        return httpx.Response(200, json={"tags": tags}) if tags else httpx.Response(404)

    def _blob(self, repository: str, digest: str, request: httpx.Request) -> httpx.Response:
        if digest not in self.blobs.get(repository, ()):
            return httpx.Response(404)
        return httpx.Response(200, content=self.content[digest] if request.method == "GET" else b"")

    def _begin(self, repository: str, request: httpx.Request) -> httpx.Response:
        asked = parse_qs(request.url.query.decode())
        if "mount" in asked and self.odd.mounts and asked["mount"][0] in self.blobs.get(asked["from"][0], ()):
            self.blobs.setdefault(repository, set()).add(asked["mount"][0])
            return httpx.Response(201)
        name = str(len(self.requests))
        self.uploads[name] = bytearray()
        return httpx.Response(202, headers={"Location": self._place(repository, name)})

    def _place(self, repository: str, name: str) -> str:
        path = f"/v2/{repository}/blobs/uploads/{name}?state=a%2Fb"
        if self.odd.sends_uploads_to:
            return f"https://{self.odd.sends_uploads_to}{path}"
        return path if self.odd.relative_locations else f"https://{self.host}{path}"

    def _upload(self, repository: str, name: str, request: httpx.Request) -> httpx.Response:
        upload = self.uploads.get(name)
        if upload is None:
            return httpx.Response(404)
        headers = {"Location": self._place(repository, name)}
        match request.method:
            case "PATCH":
                return self._piece(upload, name, request, headers)
            case "GET":
                return httpx.Response(204, headers=self._range(upload, headers))
            case "PUT":
                upload += request.content
                digest = f"sha256:{hashlib.sha256(upload).hexdigest()}"
                if digest != request.url.params["digest"] or request.url.params["state"] != "a/b":
                    return httpx.Response(400)
                self.add_blob_for_test(repository, bytes(upload))
                del self.uploads[name]
                return httpx.Response(201)
            case _:
                del self.uploads[name]
                return httpx.Response(204)

    def _piece(self, upload: bytearray, name: str, request: httpx.Request, headers: dict[str, str]) -> httpx.Response:
        begin = int(request.headers["Content-Range"].partition("-")[0])
        if begin != len(upload):
            return httpx.Response(416, headers=self._range(upload, headers))
        if self.odd.drop_pieces:
            self.odd.drop_pieces -= 1
            upload += request.content[: len(request.content) // 2]
            raise httpx.WriteError("broken off")
        upload += request.content
        if self.odd.forgets_uploads_after:
            self.odd.forgets_uploads_after -= 1
            if not self.odd.forgets_uploads_after:
                del self.uploads[name]
                return httpx.Response(503)
        return httpx.Response(202, headers=self._range(upload, headers) if self.odd.ranges else headers)

    def _range(self, upload: bytearray, headers: dict[str, str]) -> dict[str, str]:
        return {**headers, "Range": f"0-{max(0, len(upload) - 1)}"}

    def _referrers(self, repository: str, subject: str, _: httpx.Request) -> httpx.Response:
        if not self.odd.referrers:
            return httpx.Response(404)
        if self.referrers_for_test is not None:
            return httpx.Response(200, content=self.referrers_for_test)
        kept = {name: content for (where, name), (content, _) in self.manifests.items() if where == repository}
        of_it = [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": name, "size": len(content)}
            for name, content in kept.items()
            if ":" in name and json.loads(content).get("subject", {}).get("digest") == subject
        ]
        return httpx.Response(200, json={"schemaVersion": 2, "manifests": of_it})

    def _manifest(self, repository: str, name: str, request: httpx.Request) -> httpx.Response:
        key = (repository, name)
        if request.method == "PUT":
            named = json.loads(request.content)
            wanted = {blob["digest"] for blob in [named["config"], *named["layers"]]} if "config" in named else set()
            if wanted - self.blobs.get(repository, set()):
                return httpx.Response(400, json={"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]})
            kept = request.content if not self.odd.other_manifest_back else request.content + b" "
            digest = f"sha256:{hashlib.sha256(request.content).hexdigest()}"
            for one in (name, digest):
                self.manifests[repository, one] = (kept, request.headers["Content-Type"])
            knows = self.odd.referrers and "subject" in named
            return httpx.Response(201, headers={"OCI-Subject": named["subject"]["digest"]} if knows else {})
        if request.method == "DELETE":
            found = self.manifests.pop(key, None)
            self.manifests = {one: value for one, value in self.manifests.items() if value != found}
            return httpx.Response(202 if found else 404)
        if key not in self.manifests:
            return httpx.Response(404)
        content, media_type = self.manifests[key]
        return httpx.Response(200, content=content, headers={"Content-Type": media_type})
