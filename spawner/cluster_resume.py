"""What a hub makes of the workspaces that it finds in its database when it starts.

JupyterHub asks each server for an answer, and ends those that give none in half a minute. Here a server is over when
its pod is: one whose container runs is kept, however slow it is, because a machine that swaps comes back and unsaved
work does not. A start that the restart cut off is waited for as long as it may still come to something.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import __version__ as hub_version
from jupyterhub.objects import Server

from spawner.cluster_follow import follow_until_serving
from spawner.cluster_pods import is_own, look_for_own, pod_url
from spawner.kube import KubeError
from spawner.verdicts.judge import judge
from spawner.verdicts.outcomes import Running, Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyterhub import orm

    from spawner.installation import Installation
    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

ANSWER_SECONDS: Final = 3.0
"""For a server that ran before to answer. A hub that restarts tells nothing to anybody before it has looked at all of
them, or five seconds have passed."""


class StartIsOver(Exception):
    """A start that was cut off comes to nothing any more."""


class StaysSilent(Exception):
    """Its server runs, and has not answered in all the time that a start has."""


async def resume_start(
    pods: PodWatch,
    installation: Installation,
    name: str,
    *,
    order: str = "",
    probe_path: str,
    seconds: float,
    is_wanted: Callable[[], bool] = lambda: True,
) -> str | None:
    """The address of a server whose start was cut off, once it answers; None where the start is over.

    `order`: by which it was claimed, where it was a warm pod. `is_wanted` is asked each second: whether nobody has
    stopped the start meanwhile.

    A server that runs and does not answer in all these seconds is kept: its address is given as it is; one that was
    claimed is not, since it may be nobody's. While the API server is away nothing is known, and nothing is given up.
    """
    await pods.wait_synced(None)
    began = asyncio.get_running_loop().time()
    last: PodFacts | None = None

    async def running() -> PodFacts | None:
        nonlocal last
        if not is_wanted():
            raise StartIsOver
        # Not the pod's age: the clocks of hub and cluster may be ten minutes apart.
        waited = asyncio.get_running_loop().time() - began
        try:
            known = pods.get(name)
            is_ours = known is not None and is_own(known, installation, order)
            last = known if is_ours else await look_for_own(pods, installation, name, order)
        except KubeError:
            return None
        if last is None:
            raise StartIsOver
        match judge(last, pods.events_of(last.uid), waited_seconds=waited):
            case Running() if waited < seconds or not last.ip:
                return last
            case Running() if not order:
                raise StaysSilent
            case Waiting() if waited < seconds:
                return None
        # Also one that died before it got its Secret, or its identity: nobody knows what was to be in it.
        raise StartIsOver

    try:
        return await follow_until_serving(pods, name, running, probe_path)
    except StartIsOver:
        return None
    except StaysSilent:
        return None if last is None else pod_url(last)


class KeptServer(Server):  # type: ignore[misc]  # JupyterHub has no types
    """The server of a workspace that was there before the hub. Its silence is no reason to end it."""

    def __init__(self, orm_server: orm.Server, *, is_over: Callable[[], Awaitable[bool]]) -> None:
        """`is_over`: whether its pod is known to be gone, or to serve never."""
        super().__init__(orm_server=orm_server)
        self._is_over = is_over

    async def wait_up(self, timeout: float = 10, **asked: Any) -> Any:  # noqa: ASYNC109 - JupyterHub's signature
        """What it answered; else an empty answer while its pod lives. Raises TimeoutError where that is over."""
        if not await self._is_over():
            try:
                return await super().wait_up(timeout=min(timeout, ANSWER_SECONDS), **asked)
            except Exception:  # noqa: BLE001 - JupyterHub ends a server for any trouble in asking it
                if not await self._is_over():
                    # JupyterHub reads one thing of it, to warn of another version; nothing is known of one.
                    return SimpleNamespace(headers={"X-JupyterHub-Version": hub_version})
        raise TimeoutError
