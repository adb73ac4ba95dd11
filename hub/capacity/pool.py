"""Keeps warm pods: looks which wait, plans which should, and makes the difference.

Nothing that counts is remembered between two looks. Two keepers at once make too many, and the next look ends those.
Who is claimed in the very moment in which it was to end stays: each is ended only as it was seen.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hub.capacity.giving_way import give_way
from hub.capacity.pool_plan import LONGEST_WAIT, ParkedPod, changes, may_refill, sizes
from hub.database import DatabaseAway
from spawner.catalogs import starting
from spawner.identity import PARKED, SEAT_LABEL
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from spawner.kube import KubeAway, KubeConflict, KubeError, KubeExpired, KubeNotFound
from spawner.plan import Shape
from spawner.pod_facts import pod_facts
from spawner.warm_pod import ENVIRONMENT_LABEL, HARDWARE_LABEL, TEMPLATE_LABEL, template, warm_pod

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal
    from logging import Logger

    from hub.capacity.pool_plan import Pool
    from hub.capacity.view import View
    from spawner.installation import Installation
    from spawner.kube import Kube
    from spawner.pod_facts import PodFacts
    from studiolo.catalog_model import Catalog, Hardware

PAUSE: Final = timedelta(seconds=1)
"""Between two looks. A claim is noticed by the next, so a pod comes a second or two after it."""

PAUSE_WHEN_AWAY: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What pods of an installation wait."""

    ready: int
    parking: int
    wanted: int

    @property
    def is_nothing(self) -> bool:
        """Whether none is there and none is wanted."""
        return not (self.ready or self.parking or self.wanted)

    def per_hour(self, hardware: Hardware | None) -> Decimal | None:
        """What they cost by the catalog; None where the hardware has no price."""
        if hardware is None or hardware.price_per_hour is None:
            return None
        return hardware.price_per_hour * (self.ready + self.parking)


def may_wait(hardware: Hardware) -> bool:
    """Whether warm pods of it may wait: they hold all of it. A device is kept from everybody else, so its owner has to
    ask for it by `pods`; and what has disk of its own in /scratch starts the normal way.
    """
    warm = hardware.warm
    return warm is not None and not hardware.scratch_bytes and bool(hardware.gpu is None or warm.pods)


async def _as_the_catalog_says() -> Mapping[str, str]:
    return {}


