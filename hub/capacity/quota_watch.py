"""The ResourceQuotas of the workspaces' namespace as they are now: listed once and watched.

Where they may not be seen nobody knows of any, and a start that is too much is refused by Kubernetes, which says so.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from hub.capacity.quotas import quota_of
from spawner.kube import KubeRefused
from spawner.kube_feed import Feed, list_version
from spawner.manifest import START_CORES

if TYPE_CHECKING:
    from typing import NoReturn

    from hub.capacity.quotas import Quota
    from spawner.kube import Json
    from spawner.kube_feed import KubeReader, Persistence

ASK_AGAIN_SECONDS: Final = 300.0
"""After a refusal. A right that is given later is noticed without a restart."""


class QuotaWatch:
    """What workspaces may still use of each quota that holds for them."""

    def __init__(
        self, kube: KubeReader, *, namespace: str, priority_class: str | None, persistence: Persistence
    ) -> None:
        """`priority_class`: of workspaces whose hardware names none. Knows nothing until `run` runs."""
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        self._priority_class = priority_class or ""
        self._with = persistence
        self._feed = Feed("quotas", persistence)
        self._quotas: dict[str, Quota | None] = {}

    async def run(self) -> NoReturn:
        """Keeps them up to date for ever; end it by cancelling."""
        await self._feed.forever(self._follow)

    def quotas(self) -> tuple[Quota, ...]:
        """Those that hold for workspaces, by name; none where they were never seen."""
        return tuple(quota for _, quota in sorted(self._quotas.items()) if quota is not None)

    async def _follow(self) -> None:
        try:
            if not self._feed.version:
                self._feed.version = await self._list()
            await self._feed.follow(self._kube, self._path, {}, self._take)
        except KubeRefused as refused:
            self._feed.version, self._quotas = "", {}
            self._with.log.info("Quotas may not be seen, so no forecast knows of them: %s", refused)
            await self._with.sleep(ASK_AGAIN_SECONDS)

    async def _list(self) -> str:
        listed: dict[str, Quota | None] = {}
        version = ""
        async with aclosing(self._kube.pages(self._path)) as pages:
            async for page in pages:
                version = version or list_version(page)
                listed.update((raw["metadata"]["name"], self._read(raw)) for raw in page["items"] or ())
        self._quotas = listed
        return version

    def _take(self, kind: str, raw: Json) -> None:
        if kind in {"ADDED", "MODIFIED"}:
            self._quotas[raw["metadata"]["name"]] = self._read(raw)
        elif kind == "DELETED":
            self._quotas.pop(raw["metadata"]["name"], None)

    def _read(self, raw: Json) -> Quota | None:
        return quota_of(raw, priority_class=self._priority_class, start_cores=START_CORES)
