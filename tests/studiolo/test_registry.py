"""Which digest a tag has: asked of fake registries for each of their ways to answer, and of a real one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from studiolo.registry import ImageReference, Registry
from studiolo.registry_errors import ImageNotFound, RegistryAway, RegistryError, RegistryRefused
from studiolo.registry_sign_in import docker_credentials, is_private_host
from tests.real_registry import RealRegistry

DIGEST = f"sha256:{'a' * 64}"
REFERENCES = [
    ("python", "docker.io", "library/python", "latest", None),
    ("python:3.13", "docker.io", "library/python", "3.13", None),
    ("jupyter/base:x", "docker.io", "jupyter/base", "x", None),
    ("localhost/a:1", "localhost", "a", "1", None),
    ("localhost:5000/a/b", "localhost:5000", "a/b", "latest", None),
    ("x.org/a/b:1", "x.org", "a/b", "1", None),
    (f"x.org/a:1@{DIGEST}", "x.org", "a", "1", DIGEST),
    (f"10.0.0.1:5000/a@{DIGEST}", "10.0.0.1:5000", "a", "latest", DIGEST),
]


@pytest.mark.parametrize(("text", "host", "repository", "tag", "digest"), REFERENCES, ids=[r[0] for r in REFERENCES])
def test_a_reference_is_taken_apart_as_docker_does(
    text: str, host: str, repository: str, tag: str, digest: str | None
) -> None:
    found = ImageReference.parse(text)
    assert (found.host, found.repository, found.tag, found.digest) == (host, repository, tag, digest)


async def ask(
    answer: Callable[[httpx.Request], httpx.Response],
    *,
    image: str = "x.org/a:1",
    allow_http: bool = False,
    known: tuple[str, str] | None = None,
) -> str:
    transport = httpx.MockTransport(answer)
    async with Registry(transport=transport, allow_http=allow_http, credentials=lambda _: known) as registry:
        return await registry.digest(ImageReference.parse(image))


async def test_the_digest_is_that_of_the_header() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("HEAD", "https://x.org/v2/a/manifests/1")
        assert request.headers["Accept"].startswith("application/vnd.oci.image.index.v1+json")
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    assert await ask(answer) == DIGEST


async def test_without_the_header_it_is_that_of_the_manifest() -> None:
    body = b'{"schemaVersion": 2}'
    digest = await ask(lambda request: httpx.Response(200, content=body if request.method == "GET" else b""))
    assert digest == f"sha256:{hashlib.sha256(body).hexdigest()}"


async def test_docker_hub_is_asked_by_the_name_of_its_api() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "https://registry-1.docker.io/v2/library/python/manifests/3.13"
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    assert await ask(answer, image="python:3.13") == DIGEST


@pytest.mark.parametrize("known", [None, ("alice", "secret")], ids=["nobody", "alice"])
async def test_a_token_is_fetched_where_the_registry_says(known: tuple[str, str] | None) -> None:
    expected = None if known is None else "Basic " + base64.b64encode(b"alice:secret").decode()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.x.org":
            assert dict(request.url.params) == {"service": "x.org", "scope": "repository:a:pull"}
            assert request.headers.get("Authorization") == expected
            return httpx.Response(200, json={"token": "t0k"})
        if request.headers.get("Authorization") != "Bearer t0k":
            challenge = 'Bearer realm="https://auth.x.org/token",service="x.org",scope="repository:a:pull"'
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    assert await ask(answer, known=known) == DIGEST


async def test_a_password_goes_to_a_registry_that_asks_for_one() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "Authorization" not in request.headers:
            return httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    assert await ask(answer, known=("alice", "secret")) == DIGEST
    with pytest.raises(RegistryRefused, match="wants a user and a password"):
        await ask(answer)


async def test_a_password_is_never_sent_in_the_clear() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "x.org", "asked another host"
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="http://evil.example.org/token"'})

    with pytest.raises(RegistryRefused, match="a way to sign in that is not known"):
        await ask(answer, known=("alice", "secret"))


FAILURES = [
    (httpx.Response(404), ImageNotFound, "x.org has no a:1"),
    (httpx.Response(401), RegistryRefused, "not known here"),
    (httpx.Response(403), RegistryRefused, "does not let you read a"),
    (httpx.Response(429), RegistryAway, "too many questions"),
    (httpx.Response(500), RegistryAway, "answered 500"),
    (httpx.Response(302, headers={"Location": "https://y.org"}), RegistryAway, "answered 302"),
    (httpx.Response(200, text="<html>"), RegistryAway, "is no registry"),
]


@pytest.mark.parametrize(("response", "kind", "said"), FAILURES, ids=[str(case[0].status_code) for case in FAILURES])
async def test_every_other_answer_is_explained(response: httpx.Response, kind: type[RegistryError], said: str) -> None:
    with pytest.raises(kind, match=said):
        await ask(lambda _: response)


async def test_a_registry_that_is_away_is_told_with_the_option_for_plain_http() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(RegistryAway, match=r"10\.0\.0\.1 cannot be reached over https") as refused:
        await ask(away, image="10.0.0.1/a:1")
    assert "--plain-http" in refused.value.hint


PRIVATE = [("localhost:5000", True), ("127.0.0.1", True), ("10.199.0.1:5000", True), ("192.168.1.2", True)]
PUBLIC = [("registry.example.org", False), ("8.8.8.8:5000", False), ("10.example.org", False)]


@pytest.mark.parametrize(("host", "is_private"), [*PRIVATE, *PUBLIC])
async def test_plain_http_is_for_private_addresses_alone(host: str, *, is_private: bool) -> None:
    assert is_private_host(host) is is_private

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == ("http" if is_private else "https")
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    await ask(answer, image=f"{host}/a:1", allow_http=True)


def test_what_docker_login_wrote_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    auth = base64.b64encode(b"alice:pass:word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"x.org": {"auth": auth}, "y.org": {}}}))
    assert docker_credentials("x.org") == ("alice", "pass:word")
    assert docker_credentials("y.org") is None
    (tmp_path / "config.json").write_text("not JSON")
    assert docker_credentials("x.org") is None


# --- A real one ---


@pytest.fixture
def real_registry(tmp_path: Path) -> Iterator[str]:
    with RealRegistry(tmp_path) as registry:
        yield registry.host


async def test_a_real_registry_gives_the_digest_of_what_was_pushed(real_registry: str) -> None:
    manifest = push_empty_image(real_registry)
    async with Registry(allow_http=True) as registry:
        found = await registry.digest(ImageReference.parse(f"{real_registry}/team/python:1"))
        assert found == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        with pytest.raises(ImageNotFound):
            await registry.digest(ImageReference.parse(f"{real_registry}/team/python:2"))


def push_empty_image(host: str) -> bytes:
    """Uploads an image without layers as team/python:1; gives its manifest."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    begun = httpx.post(f"http://{host}/v2/team/python/blobs/uploads/", trust_env=False)
    place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
    httpx.put(place, content=config, trust_env=False).raise_for_status()
    kind = "application/vnd.oci.image"
    described = {"mediaType": f"{kind}.config.v1+json", "digest": digest, "size": len(config)}
    raw = {"schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json", "config": described, "layers": []}
    manifest = json.dumps(raw).encode()
    url = f"http://{host}/v2/team/python/manifests/1"
    headers = {"Content-Type": f"{kind}.manifest.v1+json"}
    httpx.put(url, content=manifest, headers=headers, trust_env=False).raise_for_status()
    return manifest
