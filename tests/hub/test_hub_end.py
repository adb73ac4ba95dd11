"""A hub that is told to end, where the next one goes on with what it leaves."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NoReturn

import pytest

from hub.hub_end import end_as_if_killed
from hub.jupyterhub_app import StudioloHub

log = logging.getLogger(__name__)


class Ended(BaseException):
    """The process, in these tests."""


@dataclass
class World:
    """Who would begin next, and what became of what was under way."""

    can_give_back: bool = True
    happened: list[str] = field(default_factory=list)

    def release(self) -> None:
        self.happened.append("lease given back")
        if not self.can_give_back:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def end(self, code: int) -> NoReturn:
        self.happened.append(f"ended with {code}")
        raise Ended

    async def start(self) -> None:
        """As a start does: whatever goes wrong, it takes back what it has made."""
        try:
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        except BaseException:
            self.happened.append("pod deleted")
            raise
        finally:
            self.happened.append("row forgotten")


async def _until_end(world: World) -> list[str]:
    """What had happened by the end of the process."""
    under_way = asyncio.create_task(world.start())
    await asyncio.sleep(0)
    with pytest.raises(Ended):
        end_as_if_killed(world, log=log, end=world.end)
    happened = list(world.happened)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    return happened


async def test_a_start_that_is_under_way_takes_nothing_back_and_the_next_hub_need_not_wait() -> None:
    assert await _until_end(World()) == ["lease given back", "ended with 0"]


async def test_a_lease_that_cannot_be_given_back_keeps_no_hub_from_ending() -> None:
    assert await _until_end(World(can_give_back=False)) == ["lease given back", "ended with 0"]


@pytest.mark.parametrize(("next_hub_goes_on", "what"), [(True, ["left"]), (False, ["cancelled"])])
async def test_starts_are_left_only_where_the_next_hub_goes_on_with_them(
    monkeypatch: pytest.MonkeyPatch, next_hub_goes_on: bool, what: list[str]
) -> None:
    done: list[str] = []

    async def cancel(_hub: object, _sig: object) -> None:
        done.append("cancelled")

    monkeypatch.setattr("jupyterhub.app.JupyterHub.shutdown_cancel_tasks", cancel)
    monkeypatch.setattr("hub.jupyterhub_app.end_as_if_killed", lambda *_, **__: done.append("left"))
    hub = StudioloHub()
    hub.backend = SimpleNamespace(next_hub_goes_on=next_hub_goes_on)  # type: ignore[assignment]  # all that is asked of it
    hub.lease = None
    await hub.shutdown_cancel_tasks()
    assert done == what
