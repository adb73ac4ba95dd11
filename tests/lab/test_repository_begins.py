"""The extension begins it once the server runs, and takes its variable out of what kernels inherit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from studiolo_lab.notices import Board
from studiolo_lab.repository import AFTER_SECONDS, KEY, begin, bring
from tests.lab.repositories import ADDRESS, Repositories


class Loop:
    """Keeps what is to be called later."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((seconds, callback))


def test_a_workspace_without_a_repository_begins_nothing() -> None:
    loop, environ = Loop(), {"HOME": "/home/ada", "STUDIOLO_GIT": ""}
    begin(SimpleNamespace(io_loop=loop), Board(), environ)
    assert loop.later == []
    assert "STUDIOLO_GIT" not in environ


async def test_it_begins_after_the_first_answers_and_its_variable_is_gone(tmp_path: Path) -> None:
    loop, board = Loop(), Board()
    environ = {"HOME": str(tmp_path), "STUDIOLO_GIT": "no address", "PATH": "/nowhere"}
    begin(SimpleNamespace(io_loop=loop), board, environ)
    assert environ == {"HOME": str(tmp_path), "PATH": "/nowhere"}
    ((seconds, start),) = loop.later
    assert seconds == AFTER_SECONDS
    assert board.current() == ()
    start()
    await asyncio.sleep(0)  # the task's turn
    (notice,) = board.current()
    assert (notice.key, notice.level) == (KEY, "warning")


async def test_while_it_is_cloned_the_person_is_told_so(tmp_path: Path) -> None:
    told = []

    class Telling(Board):
        def tell(self, key: str, level: object, text: str, action: object = None) -> None:
            told.append(text)

    some = Repositories(tmp_path)
    await bring(ADDRESS, home=some.home, git=some.git, board=Telling())
    assert told == ["~/iris is being cloned from git.example.org.", "~/iris is there: cloned from git.example.org."]


@pytest.mark.parametrize("mistake", [RuntimeError("a mistake of ours")])
async def test_a_mistake_of_ours_is_a_notice_too(
    tmp_path: Path, mistake: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Repositories(tmp_path)

    async def fail(*words: object, **more: object) -> str:
        raise mistake

    monkeypatch.setattr(some.git, "run_with_server", fail)
    assert await some.bring() == (
        "warning",
        "~/iris was not cloned: that is a mistake in Studiolo (RuntimeError).",
    )
    assert list(some.home.iterdir()) == []
