"""What the chart tells the broker, by variables: nothing secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.credential_broker.question import BROKER_PORT
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "STUDIOLO_BROKER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Of the one broker of an installation."""

    namespace: str
    """Of the workspaces and their Secrets."""
    release: str
    """As the labels of both have it."""
    agents: str
    """The account of the agents of nodes, as `system:serviceaccount:NAMESPACE:NAME`."""
    certificate: Path
    """Its own, with its key beside it: `tls.crt`, `tls.key`."""
    authority: Path
    """By which it knows the agents of nodes: `ca.crt`."""
    port: int = BROKER_PORT
    kubeconfig: Path | None = None
    """How a broker outside of the cluster reaches it. Absent: by its own account."""


def settings_in(environ: Mapping[str, str]) -> BrokerSettings:
    """The settings that the variables give. Raises StudioloError naming all that are missing."""
    needed = ("NAMESPACE", "RELEASE", "AGENTS", "CERTIFICATE", "AUTHORITY")
    found = {name: environ.get(PREFIX + name, "") for name in (*needed, "PORT", "KUBECONFIG")}
    if missing := [PREFIX + name for name in needed if not found[name]]:
        raise StudioloError(
            f"The credential broker lacks {', '.join(missing)}.", hint="The chart sets them: claims.enabled."
        )
    return BrokerSettings(
        namespace=found["NAMESPACE"],
        release=found["RELEASE"],
        agents=found["AGENTS"],
        certificate=Path(found["CERTIFICATE"]),
        authority=Path(found["AUTHORITY"]),
        port=int(found["PORT"] or BROKER_PORT),
        kubeconfig=Path(found["KUBECONFIG"]) if found["KUBECONFIG"] else None,
    )
