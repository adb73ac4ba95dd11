"""The hub is killed (`kill -9`) before and after each thing that a start and a stop write outside of it.

Afterwards there is one live pod or none, nothing that nobody knows, and the person lands on the running server or on a
page from which it is started again. Each test goes through a list of crash points with one hub.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.kube import Kube
from tests.cluster.surrounded_hub import CrashPoint, SurroundedHub, start, stop, surrounded_hub


def _points(*writes: tuple[str, str]) -> tuple[CrashPoint, ...]:
    return tuple(CrashPoint(at=at, what=what, is_after=is_after) for at, what in writes for is_after in (False, True))


OF_A_START = _points(("kubernetes", "create pods"), ("kubernetes", "create secrets"), ("proxy", "create user"))
OF_A_STOP = _points(("proxy", "delete user"), ("kubernetes", "delete pods"))


@pytest.fixture
async def dying(
    tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str], kube: Kube
) -> AsyncIterator[SurroundedHub]:
    async with surrounded_hub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images, kube=kube) as found:
        yield found


@contextmanager
def told(point: object) -> Iterator[None]:
    """A failure says at which point."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"at the crash point: {point}")
        raise


async def test_a_hub_that_dies_in_a_start_leaves_a_server_that_runs_or_one_to_start_again(dying: SurroundedHub) -> None:
    for point in OF_A_START:
        with told(point):
            await dying.dies_at(point, start)
            if not await dying.settles():
                await dying.starts()
                assert await dying.settles()
            await dying.stops()


async def test_a_hub_that_dies_in_a_stop_leaves_a_server_that_runs_or_none(dying: SurroundedHub) -> None:
    for point in OF_A_STOP:
        with told(point):
            await dying.starts()
            await dying.dies_at(point, stop)
            if await dying.settles():
                await dying.stops()


async def _dies_at_commits(dying: SurroundedHub, commits: tuple[int, ...]) -> None:
    for count in commits:
        with told(f"before commit {count + 1}"):
            await dying.dies_at_commit(count, start)
            if not await dying.settles():
                await dying.starts()
                assert await dying.settles()
            await dying.stops()


async def test_a_hub_that_dies_before_a_commit_of_a_start_leaves_no_half_of_it(dying: SurroundedHub) -> None:
    await _dies_at_commits(dying, (1, 6, 9))


@pytest.mark.long
async def test_a_hub_that_dies_before_any_commit_of_a_start_leaves_no_half_of_it(dying: SurroundedHub) -> None:
    await _dies_at_commits(dying, tuple(range(18)))
