"""A thread of its own that removes old files now and then. A disk that hangs holds up nothing else."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.homes.aged import sweep
from hub.homes.aged_folders import aged_folders
from studiolo.errors import StudioloError
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from hub.homes.aged_folders import AgedFolder
    from hub.settings import Settings

MOST_SECONDS: Final = timedelta(minutes=10).total_seconds()
"""For one folder in one look. A larger one is gone through in several, each in another order."""


class AgedFiles:
    """Looks at every folder of the catalog whose files grow old."""

    def __init__(self, settings: Settings, *, log: Logger, now: Callable[[], float] = time.time) -> None:
        """Nothing runs yet."""
        self._settings = settings
        self._log = log
        self._now = now
        self._stopped = threading.Event()
        # As a daemon: who ends this process does not wait for a disk.
        self._thread = threading.Thread(target=self._run, name="Removing old files", daemon=True)

    def start(self) -> None:
        """Looks now, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """After the file at hand nothing more is removed."""
        self._stopped.set()

    def look(self) -> None:
        """One look. Where it is not known for certain what may be removed, nothing is."""
        try:
            folders = aged_folders(self._settings)
        except (StudioloError, OSError) as error:
            self._log.error("No old files are removed: %s %s", error, getattr(error, "hint", ""))
            return
        for folder in folders:
            self._sweep(folder)

    def _sweep(self, folder: AgedFolder) -> None:
        before = self._now() - folder.max_age.total_seconds()
        try:
            with folder.opened() as descriptor:
                done = sweep(descriptor, before=before, seconds=MOST_SECONDS, is_stopped=self._stopped.is_set)
        except OSError as error:
            self._log.warning("No old files are removed from %s: %s", folder.name, error.strerror)
            return
        if done.removed_count:
            size = format_memory(done.removed_bytes)
            self._log.info("Removed %d old files (%s) from %s", done.removed_count, size, folder.name)
        if done.kept_count:
            self._log.warning("%d old files of %s could not be removed", done.kept_count, folder.name)

    def _run(self) -> None:
        every = self._settings.homes.look_for_old_files_every.total_seconds()
        while not self._stopped.is_set():
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the thread goes on, whatever it was
                self._log.exception("This is a bug. Old files are looked for again later")
            self._stopped.wait(every)
