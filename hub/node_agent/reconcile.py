"""Which homes to take away: those in pods that have ended. The same look after a change, a restart, or an eviction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hub.node_agent.pods import SeatPod

GONE_SECONDS: Final = 45.0
"""From when the API server no longer has a pod until its home is taken away. It was deleted by force then, and the
kubelet still gives its server the time to save (`stop_seconds`, 30 s): what is saved has to land in the home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look decided."""

    unmount: tuple[str, ...]
    """Uids of pods whose home is taken away now."""
    missing: Mapping[str, float]
    """Since when pods with a home have not been seen, in seconds of the same clock: for the next look."""


def look(
    mounted: Collection[str],
    pods: Mapping[str, SeatPod],
    missing: Mapping[str, float],
    *,
    now: float,
    gone_seconds: float = GONE_SECONDS,
) -> Look:
    """`mounted`: uids of pods with a home in their seat. `pods`: a whole picture of this node, by uid.

    A home stays as long as any container of its pod may run: nobody loses what they are saving.
    """
    absent = {uid: missing.get(uid, now) for uid in sorted(mounted) if uid not in pods}
    gone = {uid for uid, since in absent.items() if now - since >= gone_seconds}
    ended = {uid for uid in mounted if uid in pods and pods[uid].has_ended}
    return Look(unmount=tuple(sorted(gone | ended)), missing=absent)
