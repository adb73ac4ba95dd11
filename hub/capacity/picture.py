"""What is placed on the cluster's nodes, kept up to date by a watch: the one source of the frozen view.

To see all pods is a right of the whole cluster, which the chart does not ask for: an operator may give it to the hub's
account (docs: forecasts). Without it only what this installation itself placed is known, and a node that is full of
others' pods looks free until a start finds out.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hub.capacity.tally import Tally
from hub.capacity.view import GIVES_WAY_BELOW, Placed, View, room_on
from spawner.amounts import Amount, amount_of
from spawner.image_names import without_tag
from spawner.installation import KIND_LABEL
from spawner.kube import KubeRefused
from spawner.kube_feed import Feed, list_version
from spawner.pod_facts import NodeFacts, moment
from spawner.warm_pod import WARM

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from typing import NoReturn

    from hub.capacity.view import HardwareRoom, NodeRoom
    from spawner.kube import Json
    from spawner.kube_feed import KubeReader, Persistence
    from spawner.node_watch import NodeWatch
    from studiolo.catalog import Hardware

UNFINISHED: Final = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
"""What has ended takes nothing; the server tells of such an end as if the pod were gone."""


ASK_AGAIN_SECONDS: Final = 300.0
"""After a refusal to show all pods. A right that is given later is noticed without a restart."""

REMEMBERED_SECONDS: Final = 60.0
"""The image of a pod that has ended is on its node, and a kubelet says so only some seconds later."""

GONE: Final = room_on(NodeFacts(name=""))
"""In the place of a node that is no more. It has nothing."""


class _Known(NamedTuple):
    """One pod."""

    node: str
    namespace: str
    """"" where it is none of ours; then it has no name either."""
    name: str
    placed: Placed


class _Source:
    """Pods of one place, and how far they were read."""

    def __init__(self, path: str, persistence: Persistence, *, namespace: str = "") -> None:
        self.path = path
        self.namespace = namespace
        """"": all of them."""
        self.feed = Feed(f"what is placed on nodes ({namespace or 'all of it'})", persistence)
        self.is_listed = False


class Picture:
    """Nodes and what is placed on them."""

    def __init__(
        self,
        kube: KubeReader,
        nodes: NodeWatch,
        *,
        namespaces: Sequence[str],
        persistence: Persistence,
        likely_ends: Callable[[], Mapping[str, datetime]] = dict,
        warm_gives_way: bool = False,
    ) -> None:
        """`namespaces`: ours, that of workspaces first. `likely_ends`: when workspaces likely end, by their pod's name.

        `warm_gives_way`: whether our warm pods count as what gives way, as their keeper has them, for a start's sake.
        Knows nothing yet.
        """
        self._warm_gives_way = warm_gives_way
        self._kube = kube
        self._nodes = nodes
        self._workspaces = namespaces[0]
        self._with = persistence
        self._everywhere = _Source("/api/v1/pods", persistence)
        self._ours = tuple(
            _Source(f"/api/v1/namespaces/{name}/pods", persistence, namespace=name) for name in namespaces if name
        )
        self._names = frozenset(source.namespace for source in self._ours)
        self._likely_ends = likely_ends
        self._pods: dict[str, _Known] = {}
        self._by_node: dict[str, dict[str, Placed]] = {}
        self._lately: dict[str, dict[str, tuple[float, tuple[str, ...]]]] = {}
        """Images of what ran on a node a moment ago: until when that says something, and what the node told then."""
        self._rooms: list[NodeRoom] = []
        self._places: dict[str, int] = {}
        """Which of the rooms is which node's."""
        self._empty: list[int] = []
        """Places of nodes that are gone."""
        self._dirty: set[str] = set()
        self._same: dict[Placed, Placed] = {}
        """Of fifty thousand pods most ask for the same: one value for all of them."""
        self._tallies: dict[Hardware, Tally] = {}
        self._with_image: dict[str, int] = {}

    @property
    def is_listed(self) -> bool:
        """Whether pods were read at least once."""
        return self._everywhere.is_listed or all(source.is_listed for source in self._ours)

    async def run(self) -> NoReturn:
        """Keeps the picture up to date for ever; end it by cancelling."""
        await self._everywhere.feed.forever(self._follow_all)

    def view(self) -> View | None:
        """The cluster at this moment; None where nodes may not be seen, or pods were not listed yet."""
        nodes = self._nodes.nodes()
        if nodes is None or not self.is_listed:
            return None
        self._note_ends()
        self._forget_images()
        here = {facts.name for facts in nodes}
        for name in self._places.keys() - here:
            index = self._places.pop(name)
            self._set(index, GONE)
            self._empty.append(index)
        for facts in nodes:
            index = self._places.get(facts.name, -1)
            if index < 0:
                index = self._places[facts.name] = self._empty.pop() if self._empty else len(self._rooms)
                if index == len(self._rooms):
                    self._rooms.append(GONE)
            elif self._rooms[index].facts is facts and facts.name not in self._dirty:
                continue
            placed, lately = self._by_node.get(facts.name, {}).values(), self._lately.get(facts.name, ())
            self._set(index, room_on(facts, placed, lately=lately))
        self._dirty.clear()
        return View(nodes=tuple(self._rooms))

    def room_for(self, hardware: Hardware, view: View) -> HardwareRoom:
        """Where a hardware has room on the view that was given last."""
        if hardware not in self._tallies:
            tally = self._tallies[hardware] = Tally(hardware)
            for index, node in enumerate(self._rooms):
                tally.add(index, node)
        return self._tallies[hardware].room(view)

    def with_image(self, image: str, view: View) -> int:
        """The nodes of the view that was given last that have an image, a bit each."""
        name = without_tag(image)
        if name not in self._with_image:
            self._with_image[name] = view.with_image(name)
        return self._with_image[name]

    def keep_only(self, hardware: Collection[Hardware], images: Collection[str]) -> None:
        """What is not on offer any more is not counted on."""
        self._tallies = {entry: tally for entry, tally in self._tallies.items() if entry in hardware}
        names = {without_tag(image) for image in images}
        self._with_image = {name: nodes for name, nodes in self._with_image.items() if name in names}

    def _set(self, index: int, room: NodeRoom) -> None:
        before = self._rooms[index]
        self._rooms[index] = room
        for tally in self._tallies.values():
            tally.remove(index, before)
            tally.add(index, room)
        for image, nodes in self._with_image.items():
            if (image in before.images) != (image in room.images):
                self._with_image[image] = nodes ^ (1 << index)

    def _note_ends(self) -> None:
        """Takes over when our own workspaces likely end."""
        ends = self._likely_ends()
        for uid, known in self._pods.items() if ends else ():
            if known.namespace != self._workspaces or not known.name:
                continue
            if (end := ends.get(known.name)) != known.placed.ends_at:
                self._place(uid, known._replace(placed=_ending(known.placed, end)))

    async def _follow_all(self) -> None:
        try:
            await self._follow(self._everywhere)
        except KubeRefused as refused:
            self._everywhere.feed.version, self._everywhere.is_listed = "", False
            self._with.log.info("Pods of others may not be seen, so forecasts count our own alone: %s", refused)
            await self._follow_ours()

    async def _follow_ours(self) -> None:
        """For a while: then whether all may be seen is asked again."""
        ours = [asyncio.create_task(one.feed.forever(partial(self._follow, one)), name=one.path) for one in self._ours]
        try:
            await self._with.sleep(ASK_AGAIN_SECONDS)
        finally:
            for task in ours:
                task.cancel()
            await asyncio.gather(*ours, return_exceptions=True)

    async def _follow(self, source: _Source) -> None:
        if not source.feed.version:
            source.feed.version = await self._list(source)
        await source.feed.follow(self._kube, source.path, UNFINISHED, self._take)

    async def _list(self, source: _Source) -> str:
        version = ""
        seen: set[str] = set()
        async with aclosing(self._kube.pages(source.path, UNFINISHED)) as pages:
            async for page in pages:
                version = version or list_version(page)
                for raw in page["items"] or ():
                    seen.add(_uid(raw))
                    self._put(raw)
        # Where all may be seen no more, what others have is not known any more either.
        here = {source.namespace, ""} if source.namespace else {*self._names, ""}
        for uid in [uid for uid, known in self._pods.items() if known.namespace in here and uid not in seen]:
            self._remove(uid)
        source.is_listed = True
        return version

    def _take(self, kind: str, raw: Json) -> None:
        if kind in {"ADDED", "MODIFIED"}:
            self._put(raw)
        elif kind == "DELETED":
            self._remember_images(raw)
            self._remove(_uid(raw))

    def _remember_images(self, raw: Json) -> None:
        """Of a pod that has ended, or is gone."""
        if (node := node_of(raw)) and (images := placed_of(raw).images):
            known = (self._with.clock() + REMEMBERED_SECONDS, self._told(node))
            self._lately.setdefault(node, {}).update(dict.fromkeys(images, known))
            self._dirty.add(node)

    def _forget_images(self) -> None:
        """Once the node has told anew, that counts."""
        now = self._with.clock()
        for node, images in list(self._lately.items()):
            told = self._told(node)
            still = {image: known for image, known in images.items() if known[0] > now and known[1] == told}
            if len(still) < len(images):
                self._dirty.add(node)
                self._lately[node] = still
                if not still:
                    del self._lately[node]

    def _told(self, node: str) -> tuple[str, ...]:
        facts = self._nodes.get(node)
        return facts.images if facts is not None else ()

    def _put(self, raw: Json) -> None:
        node = node_of(raw)
        if not node:
            self._remove(_uid(raw))
            return
        metadata = raw.get("metadata") or {}
        namespace = str(metadata.get("namespace"))
        is_ours = namespace in self._names
        placed = placed_of(raw)
        if self._warm_gives_way and is_ours and (metadata.get("labels") or {}).get(KIND_LABEL) == WARM:
            placed = Placed(asks=placed.asks, priority=GIVES_WAY_BELOW - 1, images=placed.images)
        if is_ours and placed.ends_at is None and (known := self._pods.get(_uid(raw))) is not None:
            placed = _ending(placed, known.placed.ends_at)
        self._place(
            _uid(raw),
            _Known(
                node=node,
                namespace=namespace if is_ours else "",
                name=str(metadata.get("name")) if is_ours else "",
                placed=placed,
            ),
        )

    def _place(self, uid: str, pod: _Known) -> None:
        one = self._same.setdefault(pod.placed, pod.placed) if pod.placed.ends_at is None else pod.placed
        known = self._pods.get(uid)
        if known is not None and known.node != pod.node:
            self._remove(uid)
        elif known is not None and known.placed == one:
            return
        self._pods[uid] = pod._replace(placed=one)
        self._by_node.setdefault(pod.node, {})[uid] = one
        self._dirty.add(pod.node)

    def _remove(self, uid: str) -> None:
        if (known := self._pods.pop(uid, None)) is None:
            return
        here = self._by_node[known.node]
        del here[uid]
        if not here:
            del self._by_node[known.node]
        self._dirty.add(known.node)


