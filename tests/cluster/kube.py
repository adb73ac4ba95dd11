"""The tests' door to Kubernetes: manifests go in as plain data, objects come back so, and one can wait for a state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException

Manifest = Mapping[str, Any]
"""An object of Kubernetes as JSON has it."""

DEADLINE_SECONDS = 60.0
"""How long anything may take that is waited for. Meant for a loaded machine; nothing here measures speed."""


class RefusedError(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class NeverHappenedError(AssertionError):
    """What a test waited for did not come; says what was there instead."""


class Kube:
    """One API server, for any kind that it knows."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        """The created object as the server has it."""
        path = await self._path(manifest, named=False)
        return await self._ask("POST", path, body=manifest)

    async def get(self, manifest: Manifest) -> dict[str, Any]:
        """The object as it is now. Of the manifest, apiVersion, kind, name and namespace count."""
        return await self._ask("GET", await self._path(manifest))

    async def list_all(
        self, api_version: str, kind: str, *, namespace: str = "", labels: str = ""
    ) -> list[dict[str, Any]]:
        """All objects of a kind, everywhere or in one namespace, or those that a label selector means."""
        one = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        query = [("labelSelector", labels)] if labels else []
        found = await self._ask("GET", await self._path(one, named=False), query=query)
        # Lists leave out what every item shares.
        return [{"apiVersion": api_version, "kind": kind, **item} for item in found["items"]]

    async def patch(self, manifest: Manifest, change: Manifest) -> dict[str, Any]:
        """The object after a merge patch."""
        path = await self._path(manifest)
        return await self._ask("PATCH", path, body=change, content_type="application/merge-patch+json")

    async def delete(self, manifest: Manifest, *, grace_seconds: int | None = None) -> None:
        """Delete it; nothing happens when it is not there. Returns before it is gone: see `until_gone`."""
        body = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        try:
            await self._ask("DELETE", await self._path(manifest), body=body)
        except RefusedError as refused:
            if refused.status != 404:
                raise

    async def until(
        self, manifest: Manifest, holds: Callable[[dict[str, Any]], bool], *, seconds: float = DEADLINE_SECONDS
    ) -> dict[str, Any]:
        """The object as soon as a condition holds for it. Follows the server's events, so it is not a moment late."""
        last: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(seconds), aclosing(self._states(manifest)) as states:
                async for last in states:
                    if last is not None and holds(last):
                        return last
        except TimeoutError:
            pass
        raise NeverHappenedError(f"{_name(manifest)}, after {seconds:.0f} s:\n{json.dumps(last, indent=1)}")

    async def until_gone(self, manifest: Manifest, *, seconds: float = DEADLINE_SECONDS) -> None:
        """Returns when it is not there (any more)."""
        last: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(seconds), aclosing(self._states(manifest)) as states:
                async for last in states:
                    if last is None:
                        return
        except TimeoutError:
            pass
        raise NeverHappenedError(f"{_name(manifest)} is still there:\n{json.dumps(last, indent=1)}")

    async def log(self, namespace: str, pod: str, container: str) -> str:
        """What a container has printed."""
        return await self.text(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query=[("container", container)])

    async def text(self, path: str, *, query: list[tuple[str, str]] | None = None) -> str:
        """What the server answers where it is no object."""
        response = await self._raw("GET", path, query=query)
        return str(await response.text())

    async def _states(self, manifest: Manifest) -> AsyncGenerator[dict[str, Any] | None, None]:
        """What the object is and becomes; None when it is not there."""
        collection = await self._path(manifest, named=False)
        query = [("fieldSelector", f"metadata.name={manifest['metadata']['name']}")]
        while True:
            found = await self._ask("GET", collection, query=query)
            yield found["items"][0] if found["items"] else None
            follow = [*query, ("watch", "true"), ("resourceVersion", found["metadata"]["resourceVersion"])]
            response = await self._raw("GET", collection, query=follow)
            try:
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    yield None if event["type"] == "DELETED" else event["object"]
            finally:
                # Closed politely, a half-read TLS connection waits for the server and outlives the event loop.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()
                response.close()

    async def _path(self, manifest: Manifest, *, named: bool = True) -> str:
        api_version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if kind not in self._resources.get(api_version, {}):
            found = await self._ask("GET", root)
            self._resources[api_version] = {
                one["kind"]: (one["name"], one["namespaced"]) for one in found["resources"] if "/" not in one["name"]
            }
        plural, is_namespaced = self._resources[api_version][kind]
        where = f"/namespaces/{metadata['namespace']}" if is_namespaced and metadata.get("namespace") else ""
        return f"{root}{where}/{plural}{'/' + metadata['name'] if named else ''}"

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        response = await self._raw(method, path, query=query, body=body, content_type=content_type)
        answer: dict[str, Any] = json.loads(await response.read())
        return answer

    async def _raw(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
    ) -> Any:
        try:
            response = await self._api.call_api(
                path,
                method,
                query_params=query or [],
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
            )
        except ApiException as error:
            raise RefusedError(error.status, str(error.reason)) from error
        if not response.ok:
            text = await response.text()
            raise RefusedError(response.status, _message(text))
        return response


@asynccontextmanager
async def connect(kubeconfig: Path) -> AsyncIterator[Kube]:
    """The door to the cluster of a kubeconfig, with whatever way of signing in it names."""
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    async with client.ApiClient(settings) as api:
        yield Kube(api)
    # Connections that were aborted (by a deadline, say) are closed by the event loop's next steps, if it takes any.
    for _ in range(3):
        await asyncio.sleep(0)


def is_ready(pod: Manifest) -> bool:
    """Whether a pod says that it is ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata'].get('namespace', '')}/{manifest['metadata']['name']}"


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError):
        return text
