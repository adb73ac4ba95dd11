"""A small API server on a real socket: enough of Kubernetes for `spawner.kube`, and every way in which it can fail.

It knows namespaced objects of core/v1, leases, jobs, and nodes (in the namespace "" here): list (pages, selectors),
watch (bookmarks), get, create, update, delete, merge patch; logs of pods; and reviews of tokens.
Secrets go in and never come out, as with the rights that a hub should have. Nothing runs: pods stay as they are put.

    async with FakeKubernetes() as kubernetes, kubernetes.kube() as kube:
        alice = kubernetes.put_for_test("pods", pod("alice"))
        kubernetes.put_for_test("events", event("pulling", about=alice, reason="Pulling"))

Doors end in `_for_test`: what somebody else does to the objects, and how the server and the way to it misbehave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import web
from kubernetes_asyncio import client

from spawner.kube import Kube
from tests.fakes.kubernetes_objects import KINDS, TOO_OLD, WRITE_ONLY, Json, ObjectStore, Refusal, event, merged, pod

__all__ = ["NAMESPACE", "PATIENCE_SECONDS", "FakeKubernetes", "event", "pod"]

PATIENCE_SECONDS: Final = 20.0
"""For what takes milliseconds."""

NAMESPACE: Final = "lab"
"""Of objects that do not name another."""


@dataclass(eq=False, slots=True)
class _Watch:
    """Somebody who listens."""

    resource: str
    namespace: str
    query: Mapping[str, str]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    mark_at: float = 0.0
    """When the next bookmark is due, in the loop's time."""
    raw: deque[bytes] = field(default_factory=deque)
    is_mute: bool = False
    is_ended: bool = False
    is_expired: bool = False


@dataclass(slots=True)
class _Failure:
    """What comes instead of the next answers."""

    left: int
    status: int
    body: bytes
    headers: Mapping[str, str]
    verb: str