class PoolKeeper:
    """Of one installation."""

    def __init__(
        self,
        kube: Kube,
        installation: Installation,
        *,
        catalog: Callable[[], Catalog],
        rates: Callable[[datetime], Awaitable[Mapping[Pool, float]]],
        room: Callable[[], Mapping[str, int] | None],
        offered: Callable[[], Awaitable[Mapping[str, str]]] = _as_the_catalog_says,
        view: Callable[[], View | None] = lambda: None,
        log: Logger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`rates`: starts to expect an hour, of each environment on each hardware.

        `room`: by hardware, how much is held for workspaces by slots and warm pods together. None while nobody knows:
        then nothing is done. `offered`: images that environments start now, where they are not the catalog's. `view`:
        None where nodes may not be seen.
        """
        self._kube = kube
        self._installation = installation
        self._catalog = catalog
        self._rates = rates
        self._room = room
        self._offered = offered
        self._view = view
        self._log = log
        self._now = now
        self._before: frozenset[str] = frozenset()
        self._claims: tuple[datetime, ...] = ()
        self._short_since: datetime | None = None
        self._refused_at: datetime | None = None
        self.parked: Mapping[str, int] = {}
        """By hardware, how many wait or are about to: each stands in the place of a slot."""
        self.kept: Mapping[Pool, Kept] = {}
        self.made: Counter[Pool] = Counter()
        """How many were made since the process started."""
        self.looked_at: datetime | None = None
        """When the last look began after which all was as planned."""

    @property
    def catalog(self) -> Catalog:
        """The one that holds at this moment."""
        return self._catalog()

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            pause = PAUSE
            try:
                await self.look()
            except (KubeError, DatabaseAway) as error:
                self._log.warning("Warm pods stay as they are for now: %s", error)
                pause = PAUSE_WHEN_AWAY
            await asyncio.sleep(pause.total_seconds())

    async def look(self) -> None:
        """One look. Raises KubeError or DatabaseAway: then something of it is left for the next."""
        moment, room = self._now(), self._room()
        if room is None:
            return
        catalog = starting(self._catalog(), await self._offered())
        pods = tuple(_parked(one) for one in await self._list(f"{SEAT_LABEL}={PARKED}"))
        hardware = {one.name: one for one in catalog.hardware}
        way = give_way(await self._waiting(), pods, hardware, self._view())
        shapes = {
            (environment.name, one.name): Shape(environment=environment, hardware=one)
            for one in catalog.hardware
            for environment in sorted(catalog.environments, key=lambda entry: not entry.default)
            if may_wait(one) and environment.image
        }
        wanted = sizes(
            tuple(shapes),
            await self._rates(moment),
            room=room,
            least={one.name: one.warm.pods or 0 for one in catalog.hardware if one.warm},
        )
        templates = {pool: template(shape, self._installation) for pool, shape in shapes.items()}
        self._note(pods, wanted, moment)
        todo = changes(
            wanted,
            templates,
            pods,
            now=moment,
            give_up=way.give_up,
            held_back=way.held_back,
            may_create=not self._was_refused(moment)
            and may_refill(self._claims, short_since=self._short_since, now=moment),
        )
        refused: KubeError | None = None
        for pod in todo.delete:
            refused = await self._tried(self._delete(pod)) or refused
        for pool in todo.create:
            refused = await self._tried(self._create(shapes[pool])) or refused
        if refused is not None:
            # Such as by a quota: none is made for a while, and starts that wait for room are seen all the same.
            self._log.warning("Not all warm pods can be made: %s", refused)
            self._refused_at = moment
        elif not self._was_refused(moment):
            self.looked_at = moment

    def _was_refused(self, moment: datetime) -> bool:
        """A moment ago."""
        return self._refused_at is not None and moment - self._refused_at < PAUSE_WHEN_AWAY

    def _note(self, pods: Sequence[ParkedPod], wanted: Mapping[Pool, int], moment: datetime) -> None:
        """What is told of it, and which were claimed since the last look."""
        alive = [pod for pod in pods if not pod.is_ended and not pod.is_ending]
        gone = self._before - {pod.uid for pod in pods}
        self._before = frozenset(pod.uid for pod in alive)
        recent = (claim for claim in self._claims if moment - claim < LONGEST_WAIT)
        self._claims = (*recent, *((moment,) if gone else ()))
        self.parked = _count(pod.pool[1] for pod in alive)
        by_pool = _count(pod.pool for pod in alive)
        ready = _count(pod.pool for pod in alive if pod.is_ready)
        self.kept = {
            pool: Kept(ready=ready.get(pool, 0), parking=by_pool.get(pool, 0) - ready.get(pool, 0), wanted=count)
            for pool, count in wanted.items()
        }
        is_short = any(by_pool.get(pool, 0) < count for pool, count in wanted.items())
        self._short_since = (self._short_since or moment) if is_short else None

    async def _waiting(self) -> Sequence[str]:
        """The hardware of each start that no node has room for; not of one that something gives way to already."""
        found = await self._list(f"{KIND_LABEL}={WORKSPACE}", "status.phase=Pending")
        return [
            pod.label(HARDWARE_LABEL)
            for pod in found
            if not pod.node and not pod.nominated_node and not pod.is_deleting and pod.scheduled.status == "False"
        ]

    async def _list(self, label: str, field: str = "") -> Sequence[PodFacts]:
        query = {"labelSelector": f"{RELEASE_LABEL}={self._installation.release},{label}"}
        if field:
            query["fieldSelector"] = field
        for _ in range(3):
            try:
                pages = [page async for page in self._kube.pages(self._path, query)]
            except KubeExpired:
                continue
            return [pod_facts(raw) for page in pages for raw in page["items"] or ()]
        raise KubeAway("The list of warm pods changes faster than it can be read.")

    async def _tried(self, change: Awaitable[None]) -> KubeError | None:
        """What refused it: that keeps no other pool's pods from coming."""
        try:
            await change
        except KubeAway:
            raise
        except KubeError as error:
            return error
        return None

    async def _delete(self, pod: ParkedPod) -> None:
        try:
            await self._kube.delete(
                f"{self._path}/{pod.name}", uid=pod.uid, resource_version=pod.resource_version, grace_seconds=1
            )
        except KubeNotFound:
            return
        except KubeConflict:
            self._log.info("The warm pod %s has changed, and is looked at again", pod.name)
            return
        self._before -= {pod.uid}
        if pod.is_ended:
            self._log.warning("The warm pod %s ended while it waited: %s", pod.name, pod.reason or "nobody says why")
        else:
            self._log.info("The warm pod %s is given up", pod.name)

    async def _create(self, shape: Shape) -> None:
        # No name is used twice: a hub that died may have written down that one of it is somebody's.
        name = f"warm-{secrets.token_hex(8)}"
        await self._kube.create(self._path, warm_pod(name, shape, self._installation))
        self.made[shape.environment.name, shape.hardware.name] += 1
        self._log.info("The warm pod %s is made", name)

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._installation.namespace}/pods"


def _parked(pod: PodFacts) -> ParkedPod:
    return ParkedPod(
        name=pod.name,
        uid=pod.uid,
        resource_version=pod.resource_version,
        pool=(pod.label(ENVIRONMENT_LABEL), pod.label(HARDWARE_LABEL)),
        template=pod.label(TEMPLATE_LABEL),
        node=pod.node,
        created_at=pod.created_at,
        is_ready=pod.container.is_ready,
        is_ended=pod.has_ended,
        reason=pod.reason or pod.container.reason,
        is_ending=pod.is_deleting,
    )


def _count(found: Any) -> dict[Any, int]:
    counted: dict[Any, int] = {}
    for one in found:
        counted[one] = counted.get(one, 0) + 1
    return counted
