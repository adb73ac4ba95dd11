"""Takes homes away from pods that have ended: after each change, and every few seconds in any case."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from hub.node_agent.mounts import BadSeat, mounted_pods, opened_seat, unmount
from hub.node_agent.reconcile import GONE_SECONDS, look
from hub.node_agent.record import load_record
from spawner.kube import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from hub.node_agent.actions import Agent
    from hub.node_agent.mounts import Places
    from hub.node_agent.watch import NodePods

EVERY_SECONDS: Final = 2.0
"""Between two looks while nothing is told. Whoever waits for a pod's end waits as long at most."""

log = structlog.get_logger()


class Keeper:
    """Remembers nothing that it could not see again: mounts in the kernel, pods at the API server, orders in seats."""

    def __init__(
        self,
        places: Places,
        pods: NodePods,
        agent: Agent,
        *,
        gone_seconds: float = GONE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is for tests to own."""
        self._places = places
        self._pods = pods
        self._agent = agent
        self._gone_seconds = gone_seconds
        self._clock = clock
        self._missing: dict[str, float] = {}

    async def run(self) -> NoReturn:
        """For ever; end it by cancelling."""
        while True:
            try:
                await self.look_once()
            except Exception:
                log.exception("This is a bug. Homes are looked after again in a while")
            await self._pods.wait_changed(EVERY_SECONDS)

    async def look_once(self) -> None:
        """Nothing before the first list was read: then nobody knows which pods there are."""
        if (pods := self._pods.pods) is None:
            return
        mounted = await asyncio.to_thread(mounted_pods, self._places)
        decided = look(mounted, pods, self._missing, now=self._clock(), gone_seconds=self._gone_seconds)
        self._missing = dict(decided.missing)
        for uid in decided.unmount:
            try:
                await self._take_away(uid, is_known=uid in pods)
            except (OSError, KubeError) as error:
                log.warning("A home could not be taken away; it is tried again", pod_uid=uid, error=str(error))

    async def _take_away(self, uid: str, *, is_known: bool) -> None:
        if not is_known and not await self._is_gone(uid):
            return
        async with self._agent.turn(uid):
            if await asyncio.to_thread(unmount, self._places, uid):
                log.info("A home was taken away from a pod that has ended", pod_uid=uid)

    async def _is_gone(self, uid: str) -> bool:
        """A list without a pod may be a wrong answer. The seat remembers its name, so that it can be asked for.

        The agent of another installation on this node mounts into pods that we do not see: those are never gone.
        """
        try:
            with opened_seat(self._places, uid) as seat:
                record = load_record(seat)
        except BadSeat:
            record = None
        if record is None:
            return True
        return record.namespace == self._pods.namespace and await self._pods.is_gone(record.pod, uid)
