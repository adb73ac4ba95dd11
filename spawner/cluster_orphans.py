"""Pods of ours that no workspace knows: what a hub left that died, or whose database went back in time.

Their Secrets go with them: each belongs to its pod. A hub that was given an empty database, or another one's, knows
none of the pods at all: then people's work is at stake and nobody's fault is repaired, so it ends none and says so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from spawner.cluster_pods import delete_pod
from spawner.installation import RELEASE_LABEL
from spawner.kube import KubeError
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from spawner.kube import Kube
    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

YOUNGEST: Final = timedelta(seconds=20)
"""One that is older and unknown belongs to nobody. The row of a start is written before its pod is made, so this is no
more than caution; with it and half a minute between two looks, what a dead hub left is gone within a minute."""

SEVERAL: Final = 2
"""A hub that died leaves one pod that nobody knows. Several at once, and most of all there are, is another accident."""

ORPHAN_ANNOTATION: Final = "studiolo.dev/orphan"
"""Set to "true" by an administrator: this pod may be ended, however many others nobody knows."""


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


def are_too_many(found: Sequence[PodFacts], every: Sequence[PodFacts]) -> bool:
    """Whether so many are unknown that the database is the likelier fault. Those that are confirmed do not count."""
    unconfirmed = [pod for pod in found if not is_confirmed(pod)]
    alive = [pod for pod in every if not pod.is_deleting and not is_confirmed(pod)]
    return len(unconfirmed) >= SEVERAL and 2 * len(unconfirmed) > len(alive)


def is_confirmed(pod: PodFacts) -> bool:
    """Whether an administrator has said that this pod may go."""
    return pod.annotation(ORPHAN_ANNOTATION) == "true"


class ForeignDatabase(StudioloError):
    """The hub's database knows hardly any of the pods of its installation."""

    code = "foreign_database"

    def __init__(self, found: int, every: int, *, namespace: str, release: str) -> None:
        super().__init__(
            f"{found} of {every} workspaces that run are not in the hub's database. None of them was ended.",
            hint=(
                "If the database was lost or is another installation's, stop the hub and restore the right one "
                "(docs/restarts.md). If these workspaces may go, with what was not saved in them: "
                f"kubectl -n {namespace} annotate pods -l {RELEASE_LABEL}={release} {ORPHAN_ANNOTATION}=true"
            ),
        )


async def end_orphan_pods(
    kube: Kube, pods: PodWatch, *, known: Collection[str], now: datetime, log: logging.Logger
) -> int:
    """Ends them, with the time to save that they were made with; how many.

    Without a whole picture it ends none. Raises ForeignDatabase, and has ended only those that an administrator
    confirmed, where there are too many of them.
    """
    if not pods.is_synced:
        return 0
    every = pods.pods()
    found = orphans(every, known=known, now=now)
    if are_too_many(found, every):
        confirmed = [pod for pod in found if is_confirmed(pod)]
        await _end(kube, confirmed, log=log)
        raise ForeignDatabase(
            len(found) - len(confirmed),
            len(every),
            namespace=pods.namespace,
            release=found[0].label(RELEASE_LABEL),
        )
    return await _end(kube, found, log=log)


async def _end(kube: Kube, found: Iterable[PodFacts], *, log: logging.Logger) -> int:
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
