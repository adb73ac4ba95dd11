"""What is done with a workspace's pod once it is there: find it, read its last words, end it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from spawner.ending import TAIL_LINES, tail
from spawner.identity import ORDER_ANNOTATION
from spawner.installation import RELEASE_LABEL
from spawner.kube import KubeConflict, KubeError, KubeNotFound
from spawner.manifest import PORT
from spawner.pod_facts import CONTAINER

if TYPE_CHECKING:
    from spawner.installation import Installation
    from spawner.kube import Json, Kube
    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

ASK_AGAIN_SECONDS: Final = 5.0
"""Between two questions whether a deleted pod has gone, in case its watch tells nothing."""

LOG_BYTES: Final = 64 * 1024
"""Of a container's log that is fetched at most, whatever its lines are like."""


def pods_path(installation: Installation) -> str:
    """Where the API has the workspaces' pods."""
    return f"/api/v1/namespaces/{installation.namespace}/pods"


def pod_url(pod: PodFacts) -> str:
    """The address of a pod's server."""
    return f"http://[{pod.ip}]:{PORT}" if ":" in pod.ip else f"http://{pod.ip}:{PORT}"


def is_own(pod: PodFacts, installation: Installation, order: str = "") -> bool:
    """Whether it is the workspace's: of this installation, and claimed by this order where it was a warm one."""
    return pod.label(RELEASE_LABEL) == installation.release and order in {"", pod.annotation(ORDER_ANNOTATION)}


async def look_for_own(pods: PodWatch, installation: Installation, name: str, order: str = "") -> PodFacts | None:
    """The truth about the workspace's pod. One of that name that another made or claimed is not ours: None."""
    pod = await pods.look(name)
    return pod if pod is not None and is_own(pod, installation, order) else None


async def last_log_lines(kube: Kube, pod: PodFacts) -> tuple[str, ...]:
    """What the server said last; nothing where that cannot be read any more."""
    query = {"container": CONTAINER, "tailLines": str(TAIL_LINES), "limitBytes": str(LOG_BYTES)}
    try:
        return tail((await kube.text(f"{_path(pod)}/log", query)).splitlines())
    except KubeError:
        return ()


async def settle_cpu(kube: Kube, pod: PodFacts, change: Json) -> None:
    """Gives a running pod the cores that its hardware has. Raises KubeError where the cluster cannot do that."""
    await kube.merge(f"{_path(pod)}/resize", change, by_name=True)


async def delete_pod(kube: Kube, pod: PodFacts, *, grace_seconds: int | None = None) -> None:
    """Asks for the end of that very pod; one that is gone is no error, and its successor is not touched.

    `grace_seconds`: None gives it the time it was made with.
    """
    with contextlib.suppress(KubeNotFound, KubeConflict):
        await kube.delete(_path(pod), uid=pod.uid, grace_seconds=grace_seconds)


async def remove_pod(
    kube: Kube,
    pods: PodWatch,
    installation: Installation,
    name: str,
    *,
    order: str = "",
    grace_seconds: int | None = None,
) -> None:
    """Deletes it, and returns once the API server says that it is gone. Raises KubeError where it cannot be asked."""
    async with aclosing(pods.changes(name)) as changes:
        change = asyncio.ensure_future(anext(changes))
        try:
            is_asked = False
            while (pod := await look_for_own(pods, installation, name, order)) is not None:
                if not is_asked:
                    await delete_pod(kube, pod, grace_seconds=grace_seconds)
                    is_asked = True
                await asyncio.wait({change}, timeout=ASK_AGAIN_SECONDS)
                if change.done():
                    change = asyncio.ensure_future(anext(changes))
        finally:
            change.cancel()
            await asyncio.gather(change, return_exceptions=True)


def _path(pod: PodFacts) -> str:
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
