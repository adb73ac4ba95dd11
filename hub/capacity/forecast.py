"""How long a start would take, for one environment on one hardware, or why it cannot be now, and what could. Pure.

`view.py` says where there is room, `spawner/admission.py` the same of one machine; `stage_times.py` says how long each
stage takes. Here the two become a promise to a person; `forecast_words.py` puts it into words, from these values alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from spawner.admission import Fits, admit, distance
from spawner.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hub.capacity.quotas import Quota
    from hub.capacity.stage_times import StageTimes
    from hub.capacity.view import HardwareRoom
    from spawner.admission import MachineState
    from spawner.amounts import Amount
    from spawner.stages import Spread
    from studiolo.catalog import Hardware

MOSTLY: Final = 0.5
"""Of the places where it may go, the share with the image from which on it counts as there: a scheduler rather takes
those."""

SOON_SECONDS: Final = 30.0
"""What starts within this time is as good as at once: then the nearest in size is the best offer, else the soonest."""

SLOWER_BY: Final = 2.0
"""An offer that is nearer in size may take this much longer than the fastest and is still the better one."""


class Kind(StrEnum):
    """What the wait is about. Kept in the database and told over the wire: names do not change."""

    READY = "ready"
    """Room and software are there."""
    PULL = "pull"
    """The image must be fetched, or on one machine the software installed."""
    NODE = "node"
    """A node must come."""
    NOT_NOW = "not_now"
    """Somebody else has to end first."""
    NEVER = "never"
    """Waiting does not help."""


CAN_START: Final = frozenset({Kind.READY, Kind.PULL, Kind.NODE})

CLAIMED_STAGES: Final = (Stage.CLAIM, Stage.LAB)
"""Those of a start that claims a warm pod."""


class Why(StrEnum):
    """What stands in the way."""

    NOTHING = ""
    FULL = "full"
    TOO_LARGE = "too_large"
    """No machine is large enough and of the kind."""
    OUT_OF_USE = "out_of_use"
    """Those that are, are cordoned or silent."""
    QUOTA = "quota"


class Place(StrEnum):
    """Where the room comes from."""

    FREE = "free"
    GIVING_WAY = "giving_way"
    NEW_NODE = "new_node"
    FULL = "full"
    OUT_OF_USE = "out_of_use"
    TOO_LARGE = "too_large"
    UNKNOWN = "unknown"
    """Nobody may look: then it is taken to be free, as the cluster alone can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Whether one hardware has room for one environment."""

    place: Place
    has_software: bool = True
    """Whether the image is there, or the software installed."""
    used: int = 0
    """Devices that nobody gives up."""
    total: int = 0
    groups: tuple[str, ...] = ()
    """The sorts of nodes it may go to."""
    next_free: datetime | None = None
    said: str = ""
    """What is short, in the words of whoever counted it: "needs 4 GPUs, 1 of 4 is free"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageForecast:
    """One stage that the start will come to."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What will come of a click."""

    environment: str
    hardware: str
    kind: Kind
    seconds: float | None = None
    """Until it is ready; None where it does not start."""
    stages: tuple[StageForecast, ...] = ()
    is_measured: bool = False
    """Whether earlier starts say so, for every stage. Else some number is from experience."""
    why: Why = Why.NOTHING
    used: int = 0
    total: int = 0
    asked: int = 0
    """Devices, where devices are what is short."""
    next_free: datetime | None = None
    quota: str = ""
    said: str = ""
    is_install: bool = False
    """Whether software is installed, not an image pulled."""
    is_room_known: bool = True
    """False: nobody may look whether there is room, and this is what a start takes where there is."""
    instead: str = ""
    """The hardware that is the best offer for the same software, where this one does not start."""

    @property
    def can_start(self) -> bool:
        """Whether a click begins a start."""
        return self.kind in CAN_START

    @property
    def is_claim(self) -> bool:
        """Whether a warm pod waits for it."""
        return any(entry.stage is Stage.CLAIM for entry in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One choice."""

    environment: str
    digest: str
    """The image, or the digest of the lock."""
    hardware: Hardware
    needs: Amount
    is_install: bool = False


def forecast(
    asked: Asked, room: Room, times: StageTimes, *, quotas: Sequence[Quota] = (), is_awaited: bool = False
) -> Forecast:
    """What will come of this choice. Best offers are added where all choices are known: `with_offers`.

    `is_awaited`: a warm pod waits that this start would claim. It has its room, and counts in quotas already.
    """
    exhausted = next((quota for quota in quotas if not quota.allows(asked.hardware, asked.needs)), None)
    base = Forecast(
        environment=asked.environment,
        hardware=asked.hardware.name,
        kind=Kind.READY,
        is_install=asked.is_install,
        said=room.said,
        used=room.used,
        total=room.total,
        asked=asked.hardware.gpu_count,
        is_room_known=is_awaited or room.place is not Place.UNKNOWN,
    )
    if is_awaited:
        return _starting(base, Kind.READY, _spreads(asked, room, times, CLAIMED_STAGES))
    if exhausted is not None:
        return replace(base, kind=Kind.NEVER, why=Why.QUOTA, quota=exhausted.title)
    match room.place:
        case Place.TOO_LARGE:
            return replace(base, kind=Kind.NEVER, why=Why.TOO_LARGE)
        case Place.OUT_OF_USE:
            return replace(base, kind=Kind.NOT_NOW, why=Why.OUT_OF_USE)
        case Place.FULL:
            return replace(base, kind=Kind.NOT_NOW, why=Why.FULL, next_free=room.next_free)
        case _:
            stages = _normal_stages(asked, room)
            kind = Kind.NODE if Stage.NODE in stages else Kind.PULL if Stage.PULL in stages else Kind.READY
            return _starting(base, kind, _spreads(asked, room, times, stages))


def normal_stages(asked: Asked, room: Room, times: StageTimes) -> tuple[tuple[Stage, float], ...]:
    """Those that a start without a warm pod comes to, and how long each usually takes; also where it is said not to
    start: somebody may have gone by then.
    """
    return tuple((stage, spread.usual) for stage, spread in _spreads(asked, room, times, _normal_stages(asked, room)))


def _normal_stages(asked: Asked, room: Room) -> tuple[Stage, ...]:
    first = {Place.GIVING_WAY: Stage.GIVING_WAY, Place.NEW_NODE: Stage.NODE}.get(room.place, Stage.SCHEDULING)
    return (
        first,
        *(() if room.has_software else (Stage.PULL,)),
        *(() if asked.is_install else (Stage.CONTAINERS,)),
        Stage.SERVER,
        Stage.LAB,
    )


def _spreads(asked: Asked, room: Room, times: StageTimes, stages: Sequence[Stage]) -> tuple[tuple[Stage, Spread], ...]:
    return tuple((stage, stage_spread(asked, room.groups, times, stage)) for stage in stages)


def _starting(base: Forecast, kind: Kind, stages: Sequence[tuple[Stage, Spread]]) -> Forecast:
    return replace(
        base,
        kind=kind,
        seconds=round(sum(spread.usual for _, spread in stages), 3),
        stages=tuple(StageForecast(stage=stage, seconds=spread.usual) for stage, spread in stages),
        is_measured=all(spread.weight > 0 for _, spread in stages),
    )


def stage_spread(asked: Asked, groups: Sequence[str], times: StageTimes, stage: Stage) -> Spread:
    """How long one stage of this choice takes."""
    return times.of(
        stage, digest=asked.digest, environment=asked.environment, hardware=asked.hardware.name, groups=groups
    )


def cluster_room(hardware: Hardware, found: HardwareRoom, *, with_image: int, times: StageTimes) -> Room:
    """Whether a hardware has room on a cluster, for an environment whose image the nodes `with_image` have.

    That an autoscaler brings nodes is learned: a start on this hardware has waited for one before.
    """
    if found.free or found.giving_way:
        present = (found.where & with_image).bit_count() / found.where.bit_count()
        return _room(Place.FREE if found.free else Place.GIVING_WAY, found, has_software=present >= MOSTLY)
    if times.has_measured(Stage.NODE, hardware=hardware.name):
        return _room(Place.NEW_NODE, found, has_software=False)
    if found.usable:
        return _room(Place.FULL, found, has_software=True)
    return _room(Place.OUT_OF_USE if found.out_of_use else Place.TOO_LARGE, found, has_software=True)


def _room(place: Place, found: HardwareRoom, *, has_software: bool) -> Room:
    return Room(
        place=place,
        has_software=has_software,
        used=found.devices_used,
        total=found.devices,
        groups=found.groups,
        next_free=found.next_free,
    )


def machine_room(
    hardware: Hardware, state: MachineState, *, is_installed: bool, ends: Mapping[str, datetime], cannot_run: str = ""
) -> Room:
    """The same of one machine, by its own admission. `ends`: when what holds something likely ends, by its key.

    `cannot_run`: why the software cannot run there at all, "" where it can.
    """
    if cannot_run:
        return Room(place=Place.TOO_LARGE, said=cannot_run)
    gpus = len(state.capacity.gpus) if hardware.gpu_count else 0
    room = Room(
        place=Place.FREE, has_software=is_installed, used=gpus - len(state.free.gpus) if gpus else 0, total=gpus
    )
    verdict = admit(hardware, state)
    if isinstance(verdict, Fits):
        return room
    if not verdict.later:
        return replace(room, place=Place.TOO_LARGE, said=verdict.reason)
    next_free = _machine_free_at(hardware, state, ends)
    return replace(room, place=Place.FULL, said=verdict.reason, next_free=next_free)


def _machine_free_at(hardware: Hardware, state: MachineState, ends: Mapping[str, datetime]) -> datetime | None:
    held = list(state.held)
    for entry in sorted((entry for entry in held if entry.key in ends), key=lambda entry: ends[entry.key]):
        held.remove(entry)
        if isinstance(admit(hardware, replace(state, held=tuple(held))), Fits):
            return ends[entry.key]
    return None


def with_offers(forecasts: Iterable[Forecast], hardware: Sequence[Hardware]) -> tuple[Forecast, ...]:
    """Each forecast, and where it does not start, the hardware on which the same software best would."""
    known = tuple(forecasts)
    return tuple(
        entry
        if entry.can_start
        else replace(entry, instead=next(iter(best_offers(entry.environment, entry.hardware, known, hardware)), ""))
        for entry in known
    )


def best_offers(
    environment: str, asked: str, forecasts: Iterable[Forecast], hardware: Sequence[Hardware]
) -> tuple[str, ...]:
    """Hardware on which the software starts, best first: of those about as fast as the fastest the nearest in size."""
    entries = {entry.name: entry for entry in hardware}
    wanted = entries.get(asked)
    able = {
        entry.hardware: entry.seconds or 0.0
        for entry in forecasts
        if entry.environment == environment
        and entry.hardware != asked
        and entry.hardware in entries
        and entry.can_start
    }
    if wanted is None or not able:
        return ()
    quick = max(SOON_SECONDS, SLOWER_BY * min(able.values()))

    def rank(name: str) -> tuple[bool, float, tuple[int, int, float, str]]:
        is_slow = able[name] > quick
        return (is_slow, able[name] if is_slow else 0.0, distance(entries[name], wanted))

    return tuple(sorted(able, key=rank))
