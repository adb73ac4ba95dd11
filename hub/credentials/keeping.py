"""Where values are kept: sealed in our database on one machine, a Secret each on Kubernetes."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.credentials.credential import Content
from hub.credentials.errors import ValueLost, VaultAway
from hub.credentials.store import load_sealed, remove_sealed, save_sealed
from spawner.credential_keys import secret_key
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.kube import Kube, KubeConflict, KubeError, KubeNotFound
from studiolo.names import home_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.credentials.credential import Credential
    from hub.database import Database
    from spawner.installation import Installation

NONCE_BYTES: Final = 12
"""What AES-GCM takes. Drawn anew for each value: two of the same would betray what they seal."""

CREDENTIAL: Final = "credential"
"""The kind, in the labels of a Secret."""

OWNER_LABEL: Final = "studiolo.dev/owner"
"""Whose it is, by the name of their home."""

log = structlog.get_logger()


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


class SecretVault:
    """One Secret per credential in the workspaces' namespace. Our account may not read a single one."""

    def __init__(self, connect: Callable[[], Awaitable[Kube]], installation: Installation) -> None:
        """`connect`: when the first value comes, so that services answer everything else without Kubernetes."""
        self._connect = connect
        self._installation = installation
        self._kube: Kube | None = None
        self._connecting = asyncio.Lock()

    def secret_of(self, credential: Credential) -> str:
        """Named for owner and name, one-to-one."""
        return credential.reference

    async def save(self, credential: Credential, content: Content) -> None:
        """Created, or replaced as a whole: neither needs to read what is there."""
        manifest = secret_manifest(credential, content, self._installation)
        try:
            kube = await self._connected()
            try:
                await kube.replace(self._path(credential.reference), manifest)
            except KubeNotFound:
                await kube.create(self._path(), manifest)
        except KubeConflict:  # made by somebody at this moment; whoever asks again replaces it
            raise VaultAway("The credential was changed by somebody else just now.", hint="Try again.") from None
        except KubeError as error:
            raise _away(error) from None

    async def remove(self, credential: Credential) -> None:
        """Running workspaces lose it within a minute or so: their kubelet looks."""
        try:
            await (await self._connected()).delete(self._path(credential.reference))
        except KubeNotFound:
            pass
        except KubeError as error:
            raise _away(error) from None

    async def close(self) -> None:
        """Ends the connections."""
        if self._kube is not None:
            await self._kube.close()

    async def _connected(self) -> Kube:
        async with self._connecting:
            if self._kube is None:
                self._kube = await self._connect()
            return self._kube

    def _path(self, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self._installation.namespace}/secrets"
        return f"{path}/{name}" if name else path


def secret_manifest(credential: Credential, content: Content, installation: Installation) -> dict[str, Any]:
    """The Secret of a credential: a key for each variable, by its name, and for each file."""
    values = {**content.env, **{secret_key(path): text for path, text in content.files.items()}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": credential.reference,
            "namespace": installation.namespace,
            "labels": {
                RELEASE_LABEL: installation.release,
                KIND_LABEL: CREDENTIAL,
                OWNER_LABEL: home_name(credential.owner),
            },
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in values.items()},
    }


def _away(error: KubeError) -> VaultAway:
    """Without the server's own words, which may repeat what was sent."""
    log.error("credentials.kubernetes_refused", status=error.status, reason=error.reason, kind=error.code)
    return VaultAway(
        "Kubernetes does not keep the credential at this moment, and nothing was changed.",
        hint="Try again in a minute; if it stays, tell the administrator: the log has the reason.",
    )
