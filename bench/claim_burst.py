"""Many people who claim in the same moment, and how long the pool is not full after that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.cluster.layout import layout_here
from spawner.identity import PARKED, SEAT_LABEL
from spawner.kube import Kube
from spawner.warm_pod import HARDWARE_LABEL

if TYPE_CHECKING:
    from pathlib import Path

    from bench.crowd import Crowd

FULL_WITHIN_SECONDS: Final = 300.0
LOOK_EVERY_SECONDS: Final = 0.25
"""At a few milliseconds a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One moment."""

    ready: tuple[float, ...]
    """Of each person, seconds from the first request; in order."""
    claimed: int
    """How many of them got a warm pod."""
    full_again: float
    """Seconds from the first request until as many wait as before."""
    failed: tuple[str, ...] = ()
    """Why some have no workspace."""

    def as_json(self) -> dict[str, Any]:
        """In the result."""
        return {
            "ready": [round(seconds, 3) for seconds in self.ready],
            "claimed": self.claimed,
            "full_again": round(self.full_again, 1),
            **({"failed": list(self.failed)} if self.failed else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Warm pods of one hardware, as the API server has them."""

    namespace: str
    hardware: str
    wanted: int

    async def until_full(self) -> list[str]:
        """As many wait, and are ready: their uids. Raises RuntimeError where that takes minutes."""
        found: list[str] = []
        kube = await Kube.connect(layout_here().kubeconfig)
        try:
            async with asyncio.timeout(FULL_WITHIN_SECONDS):
                while len(found := await self._ready(kube)) != self.wanted:  # noqa: ASYNC110 - a look costs little
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"{len(found)} of {self.wanted} warm pods wait on {self.hardware}.") from None
        finally:
            await kube.close()
        return found

    async def _ready(self, kube: Kube) -> list[str]:
        query = {"labelSelector": f"{SEAT_LABEL}={PARKED},{HARDWARE_LABEL}={self.hardware}"}
        listed = await kube.get(f"/api/v1/namespaces/{self.namespace}/pods", query)
        return [pod["metadata"]["uid"] for pod in listed["items"] if _waits(pod)]


def _waits(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]


async def run_burst(crowd: Crowd, tokens: tuple[str, ...], pool: Pool, log: Path) -> Burst:
    """All start, the pool fills, all stop."""
    already, begin = await asyncio.to_thread(log.stat), time.perf_counter()
    outcomes = await crowd.start_all(tokens)
    await pool.until_full()
    full_again = time.perf_counter() - begin
    claimed = await asyncio.to_thread(_claims_in, log, already.st_size)
    await crowd.stop_all()
    return Burst(
        ready=tuple(sorted(one.ready_seconds for one in outcomes if one.ready_seconds is not None)),
        claimed=claimed,
        full_again=full_again,
        failed=tuple(one.reason for one in outcomes if one.reason),
    )


def _claims_in(log: Path, already: int) -> int:
    with log.open(errors="replace") as lines:
        lines.seek(already)
        return sum(" is claimed: " in line for line in lines)
