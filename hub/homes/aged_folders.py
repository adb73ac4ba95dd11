"""Which folders of the catalog have files that grow old, and where they are. Without a catalog there are none."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from spawner.data_mounts import among_homes
from studiolo.catalog import load_data
from studiolo.catalog_model import Platform
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from hub.settings import Settings
    from spawner.installation import HomesVolume
    from studiolo.catalog_model import DataFolder

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedFolder:
    """One folder from which old files are removed."""

    name: str
    """Of its entry in the catalog."""
    root: Path
    """Where the way to it begins: what lies above is not people's."""
    parts: tuple[str, ...]
    max_age: timedelta

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """The folder, and nothing that only leads to one. Raises OSError."""
        with contextlib.ExitStack() as stack:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            for part in self.parts:
                descriptor = os.open(part, _FOLDER, dir_fd=descriptor)
                stack.callback(os.close, descriptor)
            yield descriptor


class FolderRefused(StudioloError):
    """Files that must not grow old lie there."""

    code = "aged_folder_refused"


def aged_folders(settings: Settings) -> tuple[AgedFolder, ...]:
    """Those of an installation. Raises StudioloError where the catalog cannot be read, or an entry leads to homes."""
    kubernetes = settings.kubernetes
    if kubernetes is None:
        entries = load_data(settings.catalog_directory)
        return tuple(
            _on_machine(entry.name, entry.path, entry.max_age, settings.data_directory)
            for entry in entries
            if entry.max_age is not None and entry.path is not None
        )
    homes = kubernetes.homes
    entries = load_data(settings.catalog_directory, platform=Platform.KUBERNETES, homes_claim=homes.claim)
    aged = [entry for entry in entries if entry.claim is not None]
    return tuple(
        _on_volume(entry, entry.max_age, homes.volume, settings.homes.service.root)
        for entry in aged
        if entry.max_age is not None
    )


def _on_volume(entry: DataFolder, max_age: timedelta, homes: HomesVolume, root: Path) -> AgedFolder:
    if among_homes((entry,), homes):
        raise FolderRefused(
            f'The folder of "{entry.name}" has homes in it, or lies among them, so nothing is removed anywhere.',
            hint="Give it a folder of its own beside them, in data.yaml.",
        )
    return AgedFolder(name=entry.name, root=root, parts=PurePosixPath(entry.folder).parts, max_age=max_age)


def _on_machine(name: str, path: Path, max_age: timedelta, data_directory: Path) -> AgedFolder:
    place, ours = path.resolve(), data_directory.resolve()
    if place.is_relative_to(ours) or any(one.is_relative_to(place) for one in (ours, Path.home().resolve())):
        raise FolderRefused(
            f'{place}, the folder of "{name}", has in it what must not grow old: homes, or what Studiolo keeps. '
            "So nothing is removed anywhere.",
            hint="Name a folder that holds nothing else, in data.yaml.",
        )
    # From the top, without any link: what a link meant just now it may not mean when the folder is opened.
    return AgedFolder(name=name, root=Path("/"), parts=place.parts[1:], max_age=max_age)
