"""Holds slots: looks which are there, plans which should be, and makes the difference.

Nothing is remembered between two looks, so this may end anywhere. Names are the same whoever makes a pod: two at
once, or a list that came back empty, make none twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from hub.capacity.own_pods import OwnPods
from hub.capacity.placeholder import PLACEHOLDER, SlotPod, changes, counted, slot_pod
from hub.capacity.plan import Slots, plan
from hub.capacity.view import View
from hub.database import DatabaseAway
from spawner.kube import KubeAway, KubeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from logging import Logger

    from hub.capacity.placeholder import Held
    from spawner.kube import Kube
    from studiolo.catalog_model import Catalog

PAUSE: Final = timedelta(seconds=5)
"""Between two looks: a slot that gave way is asked for again, and with it the next node."""

PAUSE_WHEN_AWAY: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked for beside the catalog, by hardware."""

    rates: Mapping[str, float]
    """Starts to expect an hour."""
    booked: Mapping[str, int]


class SlotKeeper:
    """Of one installation."""

    def __init__(
        self,
        kube: Kube,
        held: Held,
        *,
        catalog: Callable[[], Catalog],
        demand: Callable[[datetime], Awaitable[Demand]],
        log: Logger,
        view: Callable[[], View | None] = lambda: None,
        parked: Callable[[], Mapping[str, int]] = dict,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`view`: None where nodes may not be seen. `parked`: warm pods by hardware. Nothing runs yet."""
        self._parked = parked
        self._pods = OwnPods(kube, namespace=held.namespace, release=held.installation.release, kind=PLACEHOLDER)
        self._held = held
        self._catalog = catalog
        self._demand = demand
        self._view = view
        self._log = log
        self._now = now
        self.planned: tuple[Slots, ...] = ()
        """What the last look went for."""
        self.looked_at: datetime | None = None
        """When the last look began after which all was as planned."""

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            pause = PAUSE
            try:
                await self.look()
            except (KubeError, DatabaseAway) as error:
                self._log.warning("Held room stays as it is for now: %s", error)
                pause = PAUSE_WHEN_AWAY
            await asyncio.sleep(pause.total_seconds())

    async def look(self) -> None:
        """One look. Raises KubeError or DatabaseAway: then something of it is left for the next."""
        catalog, moment = self._catalog(), self._now()
        pods = [slot_pod(raw) for raw in await self._pods.all()]
        demand = await self._demand(moment)
        hardware = {entry.name: entry for entry in catalog.hardware}
        self.planned = plan(
            catalog.hardware,
            self._view() or View(),
            local=moment.astimezone(ZoneInfo(catalog.timezone)),
            rates=demand.rates,
            booked=demand.booked,
            present=counted(pods),
            parked=self._parked(),
        )
        todo = changes(self.planned, pods, hardware, self._held)
        refused = await self._refused(
            *(partial(self._delete, pod) for pod in todo.delete),
            *(partial(self._create, manifest) for manifest in todo.create),
        )
        if refused is not None:
            raise refused
        self.looked_at = moment

    async def _refused(self, *changes: Callable[[], Awaitable[None]]) -> KubeError | None:
        """Make every change. The first that the API server refused: it keeps no other hardware's slots from coming."""
        first: KubeError | None = None
        for change in changes:
            try:
                await change()
            except KubeAway:
                raise
            except KubeError as error:
                first = first or error
        return first

    async def _delete(self, pod: SlotPod) -> None:
        if await self._pods.delete(pod.name, uid=pod.uid):
            self._log.info("Slot %s is given up", pod.name)

    async def _create(self, manifest: dict[str, Any]) -> None:
        if await self._pods.create(manifest):
            self._log.info("Slot %s is held", manifest["metadata"]["name"])
