"""Following what Kubernetes tells, for ever: from where it was left off, with longer pauses while nobody answers."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from spawner.kube import KubeAway, KubeError, KubeExpired

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from typing import NoReturn

    from spawner.kube import Json

SHORT_WATCH_SECONDS: Final = 1.0
"""A watch that ends sooner, and told nothing, did not work, whatever its status was."""


class KubeReader(Protocol):
    """What is used of `Kube`: nothing that changes anything."""

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """One object, or one page of a list."""

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncGenerator[Json]:
        """A list, page by page."""

    def watch(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Json]:
        """What happens from a resourceVersion on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long to leave an API server alone that does not answer: longer each time, never for good."""

    first_seconds: float = 0.25
    most_seconds: float = 15.0
    """A server that is back is noticed within this time."""
    most_asked_seconds: float = 60.0
    """Nobody can send us away for longer, whatever stands in the answer."""

    def after(self, failures: int, *, chance: float, asked: float | None = None) -> float:
        """Seconds to wait after so many failures in a row. `chance`: 0 to 1, to keep hubs from coming all at once."""
        grown = min(self.most_seconds, self.first_seconds * 2.0 ** min(max(failures - 1, 0), 30))
        return max(grown * (0.5 + chance / 2), min(asked or 0.0, self.most_asked_seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """What everybody who follows something shares. `clock`, `sleep` and `chance` are for tests to own."""

    log: logging.Logger
    pauses: Pauses = Pauses()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class Feed:
    """One kind of news, and how far it was read."""

    def __init__(self, what: str, persistence: Persistence) -> None:
        """`what`: in the plural, for the log."""
        self.version = ""
        """The resourceVersion to continue from; "" where a list has to say."""
        self._what = what
        self._with = persistence
        self._failures = 0
        self._has_heard = False
        self._is_in_trouble = False

    def hear(self) -> None:
        """Something came: whatever fails now is a new failure."""
        self._has_heard = True
        self._recover()

    def _recover(self) -> None:
        self._failures = 0
        if self._is_in_trouble:
            self._is_in_trouble = False
            self._with.log.info("Following %s works again", self._what)

    async def forever(self, step: Callable[[], Awaitable[None]]) -> NoReturn:
        """Takes the step again and again, whatever happens in it; end it by cancelling."""
        while True:
            began, asked = self._with.clock(), None
            self._has_heard = False
            try:
                await step()
            except KubeExpired as error:
                # Not worth a line in the log: a quiet namespace has this every few minutes with its events.
                self._with.log.debug("Kubernetes forgot what came since, so %s are listed anew: %s", self._what, error)
                self.version = ""
                if not self._failures:
                    self._failures = 1
                    continue
            except KubeError as error:
                asked = error.retry_after if isinstance(error, KubeAway) else None
                self._log_failure(error)
            except Exception:
                self._is_in_trouble = True
                self._with.log.exception("This is a bug. Following %s goes on after it", self._what)
            else:
                if self._has_heard or self._with.clock() - began >= SHORT_WATCH_SECONDS:
                    self._recover()
                    continue
            self._failures += 1
            await self._with.sleep(self._with.pauses.after(self._failures, chance=self._with.chance(), asked=asked))

    async def follow(
        self, kube: KubeReader, path: str, query: Mapping[str, str], take: Callable[[str, Json], None]
    ) -> None:
        """One watch from `version` on, until the server ends it. `take` gets each event's type and object."""
        async with aclosing(kube.watch(path, {**query, "resourceVersion": self.version})) as told:
            async for event in told:
                self.hear()
                found = event["object"]
                # First of all: an event that nobody can take must not come again and again.
                self.version = str((found.get("metadata") or {}).get("resourceVersion") or self.version)
                take(event["type"], found)

    def _log_failure(self, error: KubeError) -> None:
        """The first failures of a row and then ever fewer: an outage of a night must not fill the log."""
        self._is_in_trouble = True
        if not self._failures & (self._failures + 1):
            self._with.log.warning(
                "Following %s goes on in a while, failure %d in a row: %s", self._what, self._failures + 1, error
            )


def list_version(page: Json) -> str:
    """The resourceVersion of a list. Without one, a watch would begin nowhere."""
    version = (page.get("metadata") or {}).get("resourceVersion")
    if not isinstance(version, str) or version in {"", "0"}:
        raise KubeAway("The API server's list says nothing of its version.")
    return version
