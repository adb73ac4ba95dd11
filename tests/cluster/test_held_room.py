"""Held room on a real cluster: who gives way to whom, and that a killed services process leaves the right slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from deploy.local.plans import SERVICES
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import PATIENCE_SECONDS, SEAT, HeldRoom, held_room, is_running, with_services
from tests.cluster.in_between import InBetween, in_between
from tests.cluster.kube import Kube
from tests.cluster.kube_faults import Kills
from tests.cluster.pods import RESTRICTED
from tests.cluster.real_hub import RealHub

pytestmark = pytest.mark.usefixtures("on_this_machine")


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        yield found


async def test_on_a_full_node_a_workspace_starts_in_the_place_of_a_slot_which_returns_when_there_is_room(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], held: HeldRoom
) -> None:
    await held.set_seats(3)
    occupants = [await held.occupy(f"occupant-{number}") for number in range(2)]
    with_room = with_services(tmp_path, held, kubeconfig=kubeconfig, images=images)
    held.hold(with_room.settings.catalog_directory, slots=1)
    with_room = await asyncio.to_thread(with_room.__enter__)
    try:
        (slot,) = await held.until_slots(running=1)
        token = await asyncio.to_thread(with_room.token, ADMIN, with_room.admin_password)
        await asyncio.to_thread(lambda: with_room.start_workspace(token, ADMIN, **SEAT))
        (waiting,) = await held.until_slots(running=0, waiting=1)
        assert await held.victims() == [f"{held.capacity}/{slot}"]

        # A slot that waits pushes nobody out, however long: all that stands was there before it.
        workspace = {"metadata": {"name": pod_name(ADMIN, ""), "namespace": held.workspaces}}
        for pod in (*occupants, {"apiVersion": "v1", "kind": "Pod", **workspace}):
            assert is_running(await held.kube.get(pod))
        await held.kube.delete(occupants[0])
        assert list(await held.until_slots(running=1)) == [waiting]
        assert await held.victims() == [f"{held.capacity}/{slot}"]

        await asyncio.to_thread(with_room.stop_workspace, token, ADMIN)
        held.hold(with_room.settings.catalog_directory, slots=0)
        await held.until_none()
    finally:
        await asyncio.to_thread(with_room.close)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The services process is killed as it asks the API server for something."""

    what: str
    is_after: bool

    def __str__(self) -> str:
        return f"killed {'after' if self.is_after else 'before'} {self.what}"


DEATHS = tuple(
    Death(what=what, is_after=is_after) for what in ("create pods", "delete pods") for is_after in (False, True)
)


@contextmanager
def told(death: Death) -> Iterator[None]:
    """A failure says where."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"at: {death}")
        raise


async def test_services_that_are_killed_in_a_change_of_slots_leave_the_right_ones_and_no_orphan(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], held: HeldRoom
) -> None:
    await held.set_seats(4)
    async with in_between(kubeconfig, tmp_path) as between:
        # Every pod that services make or delete is a slot.
        hub = with_services(tmp_path / "hub", held, kubeconfig=between.kubeconfig, images=images, fetches=False)
        catalog = hub.settings.catalog_directory
        held.hold(catalog, slots=0)
        await asyncio.to_thread(hub.start, SERVICES)
        try:
            for death in DEATHS:
                with told(death):
                    held.hold(catalog, slots=2)
                    if death.what == "create pods":
                        await dies(hub, between, death)
                    shape = await held.until_shape(2)
                    await held.until_slots(running=2)
                    # Another shape: each slot goes, and another comes in its place.
                    held.hold(catalog, slots=2, memory="640Mi")
                    await dies(hub, between, death)
                    assert await held.until_shape(2, other_than=shape) != shape
                    held.hold(catalog, slots=0)
                    if death.what == "delete pods":
                        await dies(hub, between, death)
                    await held.until_none()
        finally:
            await asyncio.to_thread(hub.close)


async def dies(hub: RealHub, between: InBetween, death: Death) -> None:
    """At the next thing of that kind that it asks for; and starts again."""
    is_dead = Event()

    def kill() -> None:
        hub.kill(SERVICES)
        is_dead.set()

    await between.begin(Kills(what=death.what, is_after=death.is_after, kill=kill))
    await asyncio.to_thread(lambda: hub.until(is_dead.is_set, what=str(death), seconds=PATIENCE_SECONDS))
    await between.end()
    await asyncio.to_thread(hub.start, SERVICES)
