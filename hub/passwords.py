"""Who may sign in on one machine: a file of argon2 hashes."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from filelock import FileLock

if TYPE_CHECKING:
    from spawner.data_directory import DataDirectory

ADMIN = "admin"
"""The first administrator."""

MIN_CHARACTERS = 8
MAX_BYTES = 1024
"""Longer ones are refused before they are hashed: hashing megabytes for strangers is work for nothing."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1: a generated password is also read aloud and typed."""

GROUPS, GROUP_LENGTH = 4, 5
"""Four groups of five: 99 bits."""


class PasswordRefusedError(ValueError):
    """A password that cannot be set; the text says what one must be like."""


class PasswordFile:
    """The password hashes of everybody who may sign in.

    Every call reads the file, so that `studiolo password` and the running hub agree without telling each other.
    Hashing takes about 50 ms and 64 MiB: call from a thread, never in an event loop.
    """

    def __init__(self, path: Path, *, admin_copy: Path | None = None, hasher: PasswordHasher | None = None) -> None:
        self._path = path
        self._admin_copy = admin_copy
        self._hasher = hasher or PasswordHasher()
        # One process writes at a time: the hub (user add) and `studiolo password` may meet.
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), mode=0o600)
        self._hash_of_nobody = self._hasher.hash(secrets.token_hex())

    @classmethod
    def of(cls, data: DataDirectory) -> PasswordFile:
        """The passwords of a data directory; the administrator's is kept readable beside them."""
        return cls(data.passwords, admin_copy=data.admin_password)

    def names(self) -> tuple[str, ...]:
        """Everybody with a password, sorted."""
        return tuple(sorted(self._load()))

    def check(self, user: str, password: str) -> bool:
        """Whether this is the user's password. Takes as long for a user that does not exist."""
        if len(password.encode(errors="surrogatepass")) > MAX_BYTES:
            return False
        known = self._load().get(user)
        try:
            is_right = self._hasher.verify(known or self._hash_of_nobody, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return is_right and known is not None

    def set(self, user: str, password: str) -> None:
        """Give the user this password. Raises PasswordRefusedError when it is too short or too long."""
        check_new_password(password)
        hashed = self._hasher.hash(_normal(password))
        with self._changing():
            self._save({**self._load(), user: hashed})
            if user == ADMIN and self._admin_copy is not None:
                _write_private(self._admin_copy, password + "\n")

    def generate(self, user: str) -> str:
        """A new password for the user, set and returned."""
        password = new_password()
        self.set(user, password)
        return password

    def remove(self, user: str) -> None:
        """Forget the user's password, if there is one."""
        with self._changing():
            hashes = self._load()
            if hashes.pop(user, None) is not None:
                self._save(hashes)

    def move(self, user: str, new: str) -> None:
        """The user is called otherwise: the password stays good under the new name, and no longer under the old."""
        with self._changing():
            hashes = self._load()
            if (known := hashes.pop(user, None)) is not None:
                hashes[new] = known
                self._save(hashes)

    def ensure_admin(self) -> str:
        """The administrator's password; a new one when there is none or nobody can read it any more."""
        if self._admin_copy is not None and self._admin_copy.exists():
            password = self._admin_copy.read_text().rstrip("\n")
            if self.check(ADMIN, password):
                return password
        return self.generate(ADMIN)

    def _changing(self) -> FileLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._lock

    def _load(self) -> dict[str, str]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        hashes: dict[str, str] = json.loads(text)["hashes"]
        return hashes

    def _save(self, hashes: dict[str, str]) -> None:
        _write_private(self._path, json.dumps({"hashes": hashes}, indent=2, sort_keys=True) + "\n")


def new_password() -> str:
    """A password nobody can guess and everybody can type: `k3vbn-9xq2m-hd7ra-wt4ce`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))


def check_new_password(password: str) -> None:
    """Raise PasswordRefusedError unless this may become somebody's password."""
    if len(password) < MIN_CHARACTERS:
        raise PasswordRefusedError(
            f"A password has at least {MIN_CHARACTERS} characters. Leave it out to get a generated one."
        )
    if len(password.encode(errors="surrogatepass")) > MAX_BYTES:
        raise PasswordRefusedError(f"A password has at most {MAX_BYTES} bytes.")
    if not password.isprintable():
        raise PasswordRefusedError("A password has printable characters only: nobody could type the others.")


def _normal(password: str) -> bytes:
    """The bytes to hash: keyboards send the same accented letter in more than one form."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def _write_private(path: Path, text: str) -> None:
    descriptor, staged = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(staged).replace(path)
