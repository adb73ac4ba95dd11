"""Starts with a free place, in the place of a slot that gives way, and on a full node where somebody has to end.

What there is one of is a device of the benchmark's own, one kind for each of the three, so that nobody else is pushed.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from bench.kubelet_relists import offsets
from bench.warm_hub import SERVER, Start, offer, warm_hub
from tests.cluster.held_room import HeldRoom, has_no_room, held_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.warm_hub import WarmHub

FREE: Final = "free"
PREEMPTED: Final = "preempted"
FULL: Final = "full"
WAIT_SECONDS: Final = 3.0
"""So long somebody keeps the place that is waited for: longer than any start with a free one takes."""


def seat(device: str, *, slots: int = 0) -> dict[str, Any]:
    """Hardware with one of a device."""
    return {
        "title": "Seat",
        "cpu": {"request": "100m", "limit": 2},
        "memory": "1Gi",
        "gpu": {"resource": device, "count": 1},
        "warm": {"slots": slots},
    }


async def measure_room(folder: Path, *, image: str, rounds: int, tell: Callable[[str], None]) -> dict[str, list[Start]]:
    """Rounds of one of each, after a warm-up of each."""
    found: dict[str, list[Start]] = {FREE: [], PREEMPTED: [], FULL: []}
    async with warm_hub(folder, image=image, hardware={}) as warm, AsyncExitStack() as devices:
        rooms = {FREE: warm.held}
        for kind in (PREEMPTED, FULL):
            one = held_room(warm.kube, warm.held.workspaces, warm.held.capacity)
            rooms[kind] = await devices.enter_async_context(one)
        for room in rooms.values():
            await room.set_seats(1)
        offer(
            warm.hub,
            "hardware",
            {kind: seat(room.device, slots=int(kind == PREEMPTED)) for kind, room in rooms.items()},
        )
        for number, offset in enumerate(offsets(rounds)):
            for kind, starts in found.items():
                one_start = await full(warm, rooms[FULL]) if kind == FULL else await ready(warm, kind, offset)
                tell(f"{number or 'warm-up'}: {kind} {one_start.seconds:.2f} s, before that {one_start.waited:.2f} s")
                if number:
                    starts.append(one_start)
        # The next start must find its slot again, and nobody but slots may have lost a place.
        victims = await warm.held.victims()
        if wrong := [name for name in victims if not name.startswith(f"{warm.held.capacity}/")]:
            raise RuntimeError(f"A workspace lost its place: {wrong}")
        if len(victims) < rounds:
            raise RuntimeError(f"{len(victims)} slots gave way in {rounds} rounds and a warm-up.")
        offer(warm.hub, "hardware", {PREEMPTED: seat(rooms[PREEMPTED].device)})
        await warm.held.until_none()
    return found


async def ready(warm: WarmHub, kind: str, offset: float) -> Start:
    """A place is free, or a slot stands in it."""
    await warm.held.until_slots(running=1)
    return await warm.start(offset, environment="minimal", hardware=kind)


async def full(warm: WarmHub, room: HeldRoom) -> Start:
    """Somebody's pod has the place, for a while; the time counts from when it is gone."""
    await warm.held.until_slots(running=1)
    occupant = await room.occupy("occupant")
    log = warm.hub.data.logs / "hub.log"
    already, began = log.stat().st_size, time.perf_counter()
    starting = asyncio.create_task(
        asyncio.to_thread(warm.client.start, SERVER, {"environment": "minimal", "hardware": FULL})
    )
    await warm.kube.until(warm.pod, has_no_room)
    await asyncio.sleep(max(0.0, WAIT_SECONDS - (time.perf_counter() - began)))
    if starting.done():
        raise RuntimeError("It started though its place was taken.")
    await warm.kube.delete(occupant, grace_seconds=0)
    await warm.kube.until_gone(occupant)
    waited = time.perf_counter() - began
    return await warm.finish(await starting - waited, already, waited=waited)
