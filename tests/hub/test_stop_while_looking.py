"""A stop by REST while a hub that was just started still looks at what runs. The clock is virtual."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from hub.workspaces.server_api import until_looked_at


@dataclass
class Looked:
    """A server as the hub sees it: looked at for so long, or until its start, which goes on, is told to end."""

    seconds: float
    is_resumed: bool = False
    told: int = 0
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def pending(self) -> str | None:
        passed = asyncio.get_running_loop().time() - self.began
        return "check" if passed < self.seconds and not self.told else None

    def stop_resumed(self) -> None:
        self.told += 1


@pytest.mark.looptime
@pytest.mark.parametrize(("seconds", "is_known"), [(0.0, True), (3.0, True), (60.0, False)])
async def test_a_stop_waits_for_the_look_but_not_for_ever(seconds: float, is_known: bool) -> None:
    server = Looked(seconds)
    assert await until_looked_at(lambda: server, seconds=10) is is_known
    assert not server.told, "only a start that goes on is ended so"


@pytest.mark.looptime
async def test_a_start_that_goes_on_is_told_to_end_once_and_not_waited_for_any_longer() -> None:
    server = Looked(3600.0, is_resumed=True)
    assert await until_looked_at(lambda: server, seconds=10)
    assert server.told == 1
