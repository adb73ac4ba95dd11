"""Keeps the table as the API server says: watches three kinds and replaces the table when something changed."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import aiohttp
from kubernetes_asyncio import client
from kubernetes_asyncio.client.exceptions import ApiException

from deploy.cluster.network_policy.firewall import RulesRefusedError, replace_table
from deploy.cluster.network_policy.kubernetes_json import parse_namespace, parse_pod, parse_policy
from deploy.cluster.network_policy.model import Observed
from deploy.cluster.network_policy.rules import PodNetwork, render_ruleset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

log = logging.getLogger("network-policy")

GATHER_SECONDS = 0.005
"""A burst of events (a namespace that is deleted, a deployment that starts) becomes one table."""
RETRY_SECONDS = 0.3
"""After the API server went away, or nft refused: short, because a restarted API server should find us at once."""

T = TypeVar("T")


class Followed(Generic[T]):
    """All objects of one kind, kept current by list and watch."""

    def __init__(
        self, fetch: Callable[..., Awaitable[Any]], parse: Callable[[Mapping[str, Any]], T], changed: asyncio.Event
    ) -> None:
        """`fetch`: the client's list function; `changed` is set after every change."""
        self.is_complete = False
        """Whether the whole list was read once. Before that, rules would let pass what policies forbid."""
        self.version = ""
        """The API server's version of the newest change."""
        self._objects: dict[str, T] = {}
        self._fetch = fetch
        self._parse = parse
        self._changed = changed

    def all(self) -> tuple[T, ...]:
        """Every object, in an order that does not depend on the order of events."""
        return tuple(one for _, one in sorted(self._objects.items()))

    async def follow(self) -> None:
        """Never ends; lists again after any trouble and keeps what it knew until then."""
        while True:
            try:
                await self._list()
                await self._watch()
            except (ApiException, aiohttp.ClientError, OSError, TimeoutError, ValueError) as trouble:
                log.warning("%s: listing again: %s", self._fetch.__name__, str(trouble).strip()[:300])
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> None:
        # Raw JSON: the client's models take milliseconds a pod, and there may be thousands.
        async with await self._fetch(_preload_content=False) as response:
            await _refuse_failure(response)
            found = json.loads(await response.read())
        self._objects = {_key(one): self._parse(one) for one in found["items"]}
        self.is_complete = True
        self._note(found["metadata"]["resourceVersion"])

    async def _watch(self) -> None:
        # Not the client's own Watch: it ends with a bare Exception when a starting API server answers 503.
        while True:
            response = await self._fetch(
                watch=True, resource_version=self.version, allow_watch_bookmarks=True, _preload_content=False
            )
            async with response:
                await _refuse_failure(response)
                async for line in response.content:
                    self._take(json.loads(line))

    def _take(self, event: Mapping[str, Any]) -> None:
        one = event["object"]
        match event["type"]:
            case "ERROR":
                raise ApiException(status=one.get("code"), reason=one.get("message"))
            case "BOOKMARK":
                self.version = one["metadata"]["resourceVersion"]
                return
            case "DELETED":
                self._objects.pop(_key(one), None)
            case _:
                self._objects[_key(one)] = self._parse(one)
        self._note(one["metadata"]["resourceVersion"])

    def _note(self, version: str) -> None:
        self.version = version
        self._changed.set()


async def _refuse_failure(response: Any) -> None:
    if not response.ok:
        raise ApiException(status=response.status, reason=(await response.text())[:300])


def _key(one: Mapping[str, Any]) -> str:
    # The name comes first for the order; the uid tells a pod from its successor of the same name (a StatefulSet's).
    metadata = one["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}/{metadata['uid']}"


class Enforcer:
    """Three followed kinds and the table made of them."""

    def __init__(
        self, api: Any, network: PodNetwork, *, apply: Callable[[str], Coroutine[Any, Any, None]] = replace_table
    ) -> None:
        """`api`: a client of the API server; `apply` puts a ruleset into force."""
        core = client.CoreV1Api(api)
        self._changed = asyncio.Event()
        self._pods = Followed(core.list_pod_for_all_namespaces, parse_pod, self._changed)
        self._namespaces = Followed(core.list_namespace, parse_namespace, self._changed)
        self._policies = Followed(
            client.NetworkingV1Api(api).list_network_policy_for_all_namespaces, parse_policy, self._changed
        )
        self._network = network
        self._apply = apply
        self._in_force = ""

    async def run(self) -> None:
        """Never ends. What is in force when it is cancelled stays in force."""
        async with asyncio.TaskGroup() as tasks:
            for followed in (self._pods, self._namespaces, self._policies):
                tasks.create_task(followed.follow())
            while True:
                await self._changed.wait()
                await asyncio.sleep(GATHER_SECONDS)
                self._changed.clear()
                await self._bring_into_force()

    async def _bring_into_force(self) -> None:
        if not (self._pods.is_complete and self._namespaces.is_complete and self._policies.is_complete):
            return
        observed = Observed(pods=self._pods.all(), namespaces=self._namespaces.all(), policies=self._policies.all())
        ruleset = render_ruleset(observed, self._network, version=self._policies.version)
        if ruleset == self._in_force:
            return
        try:
            await self._apply(ruleset)
        except RulesRefusedError as refused:
            log.error("%s", refused)  # noqa: TRY400 - because nft's own words say more than our stack
            await asyncio.sleep(RETRY_SECONDS)
            self._changed.set()
        else:
            log.info(
                "in force: %d policies, %d pods, %d bytes",
                len(observed.policies),
                len(observed.pods_by_address),
                len(ruleset),
            )
            self._in_force = ruleset
