"""The folders that a person's teams share, on one machine: made here, and links below `~/shared`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.team_mounts import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from spawner.data_directory import DataDirectory

MODE: Final = 0o2770
"""What is made in the folder of a team belongs to its group, whoever makes it."""


def link_teams(data: DataDirectory, user: str, teams: Iterable[str]) -> tuple[str, ...]:
    """Makes the folders of these teams and links them; links to those of other teams go.

    A sentence for each that could not be had: a start goes on without.
    """
    folders = {data.team(team).name: data.team(team) for team in teams}
    shared = data.home(user) / SHARED
    if not folders and not shared.is_dir():
        return ()
    if shared.is_symlink() or (shared.exists() and not shared.is_dir()):
        return (f"~/{SHARED} is a file or a link of yours, so the folders of your teams are not below it.",)
    try:
        shared.mkdir(exist_ok=True)
        _unlink_others(data, shared, folders)
        for folder in folders.values():
            _make(folder)
        return tuple(said for name, folder in folders.items() if (said := _link(shared / name, folder)))
    except OSError as error:
        return (f"The folders of your teams cannot be had. The machine said: {error.strerror or error}.",)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o7777 != MODE:
        folder.chmod(MODE)


def _link(link: Path, folder: Path) -> str:
    if link.is_symlink() and link.readlink() == folder:
        return ""
    try:
        link.symlink_to(folder)
    except FileExistsError:
        return f"~/{SHARED}/{link.name} is a file or a folder of yours, so that of your team is not there."
    return ""


def _unlink_others(data: DataDirectory, shared: Path, folders: Iterable[str]) -> None:
    for link in shared.iterdir():
        if link.name not in folders and link.is_symlink() and link.readlink().parent == data.teams:
            link.unlink()
