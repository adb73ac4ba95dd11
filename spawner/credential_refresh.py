"""Files of credentials in workspaces that run on one machine: changed where they were rotated, gone where removed.

What a kubelet does for pods. Which files a workspace has is seen on the disk, so that a restarted hub goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from spawner.credential_files import CHANGING, ORIGINS, read_origins, write_file
from spawner.credential_places import placed_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from spawner.credentials import CredentialSource, MountedCredential

EVERY_SECONDS: Final = 60.0
"""A change arrives within a minute and a half, as in pods."""


async def refresh_credentials(folder: Path, *, user: str, server: str, source: CredentialSource) -> None:
    """Makes the files of one workspace what they should be now. Where nobody answers they stay as they are."""
    present = await asyncio.to_thread(files_in, folder)
    if not present:
        return
    known = await source.known(user)
    if known is None or not known.is_current:
        return
    placed = _as_they_came(known.credentials, await asyncio.to_thread(read_origins, folder))
    await asyncio.to_thread(_remove, folder, present - placed.keys())
    kept = {place: path for place, (_, path) in placed.items() if place in present}
    names = tuple(dict.fromkeys(placed[place][0].name for place in kept))
    values = await source.values(user, server, names) if names else None
    if values is not None:
        texts = {place: values.files[path] for place, path in kept.items() if path in values.files}
        await asyncio.to_thread(_change, folder, texts)


def files_in(folder: Path) -> set[str]:
    """The places of the files that are there; none of a workspace that is just ending."""
    with contextlib.suppress(OSError):
        found = (path for path in folder.rglob("*") if path.is_file() and not _is_ours(path))
        return {path.relative_to(folder).as_posix() for path in found}
    return set()


def _as_they_came(
    credentials: Iterable[MountedCredential], origins: Mapping[str, str]
) -> dict[str, tuple[MountedCredential, str]]:
    """Every file by its place, of the credential that it came from: what else has that place now was not chosen."""
    if not origins:  # written by a hub that knew of no teams, hence of no two for one place
        return placed_files(credentials)
    came = set(origins.values())
    placed = placed_files(credential for credential in credentials if credential.name in came)
    return {place: found for place, found in placed.items() if origins.get(place) == found[0].name}


def _is_ours(path: Path) -> bool:
    return path.name == ORIGINS or path.name.endswith(CHANGING)


def _remove(folder: Path, places: set[str]) -> None:
    for place in places:
        (folder / place).unlink(missing_ok=True)


def _change(folder: Path, texts: Mapping[str, str]) -> None:
    """Each as a whole: nobody ever reads half a key. A workspace that ends meanwhile takes its folder along."""
    for place, text in texts.items():
        path = folder / place
        with contextlib.suppress(OSError):
            if path.read_bytes() == text.encode():
                continue
            newer = path.with_name(f"{path.name}{CHANGING}")
            newer.unlink(missing_ok=True)
            write_file(newer, text)
            newer.replace(path)
