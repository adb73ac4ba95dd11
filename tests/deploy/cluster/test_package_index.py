"""The package index as pods see it, with an index and an apt source of this test behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer

from deploy.cluster.package_index import PackageIndex

INDEX = "https://index.example/simple"
FILE = "https://files.example/demo-1.0.tar.gz"


async def _streamed(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Upstream:
    """What this machine reaches, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        address = str(request.url)
        self.asked.append(address)
        if self.is_away:
            raise httpx.ConnectError("no answer")
        answers = {
            f"{INDEX}/demo/": httpx.Response(200, html=f'<a href="{FILE}#sha256=ab">demo</a>'),
            FILE: httpx.Response(200, content=_streamed(b"a package")),
            "http://deb.example/debian/dists/stable/InRelease": httpx.Response(200, content=_streamed(b"signed")),
        }
        return answers.get(address, httpx.Response(404))


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def pod(upstream: Upstream) -> AsyncIterator[TestClient]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(upstream))
    index = PackageIndex(INDEX, hosts={"deb.example": "http"}, client=client)
    async with client, TestClient(TestServer(index.app())) as asking:
        yield asking


async def test_a_project_is_found_and_its_file_comes_through(pod: TestClient) -> None:
    page = await (await pod.get("/simple/demo/")).text()
    assert '"/files/demo/demo-1.0.tar.gz#sha256=ab"' in page
    assert await (await pod.get("/files/demo/demo-1.0.tar.gz")).read() == b"a package"


async def test_a_file_is_found_without_its_page_having_been_asked_for(pod: TestClient) -> None:
    """pip keeps pages, and the index may have been started again meanwhile."""
    assert await (await pod.get("/files/demo/demo-1.0.tar.gz")).read() == b"a package"


async def test_a_page_is_asked_for_once(pod: TestClient, upstream: Upstream) -> None:
    for _ in range(3):
        await pod.get("/simple/demo/")
    assert upstream.asked == [f"{INDEX}/demo/"]


@pytest.mark.parametrize(
    "path",
    [
        "/files/demo/other-1.0.tar.gz",
        "/files/..%2f..%2fother/demo-1.0.tar.gz",
        "/simple/a@b/",
        "/simple/unknown/",
        "/apt/evil.example/debian/dists/stable/InRelease",
        "/",
    ],
)
async def test_what_the_sources_do_not_name_is_not_there(pod: TestClient, upstream: Upstream, path: str) -> None:
    assert (await pod.get(path)).status == httpx.codes.NOT_FOUND
    assert all(address.startswith(INDEX) for address in upstream.asked)


async def test_apt_s_files_come_through(pod: TestClient) -> None:
    assert await (await pod.get("/apt/deb.example/debian/dists/stable/InRelease")).read() == b"signed"


async def test_an_index_that_is_away_is_named(pod: TestClient, upstream: Upstream) -> None:
    upstream.is_away = True
    answer = await pod.get("/simple/demo/")
    assert answer.status == httpx.codes.BAD_GATEWAY
    assert "does not answer" in await answer.text()
    assert (await pod.get("/apt/deb.example/debian/x")).status == httpx.codes.BAD_GATEWAY
