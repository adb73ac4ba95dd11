"""Warm pods use as much of their namespace's quotas as the workspaces that they may become, and are nobody's work: a
start that a quota refuses gets what one of them has.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.claim import END_GRACE_SECONDS
from spawner.claim_rules import in_the_way
from spawner.cluster_pods import pods_path
from spawner.kube import KubeConflict, KubeNotFound, KubeRefused

if TYPE_CHECKING:
    import logging

    from spawner.claim import Claims
    from spawner.installation import Installation
    from spawner.kube import Kube
    from spawner.pod_facts import PodFacts
    from spawner.verdicts.create_refusals import QuotaExceeded

GONE_SECONDS: Final = 15.0
"""For one to be gone. It has a second to end in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmRoom:
    """What warm pods hold, for one start."""

    claims: Claims
    kube: Kube
    installation: Installation
    hardware: str
    log: logging.Logger

    async def give(self, exceeded: QuotaExceeded) -> bool:
        """Ends one of them, only as it was seen; whether one is gone. Raises KubeAway."""
        resources = [share.resource for share in exceeded.shares]
        for pod in in_the_way(self.claims.warm.pods(), self.hardware, resources, aimed=self.claims.aimed):
            self.claims.aimed.add(pod.uid)  # nobody of this hub claims it meanwhile
            try:
                if await self._end(pod):
                    return True
            finally:
                self.claims.aimed.discard(pod.uid)
        return False

    async def _end(self, pod: PodFacts) -> bool:
        path = f"{pods_path(self.installation)}/{pod.name}"
        async with aclosing(self.claims.warm.changes(pod.name)) as changes:
            try:
                await self.kube.delete(
                    path, uid=pod.uid, resource_version=pod.resource_version, grace_seconds=END_GRACE_SECONDS
                )
            except (KubeNotFound, KubeConflict, KubeRefused):
                return False  # it is gone, or somebody's by now
            self.log.info("The warm pod %s gives its share of a quota to a start", pod.name)
            try:
                async with asyncio.timeout(GONE_SECONDS):
                    async for now in changes:
                        if now is None or now.uid != pod.uid:
                            break
            except TimeoutError:
                return False
        return True
