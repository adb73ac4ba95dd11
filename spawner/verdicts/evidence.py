"""What there is to judge a start by: the pod's status, its events in their order, and how long it has gone on.

Events are quick and forgotten, the status is late (a kubelet collects its news for up to a second) and stays: whoever
judges reads both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spawner.pod_facts import ContainerState
from spawner.progress import Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from spawner.pod_facts import EventFacts, NodeFacts, PodFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long each kind of trouble may last before it is the verdict, in seconds."""

    settle: float = 5
    """Since the pod was created. Its Secret is created after it, and a scheduler may see it before its volume claim."""
    room: float = 60
    """Since the pod was created, for others to end."""
    autoscaler: float = 60
    """Since the pod was created, for an autoscaler to say anything. They look every ten seconds."""
    node: float = 900
    """Since an autoscaler said that a node comes, or since a node fell silent."""
    registry: float = 20
    """Since a pull failed. A kubelet tries again after ten seconds, and two failures are enough in any case."""
    volume: float = 90
    """Since the pod was given to its node, for its volumes."""
    container: float = 60
    """The same, for the container and its network. A fresh node's network is late by half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One start at one moment."""

    pod: PodFacts
    events: tuple[EventFacts, ...]
    """Of this very pod, oldest first."""
    waited_seconds: float
    """Since it was created, on a clock of ours."""
    patience: Patience
    is_autoscaled: bool
    node: NodeFacts | None = None
    """The pod's node, where it is known."""

    @classmethod
    def of(
        cls,
        pod: PodFacts,
        events: Sequence[EventFacts],
        *,
        waited_seconds: float,
        patience: Patience,
        is_autoscaled: bool,
        node: NodeFacts | None,
    ) -> Evidence:
        """In order, and without the events of another pod that had the same name."""
        ours = [event for event in events if event.pod_uid == pod.uid]
        # A component counts what repeats and moves its event's time; those of one second stay as they came.
        ordered = sorted(ours, key=lambda event: event.at.timestamp() if event.at else 0.0)
        return cls(
            pod=pod,
            events=tuple(ordered),
            waited_seconds=waited_seconds,
            patience=patience,
            is_autoscaled=is_autoscaled,
            node=node,
        )

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        if not self.pod.node:
            return Phase.ROOM
        if self.pod.container.state in {ContainerState.RUNNING, ContainerState.TERMINATED}:
            return Phase.SERVER
        return Phase.SOFTWARE

    def latest(self, reasons: Collection[str], *, unless: Collection[str] = ()) -> EventFacts | None:
        """The last event with one of these reasons; None where one of the others came after it."""
        for event in reversed(self.events):
            if event.reason in unless:
                return None
            if event.reason in reasons:
                return event
        return None

    def seconds_since(self, at: datetime | None) -> float:
        """Seconds since a moment of the cluster's clock, which need not agree with ours."""
        if at is None or self.pod.created_at is None:
            return self.waited_seconds
        return max(0.0, self.waited_seconds - (at - self.pod.created_at).total_seconds())

    @property
    def seconds_on_node(self) -> float:
        """Seconds since it was given to its node."""
        scheduled = self.latest({"Scheduled"})
        return self.seconds_since(scheduled.at if scheduled else None)
