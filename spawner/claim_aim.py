"""Which pod a claim aims at: one whose node has an agent that is there. It knocks; whoever claims does the rest."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spawner.claim_rules import Do, Miss, choose, may_be_claimed, nodes_to_ask, says_to_fit
from spawner.knock import Knock

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from spawner.claim import Claims, Wanted
    from spawner.identity import Order
    from spawner.pod_facts import PodFacts


@dataclass(slots=True, kw_only=True)
class Aim:
    """The pod that is aimed at, as it was seen last, and its order."""

    pod: PodFacts
    order: Order
    left_out: tuple[str, ...] = ()
    seconds: dict[Do, float] = field(default_factory=dict)
    """What each step with it took."""
    agent_ms: tuple[float, float, float] = (0, 0, 0)
    """See `Given`."""

    def __str__(self) -> str:
        """Where the time went, for the log."""
        patch, order, answer = (1000 * self.seconds.get(step, 0) for step in (Do.AIM, Do.ORDER, Do.PROBE))
        verified, mounted, delivered = self.agent_ms
        agent = f"verified {verified:.1f} ms, mounted {mounted:.1f} ms, delivered {delivered:.1f} ms"
        return f"patch {patch:.1f} ms, order {order:.1f} ms ({agent}), answer {answer:.1f} ms"


@dataclass(slots=True, kw_only=True)
class Aiming:
    """All that one claim aims at, one after the other. For the fields see `ClusterClaim`."""

    claims: Claims
    wanted: Wanted
    takes_new: Callable[[str], bool]
    save: Callable[[str, str], None]
    log: logging.Logger
    tried: set[str] = field(default_factory=set)
    """Uids of those that were aimed at."""
    _knock: Knock = field(init=False)

    def __post_init__(self) -> None:
        """Knocks at nothing yet."""
        self._knock = Knock(self.claims.agents, with_broker=bool(self.wanted.credentials.secrets))

    async def next(self, *, until: float) -> tuple[Aim | None, Miss | None]:
        """The pod to aim at next, or why there is none.

        `until`: after this others may have what they were faster at.
        """
        clock = asyncio.get_running_loop().time
        while nodes := nodes_to_ask(self._pods(), self.wanted.make, tried=self._busy):
            reached = await self._knock.reached(nodes)
            if isinstance(reached, Miss):
                self.log.info("Nobody answers a knock in time, or no broker where one is needed: nodes %s", nodes)
                return None, reached
            there = [pod for pod in self._pods() if pod.node in reached]
            pod = choose(there, self.wanted.make, tried=self._busy, draw=secrets.randbelow(1 << 16))
            if pod is not None:
                return self._aim_at(pod), None
            if clock() > until:
                return None, Miss.LATE
        return None, Miss.LOST if self.tried else self.none()

    def none(self) -> Miss:
        """Why there is nothing to aim at."""
        pods, make = self.claims.warm.pods(), self.wanted.make
        if foreign := [pod.name for pod in pods if says_to_fit(pod, make) and not may_be_claimed(pod, make)]:
            self.log.warning("Not claimed, because nobody should have made them so: the warm pods %s", foreign)
            return Miss.FOREIGN
        return Miss.OTHER_USER if any(self._is_plain(pod.node) for pod in pods) else Miss.NO_POD

    def _aim_at(self, pod: PodFacts) -> Aim:
        self.tried.add(pod.uid)
        self.claims.aimed.add(pod.uid)
        aim = Aim(pod=pod, order=self.wanted.order(pod))
        self.save(pod.name, aim.order.id)
        return aim

    @property
    def _busy(self) -> set[str]:
        return self.tried | self.claims.aimed

    def _pods(self) -> list[PodFacts]:
        """Those that this person could work in."""
        return [pod for pod in self.claims.warm.pods() if self.takes_new(pod.node) and not self._is_plain(pod.node)]

    def _is_plain(self, node: str) -> bool:
        """Whether nothing there can be this person's."""
        now = asyncio.get_running_loop().time()
        return not self.claims.shows_homes_of(node, is_renumbered=self.wanted.is_renumbered, now=now)
