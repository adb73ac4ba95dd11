"""The catalog that is served right now: reloaded when its files change, the last good one kept when they are broken."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from watchfiles import awatch

from studiolo.catalog import DATA_FILE, ENVIRONMENTS_FILE, HARDWARE_FILE, CatalogCheck, Platform, check_catalog
from studiolo.errors import CatalogError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from watchfiles import Change

    from studiolo.catalog import Catalog
    from studiolo.problems import Problem

CATALOG_FILES: Final = frozenset({ENVIRONMENTS_FILE, HARDWARE_FILE, DATA_FILE, "..data"})
"""What a change must touch. `..data` is the link that Kubernetes swaps when a ConfigMap has changed."""

SECONDS_BETWEEN_LOOKS: Final = 5.0
"""How often the files are looked at besides: no event comes from a network file system, or from a folder put anew."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStatus:
    """How the catalog's files stand. Log, admin page and metric all read this."""

    loaded_at: datetime
    """When the catalog that is served was loaded."""
    is_valid: bool
    """False when the files were changed since then and refused."""
    problems: tuple[Problem, ...]
    """What `studiolo catalog check` says of the files as they are now; warnings where they are valid."""
    changed_at: datetime
    """When the files last gave another answer, good or bad."""


class CatalogHolder:
    """Holds the last good catalog of a directory, and tells who wants to know when it changes."""

    def __init__(
        self,
        directory: Path,
        *,
        log: logging.Logger,
        platform: Platform = Platform.LOCAL,
        homes_claim: str | None = None,
        now: Callable[[], datetime] = _now,
        seconds_between_looks: float = SECONDS_BETWEEN_LOOKS,
    ) -> None:
        """Raises CatalogError where the files are broken: there is no last good catalog to begin with."""
        self.directory = directory
        self._log = log
        self._platform = platform
        self._homes_claim = homes_claim
        self._now = now
        self._seconds_between_looks = seconds_between_looks
        self._subscribers: list[Callable[[CatalogStatus], object]] = []
        self._last_check = self._check()
        if self._last_check.catalog is None:
            raise CatalogError(self._last_check.problems)
        self._current = self._last_check.catalog
        self._offered: dict[str, str] = {}
        self._serve()
        self._status = CatalogStatus(
            loaded_at=now(), is_valid=True, problems=self._last_check.problems, changed_at=now()
        )
        self._log_problems(self._status)

    @property
    def current(self) -> Catalog:
        """The last good catalog, with the images that environments start at this moment."""
        return self._served

    def start_images(self, offered: Mapping[str, str]) -> None:
        """From now on environments start these images, by name; those that are not named, the catalog's own.

        A new image of the catalog is brought to the nodes first; until then the one before it starts.
        """
        if offered != self._offered:
            self._offered = dict(offered)
            self._serve()

    def newer_is_coming(self, environment: str) -> bool:
        """Whether an environment starts another image than its entry names, until that one is on the nodes."""
        named = next((entry.image for entry in self._current.environments if entry.name == environment), None)
        return named is not None and self._offered.get(environment, named) != named

    def _serve(self) -> None:
        self._served = starting(self._current, self._offered)

    @property
    def status(self) -> CatalogStatus:
        """How the files stand."""
        return self._status

    def reload(self) -> CatalogStatus:
        """Read the files again. A broken edit is refused as a whole; what is served stays as it was."""
        return self._apply(self._check())

    def subscribe(self, callback: Callable[[CatalogStatus], object]) -> Callable[[], None]:
        """Call `callback` after each change, good or refused. Gives the function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    async def watch(self) -> None:
        """Reload whenever the files change, for ever; end it by cancelling."""
        while True:
            try:
                await self._watch_until_deaf()
            except (OSError, RuntimeError) as error:  # watchfiles raises both: no folder, no watches left
                self._log.warning("The catalog's folder cannot be watched, so it is read now and then: %s", error)
                await asyncio.sleep(self._seconds_between_looks)
                await self._reload_aside()

    async def _watch_until_deaf(self) -> None:
        """Reload at each event, until the files turn out to have changed without one: the watch is then made anew."""
        # Not recursive: the catalogs may lie at the root of a tree with thousands of folders.
        events = awatch(
            self.directory,
            recursive=False,
            watch_filter=_is_of_catalog,
            rust_timeout=round(self._seconds_between_looks * 1000),
            yield_on_timeout=True,
        )
        async with aclosing(events):
            async for changes in events:
                if not changes and self._fingerprint() == self._last_fingerprint:
                    continue
                await self._reload_aside()
                if not changes:
                    return

    async def _reload_aside(self) -> None:
        """Reload without holding up everybody else while the files are read and checked."""
        self._apply(await asyncio.to_thread(self._check))

    def _fingerprint(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Changes whenever the files do, at the price of three calls of stat."""
        return tuple(_stamp(self.directory / name) for name in (ENVIRONMENTS_FILE, HARDWARE_FILE, DATA_FILE))

    def _check(self) -> CatalogCheck:
        self._last_fingerprint = self._fingerprint()
        return check_catalog(self.directory, platform=self._platform, homes_claim=self._homes_claim)

    def _apply(self, check: CatalogCheck) -> CatalogStatus:
        if check == self._last_check:
            return self._status
        self._last_check = check
        now = self._now()
        if check.catalog is not None:
            self._current = check.catalog
            self._serve()
        self._status = CatalogStatus(
            loaded_at=self._status.loaded_at if check.catalog is None else now,
            is_valid=check.catalog is not None,
            problems=check.problems,
            changed_at=now,
        )
        if check.catalog is None:
            self._log.error("The catalog was changed and refused; the last good one is served on.")
        else:
            self._log.info("The catalog was changed and is served from now on.")
        self._log_problems(self._status)
        self._tell()
        return self._status

    def _log_problems(self, status: CatalogStatus) -> None:
        for problem in status.problems:
            if status.is_valid:
                self._log.warning("%s", problem)
            else:
                self._log.error("%s", problem)

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(self._status)
            except Exception:  # noqa: BLE001 - one listener's fault must not keep the catalog from the others
                self._log.exception("A listener failed when the catalog changed")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_of_catalog(_change: Change, path: str) -> bool:
    return path.rpartition("/")[2] in CATALOG_FILES


def starting(catalog: Catalog, offered: Mapping[str, str]) -> Catalog:
    """The catalog with the images that environments start, by name: those that are not named start its own."""
    environments = tuple(
        entry.model_copy(update={"image": offered.get(entry.name, entry.image)})
        if entry.image is not None and offered.get(entry.name, entry.image) != entry.image
        else entry
        for entry in catalog.environments
    )
    return catalog.model_copy(update={"environments": environments})
