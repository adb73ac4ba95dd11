"""Files of credentials in claimed pods: changed where they were rotated, gone where they were removed.

What a kubelet does for all other pods, as often. Which files a pod has stands on the pod, so that an agent that was
started anew goes on with it. Variables stay until the next start, as in any pod.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import ValidationError

from hub.node_agent.broker import NoCredentials, files_of
from hub.node_agent.credential_files import write_credentials
from hub.node_agent.mounts import BadSeat, opened_seat
from hub.node_agent.record import Step, load_record
from spawner.identity import marked_credentials

if TYPE_CHECKING:
    from typing import NoReturn

    from hub.node_agent.actions import Agent
    from hub.node_agent.broker import Broker
    from hub.node_agent.mounts import Places
    from hub.node_agent.pods import SeatPod
    from hub.node_agent.watch import NodePods

EVERY_SECONDS: Final = 60.0
"""A change arrives within a minute and a half, as in pods that a kubelet looks after."""

log = structlog.get_logger()


class Refreshing:
    """Of one node."""

    def __init__(self, places: Places, pods: NodePods, agent: Agent, broker: Broker) -> None:
        """Remembers nothing."""
        self._places = places
        self._pods = pods
        self._agent = agent
        self._broker = broker

    async def run(self) -> NoReturn:
        """For ever; end it by cancelling."""
        while True:
            try:
                await self.look_once()
            except Exception:
                log.exception("This is a bug. Credentials are looked after again in a while")
            await asyncio.sleep(EVERY_SECONDS)

    async def look_once(self) -> None:
        """Where nobody answers, files stay as they are."""
        try:
            await self._broker.greet()
        except NoCredentials as error:
            log.warning("Whoever has credentials starts the normal way", error=str(error))
        for pod in tuple((self._pods.pods or {}).values()):
            if not may_change(pod):
                continue
            try:
                await self._refresh(pod)
            except (NoCredentials, ValidationError, BadSeat, OSError) as error:
                reason = str(error) if not isinstance(error, ValidationError) else "its mark cannot be read"
                log.warning("Credentials of a workspace stay as they are", pod=pod.name, error=reason)

    async def _refresh(self, pod: SeatPod) -> None:
        given = marked_credentials(pod.marks[3])
        if not given.has_files or not await asyncio.to_thread(self._has_begun, pod):
            return
        held = await self._broker.held(namespace=pod.namespace, pod=pod.name, pod_uid=pod.uid)
        async with self._agent.turn(pod.uid):
            if await asyncio.to_thread(write_credentials, self._places, pod.uid, files_of(given, held)):
                log.info("Credentials of a workspace were changed", pod=pod.name)

    def _has_begun(self, pod: SeatPod) -> bool:
        """Whether it has had its first ones, by this very order."""
        with opened_seat(self._places, pod.uid) as seat:
            record = load_record(seat)
        return record is not None and record.step is Step.DELIVERED and record.order == pod.marks[0]


def may_change(pod: SeatPod) -> bool:
    """Whether somebody works in it, with credentials."""
    return pod.is_claimed and bool(pod.marks[3]) and not pod.is_ending and not pod.has_ended
