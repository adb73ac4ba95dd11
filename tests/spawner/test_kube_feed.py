"""An API server that does not answer is asked again, less and less often, for ever."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from spawner.kube import KubeAway
from spawner.kube_feed import Pauses, Persistence
from spawner.pod_watch import PodWatch
from tests.fakes.kubernetes_objects import Json

LABELS = {"component": "server"}
LOG = logging.getLogger("test")


@pytest.mark.looptime
async def test_a_server_that_is_away_is_asked_less_and_less_often_and_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[float] = []

    class Away:
        async def get(self, path: str, query: Any = None) -> Json:
            return await asyncio.Future()

        def watch(self, path: str, query: Any) -> AsyncGenerator[Json]:
            raise AssertionError("there is no version to watch from")

        async def pages(self, path: str, query: Any = None) -> AsyncGenerator[Json]:
            asked.append(asyncio.get_running_loop().time())
            raise KubeAway("away")
            yield {}

    persistence = Persistence(log=LOG, chance=lambda: 1.0)
    watch = PodWatch(Away(), namespace="lab", labels=LABELS, persistence=persistence)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(3600)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[:8] == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 15, 15])
    assert len(asked) == pytest.approx(3600 / 15, abs=10)
    # 1, 2, 4, … 128 in a row
    assert len(caplog.records) == 8


@pytest.mark.parametrize(
    ("failures", "chance", "asked", "seconds"),
    [
        (1, 1.0, None, 0.25),
        (1, 0.0, None, 0.125),
        (3, 1.0, None, 1.0),
        (10, 1.0, None, 15.0),
        (10**9, 0.0, None, 7.5),
        (1, 1.0, 5.0, 5.0),
        (10, 1.0, 5.0, 15.0),
        (1, 1.0, 10.0**9, 60.0),
    ],
)
def test_pauses_grow_up_to_a_limit_and_are_as_long_as_the_server_asks(
    failures: int, chance: float, asked: float | None, seconds: float
) -> None:
    assert Pauses().after(failures, chance=chance, asked=asked) == seconds


@pytest.mark.looptime
async def test_a_watch_that_ends_at_once_is_not_asked_for_again_at_once() -> None:
    """A proxy may answer 200 and close; a real watch that is quiet lives longer."""
    began = 0

    class Closes:
        async def get(self, path: str, query: Any = None) -> Json:
            return {"metadata": {"resourceVersion": "5"}}

        async def pages(self, path: str, query: Any = None) -> AsyncGenerator[Json]:
            yield {"metadata": {"resourceVersion": "5"}, "items": []}

        async def watch(self, path: str, query: Any) -> AsyncGenerator[Json]:
            nonlocal began
            began += path.endswith("/pods")
            for _ in ():
                yield {}

    loop = asyncio.get_running_loop()
    persistence = Persistence(log=LOG, chance=lambda: 1.0, clock=loop.time)
    watch = PodWatch(Closes(), namespace="lab", labels=LABELS, persistence=persistence)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 5 < began < 12
