"""The one door to Kubernetes: plain JSON goes in and comes out, and every way to fail is one of ours.

KubeError                  the API server could not be asked, or said no
├── KubeAway               it does not answer, or has too much to do: asking again is right
├── KubeNotFound           there is no such object
├── KubeConflict           the object is there already, or is not the one that was meant
├── KubeExpired            what was to be continued is too old: list again
└── KubeRefused            it understood and said no: rights, quota, admission, an invalid object
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

Json = dict[str, Any]
"""An object of Kubernetes as its API has it."""

REQUEST: Final = aiohttp.ClientTimeout(total=10, sock_connect=3)
"""For one question. Answers to ours take milliseconds; ten seconds of silence mean that nobody is there."""

LISTING: Final = aiohttp.ClientTimeout(total=60, sock_connect=3)
"""A page of 500 pods can take long on a busy API server."""

WATCH_SECONDS: Final = 20
"""How long the server keeps one watch; it is then continued where it was, without a list."""

SILENCE_SECONDS: Final = 30
"""A watch ends sooner by itself. One that says nothing for so long was cut, and nobody said so."""

PAGE: Final = 500
"""Objects in one answer to a list: the server and we hold no more than that at once."""

MOST_WATCH_LINE: Final = 4 * 1024 * 1024
"""Bytes of one event of a watch. The largest object of etcd has 1.5 MiB."""


class KubeError(StudioloError):
    """The API server could not be asked, or said no."""

    code = "kubernetes"

    def __init__(self, sentence: str, *, status: int = 0, reason: str = "") -> None:
        """`status`: of HTTP, 0 without an answer; `reason`: Kubernetes' own word, as `AlreadyExists`."""
        super().__init__(sentence)
        self.status = status
        self.reason = reason