class FakeKubernetes:
    """See the head of this file. `bookmark_seconds`: between the bookmarks of a watch, 0 for none."""

    def __init__(self, *, bookmark_seconds: float = 60.0) -> None:
        self.requests_for_test: Counter[str] = Counter()
        """How often which verb was asked of what: `list pods`, `watch events`, `get pods`; a page counts as a list."""
        self.most_at_once_for_test: Counter[str] = Counter()
        """How many of each verb were being answered at the same time."""
        self.lists_are_empty_for_test = False
        """Every list is answered 200, with a good version and without an object."""
        self.logs_for_test: dict[str, str] = {}
        """By pod and container: `pod/container`."""
        self.reviews_for_test: dict[str, Json] = {}
        """What a review says of a token, by the token: a `status`. Of all others: that they are nobody's."""
        self.answer_seconds_for_test = 0.0
        """How long each answer but a watch takes."""
        self._bookmark_seconds = bookmark_seconds
        self._store = ObjectStore()
        self._watches: set[_Watch] = set()
        self._watches_changed = asyncio.Event()
        self._failures: list[_Failure] = []
        self._now_answered: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._port = 0

    @property
    def page_for_test(self) -> int:
        """The most objects of a page, whatever limit is asked for; without a limit there is one page."""
        return self._store.most_of_page

    @page_for_test.setter
    def page_for_test(self, size: int) -> None:
        self._store.most_of_page = size

    def let_secrets_be_read_for_test(self) -> None:
        """From now on values are kept, and had by their names, as by the credential broker. Lists stay nobody's."""
        self._store.secrets_are_read = True

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", "/api/v1/{resource}", self._answer)
        app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}/log", self._log)
        app.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._review)
        for api in ("/api/v1", "/apis/coordination.k8s.io/v1", "/apis/batch/v1"):
            app.router.add_route("*", api + "/namespaces/{namespace}/{resource}", self._answer)
            app.router.add_route("*", api + "/namespaces/{namespace}/{resource}/{name}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await self.accept_for_test()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tell_all(is_ended=True)
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @contextlib.asynccontextmanager
    async def kube(self, **parameters: Any) -> AsyncIterator[Kube]:
        """The door to it."""
        kube = Kube(client.ApiClient(client.Configuration(host=self.url)), **parameters)
        try:
            yield kube
        finally:
            await kube.close()

    # What somebody else does to the objects

    def put_for_test(self, resource: str, body: Json, *, namespace: str = NAMESPACE) -> Json:
        """Creates an object, or puts another in its place, with the uid and version of the server; gives it."""
        with self._news():
            return self._store.put(resource, namespace, body)

    def change_for_test(self, resource: str, name: str, patch: Json, *, namespace: str = NAMESPACE) -> Json:
        """Merges into an object, as the kubelet does with a status; gives it."""
        with self._news():
            return self._store.put(resource, namespace, merged(self._store.get(resource, namespace, name), patch))

    def remove_for_test(self, resource: str, name: str, *, namespace: str = NAMESPACE, is_seen: bool = True) -> None:
        """The object is no more. Not `is_seen`: and no watch will ever tell."""
        with self._news():
            self._store.remove(resource, namespace, name, is_seen=is_seen)

    def objects_for_test(self, resource: str, *, namespace: str = NAMESPACE) -> dict[str, Json]:
        """What there is, by name. Of Secrets only what they are called, never what they hold."""
        return deepcopy(self._store.named(resource, namespace))

    # How the server misbehaves

    def fail_for_test(
        self, status: int, *, times: int = 1, verb: str = "", body: bytes | None = None, retry_after: int | None = None
    ) -> None:
        """Answers the next requests so. `verb`: only those, as `list pods` or `get`. `body`: else a fitting Status."""
        told = json.dumps(Refusal(status, "Failing", f"failing with {status}").body).encode() if body is None else body
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._failures.append(_Failure(left=times, status=status, body=told, headers=headers, verb=verb))

    def forget_versions_for_test(self) -> None:
        """All that was is too old: for a watch that begins there, for one that is open, for the rest of a list."""
        self._store.forget()
        self._tell_all(is_expired=True)

    def end_watches_for_test(self, resource: str = "") -> None:
        """Ends the open watches politely, as the server does after `timeoutSeconds`."""
        self._tell_all(resource, is_ended=True)

    def mute_watches_for_test(self, resource: str = "") -> None:
        """Nothing more comes from the open watches, and nobody closes them; new ones work."""
        self._tell_all(resource, is_mute=True)

    def say_for_test(self, *raw: bytes) -> None:
        """Each piece goes into all open watches as it is, in a chunk of its own."""
        for watch in self._watches:
            watch.raw.extend(raw)
            watch.woken.set()

    async def refuse_for_test(self) -> None:
        """Nobody listens any more, and all connections are reset."""
        assert self._runner is not None
        assert self._runner.server is not None
        if self._site is not None:
            await self._site.stop()
            self._site = None
        for handler in self._runner.server.connections:
            if handler.transport is not None:
                handler.transport.abort()

    async def accept_for_test(self) -> None:
        """Listens again, at the same address."""
        assert self._runner is not None
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
            await self._site.start()
            self._port = self._runner.addresses[0][1]

    async def watched_for_test(self, resource: str, *, count: int = 1) -> None:
        """Returns when so many listen."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(watch.resource == resource for watch in self._watches) != count:
                self._watches_changed.clear()
                await self._watches_changed.wait()

    @contextlib.contextmanager
    def _news(self) -> Iterator[None]:
        yield
        for watch in self._watches:
            watch.woken.set()

    def _tell_all(
        self, resource: str = "", *, is_mute: bool = False, is_ended: bool = False, is_expired: bool = False
    ) -> None:
        for watch in self._watches:
            if resource in {"", watch.resource}:
                watch.is_mute |= is_mute
                watch.is_ended |= is_ended
                watch.is_expired |= is_expired
                watch.woken.set()

    # Requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        resource, name = request.match_info["resource"], request.match_info.get("name", "")
        verb = _verb(request, name)
        self.requests_for_test[f"{verb} {resource}"] += 1
        with self._counted(verb):
            if verb != "watch" and self.answer_seconds_for_test:
                await asyncio.sleep(self.answer_seconds_for_test)
            if failure := self._next_failure(f"{verb} {resource}"):
                return web.Response(status=failure.status, body=failure.body, headers=failure.headers)
            try:
                return await self._do(request, verb, resource, name)
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        container = request.query.get("container", "")
        self.requests_for_test["get log"] += 1
        found = self.logs_for_test.get(f"{request.match_info['name']}/{container}")
        if found is None:
            return web.json_response(Refusal(404, "NotFound", "no such log").body, status=404)
        return web.Response(text=found)

    async def _review(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.requests_for_test["create tokenreviews"] += 1
        if failure := self._next_failure("create tokenreviews"):
            return web.Response(status=failure.status, body=failure.body, headers=failure.headers)
        status = self.reviews_for_test.get(asked["spec"]["token"], {})
        if not set(asked["spec"]["audiences"]) & set(status.get("audiences", ())):
            status = {"authenticated": False, "error": "invalid bearer token"}
        return web.json_response({**asked, "status": status}, status=201)

    @contextlib.contextmanager
    def _counted(self, verb: str) -> Iterator[None]:
        self._now_answered[verb] += 1
        self.most_at_once_for_test[verb] = max(self.most_at_once_for_test[verb], self._now_answered[verb])
        try:
            yield
        finally:
            self._now_answered[verb] -= 1

    def _next_failure(self, asked: str) -> _Failure | None:
        for failure in self._failures:
            if asked.startswith(failure.verb):
                failure.left -= 1
                if not failure.left:
                    self._failures.remove(failure)
                return failure
        return None

    async def _do(self, request: web.Request, verb: str, resource: str, name: str) -> web.StreamResponse:
        if resource not in KINDS:
            return web.Response(status=404, text="404 page not found")
        may = {"create", "update", "delete", *(("get",) if self._store.secrets_are_read else ())}
        if resource == WRITE_ONLY and verb not in may:
            raise Refusal(403, "Forbidden", f'secrets is forbidden: cannot {verb} resource "secrets"')
        if verb == "watch":
            return await self._watch(request, resource)
        namespace = request.match_info.get("namespace", "")
        if verb == "list":
            page = self._store.page(resource, namespace, request.query, is_empty=self.lists_are_empty_for_test)
            return web.json_response(page)
        if verb == "get":
            return web.json_response(self._store.get(resource, namespace, name))
        body = await request.json() if request.can_read_body else {}
        with self._news():
            answer = self._change_store(verb, (resource, namespace, name), body)
        return web.json_response(answer, status=201 if verb == "create" else 200)

    def _change_store(self, verb: str, of: tuple[str, str, str], body: Json) -> Json:
        match verb:
            case "create":
                return self._store.create(*of[:2], body)
            case "update":
                self._store.get(*of)
                return self._store.put(*of[:2], body)
            case "patch":
                return self._store.patch(*of, body)
            case "delete":
                return self._store.delete(*of, body)
        raise Refusal(405, "MethodNotAllowed", f"no {verb} here")

    async def _watch(self, request: web.Request, resource: str) -> web.StreamResponse:
        namespace, query = request.match_info.get("namespace", ""), request.query
        since = int(query.get("resourceVersion") or 0)
        already = [] if since else self._store.chosen(resource, namespace, query)
        since = since or self._store.version
        watch = _Watch(resource, namespace, query, is_expired=since < self._store.oldest)
        watch.mark_at = asyncio.get_running_loop().time() + self._bookmark_seconds
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._watches.add(watch)
        self._watches_changed.set()
        try:
            async with asyncio.timeout(float(query.get("timeoutSeconds") or 1800)):
                for one in already:
                    await response.write(_line({"type": "ADDED", "object": one}))
                while True:
                    # What was known before its end is told before its end.
                    is_ended, since = watch.is_ended, await self._tell(watch, response, since)
                    if is_ended or watch.is_expired:
                        break
                    await self._wait_for_news(watch, response, since)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._watches.discard(watch)
            self._watches_changed.set()
        return response

    async def _tell(self, watch: _Watch, response: web.StreamResponse, since: int) -> int:
        """Tells what is new, and gives the version up to which all was told."""
        watch.woken.clear()
        while watch.raw:
            await response.write(watch.raw.popleft())
            # The next one in a chunk of its own, which the other side sees alone.
            await asyncio.sleep(0.01)
        if watch.is_expired:
            await response.write(_line({"type": "ERROR", "object": TOO_OLD.body}))
            return since
        told_until = self._store.version
        news = self._store.events_since(since, watch.resource, watch.namespace, watch.query)
        if news and not watch.is_mute:
            await response.write(b"".join(map(_line, news)))
        return told_until

    async def _wait_for_news(self, watch: _Watch, response: web.StreamResponse, since: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(watch.mark_at if self._bookmark_seconds else None):
                await watch.woken.wait()
        except TimeoutError:
            watch.mark_at = loop.time() + self._bookmark_seconds
            if not watch.is_mute:
                mark = {"kind": KINDS[watch.resource], "apiVersion": "v1", "metadata": {"resourceVersion": str(since)}}
                await response.write(_line({"type": "BOOKMARK", "object": mark}))


def _verb(request: web.Request, name: str) -> str:
    if request.method == "GET" and not name:
        return "watch" if request.query.get("watch") in {"true", "1"} else "list"
    return {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(
        request.method, request.method
    )


def _line(event: Json) -> bytes:
    return json.dumps(event).encode() + b"\n"
