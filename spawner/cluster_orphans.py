"""Pods of ours that no workspace knows: what a hub left that died, or whose database went back in time.

Their Secrets go with them: each belongs to its pod.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from spawner.cluster_pods import delete_pod
from spawner.kube import KubeError

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from spawner.kube import Kube
    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

YOUNGEST: Final = timedelta(seconds=60)
"""A pod may be there before the row of its start is; one that is older and unknown belongs to nobody."""


def orphans(pods: Iterable[PodFacts], *, known: Collection[str], now: datetime) -> tuple[PodFacts, ...]:
    """The pods that nobody knows. `known`: names of the pods of all workspaces that run, start or stop.

    A pod whose age is not known, or that somebody ends already, is left alone.
    """
    return tuple(
        pod
        for pod in pods
        if pod.name not in known
        and not pod.is_deleting
        and pod.created_at is not None
        and now - pod.created_at >= YOUNGEST
    )


async def end_orphan_pods(
    kube: Kube, pods: PodWatch, *, known: Collection[str], now: datetime, log: logging.Logger
) -> int:
    """Ends them, with the time to save that they were made with; how many. Without a whole picture it ends none."""
    if not pods.is_synced:
        return 0
    found = orphans(pods.pods(), known=known, now=now)
    ended = 0
    for pod in found:
        try:
            await delete_pod(kube, pod)
        except KubeError as error:
            log.warning("The pod %s, which no workspace knows, cannot be ended: %s", pod.name, error)
        else:
            log.warning("The pod %s, which no workspace knows, is ended", pod.name)
            ended += 1
    return ended
