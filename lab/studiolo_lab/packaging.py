"""What a person packages from JupyterLab: looks that are overtaken by newer ones, and packages on their way."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studiolo_lab.packaging_child import PackagingFailed, ask, told_by

if TYPE_CHECKING:
    from collections.abc import Mapping

INSPECT_SECONDS: Final = 10.0
"""Beside what the process allows itself of the processor: a machine that is busy is no fault of a notebook."""

PLAN_SECONDS: Final = 120.0

MOST_CONTENT: Final = 12 * 2**20
"""Bytes of a notebook without its outputs, as the page sends it."""

MOST_AT_ONCE: Final = 2
"""Packages on their way: the hub takes no more of one person."""

MOST_REMEMBERED: Final = 32
"""Packages that were made or not, for pages that come back."""

SUFFIXES: Final = (".ipynb", ".py")


class Overtaken(Exception):
    """A newer question came before this one was looked at."""


@dataclass(slots=True, kw_only=True)
class Going:
    """A package on its way, or at its end."""

    id: str
    path: str
    began: float
    phases: list[tuple[str, float]] = field(default_factory=list)
    """Each that began, and when."""
    answer: Mapping[str, Any] | None = None
    problem: str = ""
    ended: float | None = None
    task: asyncio.Task[None] | None = None

    def as_json(self, expected: Mapping[str, float], now: float) -> dict[str, Any]:
        """As the page shows it."""
        return {
            "id": self.id,
            "path": self.path,
            "phase": self.phases[-1][0] if self.phases and self.ended is None else "",
            "seconds": round((self.ended or now) - self.began, 1),
            "expected": {phase: round(seconds, 1) for phase, seconds in expected.items()},
            "answer": self.answer,
            "problem": self.problem,
            "is_over": self.ended is not None,
        }


class Packaging:
    """Of one server."""

    def __init__(self, root: Path) -> None:
        """`root`: below which people work."""
        self._root = root
        self._looking = asyncio.Lock()
        self._newest = 0
        self._known: dict[str, Going] = {}
        self._took: dict[str, float] = {}
        """How long each phase took, the last time that it ended."""

    async def place(self, path: str) -> Path:
        """The file that the page means. Raises PackagingFailed where it is none that could be packaged."""
        return await asyncio.to_thread(self._place, path)  # a disk may hang

    def _place(self, path: str) -> Path:
        place = Path(self._root, path.strip("/"))
        try:
            found, root = place.resolve(strict=True), self._root.resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise PackagingFailed(f"{path[:200]} is not there. Was it renamed or deleted?", status=404) from None
        if not found.is_relative_to(root) or not found.is_file():
            raise PackagingFailed("Only files below the folder of this server can be packaged.", status=404)
        if found.suffix not in SUFFIXES:
            raise PackagingFailed("Only notebooks (.ipynb) and modules (.py) can be packaged.")
        return found

    async def inspect(self, path: str, content: bytes) -> Any:
        """What is in a file as it is being edited. Raises Overtaken, or PackagingFailed."""
        place = await self.place(path)
        if len(content) > MOST_CONTENT:
            raise PackagingFailed("This is too large to be looked at. Move what is no code into files beside it.")
        self._newest = mine = self._newest + 1
        async with self._looking:  # one process at a time, for the newest of those who wait
            if mine != self._newest:
                raise Overtaken
            return await ask("inspect", {"path": str(place)}, content, seconds=INSPECT_SECONDS)

    async def plan(self, question: Mapping[str, Any]) -> Any:
        """What of a folder would go in. Raises PackagingFailed."""
        place = await self.place(question["path"])
        return await ask("plan", {**question, "path": str(place)}, seconds=PLAN_SECONDS)

    async def package(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Begins a package. Raises PackagingFailed."""
        place = await self.place(question["path"])
        going = [one for one in self._known.values() if one.ended is None]
        if same := [one for one in going if one.path == question["path"]]:
            return self._told(same[0])
        if len(going) >= MOST_AT_ONCE:
            raise PackagingFailed("Other packages are being made at this moment. Try again when they are.", status=429)
        one = Going(id=secrets.token_hex(8), path=question["path"], began=time.monotonic())
        self._known[one.id] = one
        for old in [known.id for known in self._known.values() if known.ended is not None][:-MOST_REMEMBERED]:
            del self._known[old]
        one.task = asyncio.create_task(self._go(one, {**question, "path": str(place)}))
        return self._told(one)

    def known(self, identity: str) -> dict[str, Any]:
        """How far a package is. Raises PackagingFailed."""
        if identity not in self._known:
            raise PackagingFailed("Nothing is known of this package any more. Package once more.", status=404)
        return self._told(self._known[identity])

    def newest_of(self, path: str) -> dict[str, Any] | None:
        """The last package of a file, for a page that is opened anew."""
        found = [one for one in self._known.values() if one.path == path]
        return self._told(found[-1]) if found else None

    async def cancel(self, identity: str) -> dict[str, Any]:
        """Ends a package that is on its way. What the hub has whole by then, it makes."""
        task = self._known[identity].task if identity in self._known else None
        if task is not None and not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return self.known(identity)

    async def _go(self, one: Going, question: Mapping[str, Any]) -> None:
        try:
            async with contextlib.aclosing(told_by("package", question)) as lines:
                async for line in lines:
                    if "phase" in line:
                        one.phases.append((line["phase"], time.monotonic()))
                    one.answer = line.get("answer")
            if one.answer is None:
                one.problem = "Packaging ended before it was done. Try again; nothing half was kept."
        except PackagingFailed as failed:
            one.problem = str(failed)
        except asyncio.CancelledError:
            one.problem = "Cancelled. If the hub had all of it already, the version is among your models."
        finally:
            one.ended = time.monotonic()
            if one.answer is not None:
                ends = [at for _, at in one.phases[1:]] + [one.ended]
                self._took |= {phase: end - at for (phase, at), end in zip(one.phases, ends, strict=True)}

    def _told(self, one: Going) -> dict[str, Any]:
        return one.as_json(self._took, time.monotonic())
