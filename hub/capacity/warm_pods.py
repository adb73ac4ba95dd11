"""Warm pods that wait at this moment, and who would claim one: what forecasts ask before each click."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hub.capacity.board import NoWarmPods
from spawner.claim_rules import may_be_claimed
from spawner.cluster_claim import is_renumbered, may_be_on, why_normal_here
from spawner.made_of import Make
from spawner.warm_pod import ENVIRONMENT_LABEL, HARDWARE_LABEL, TEMPLATE_LABEL, make

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hub.capacity.board import WarmLook
    from spawner.claim import Claims
    from spawner.cluster_parts import ClusterParts
    from spawner.plan import LaunchPlan


class ClusterWarmPods:
    """`WarmPods` of a cluster, as the hub's own watch has them: a pod that was claimed is gone from here at once."""

    def __init__(
        self, parts: Callable[[], ClusterParts | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`parts`: None until the hub is connected. `clock`: the loop's, by which claims remember."""
        self._parts = parts
        self._clock = clock

    def look(self) -> WarmLook:
        """See `WarmPods`."""
        parts = self._parts()
        if parts is None or (claims := parts.claims) is None:
            return NoWarmPods()
        has_agent = cache(claims.agents.is_on)
        waiting: dict[tuple[str, str], set[tuple[Make, str]]] = defaultdict(set)
        for pod in claims.warm.pods():
            made_from = Make(template=pod.label(TEMPLATE_LABEL), of=pod.made_of)
            if (
                may_be_claimed(pod, made_from)
                and pod.uid not in claims.aimed
                and made_from.template not in claims.unlike
                and has_agent(pod.node)
            ):
                waiting[pod.label(ENVIRONMENT_LABEL), pod.label(HARDWARE_LABEL)].add((made_from, pod.node))
        return _Look(waiting=waiting, parts=parts, claims=claims, now=self._clock())

    def hardware(self) -> tuple[str, ...]:
        """Of each that is nobody's, by name; whether it waits already or not."""
        parts = self._parts()
        if parts is None or parts.claims is None:
            return ()
        pods = parts.claims.warm.pods()
        return tuple(pod.label(HARDWARE_LABEL) for pod in pods if not pod.is_deleting and not pod.has_ended)

    def may_claim(self, plan: LaunchPlan) -> bool:
        """By the one rule for it."""
        parts = self._parts()
        return parts is not None and parts.claims is not None and why_normal_here(plan, parts) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    waiting: Mapping[tuple[str, str], Collection[tuple[Make, str]]]
    """By environment and hardware: how each that nobody aims at is made, and its node."""
    parts: ClusterParts
    claims: Claims
    now: float

    def is_for(self, plan: LaunchPlan) -> bool:
        """See `WarmLook`. The hash of a template is worked out only where a pod of that pool waits."""
        shape, parts = plan.shape, self.parts
        here = self.waiting.get((shape.environment.name, shape.hardware.name), ())
        if not here or why_normal_here(plan, parts) is not None:
            return False
        wanted, renumbered = make(shape, parts.installation), is_renumbered(plan, parts)
        return any(
            made_from == wanted
            and may_be_on(node, plan, parts)
            and self.claims.shows_homes_of(node, is_renumbered=renumbered, now=self.now)
            for made_from, node in here
        )
