"""The keys our own processes show each other: one file each below `DATA/secrets`, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from pathlib import Path

    from hub.settings import Settings
    from spawner.data_directory import DataDirectory

KEY_BYTES = 32
"""256 bits; JupyterHub refuses API tokens longer than 64 characters, and 32 bytes are 64 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the hub, the proxy and the services process know of each other."""

    cookie_secret: str = field(repr=False)
    """Signs the hub's cookies (hex)."""
    proxy_token: str = field(repr=False)
    """The hub shows it to the proxy's API."""
    services_token: str = field(repr=False)
    """The services process shows it to the hub's API."""
    hub_token: str = field(repr=False)
    """Hub and spawner show it to the services process."""


def keys_for(settings: Settings) -> Keys:
    """The keys of this installation: those of its Secret, which are only read, or those of the data directory.

    Raises StudioloError naming every file of the Secret that is missing or empty.
    """
    folder = settings.secrets_directory
    if folder is None:
        return ensure_keys(settings.data)
    names = tuple(entry.name for entry in fields(Keys))
    found = {name: _read_key(folder / name) for name in names}
    if missing := [name for name, key in found.items() if not key]:
        raise StudioloError(
            f"{folder} lacks the keys {', '.join(missing)}.",
            hint="They are entries of the installation's Secret. The chart makes them; an existing Secret needs all "
            f"of {', '.join(names)}.",
        )
    return Keys(**found)


def homes_token(settings: Settings) -> str:
    """The key that hub and home service share, of the mounted Secret: only where there is a home service.

    Raises StudioloError where it is missing.
    """
    folder = settings.secrets_directory
    token = _read_key(folder / "homes_token") if folder is not None else ""
    if not token:
        raise StudioloError(
            f"{folder or 'The settings'} lacks the key homes_token, which hub and home service share.",
            hint="In a cluster it is an entry of the Secret that homes.service.existingSecret names, in the namespaces "
            "of both. Without a home service (homes.service.url) it is not needed.",
        )
    return token


def ensure_keys(data: DataDirectory) -> Keys:
    """The keys of this data directory; those that do not exist yet are made.

    Safe when two processes ask at once: a key that is there is never replaced.
    """
    data.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.secrets.chmod(0o700)
    return Keys(
        cookie_secret=_ensure_key(data.secrets / "cookie_secret"),
        proxy_token=_ensure_key(data.secrets / "proxy_token"),
        services_token=_ensure_key(data.secrets / "services_token"),
        hub_token=_ensure_key(data.secrets / "hub_token"),
    )


def credentials_key(data: DataDirectory) -> bytes:
    """What seals people's credentials on one machine; made when the first is kept. On Kubernetes there is none."""
    data.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.secrets.chmod(0o700)
    return bytes.fromhex(_ensure_key(data.secrets / "credentials_key"))


def _ensure_key(path: Path) -> str:
    if not path.exists():
        staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(staged)  # unlike a rename, a link never replaces the key another process made meanwhile
        except FileExistsError:
            pass
        finally:
            staged.unlink()
    path.chmod(0o600)
    key = path.read_text().strip()
    if not key:
        raise ValueError(f"{path} is empty. Remove it; the next start makes a new key (everybody signs in again).")
    return key


def _read_key(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
