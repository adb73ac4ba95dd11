"""The only way out of the cluster: Python and Debian packages, passed through from where this machine gets its own.

`http://NODE:3141/simple/` is an index for pip and uv; `http://NODE:3141/apt/HOST/PATH` is what apt's sources here name.
Nothing else is fetched, and nothing that a pod names decides which host is asked.
"""

from __future__ import annotations

import asyncio
import html
import re
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import click
import httpx
from aiohttp import web

from deploy.local.package_index import uv_environment_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ASK_PIP: Final = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
"""Where pip itself looks when nobody sets anything: its word, not a copy of it."""

PAGE_SECONDS: Final = 300.0
"""How long an index page is good for: installing asks for the same one several times."""

FETCH_SECONDS: Final = 120.0
CONNECT_SECONDS: Final = 10.0
CONNECT_TRIES: Final = 3
"""A connection that is not answered is tried again, rather than waited for."""

CHUNK_BYTES: Final = 256 * 1024

_LINK: Final = re.compile(r"""(<a\b[^>]*?\bhref=)(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_PROJECT: Final = re.compile(r"[a-z0-9]+(?:[-._][a-z0-9]+)*", re.IGNORECASE)


def rewrite_page(page: str, *, base: str, project: str) -> tuple[str, dict[str, str]]:
    """An index page with our own addresses, and where each file really is: name -> address."""
    files: dict[str, str] = {}

    def ours(match: re.Match[str]) -> str:
        address, _, fragment = urljoin(base, html.unescape(match[3])).partition("#")
        name = urlsplit(address).path.rpartition("/")[2]
        files[name] = address
        return f'{match[1]}"/files/{project}/{name}{"#" if fragment else ""}{html.escape(fragment)}"'

    text = _LINK.sub(ours, page)
    # A page may promise metadata beside each file; we pass files through, and nothing beside them.
    text = re.sub(r"""\s+data-(?:core|dist-info)-metadata=(["']).*?\1""", "", text)
    return text, files


def apt_hosts(sources: Iterable[str]) -> dict[str, str]:
    """Hosts that this machine's apt asks: host -> scheme."""
    found = re.findall(r"(https?)://([\w.-]+(?::\d+)?)/", "\n".join(sources))
    return {host: scheme for scheme, host in found}


class PackageIndex:
    """Answers pods, and asks this machine's own index."""

    def __init__(self, index: str, *, hosts: Mapping[str, str], client: httpx.AsyncClient) -> None:
        """`index`: what pip asks on this machine; `hosts`: what apt asks."""
        self._index = index.rstrip("/")
        self._hosts = hosts
        self._client = client
        self._pages: dict[str, tuple[float, str, dict[str, str]]] = {}

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/simple/{project}/", self._project)
        app.router.add_get("/files/{project}/{name}", self._file)
        app.router.add_get("/apt/{host}/{path:.+}", self._apt)
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _project(self, request: web.Request) -> web.Response:
        text, _ = await self._page(request.match_info["project"])
        return web.Response(text=text, content_type="text/html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        _, files = await self._page(request.match_info["project"])
        address = files.get(request.match_info["name"])
        if address is None:
            raise web.HTTPNotFound(text="The index names no such file.\n")
        return await self._pass_on(request, address)

    async def _apt(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info["host"]
        if host not in self._hosts:
            raise web.HTTPNotFound(text="apt on this machine has no such source.\n")
        return await self._pass_on(request, f"{self._hosts[host]}://{host}/{request.match_info['path']}")

    async def _page(self, project: str) -> tuple[str, dict[str, str]]:
        if not _PROJECT.fullmatch(project):
            raise web.HTTPNotFound(text="That is not the name of a project.\n")
        fetched, text, files = self._pages.get(project, (-PAGE_SECONDS, "", {}))
        if time.monotonic() - fetched >= PAGE_SECONDS:
            base = f"{self._index}/{project}/"
            try:
                answer = await self._client.get(base, headers={"Accept": "text/html"})
            except httpx.HTTPError as error:
                raise web.HTTPBadGateway(text=f"This machine's package index does not answer: {error}\n") from error
            if not answer.is_success:
                raise web.HTTPNotFound(text=f"The index answers {answer.status_code}.\n")
            text, files = rewrite_page(answer.text, base=str(answer.url), project=project)
            self._pages[project] = (time.monotonic(), text, files)
        return text, files

    async def _pass_on(self, request: web.Request, address: str) -> web.StreamResponse:
        wanted = {name: request.headers[name] for name in ("If-Modified-Since", "Range") if name in request.headers}
        headers = {"Accept-Encoding": "identity", **wanted}
        upstream_request = self._client.build_request("GET", address, headers=headers)
        try:
            upstream = await self._client.send(upstream_request, stream=True)
        except httpx.HTTPError as error:
            raise web.HTTPBadGateway(text=f"{urlsplit(address).netloc} does not answer: {error}\n") from error
        try:
            kept = ("Content-Length", "Content-Range", "Content-Type", "Last-Modified")
            answer = web.StreamResponse(
                status=upstream.status_code,
                headers={name: upstream.headers[name] for name in kept if name in upstream.headers},
            )
            await answer.prepare(request)
            async for chunk in upstream.aiter_raw(CHUNK_BYTES):
                await answer.write(chunk)
            await answer.write_eof()
        finally:
            await upstream.aclose()
        return answer


def _apt_sources() -> tuple[str, ...]:
    folder = Path("/etc/apt")
    files = (folder / "sources.list", *folder.glob("sources.list.d/*.list"), *folder.glob("sources.list.d/*.sources"))
    return tuple(path.read_text() for path in files if path.is_file())


async def _serve(host: str, port: int) -> None:
    settings = uv_environment_here()
    trust = ssl.create_default_context(cafile=settings.get("SSL_CERT_FILE"))
    transport = httpx.AsyncHTTPTransport(verify=trust, retries=CONNECT_TRIES)
    timeout = httpx.Timeout(FETCH_SECONDS, connect=CONNECT_SECONDS)
    client = httpx.AsyncClient(transport=transport, timeout=timeout, follow_redirects=True)
    async with client:
        address = settings.get("UV_DEFAULT_INDEX")
        if address is None:
            address = await asyncio.to_thread(_index_of_pip)
        index = PackageIndex(address, hosts=apt_hosts(_apt_sources()), client=client)
        runner = web.AppRunner(index.app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()


def _index_of_pip() -> str:
    """The index that pip of the Python behind this environment uses by default."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    asked = subprocess.run([python, "-c", ASK_PIP], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise click.ClickException("No package index is known. Name one in UV_DEFAULT_INDEX, or install pip.")
    return asked.stdout.strip()


@click.command()
@click.option("--host", required=True, help="The address to listen on.")
@click.option("--port", type=int, required=True, help="The port to listen on.")
def main(host: str, port: int) -> None:
    """Pass packages through from this machine's own sources."""
    asyncio.run(_serve(host, port))


if __name__ == "__main__":
    main()
