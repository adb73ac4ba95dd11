"""What stands between a hub and the real API server, and misbehaves when a test says so.

    async with in_between(kubeconfig, tmp_path) as between:
        ...                       # the hub reads between.kubeconfig
        await between.begin(Away())
        await between.end()

It speaks plain HTTP on this machine, and asks the API server with the credentials of the cluster's kubeconfig. Nothing
is kept: each question goes on as it came, and each answer comes back piece by piece, watches too.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web
from kubernetes_asyncio import client, config

from tests.cluster.kube_faults import Fault, Question

NOT_PASSED_ON = {"host", "connection", "transfer-encoding", "content-length", "authorization", "accept-encoding"}
"""Headers of one connection, not of the question or the answer."""


@dataclass(eq=False, slots=True)
class _Watch:
    """Somebody who listens through us."""

    request: web.Request
    is_muted: bool = False


class InBetween:
    """See the head of this file. It may stand before any API with HTTP; `kubeconfig` is of use before Kubernetes'."""

    def __init__(
        self, upstream: aiohttp.ClientSession, server: str, folder: Path, *, not_passed_on: AbstractSet[str]
    ) -> None:
        self.kubeconfig = folder / "in-between.kubeconfig"
        self.asked: Counter[str] = Counter()
        """How often which verb came: `create pods`, `watch events`. Also what a fault kept from the API server."""
        self._upstream = upstream
        self._server = server
        self._not_passed_on = not_passed_on
        self._fault = Fault()
        self._lifted = asyncio.Event()
        self._watches: set[_Watch] = set()
        self._site: web.TCPSite | None = None
        self._port = 0
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listens, and writes the kubeconfig that leads here."""
        await self._runner.setup()
        await self._listen()
        around = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": self.url}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(around))

    async def close(self) -> None:
        """Everything it held open ends."""
        self._lifted.set()
        await self._runner.cleanup()

    async def begin(self, fault: Fault) -> None:
        """From now on this fault; what was asked before it is not touched, but for what the fault says of it."""
        self._lifted.set()
        self._fault, self._lifted = fault, asyncio.Event()
        for watch in self._watches:
            watch.is_muted |= fault.mutes_watches
            if fault.ends_watches and watch.request.transport is not None:
                watch.request.transport.abort()
        if fault.refuses:
            await self._refuse()
        else:
            await self._listen()

    async def end(self) -> None:
        """All is well again."""
        await self.begin(Fault())

    async def _listen(self) -> None:
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
            await self._site.start()
            self._port = self._runner.addresses[0][1]

    async def _refuse(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for handler in self._runner.server.connections:
            if handler.transport is not None:
                handler.transport.abort()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        question = Question(request=request, lifted=self._lifted, pass_on=lambda: self._pass_on(request))
        self.asked[question.what] += 1
        return await self._fault.answer(question)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in self._not_passed_on}
        headers["Accept-Encoding"] = "identity"  # an answer goes on as it came, and how it is packed is not told
        response = web.StreamResponse()
        asked = self._upstream.request(
            request.method, f"{self._server}{request.rel_url}", headers=headers, data=await request.read()
        )
        try:
            async with asked as answer:
                response.set_status(answer.status)
                for name in ("Content-Type", "Retry-After"):
                    if name in answer.headers:
                        response.headers[name] = answer.headers[name]
                if request.query.get("watch") not in {"true", "1"}:
                    return web.Response(body=await answer.read(), status=answer.status, headers=response.headers)
                await self._tell_on(request, response, answer)
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"{type(error).__name__}")
        return response

    async def _tell_on(
        self, request: web.Request, response: web.StreamResponse, answer: aiohttp.ClientResponse
    ) -> None:
        await response.prepare(request)
        watch = _Watch(request)
        self._watches.add(watch)
        try:
            async for piece in answer.content.iter_any():
                if watch.is_muted:
                    break
                await response.write(piece)
            if watch.is_muted:
                # The other side is not told that nothing comes any more: this ends when it hangs up.
                await asyncio.Event().wait()
        finally:
            self._watches.discard(watch)


@asynccontextmanager
async def in_between(kubeconfig: Path, folder: Path) -> AsyncIterator[InBetween]:
    """Before the API server of a cluster, for the time of a test."""
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    token = await settings.get_api_key_with_prefix("BearerToken")
    headers = {"Authorization": token} if token else {}
    async with before(str(settings.host), folder, tls=context, headers=headers) as between:
        yield between


@asynccontextmanager
async def before(
    server: str, folder: Path, *, tls: ssl.SSLContext | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[InBetween]:
    """Before any server with HTTP. `headers` come with every question, in the place of the asker's Authorization."""
    # Without headers of ours, those of the asker say who that is.
    passed_on = set() if headers is not None else {"authorization"}
    connector = aiohttp.TCPConnector(ssl=tls or True, limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=timeout, auto_decompress=False
    ) as upstream:
        between = InBetween(upstream, server, folder, not_passed_on=NOT_PASSED_ON - passed_on)
        await between.open()
        try:
            yield between
        finally:
            with suppress(asyncio.TimeoutError):
                await between.close()
    # Connections with TLS are closed by the event loop's next steps.
    for _ in range(3):
        await asyncio.sleep(0)
