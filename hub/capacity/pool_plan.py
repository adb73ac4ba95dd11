"""How many warm pods of each environment wait on each hardware, and which pods go. Pure.

A warm pod stands in the place of a slot: what a hardware holds is slots and warm pods together, never more than its
plan says. A pod's priority cannot be changed once it is made, and a claimed one is somebody's work, so a warm pod has
the priority of a workspace and gives way to nobody by itself. Hence it is given up here where a start waits for room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hub.capacity.demand import slots_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

RARE_PER_HOUR: Final = 0.5
"""An environment that starts less often has no warm pod: somebody would wait for it hours in vain."""

REFILL: Final = timedelta(seconds=20)
"""From a claim until another pod has parked in its place, with what else a node does at such times."""

QUIET: Final = timedelta(seconds=2)
"""After a claim nothing is made: parking costs two seconds of a processor, which the claimed server needs."""

LONGEST_WAIT: Final = timedelta(seconds=20)
"""But no longer than this, also where claims follow each other without a pause."""

NO_LEAST: Final[Mapping[str, int]] = MappingProxyType({})

Pool = tuple[str, str]
"""Environment and hardware, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedPod:
    """A warm pod that is nobody's, as the API server has it."""

    name: str
    uid: str
    resource_version: str
    pool: Pool
    template: str
    is_ready: bool = False
    is_ended: bool = False
    is_ending: bool = False


def sizes(
    pools: Sequence[Pool],
    rates: Mapping[Pool, float],
    *,
    room: Mapping[str, int],
    waiting: Mapping[str, int],
    least: Mapping[str, int] = NO_LEAST,
) -> dict[Pool, int]:
    """How many warm pods each pool should have. One for each that is used often enough, then by need.

    `pools`: what may wait at all, the default environment's first; `rates`: starts to expect an hour. By hardware,
    `room`: slots that may be warm pods; `waiting`: starts that wait for a node, each of which is given the room of a
    warm pod; `least`: warm pods that the catalog asks for, whatever has started: of what starts most.
    """
    needs = {pool: _need(rates.get(pool, 0.0)) for pool in pools}
    found = dict.fromkeys(pools, 0)
    for hardware in sorted({name for _, name in pools}):
        left = max(0, room.get(hardware, 0) - waiting.get(hardware, 0))
        # The most used first; sorting keeps the order among equals.
        mine = sorted((pool for pool in pools if pool[1] == hardware), key=lambda pool: -rates.get(pool, 0.0))
        missing = least.get(hardware, 0) - sum(needs[pool] for pool in mine)
        needs[mine[0]] += max(0, missing)
        while left and (short := [pool for pool in mine if found[pool] < needs[pool]]):
            for pool in short[:left]:
                found[pool] += 1
            left -= min(left, len(short))
    return found


def _need(rate_per_hour: float) -> int:
    return max(1, slots_for(rate_per_hour, refill=REFILL)) if rate_per_hour >= RARE_PER_HOUR else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChanges:
    """What is to be done so that the right pods wait."""

    create: tuple[Pool, ...] = ()
    delete: tuple[ParkedPod, ...] = ()
    """Each only as it was seen, by uid and resourceVersion: one that was claimed since then stays."""


def changes(
    wanted: Mapping[Pool, int], templates: Mapping[Pool, str], pods: Sequence[ParkedPod], *, may_create: bool
) -> PoolChanges:
    """What leads from these pods to those that are wanted.

    `templates`: the hash of what pods of each pool are made of now. Pods of another, that ended, or of no pool any more
    go at once, and their room with them is what the next are made in.
    """
    standing = [pod for pod in pods if not pod.is_ending]
    delete = [pod for pod in standing if pod.is_ended or pod.pool not in wanted]
    create: list[Pool] = []
    for pool, count in wanted.items():
        alive = [pod for pod in standing if pod.pool == pool and not pod.is_ended]
        right = sorted(
            (pod for pod in alive if pod.template == templates.get(pool)), key=lambda pod: (not pod.is_ready, pod.name)
        )
        delete += right[count:]
        delete += [pod for pod in alive if pod.template != templates.get(pool)]
        create += [pool] * max(0, count - len(right))
    return PoolChanges(create=tuple(create) if may_create else (), delete=tuple(delete))


def may_refill(claims: Sequence[datetime], *, short_since: datetime | None, now: datetime) -> bool:
    """Whether pods may be made now: a little after the last claim, and never put off without end.

    `claims`: when pods were claimed lately; `short_since`: since when a pool has fewer than it should.
    """
    if short_since is not None and now - short_since >= LONGEST_WAIT:
        return True
    return all(now - claim >= QUIET for claim in claims)