def placed_of(raw: Json) -> Placed:
    """What a pod takes of its node, from Kubernetes' JSON. As the scheduler counts: the larger of start and run."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    run, start = Amount(), Amount()
    for one in spec.get("initContainers") or ():
        asks = _asks(one)
        if one.get("restartPolicy") == "Always":  # a sidecar: it stays
            run = run.plus(asks)
        start = _larger(start, run.plus(asks) if one.get("restartPolicy") != "Always" else run)
    for one in spec.get("containers") or ():
        run = run.plus(_asks(one))
    overhead = amount_of((spec.get("overhead") or {}).items(), pods=1)
    priority = spec.get("priority")
    return Placed(
        asks=_larger(run, start).plus(overhead),
        priority=priority if isinstance(priority, int) else 0,
        ends_at=_deadline(spec, status),
        images=tuple(
            without_tag(str(one.get("image")))
            for one in spec.get("containers") or ()
            if "@sha256:" in str(one.get("image"))
        )
        if any((one.get("state") or {}).get("waiting") is None for one in status.get("containerStatuses") or ())
        else (),
    )


def node_of(raw: Json) -> str:
    """Where a pod is, or will be once something has given way; "" where nobody knows."""
    node = (raw.get("spec") or {}).get("nodeName") or (raw.get("status") or {}).get("nominatedNodeName")
    return str(node or "")


def _ending(placed: Placed, ends_at: datetime | None) -> Placed:
    return Placed(asks=placed.asks, priority=placed.priority, ends_at=ends_at, images=placed.images)


def _asks(container: Mapping[str, Any]) -> Amount:
    resources = container.get("resources") or {}
    # Devices may be written as limits alone: the server fills in the request.
    return amount_of(((name, str(value)) for name, value in (resources.get("requests") or {}).items()), pods=0)


def _larger(one: Amount, other: Amount) -> Amount:
    names = dict.fromkeys(name for name, _ in (*one.devices, *other.devices))
    return Amount(
        cpu_millis=max(one.cpu_millis, other.cpu_millis),
        memory_bytes=max(one.memory_bytes, other.memory_bytes),
        devices=tuple((name, max(one.count_of(name), other.count_of(name))) for name in names),
    )


def _deadline(spec: Mapping[str, Any], status: Mapping[str, Any]) -> datetime | None:
    seconds, began = spec.get("activeDeadlineSeconds"), moment(status.get("startTime"))
    if not isinstance(seconds, int) or began is None:
        return None
    return began + timedelta(seconds=seconds)


def _uid(raw: Json) -> str:
    return str((raw.get("metadata") or {}).get("uid"))
