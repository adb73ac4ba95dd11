"""Workspaces as pods of a cluster."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import kubespawner.spawner

from hub.capacity.board import ForecastBoard
from hub.capacity.picture import Picture
from hub.capacity.quota_watch import QuotaWatch
from hub.capacity.quotas import without
from hub.capacity.rooms import ClusterRooms
from hub.capacity.warm_pods import ClusterWarmPods
from hub.homes.wiring import home_service
from hub.installation import installation_of
from hub.oidc.user_numbers import user_numbers
from hub.pages.cluster_place import ClusterPlace
from hub.prepull.offers import ImageOffers
from hub.warmth import Warmth
from spawner.catalogs import CatalogHolder
from spawner.cluster import WorkspaceSpawner
from spawner.cluster_orphans import ForeignDatabase, end_orphan_pods
from spawner.cluster_parts import ClusterParts
from spawner.kube import Kube
from spawner.kube_feed import Persistence
from spawner.node_watch import NodeWatch
from spawner.pod_watch import PodWatch
from studiolo.catalog import Platform
from studiolo.names import pod_name

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping

    from hub.capacity.quotas import Quota
    from hub.settings import Settings
    from hub.settings_cluster import KubernetesSettings
    from hub.starts.history import StartHistory
    from hub.workspace_rows import WorkspaceRow
    from spawner.catalogs import CatalogStatus
    from spawner.credentials import CredentialSource
    from spawner.homes import HomeService, HomeUsage
    from spawner.packages import PackageSource
    from studiolo.client import Studiolo


class ClusterBackend:
    """One namespace of one cluster."""

    def __init__(
        self,
        settings: Settings,
        kubernetes: KubernetesSettings,
        *,
        starts: StartHistory,
        credentials: CredentialSource,
        packages: PackageSource,
        services: Studiolo,
        log: logging.Logger,
    ) -> None:
        """Connects to nothing yet. Raises StudioloError where catalogs cannot be used, or the homes' key is missing."""
        self._kubernetes = kubernetes
        self._installation = installation_of(settings, kubernetes)
        self._claims_settings = settings.claims
        self._warmth: Warmth | None = None
        self._held_namespace = settings.capacity.namespace if settings.capacity.is_on else ""
        self._starts = starts
        self._credentials = credentials
        self._packages = packages
        self._quota_of = settings.homes.quota_of
        self._log = log
        has_service = settings.homes.service.url is not None
        self._catalogs = CatalogHolder(
            settings.catalog_directory,
            log=log,
            platform=Platform.KUBERNETES,
            homes_claim=kubernetes.homes.claim if has_service else "",
        )
        self._image_offers = ImageOffers(services, self._catalogs)
        self._homes = home_service(settings)
        numbers = user_numbers(settings.auth, kubernetes)
        self._owner_of = None if numbers is None else numbers.owner_of
        self._kube: Kube | None = None
        self._pods: PodWatch | None = None
        self._nodes: NodeWatch | None = None
        self._picture: Picture | None = None
        self._quotas: QuotaWatch | None = None
        self._likely_ends: Callable[[], Mapping[str, datetime]] = dict
        self._parts: ClusterParts | None = None
        self._warm_pods = ClusterWarmPods(lambda: self._parts)
        self._forecasts = ForecastBoard(
            ClusterRooms(lambda: self._picture, clock=time.monotonic),
            warm=self._warm_pods,
            catalogs=self._catalogs,
            times=lambda: starts.stage_times,
            quotas=self._quotas_now,
        )
        self._watching: asyncio.Task[Any] | None = None
        self._told = ""
        self.place = ClusterPlace(
            catalogs=self._catalogs,
            starts=starts,
            forecasts=self._forecasts,
            pods=lambda: self._pods,
            clock=time.monotonic,
        )

    @property
    def pods(self) -> PodWatch | None:
        """What is known of pods; None before `open`."""
        return self._pods

    @property
    def measure_home(self) -> Callable[[str], Awaitable[HomeUsage]] | None:
        """Asks the home service, where there is one."""
        return None if self._homes is None else self._homes.usage

    @property
    def homes(self) -> HomeService | None:
        """The home service, where there is one."""
        return self._homes

    @property
    def next_hub_goes_on(self) -> bool:
        """At every step: `spawner/cluster_resume.py`."""
        return True

    async def open(self) -> None:
        """Begins to read what pods there are, and waits for nothing: JupyterHub's look at its workspaces comes next.

        It must come before the hub answers anybody, or workspaces that were not looked at would be taken to run.
        """
        _keep_kubespawner_from_connecting()
        self._kube = await Kube.connect(self._kubernetes.kubeconfig)
        self._pods = PodWatch(
            self._kube,
            namespace=self._installation.namespace,
            labels=self._installation.labels,
            persistence=Persistence(log=self._log),
        )
        self._nodes = NodeWatch(self._kube, persistence=Persistence(log=self._log))
        self._picture = Picture(
            self._kube,
            self._nodes,
            namespaces=(self._installation.namespace, self._held_namespace),
            persistence=Persistence(log=self._log),
            likely_ends=self._ends_now,
            warm_gives_way=True,
        )
        self._quotas = QuotaWatch(
            self._kube,
            namespace=self._installation.namespace,
            priority_class=self._installation.priority_class,
            persistence=Persistence(log=self._log),
        )
        self._catalogs.subscribe(self._count_what_is_offered)
        self._watching = asyncio.create_task(self._pods.run(), name="Watching the pods")
        if self._claims_settings.is_on and self._homes is not None:
            self._warmth = Warmth(self._kube, self._installation, self._claims_settings, log=self._log)
        WorkspaceSpawner.parts = self._parts = ClusterParts(
            catalogs=self._catalogs,
            starts=self._starts,
            kube=self._kube,
            pods=self._pods,
            nodes=self._nodes,
            installation=self._installation,
            homes=self._homes,
            claims=None if self._warmth is None else self._warmth.claims,
            forecasts=self._forecasts,
            credentials=self._credentials,
            packages=self._packages,
            quota_of=self._quota_of,
            owner_of=self._owner_of,
        )

    def ends_from(self, likely_ends: Callable[[], Mapping[WorkspaceRow, datetime]]) -> None:
        """By the names of their pods."""
        self._likely_ends = lambda: {_pod_of(row): end for row, end in likely_ends().items()}

    def _count_what_is_offered(self, _status: CatalogStatus) -> None:
        """Each catalog has hardware of its own: what an older one had is counted on no more."""
        if self._picture is not None:
            catalog = self._catalogs.current
            self._picture.keep_only(catalog.hardware, {entry.image or "" for entry in catalog.environments})

    def _quotas_now(self) -> tuple[Quota, ...]:
        """What they leave to a start, which warm pods give way to."""
        if self._quotas is None:
            return ()
        known = {entry.name: entry for entry in self._catalogs.current.hardware}
        warm = [known[name] for name in self._warm_pods.hardware() if name in known]
        return without(self._quotas.quotas(), warm)

    def _ends_now(self) -> Mapping[str, datetime]:
        return self._likely_ends()

    async def settle(self, known: Callable[[], frozenset[WorkspaceRow]]) -> None:
        """Pods are looked at again and again: see `watched`."""

    def watched(self, known: Callable[[], frozenset[WorkspaceRow]]) -> Mapping[str, Callable[[], Awaitable[Any]]]:
        """Pods that no workspace knows; and the nodes, to say what would fit."""

        async def look_for_orphans() -> None:
            while True:
                await asyncio.sleep(self._kubernetes.look_for_orphans_every.total_seconds())
                await self._end_orphans(known)

        async def watch_nodes() -> None:
            if self._nodes is not None:
                await self._nodes.run()

        async def watch_room() -> None:
            if self._picture is not None:
                await self._picture.run()

        async def watch_quotas() -> None:
            if self._quotas is not None:
                await self._quotas.run()

        return {
            **({} if self._warmth is None else self._warmth.watched()),
            "Asking which images are offered": self._image_offers.run,
            "Watching the nodes": watch_nodes,
            "Watching what is placed on them": watch_room,
            "Watching the quotas": watch_quotas,
            "Looking for pods that no workspace knows": look_for_orphans,
        }

    async def close(self) -> None:
        """Ends the watch and the connections; no pod is touched."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._warmth is not None:
            await self._warmth.close()
        if self._kube is not None:
            await self._kube.close()
        if self._homes is not None:
            await self._homes.close()

    async def _end_orphans(self, known: Callable[[], frozenset[WorkspaceRow]]) -> None:
        if self._kube is None or self._pods is None:
            return
        names = {_pod_of(row) for row in known()}
        try:
            ended = await end_orphan_pods(self._kube, self._pods, known=names, now=datetime.now(UTC), log=self._log)
        except ForeignDatabase as error:
            if str(error) != self._told:  # not again each time that it is looked for
                self._told = str(error)
                self._log.error("%s\n%s", error, error.hint)
        else:
            self._told = ""
            WorkspaceSpawner.meter.orphans_ended(ended)


def _pod_of(row: WorkspaceRow) -> str:
    """The name of its pod: of the one that it claimed, or of the one that a start makes."""
    return row.pod or pod_name(row.user, row.server)


def _keep_kubespawner_from_connecting() -> None:
    """It opens a connection of its own for every spawner, and asks for settings of a pod; nothing of ours uses it."""
    kubespawner.spawner.load_config = lambda **_: None
    kubespawner.spawner.shared_client = lambda _: None
