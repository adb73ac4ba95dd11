"""What the services process does about capacity where workspaces are pods: one picture of the cluster, and keepers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hub.bookings.actions import Bookings
from hub.capacity.picture import Picture
from hub.capacity.placeholder import Held
from hub.capacity.pool import PoolKeeper
from hub.capacity.rates import PoolRates, Rates
from hub.capacity.slots import Demand, SlotKeeper
from hub.installation import installation_of
from hub.prepull.keeper import ImageKeeper, Limits
from hub.prepull.pull_pod import Fetching
from hub.prepull.views import offered_images
from hub.prepull.watched import Watched
from spawner.catalogs import CatalogHolder
from spawner.kube import Kube
from spawner.kube_feed import Persistence
from spawner.node_watch import NodeWatch
from studiolo.catalog import Platform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from hub.capacity.view import View
    from hub.database import Database
    from hub.settings import Settings
    from hub.settings_cluster import KubernetesSettings
    from spawner.installation import Installation
    from studiolo.catalog_model import Catalog

_log = logging.getLogger(__name__)


class Capacity:
    """The loops that hold room, and what they share. Everything here may end anywhere and begin anew."""

    @classmethod
    async def open(cls, settings: Settings, database: Database) -> Capacity | None:
        """None where workspaces are no pods, or no room is held. Waits for no answer of the API server."""
        kubernetes = settings.kubernetes
        if kubernetes is None or not settings.capacity.is_on:
            return None
        return cls(settings, kubernetes, await Kube.connect(kubernetes.kubeconfig), database)

    def __init__(self, settings: Settings, kubernetes: KubernetesSettings, kube: Kube, database: Database) -> None:
        """See `open`. Nothing runs yet. Raises StudioloError where the catalogs cannot be used."""
        self._kube = kube
        self._rates = Rates(database)
        persistence = Persistence(log=_log)
        installation = installation_of(settings, kubernetes)
        self._catalogs = CatalogHolder(
            settings.catalog_directory,
            log=_log,
            platform=Platform.KUBERNETES,
            homes_claim=kubernetes.homes.claim if settings.homes.service.url is not None else "",
        )
        self.bookings = Bookings(database, lambda: self.catalog)
        self._nodes = NodeWatch(kube, persistence=persistence)
        self._picture = Picture(
            kube,
            self._nodes,
            namespaces=(installation.namespace, settings.capacity.namespace),
            persistence=persistence,
        )
        held = Held(
            installation=installation,
            namespace=settings.capacity.namespace,
            image=settings.capacity.image,
            priority_class=settings.capacity.priority_class,
        )
        self.pool = self._pool_keeper(settings, kube, database, installation)
        self.slots = SlotKeeper(
            kube,
            held,
            catalog=lambda: self.catalog,
            demand=self._demand,
            view=self.view,
            parked=self._parked,
            log=_log,
        )
        self.watched = Watched()
        self.images = self._image_keeper(settings, kubernetes, kube, database)

    @property
    def catalog(self) -> Catalog:
        """The one that holds at this moment."""
        return self._catalogs.current

    def _pool_keeper(
        self, settings: Settings, kube: Kube, database: Database, installation: Installation
    ) -> PoolKeeper | None:
        if not settings.claims.is_on or settings.homes.service.url is None:
            return None
        rates = PoolRates(database)
        return PoolKeeper(
            kube,
            installation,
            catalog=lambda: self.catalog,
            rates=rates.at,
            room=self._room,
            offered=self._offered,
            view=self.view,
            log=_log,
        )

    async def _offered(self) -> Mapping[str, str]:
        """What environments start. Raises DatabaseAway."""
        return {} if self.images is None else offered_images(await self.images.switches()).offered

    def _parked(self) -> Mapping[str, int]:
        return {} if self.pool is None else self.pool.parked

    def _room(self) -> Mapping[str, int] | None:
        """What is held of each hardware, whoever stands in it; None before it was planned once."""
        if self.slots.looked_at is None:
            return None
        return {slots.hardware: slots.room for slots in self.slots.planned}

    def _image_keeper(
        self, settings: Settings, kubernetes: KubernetesSettings, kube: Kube, database: Database
    ) -> ImageKeeper | None:
        ahead = settings.capacity.images
        if not ahead.enabled:
            return None
        return ImageKeeper(
            kube,
            database,
            Fetching(
                release=kubernetes.release,
                namespace=settings.capacity.namespace,
                priority_class=ahead.priority_class,
                image_pull_secrets=kubernetes.image_pull_secrets,
            ),
            Limits(budget_bytes=ahead.disk_budget, at_once=ahead.at_once, within=ahead.switch_within),
            catalog=lambda: self.catalog,
            nodes=self._nodes.nodes,
            is_answered=lambda: self._nodes.is_answered,
            sizes=lambda: self._nodes.image_bytes,
            booked=self.bookings.environments_at,
            watched=self.watched.images,
            log=_log,
        )

    def view(self) -> View | None:
        """The cluster as it is known; None before it was read."""
        return self._picture.view()

    def loops(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs beside the server, by what it does."""
        ahead = {} if self.images is None else {"Bringing images to nodes": self.images.run}
        warm = {} if self.pool is None else {"Keeping warm pods": self.pool.run}
        return {
            **ahead,
            **warm,
            "Watching the catalogs": self._catalogs.watch,
            "Watching the nodes": self._nodes.run,
            "Watching what is placed on them": self._picture.run,
            "Holding room": self.slots.run,
        }

    async def close(self) -> None:
        """Ends the connection; no pod is touched."""
        await self._kube.close()

    async def _demand(self, moment: datetime) -> Demand:
        """Raises DatabaseAway."""
        return Demand(rates=await self._rates.at(moment), booked=await self.bookings.slots_at(moment))
