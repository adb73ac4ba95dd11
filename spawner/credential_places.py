"""Where files of credentials lie in a workspace, and which variables tell the standard clients so. Pure.

Everything lies in one folder that is not the home: /run/credentials in a pod, a folder of the workspace on one machine.
A file that belongs into the home lies there too. Where its client can be told by a variable, it is; for any other
(`~/.kaggle/kaggle.json`) the start program makes a symbolic link from the home. So a change reaches what runs,
nothing secret is ever written to the home itself, and a file that the person has there already stays what it is.
"""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.credential_keys import BELOW_HOME
from spawner.credentials import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spawner.credentials import MountedCredential

FOLDER_VARIABLE: Final = "STUDIOLO_CREDENTIALS"
"""Names the folder to whatever runs in the workspace."""

LINKED: Final = "home"
"""Below the folder: what is linked into the home."""

TOLD: Final = "tools"
"""Below the folder: what would lie in the home, and is told by a variable instead."""

PUBLIC_KEY: Final = ".pub"

POINTERS: Mapping[str, str] = MappingProxyType(
    {
        "~/.config/pip/pip.conf": "PIP_CONFIG_FILE",
        "~/.npmrc": "NPM_CONFIG_USERCONFIG",
        "~/.condarc": "CONDARC",
        "~/.aws/credentials": "AWS_SHARED_CREDENTIALS_FILE",
        "~/.aws/config": "AWS_CONFIG_FILE",
        "~/.config/gcloud/application_default_credentials.json": "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
"""Files of the home that their client also finds by a variable."""

KNOWN_HOSTS: Final = "UserKnownHostsFile=${HOME}/.ssh/known_hosts ~/.ssh/known_hosts"
"""For ssh, which expands it. The first visit to a server is believed, as there is nobody at the terminal whom
JupyterLab's git could ask, and kept in the workspace's home: on one machine `~` is ssh's word for another one, that of
the system's user."""

LONGEST_PATH: Final = 255


class PlaceRefusedError(ValueError):
    """A path that does not stay below the folder. Its text names no value: there is none in a path."""


def place_of(path: str) -> str:
    """Where a file lies below the folder. Raises PlaceRefusedError where that would not be below it."""
    relative = path
    if path.startswith(BELOW_HOME):
        relative = f"{TOLD if path in POINTERS else LINKED}/{path.removeprefix(BELOW_HOME)}"
    parts = relative.split("/")
    is_plain = all(part not in {"", ".", ".."} and not part.startswith("..") and part.isprintable() for part in parts)
    if not is_plain or len(relative) > LONGEST_PATH:
        raise PlaceRefusedError("A file of a credential must stay below its folder.")
    return relative


def placed_files(credentials: Iterable[MountedCredential]) -> dict[str, tuple[MountedCredential, str]]:
    """Every file by its place below the folder, with its credential and its path as that has it.

    The first of two in each other's way wins: a pod with both would be refused.
    """
    placed: dict[str, tuple[MountedCredential, str]] = {}
    for credential in credentials:
        for path in credential.files:
            try:
                place = place_of(path)
            except PlaceRefusedError:
                continue
            if not any(_are_in_each_other_s_way(place, other) for other in placed):
                placed[place] = (credential, path)
    return placed


def pointers(
    credentials: Iterable[MountedCredential], *, folder: str, git_helper: tuple[str, ...], ssh: str = "ssh"
) -> dict[str, str]:
    """The variables by which standard clients find the files: nothing where there are none.

    `git_helper` is the program, with its arguments, that gives git what is in the folder.
    """
    placed = placed_files(credentials)
    if not placed:
        return {}
    return {
        FOLDER_VARIABLE: folder,
        **{POINTERS[path]: f"{folder}/{place}" for place, (_, path) in placed.items() if path in POINTERS},
        **_git_over_https(placed, git_helper),
        **_git_over_ssh(placed, folder, ssh),
    }


def _are_in_each_other_s_way(one: str, other: str) -> bool:
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _git_over_https(placed: Mapping[str, tuple[MountedCredential, str]], git_helper: tuple[str, ...]) -> dict[str, str]:
    if not any(credential.kind is CredentialKind.GIT for credential, _ in placed.values()):
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"!{shlex.join(git_helper)}",
    }


def _git_over_ssh(placed: Mapping[str, tuple[MountedCredential, str]], folder: str, ssh: str) -> dict[str, str]:
    keys = [
        f"{folder}/{place}"
        for place, (credential, _) in placed.items()
        if credential.kind is CredentialKind.SSH_KEY and not place.endswith(PUBLIC_KEY)
    ]
    if not keys:
        return {}
    # As options and not by `-i`, which warns of a key that was removed meanwhile.
    options = (KNOWN_HOSTS, "StrictHostKeyChecking=accept-new", *(f"IdentityFile={key}" for key in keys))
    return {"GIT_SSH_COMMAND": shlex.join((ssh, *(word for option in options for word in ("-o", option))))}
