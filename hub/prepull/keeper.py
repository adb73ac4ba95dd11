"""Brings images to nodes: looks what is where, plans, begins what is missing, and says when a new image is offered.

Nothing is remembered between two looks but what the database keeps, so this may end anywhere. What a pod has come to is
kept before the pod goes; names follow from node and image, so two processes fetch nothing twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hub.capacity.own_pods import OwnPods
from hub.database import DatabaseAway
from hub.prepull import store
from hub.prepull.plan import Demand, NodeImages, Wish, is_open, lacking, pulls, sizes_with_announced, wishes
from hub.prepull.pull_pod import PULL, Came, PullPod, pull_pod
from hub.prepull.store import Fetched
from hub.prepull.switch import Switch, is_due, switched, with_catalog
from spawner.kube import KubeError
from spawner.verdicts.outcomes import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from logging import Logger

    from sqlalchemy.orm import Session

    from hub.database import Database
    from hub.prepull.plan import Pull
    from hub.prepull.pull_pod import Fetching
    from spawner.kube import Kube
    from spawner.pod_facts import NodeFacts
    from studiolo.catalog_model import Catalog

PAUSE: Final = timedelta(seconds=10)

LATELY: Final = timedelta(days=14)
"""Starts of so many days say what is wanted where."""

TRIES: Final = 3
"""After so many pulls that failed, a node is not waited for: one is a registry that was away for a moment."""

GONE: Final = (VerdictKind.IMAGE_NOT_FOUND.value, VerdictKind.REGISTRY_REFUSES.value)
"""Outcomes of a start whose image cannot be had any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an operator allows."""

    budget_bytes: int
    """Of each node's disk."""
    at_once: int
    """Nodes that fetch at the same time."""
    within: timedelta
    """After which a new image is offered in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found, for those who want to see it."""

    nodes: tuple[NodeImages, ...] = ()
    wished: tuple[Wish, ...] = ()
    failed: tuple[Fetched, ...] = ()
    fetching: tuple[PullPod, ...] = ()
    switches: Mapping[str, Switch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the database says."""

    switches: Mapping[str, Switch]
    fetched: Sequence[Fetched]
    rates: Mapping[tuple[str, str], float]
    gone: frozenset[str]
    """Environments whose offered image could not be fetched since the new one was announced."""


class ImageKeeper:
    """Of one installation."""

    def __init__(
        self,
        kube: Kube,
        database: Database,
        fetching: Fetching,
        limits: Limits,
        *,
        catalog: Callable[[], Catalog],
        nodes: Callable[[], Sequence[NodeFacts] | None],
        is_answered: Callable[[], bool],
        sizes: Callable[[], Mapping[str, int]],
        booked: Callable[[datetime], Awaitable[Collection[str]]],
        watched: Callable[[datetime], Mapping[str, str]],
        log: Logger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`nodes`: None where they may not be seen: then nothing is fetched, and a new image is offered at once.
        `is_answered`: whether that is known yet. Until it is, nothing is decided: nobody has looked at any node.

        `booked`: environments for which room is booked; `watched`: images of models that somebody looks at, each with
        its environment.
        """
        self._pods = OwnPods(kube, namespace=fetching.namespace, release=fetching.release, kind=PULL)
        self._database = database
        self._fetching = fetching
        self._limits = limits
        self._catalog = catalog
        self._nodes = nodes
        self._is_answered = is_answered
        self._sizes = sizes
        self._booked = booked
        self._watched = watched
        self._log = log
        self._now = now
        self.seen = Look()
        """What the last look found."""
        self.looked_at: datetime | None = None
        """When the last look began after which every pull was begun that was due."""

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            try:
                await self.look()
            except (KubeError, DatabaseAway) as error:
                self._log.warning("Images stay where they are for now: %s", error)
            await asyncio.sleep(PAUSE.total_seconds())

    async def switches(self) -> Mapping[str, Switch]:
        """What environments start, by name: as the last look left it, in this process or in one before it."""
        return self.seen.switches or await self._database.run(store.switches)

    async def look(self) -> None:
        """One look. Raises KubeError or DatabaseAway: then something of it is left for the next."""
        if not self._is_answered():
            return
        now, catalog = self._now(), self._catalog()
        pods = [pull_pod(raw, now=now) for raw in await self._pods.all()]
        for pod in pods:
            if pod.came is not Came.FETCHING and not pod.is_ending:
                await self._settle(pod, now)
        known = await self._database.run(lambda session: _known(session, now))
        switches = {
            entry.name: with_catalog(known.switches.get(entry.name), entry.name, entry.image, now=now)
            for entry in catalog.environments
            if entry.image is not None
        }
        facts = self._nodes()
        demand = Demand(
            announced={name: one.announced for name, one in switches.items() if one.announced},
            offered={name: one.offered for name, one in switches.items()},
            rates=known.rates,
            booked=await self._booked(now),
            watched=self._watched(now),
        )
        still = [pod for pod in pods if pod.came is Came.FETCHING or pod.is_ending]
        nodes = _images_of(facts or (), still, known.fetched, now=now)
        wished = wishes(catalog, demand, facts or ())
        sizes = sizes_with_announced(self._sizes(), demand.offered, demand.announced)
        switches = {
            name: self._switched(one, wished, nodes, known, sizes=sizes, now=now) for name, one in switches.items()
        }
        if switches != dict(known.switches):
            await self._database.run(lambda session: store.keep_switches(session, switches.values()))
        failed = tuple(one for one in known.fetched if one.reason)
        self.seen = Look(nodes=nodes, wished=wished, failed=failed, fetching=tuple(still), switches=switches)
        limits = self._limits
        for pull in pulls(wished, nodes, sizes=sizes, budget=limits.budget_bytes, at_once=limits.at_once):
            await self._begin(pull)
        self.looked_at = now

    def _switched(
        self,
        switch: Switch,
        wished: Sequence[Wish],
        nodes: Sequence[NodeImages],
        known: _Known,
        *,
        sizes: Mapping[str, int],
        now: datetime,
    ) -> Switch:
        if not switch.announced:
            return switch
        budget = self._limits.budget_bytes
        missing = lacking(switch.announced, wished, nodes, sizes=sizes, budget=budget)
        is_due_now = is_due(
            switch,
            is_everywhere=not missing,
            old_is_gone=switch.environment in known.gone,
            now=now,
            within=self._limits.within,
        )
        if not is_due_now:
            return switch
        self._log.info("%s starts its new image from now on", switch.environment)
        return switched(switch)

    async def _settle(self, pod: PullPod, now: datetime) -> None:
        """Remember what has become of it, and then let it go."""
        one = Fetched(node_uid=pod.node_uid, node=pod.node, image=pod.image, at=now, reason=pod.reason)
        if pod.came is Came.FAILED:
            self._log.warning("%s could not be fetched on %s: %s", pod.image, pod.node, pod.reason)
        else:
            self._log.info("%s is on %s", pod.image, pod.node)
        await self._database.run(lambda session: store.remember(session, one))
        await self._pods.delete(pod.name, uid=pod.uid)

    async def _begin(self, pull: Pull) -> None:
        if await self._pods.create(self._fetching.manifest(pull)):
            self._log.info("%s fetches %s", pull.node, pull.image)


def _known(session: Session, now: datetime) -> _Known:
    found = store.switches(session)
    gone = {
        name
        for name, one in found.items()
        if one.announced and one.since and store.failed_for(session, one.offered, GONE, since=one.since)
    }
    return _Known(
        switches=found,
        fetched=store.fetched(session, now=now),
        rates=store.rates(session, now=now, lately=LATELY),
        gone=frozenset(gone),
    )


def _images_of(
    nodes: Sequence[NodeFacts], pods: Sequence[PullPod], fetched: Sequence[Fetched], *, now: datetime
) -> tuple[NodeImages, ...]:
    """Of all nodes that take any."""
    busy = {pod.node_uid for pod in pods}
    remembered: dict[str, list[Fetched]] = {}
    for one in fetched:
        remembered.setdefault(one.node_uid, []).append(one)
    found = []
    for facts in nodes:
        if is_open(facts):
            ours = remembered.get(facts.uid, ())
            found.append(
                NodeImages(
                    name=facts.name,
                    uid=facts.uid,
                    group=facts.group,
                    has=frozenset((*facts.images, *(one.image for one in ours if not one.reason))),
                    fetching=facts.uid in busy,
                    not_now=frozenset(one.image for one in ours if one.reason and one.next_try > now),
                    gave_up=frozenset(one.image for one in ours if one.reason and one.tries >= TRIES),
                )
            )
    return tuple(found)
