"""Values as Secrets of Kubernetes: written and removed, and never read."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import structlog

from hub.credentials.errors import VaultAway
from spawner.credential_keys import CREDENTIAL, OWNER_KIND_LABEL, OWNER_LABEL, secret_key
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.kube import Kube, KubeConflict, KubeError, KubeNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.credentials.credential import Content, Credential
    from spawner.installation import Installation

log = structlog.get_logger()


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
                OWNER_LABEL: credential.owner.label,
                OWNER_KIND_LABEL: credential.owner.kind.value,
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
