"""Where values are kept: what all such places have in common, and the one of one machine, sealed in our database."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.credentials.credential import Content
from hub.credentials.errors import ValueLost
from hub.credentials.store import load_sealed, remove_sealed, save_sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.credentials.credential import Credential
    from hub.database import Database

NONCE_BYTES: Final = 12
"""What AES-GCM takes. Drawn anew for each value: two of the same would betray what they seal."""


class Vault(Protocol):
    """Keeps what credentials hold."""

    def secret_of(self, credential: Credential) -> str:
        """The name of its Secret; "" where there are none."""
        ...

    async def save(self, credential: Credential, content: Content) -> None:
        """Keep it, in place of what was kept. Raises VaultAway."""
        ...

    async def remove(self, credential: Credential) -> None:
        """Keep it no more; nothing happens where it is gone already. Raises VaultAway."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SealedVault:
    """Rows of our database, each sealed for its one owner and name by a key of the data directory."""

    def __init__(self, database: Database, key: Callable[[], bytes]) -> None:
        """`key`: 32 bytes; asked for when a value is sealed or opened, so that a machine without any needs none."""
        self._database = database
        self._key = key

    def secret_of(self, credential: Credential) -> str:  # noqa: ARG002 - as Vault has it
        """There are no Secrets here."""
        return ""

    async def save(self, credential: Credential, content: Content) -> None:
        """Sealed, and bound to its row: nobody gets another's value by copying rows."""
        plain = json.dumps({"env": dict(content.env), "files": dict(content.files)}).encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(self._key()).encrypt(nonce, plain, credential.reference.encode())
        await self._database.run(lambda session: save_sealed(session, credential.reference, sealed))

    async def open(self, credential: Credential) -> Content:
        """What it holds. Raises ValueLost."""
        sealed = await self._database.run(lambda session: load_sealed(session, credential.reference))
        if sealed is None:
            raise ValueLost(credential.name)
        try:
            plain = AESGCM(self._key()).decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], credential.reference.encode()
            )
        except (InvalidTag, ValueError):
            raise ValueLost(credential.name) from None
        found = json.loads(plain)
        return Content(env=found["env"], files=found["files"])

    async def remove(self, credential: Credential) -> None:
        """The row is gone."""
        await self._database.run(lambda session: remove_sealed(session, credential.reference))

    async def close(self) -> None:
        """Nothing is open."""
