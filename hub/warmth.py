"""What the hub has open where warm pods are claimed: a picture of those that wait, and of the nodes' agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spawner.claim import Claims
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.kube_feed import Persistence
from spawner.node_agents import AgentsDoor
from spawner.pod_watch import PodWatch
from spawner.warm_pod import WARM

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping

    from hub.settings_claims import ClaimsSettings
    from spawner.installation import Installation
    from spawner.kube import Kube


class Warmth:
    """Of one installation."""

    def __init__(
        self, kube: Kube, installation: Installation, settings: ClaimsSettings, *, log: logging.Logger
    ) -> None:
        """Knows nothing until `watched` runs. Raises OSError where what the agents are known by is missing."""
        self._warm = PodWatch(
            kube,
            namespace=installation.namespace,
            labels={RELEASE_LABEL: installation.release, KIND_LABEL: WARM},
            persistence=Persistence(log=log),
            with_events=False,
        )
        self._agents = PodWatch(
            kube,
            namespace=settings.agents_namespace,
            labels={"app.kubernetes.io/component": "agent"},
            persistence=Persistence(log=log),
            with_events=False,
        )
        self._door = AgentsDoor(self._agents, folder=settings.agent_directory)
        self.claims = Claims(warm=self._warm, agents=self._door)

    def watched(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs beside the hub, by what it does."""

        async def keep_near() -> None:
            await self._door.keep_near(lambda: {pod.node for pod in self._warm.pods()})

        return {
            "Watching the warm pods": self._warm.run,
            "Watching the agents of nodes": self._agents.run,
            "Keeping near to the agents of nodes": keep_near,
        }

    async def close(self) -> None:
        """Ends the connections."""
        await self._door.close()
