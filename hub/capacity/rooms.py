"""Where there is room for each choice at this moment: on the nodes of a cluster, or on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from hub.capacity.forecast import Asked, Place, Room, cluster_room, machine_room
from spawner.amounts import needs_of
from spawner.environments import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from hub.capacity.picture import Picture
    from hub.capacity.stage_times import StageTimes
    from hub.capacity.view import HardwareRoom, View
    from spawner.parts import SpawnerParts
    from studiolo.catalog import Environment, Hardware

FRESH_SECONDS: Final = 2.0
"""How old a look at all nodes may be. One look serves everybody who asks within it."""


class Rooms(Protocol):
    """Says of each choice where it could go."""

    def look(
        self, environments: Iterable[Environment], hardware: Iterable[Hardware], times: StageTimes
    ) -> tuple[tuple[Asked, Room], ...]:
        """Every pair of them, the environments in their order first."""


class ClusterRooms:
    """The nodes of a cluster."""

    def __init__(self, picture: Callable[[], Picture | None], *, clock: Callable[[], float]) -> None:
        """`picture`: None until the hub is connected. `clock`: seconds that only go forward."""
        self._picture = picture
        self._clock = clock
        self._at: float | None = None
        self._view: View | None = None
        self._found: dict[str, tuple[Hardware, HardwareRoom]] = {}

    def look(
        self, environments: Iterable[Environment], hardware: Iterable[Hardware], times: StageTimes
    ) -> tuple[tuple[Asked, Room], ...]:
        """Every pair. Where nodes may not be seen, nobody knows of any room."""
        picture = self._picture()
        self._look_anew(picture)
        entries = [(entry, needs_of(entry)) for entry in hardware]
        return tuple(
            (
                Asked(environment=environment.name, digest=environment.image or "", hardware=entry, needs=needs),
                self._room(picture, environment, entry, times),
            )
            for environment in environments
            for entry, needs in entries
        )

    def _look_anew(self, picture: Picture | None) -> None:
        now = self._clock()
        if picture is None or (self._at is not None and now - self._at < FRESH_SECONDS):
            return
        self._at, self._view = now, picture.view()
        self._found.clear()

    def _room(self, picture: Picture | None, environment: Environment, entry: Hardware, times: StageTimes) -> Room:
        view = self._view
        if picture is None or view is None:
            return Room(place=Place.UNKNOWN)
        known = self._found.get(entry.name)
        if known is None or known[0] is not entry:  # another, once the catalog was loaded again
            known = self._found[entry.name] = (entry, picture.room_for(entry, view))
        with_image = picture.with_image(environment.image or "", view)
        return cluster_room(entry, known[1], with_image=with_image, times=times)


class MachineRooms:
    """The machine that the hub runs on."""

    def __init__(self, parts: SpawnerParts, *, likely_ends: Callable[[], Mapping[str, datetime]] = dict) -> None:
        """`likely_ends`: when workspaces likely end, by their key."""
        self._parts = parts
        self._likely_ends = likely_ends

    def look(
        self,
        environments: Iterable[Environment],
        hardware: Iterable[Hardware],
        times: StageTimes,  # noqa: ARG002 - no machine brings another
    ) -> tuple[tuple[Asked, Room], ...]:
        """Every pair."""
        state, ends, entries = self._parts.machine.state(), self._likely_ends(), tuple(hardware)
        found: list[tuple[Asked, Room]] = []
        for environment in environments:
            digest, is_installed, cannot_run = self._software(environment)
            for entry in entries:
                asked = Asked(
                    environment=environment.name,
                    digest=digest,
                    hardware=entry,
                    needs=needs_of(entry),
                    is_install=True,
                )
                room = machine_room(entry, state, is_installed=is_installed, ends=ends, cannot_run=cannot_run)
                found.append((asked, room))
        return tuple(found)

    def _software(self, environment: Environment) -> tuple[str, bool, str]:
        store = self._parts.environments
        if missing := store.missing_programs(environment):
            return "", False, f"{environment.title} needs {' and '.join(missing)} on this machine"
        try:
            return store.identify(environment).digest, store.is_ready(environment), ""
        except BuildFailed as error:
            return "", False, str(error)
