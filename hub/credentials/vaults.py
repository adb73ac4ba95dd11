"""Which place keeps the values of an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.credentials.keeping import SealedVault
from hub.keys import credentials_key

if TYPE_CHECKING:
    from hub.credentials.keeping import Vault
    from hub.database import Database
    from hub.settings import Settings


def vault_for(settings: Settings, database: Database) -> Vault:
    """Secrets where workspaces are pods, else our own database, sealed."""
    kubernetes = settings.kubernetes
    if kubernetes is None:
        return SealedVault(database, lambda: credentials_key(settings.data))
    # Its client takes a third of a second and 30 MiB to load, which one machine does not need.
    from hub.credentials.secret_keeping import SecretVault  # noqa: PLC0415 - see above
    from spawner.kube import Kube  # noqa: PLC0415 - see above

    return SecretVault(lambda: Kube.connect(kubernetes.kubeconfig), kubernetes.installation)
