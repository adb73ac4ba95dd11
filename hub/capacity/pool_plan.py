"""How many warm pods of each environment wait on each hardware, and which pods go. Pure.

A warm pod stands in the place of a slot: what a hardware holds is slots and warm pods together, never more than its
plan says. `giving_way.py` says who gives one up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hub.capacity.demand import slots_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

RARE_PER_HOUR: Final = 0.5
"""An environment that starts less often has no warm pod: somebody would wait for it hours in vain."""

REFILL: Final = timedelta(seconds=20)
"""From a claim until another pod has parked in its place, with what else a node does at such times."""

QUIET: Final = timedelta(seconds=2)
"""After a claim nothing is made: parking costs two seconds of a processor, which the claimed server needs."""

LONGEST_WAIT: Final = timedelta(seconds=20)
"""But no longer than this, also where claims follow each other without a pause."""

REST: Final = timedelta(minutes=1)
"""A pod that ended by itself so soon after it was made stays that long, and no other of its pool is made: what ended
it, a server that cannot park or a node without memory, would end the next as well."""

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
    node: str = ""
    """"" while it waits for room."""
    created_at: datetime | None = None
    is_ready: bool = False
    is_ended: bool = False
    reason: str = ""
    """Why it ended."""
    is_ending: bool = False

    def rests(self, now: datetime) -> bool:
        """Whether it ended by itself a moment after it was made."""
        return self.is_ended and self.created_at is not None and now - self.created_at < REST


NO_LEAST: Final[Mapping[str, int]] = MappingProxyType({})


def sizes(
    pools: Sequence[Pool],
    rates: Mapping[Pool, float],
    *,
    room: Mapping[str, int],
    least: Mapping[str, int] = NO_LEAST,
) -> dict[Pool, int]:
    """How many warm pods each pool should have. One for each that is used often enough, then by need.

    `pools`: what may wait at all, the default environment's first; `rates`: starts to expect an hour. By hardware,
    `room`: slots that may be warm pods; `least`: warm pods that the catalog asks for, whatever has started: of what
    starts most.
    """
    needs = {pool: _need(rates.get(pool, 0.0)) for pool in pools}
    found = dict.fromkeys(pools, 0)
    for hardware in sorted({name for _, name in pools}):
        left = room.get(hardware, 0)
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
    wanted: Mapping[Pool, int],
    templates: Mapping[Pool, str],
    pods: Sequence[ParkedPod],
    *,
    now: datetime,
    give_up: Collection[str] = (),
    held_back: Collection[str] = (),
    may_create: bool = True,
) -> PoolChanges:
    """What leads from these pods to those that are wanted.

    `templates`: the hash of what pods of each pool are made of now. Pods of another, that ended, of no pool any more,
    or to be given up (`give_up`: uids) go at once, and their room with them is what the next are made in. Of hardware
    that is `held_back` none is made.
    """
    standing = [pod for pod in pods if not pod.is_ending]
    delete = [pod for pod in standing if pod.pool not in wanted or (pod.is_ended and not pod.rests(now))]
    resting = {pod.pool for pod in standing if pod.rests(now)}
    create: list[Pool] = []
    for pool, count in wanted.items():
        alive = [pod for pod in standing if pod.pool == pool and not pod.is_ended]
        wrong = [pod for pod in alive if pod.template != templates.get(pool) or pod.uid in give_up]
        right = sorted((pod for pod in alive if pod not in wrong), key=lambda pod: (not pod.is_ready, pod.name))
        delete += right[count:] + wrong
        if pool not in resting and pool[1] not in held_back:
            create += [pool] * max(0, count - len(right))
    return PoolChanges(create=tuple(create) if may_create else (), delete=tuple(delete))


def may_refill(claims: Sequence[datetime], *, short_since: datetime | None, now: datetime) -> bool:
    """Whether pods may be made now: a little after the last claim, and never put off without end.

    `claims`: when pods were claimed lately; `short_since`: since when a pool has fewer than it should.
    """
    if short_since is not None and now - short_since >= LONGEST_WAIT:
        return True
    return all(now - claim >= QUIET for claim in claims)
