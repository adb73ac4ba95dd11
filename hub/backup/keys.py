"""The files beside the databases that a backup keeps: keys between our processes, and passwords on one machine."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.backup.errors import BackupError, NotEmpty

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.settings import Settings

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
"""Of a key: never a path, never a hidden file."""

PASSWORDS: Final = ("passwords.json", "admin-password")
"""In the data directory itself, not among the keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """Where keys are, and whether they may be written there: a mounted Secret is only read."""

    folder: Path
    passwords_folder: Path | None
    """Of one machine, whose passwords are kept too. None where people sign in elsewhere."""
    may_write: bool

    def load(self) -> dict[str, bytes]:
        """All of them by name."""
        found = {path.name: path.read_bytes() for path in _files(self.folder)}
        if self.passwords_folder is not None:
            for name in PASSWORDS:
                if (path := self.passwords_folder / name).is_file():
                    found[name] = path.read_bytes()
        return found

    def wanted(self, kept: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of a backup that belong here: where people sign in elsewhere, nobody has a password."""
        has_passwords = self.passwords_folder is not None
        return {name: content for name, content in kept.items() if has_passwords or name not in PASSWORDS}

    def check(self, wanted: Mapping[str, bytes], *, replaces: bool) -> None:
        """Raises BackupError where these could not be put there, before anything is changed."""
        for name in wanted:
            if not NAME.fullmatch(name):
                raise BackupError(f"The backup has a key of a strange name: {name!r}.")
        there = self.load()
        different = sorted(name for name in wanted if there.get(name, wanted[name]) != wanted[name])
        missing = sorted(wanted.keys() - there.keys())
        if not self.may_write and (different or missing):
            raise BackupError(
                f"The keys of the backup ({', '.join(different or missing)}) are not those of this installation, and "
                f"{self.folder} is only read.",
                hint="Add --keys DIR: they are written there, and you put them into the installation's Secret. Without "
                "them running workspaces lose the hub, and everybody signs in again.",
            )
        if different and not replaces:
            raise NotEmpty(f"{self.folder} holds other keys.")

    def save(self, wanted: Mapping[str, bytes]) -> None:
        """Writes them, each for its owner alone, none half."""
        if not self.may_write:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in wanted.items():
            folder = self.passwords_folder if name in PASSWORDS and self.passwords_folder else self.folder
            staged = folder / f".{name}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            staged.replace(folder / name)


def key_files(settings: Settings, *, into: Path | None = None) -> KeyFiles:
    """Those of an installation; `into`: another folder, for whoever makes a Secret of them."""
    if into is not None:
        return KeyFiles(folder=into, passwords_folder=None, may_write=True)
    if settings.secrets_directory is not None:
        return KeyFiles(folder=settings.secrets_directory, passwords_folder=None, may_write=False)
    return KeyFiles(folder=settings.data.secrets, passwords_folder=settings.data.root, may_write=True)


def _files(folder: Path) -> list[Path]:
    """A mounted Secret has hidden folders beside its links."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