class KubeAway(KubeError):
    """It does not answer, or has too much to do."""

    code = "kubernetes_away"

    def __init__(self, sentence: str, *, status: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        """`retry_after`: seconds that the server asks to be left alone."""
        super().__init__(sentence, status=status, reason=reason)
        self.retry_after = retry_after


class KubeNotFound(KubeError):
    """There is no such object."""

    code = "kubernetes_not_found"


class KubeConflict(KubeError):
    """The object is there already, or is not the one that was meant."""

    code = "kubernetes_conflict"


class KubeExpired(KubeError):
    """What was to be continued is too old: list again."""

    code = "kubernetes_expired"


class KubeRefused(KubeError):
    """It understood, and said no."""

    code = "kubernetes_refused"


_BY_STATUS: Final[Mapping[int, type[KubeError]]] = {
    404: KubeNotFound,
    409: KubeConflict,
    410: KubeExpired,
    **dict.fromkeys((408, 429, 500, 502, 503, 504), KubeAway),
}


def error_of(status: int, answer: str, *, retry_after: str | None = None) -> KubeError:
    """The error that an answer of the API server means. `answer`: its body, a Status object where all is well."""
    try:
        told = json.loads(answer)
        message, reason = str(told["message"]), str(told.get("reason", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        message, reason = answer.strip()[:500] or f"HTTP {status}", ""
    # A watch tells of errors inside of an answer that was 200, and not always with a status.
    found = KubeExpired if reason in {"Expired", "Gone"} else _BY_STATUS.get(status, KubeRefused)
    if found is KubeAway:
        wait = float(retry_after) if retry_after and retry_after.isdecimal() else None
        return KubeAway(message, status=status, reason=reason, retry_after=wait)
    return found(message, status=status, reason=reason)


class Kube:
    """One API server. Paths are those of its REST API: `/api/v1/namespaces/lab/pods`."""

    def __init__(
        self, api: Any, *, watch_seconds: float = WATCH_SECONDS, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        """`api`: a client of kubernetes_asyncio; see `connect`."""
        self._api = api
        self._watch_seconds = watch_seconds
        self._silence_seconds = silence_seconds

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None) -> Self:
        """As a kubeconfig says, or as the pod's own service account. Its tokens are read anew when they change."""
        settings = client.Configuration()
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=settings)
        else:
            await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        # No limit: each namespace holds two for its watches, and with 100 of them all questions would wait for ever.
        settings.connection_pool_maxsize = 0
        return cls(client.ApiClient(settings))

    async def close(self) -> None:
        """Ends its connections."""
        await self._api.close()

    def as_json(self, model: object) -> Json:
        """An object of kubernetes_asyncio's own classes, such as KubeSpawner makes, as the API has it."""
        plain: Json = self._api.sanitize_for_serialization(model)
        return plain

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """One object, or one page of a list."""
        return await self._ask("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        """The created object as the server has it. KubeConflict where one of that name is there already."""
        return await self._ask("POST", path, body=body)

    async def merge(self, path: str, body: Json, *, by_name: bool = False) -> Json:
        """The object after a merge patch. A resourceVersion or uid in it is a condition: else KubeConflict.

        `by_name`: items of lists are merged by their names (Kubernetes' strategic merge); else lists are replaced.
        """
        kind = "strategic-merge-patch" if by_name else "merge-patch"
        return await self._ask("PATCH", path, body=body, content_type=f"application/{kind}+json")

    async def replace(self, path: str, body: Json) -> Json:
        """The object as it now is, put whole in place of what was there, which nobody needs to have read."""
        return await self._ask("PUT", path, body=body)

    async def delete(
        self,
        path: str,
        *,
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
        propagation: str = "",
    ) -> None:
        """Asks for its end; it may be there for a while yet. `uid`: only that very object, else KubeConflict.

        `resource_version`: and only as it was then.
        `propagation`: what becomes of what it owns, where that is not to be as its kind has it: a Job leaves its pods.
        """
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        conditions = {"uid": uid, "resourceVersion": resource_version}
        if held := {name: value for name, value in conditions.items() if value}:
            options["preconditions"] = held
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if propagation:
            options["propagationPolicy"] = propagation
        await self._ask("DELETE", path, body=options)

    async def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """What is not JSON: the log of a container."""
        response = await self._send("GET", path, query=query)
        async with _as_ours():
            return str(await response.text(errors="replace"))

    async def pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncGenerator[Json]:
        """A list, page by page. KubeExpired where the server forgot the rest: begin again."""
        further: dict[str, str] = {}
        while True:
            page = await self._ask("GET", path, query={**(query or {}), "limit": str(PAGE), **further}, timeout=LISTING)
            if "items" not in page:
                # A list without objects has this too; who has not is no list, and says nothing about what there is.
                raise KubeAway("The API server's answer to a list is none.")
            yield page
            if not (token := (page.get("metadata") or {}).get("continue")):
                return
            further = {"continue": token}

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Json]:
        """What happens from a resourceVersion on: `{"type": …, "object": …}`. Ends when the server ends it.

        Raises KubeExpired where the server no longer knows that version, KubeAway where it has fallen silent.
        """
        timeout = aiohttp.ClientTimeout(
            total=self._watch_seconds + self._silence_seconds, sock_connect=3, sock_read=self._silence_seconds
        )
        seconds = str(round(self._watch_seconds))
        wanted = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": seconds, **query}
        response = await self._send("GET", path, query=wanted, timeout=timeout)
        try:
            async with _as_ours(), contextlib.aclosing(_lines(response.content)) as lines:
                async for line in lines:
                    event = _object(line)
                    kind, told = event.get("type"), event.get("object")
                    if not isinstance(kind, str) or not isinstance(told, dict):
                        raise KubeAway("The API server's watch tells something that is no event.")
                    if kind == "ERROR":
                        code = told.get("code")
                        raise error_of(code if isinstance(code, int) else 0, json.dumps(told))
                    yield event
        finally:
            # Closed politely, a half-read connection would wait for the server's next line.
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()
            response.close()

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST,  # noqa: ASYNC109 - of the connection's parts, not of a task
    ) -> Json:
        response = await self._send(method, path, query=query, body=body, content_type=content_type, timeout=timeout)
        async with _as_ours():
            return _object(await response.read())

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST,  # noqa: ASYNC109 - as above
    ) -> Any:
        async with _as_ours():
            response = await self._api.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=timeout,
            )
            if not response.ok:
                text = await response.text(errors="replace")
                raise error_of(response.status, text, retry_after=response.headers.get("Retry-After"))
        return response


@contextlib.asynccontextmanager
async def _as_ours() -> AsyncGenerator[None]:
    """What libraries raise becomes ours, here and nowhere else."""
    try:
        yield
    except ApiException as error:
        raise error_of(error.status or 0, str(error.body or error.reason)) from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
        raise KubeAway(f"The API server does not answer: {error or type(error).__name__}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise KubeAway(f"The API server's answer breaks off: {error}") from error


def _object(text: bytes) -> Json:
    """What the API server answers with, always."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise KubeAway("The API server's answer is no object.")
    return found


async def _lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes]:
    """Whole lines, however long: aiohttp's own reader gives up at 128 KiB."""
    held = bytearray()
    async for chunk in content.iter_any():
        held += chunk
        while (end := held.find(b"\n")) >= 0:
            yield bytes(held[:end])
            del held[: end + 1]
        if len(held) > MOST_WATCH_LINE:
            raise KubeAway("The API server sends a line without an end.")
