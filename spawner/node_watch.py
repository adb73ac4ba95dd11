"""Our own picture of the cluster's nodes: listed once and watched, to say what would fit and which is silent.

It needs a right of the whole cluster (list and watch nodes, a ClusterRole). An installation may withhold it: then there
is no picture, and a start that finds no room says so without naming what would fit.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from spawner.kube import KubeRefused
from spawner.kube_feed import Feed, list_version
from spawner.pod_facts import image_sizes, node_facts

if TYPE_CHECKING:
    from typing import NoReturn

    from spawner.kube import Json
    from spawner.kube_feed import KubeReader, Persistence
    from spawner.pod_facts import NodeFacts

PATH: Final = "/api/v1/nodes"

ASK_AGAIN_SECONDS: Final = 300.0
"""After a refusal. Rights that are given later are noticed without a restart, and nobody's log fills meanwhile."""


class NodeWatch:
    """The nodes as they are now, where they may be seen."""

    def __init__(self, kube: KubeReader, *, persistence: Persistence) -> None:
        """Knows nothing until `run` runs."""
        self._kube = kube
        self._with = persistence
        self._feed = Feed("nodes", persistence)
        self._nodes: dict[str, NodeFacts] | None = None
        self.is_answered = False
        """Whether the API server has said which nodes there are, or that they may not be seen."""
        self.image_bytes: dict[str, int] = {}
        """How large images are on a disk, as far as any node has told: a few hundred names."""

    async def run(self) -> NoReturn:
        """Keeps the picture up to date for ever; end it by cancelling."""
        await self._feed.forever(self._follow)

    def nodes(self) -> tuple[NodeFacts, ...] | None:
        """All nodes; None where they were never seen."""
        return None if self._nodes is None else tuple(self._nodes.values())

    def get(self, name: str) -> NodeFacts | None:
        """One node; None where it is not known."""
        return (self._nodes or {}).get(name)

    async def _follow(self) -> None:
        try:
            if not self._feed.version:
                self._feed.version = await self._list()
            await self._feed.follow(self._kube, PATH, {}, self._take)
        except KubeRefused as refused:
            self._feed.version, self._nodes, self.is_answered = "", None, True
            self._with.log.info("Nodes may not be seen, so no start names hardware that would fit: %s", refused)
            await self._with.sleep(ASK_AGAIN_SECONDS)

    async def _list(self) -> str:
        listed: dict[str, NodeFacts] = {}
        version = ""
        async with aclosing(self._kube.pages(PATH)) as pages:
            async for page in pages:
                version = version or list_version(page)
                for raw in page["items"] or ():
                    facts = node_facts(raw)
                    listed[facts.name] = facts
                    self.image_bytes.update(image_sizes(raw))
        self._nodes, self.is_answered = listed, True
        return version

    def _take(self, kind: str, raw: Json) -> None:
        if self._nodes is None:
            return
        facts = node_facts(raw)
        if kind in {"ADDED", "MODIFIED"}:
            self.image_bytes.update(image_sizes(raw))
            self._nodes[facts.name] = facts
        elif kind == "DELETED":
            self._nodes.pop(facts.name, None)
