"""What the chart tells an agent, by variables: nothing secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.node_agent.reconcile import GONE_SECONDS
from spawner.identity import AGENT_PORT
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "STUDIOLO_AGENT_"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Of one agent."""

    node: str
    """The node it runs on."""
    namespace: str
    """Of the workspaces."""
    account: str
    """The hub's, as `system:serviceaccount:NAMESPACE:NAME`."""
    pods: Path
    """The kubelet's folder with a folder for each pod, mounted `Bidirectional`."""
    homes: Path
    """Where the homes lie, in the volume with everybody's."""
    certificate: Path
    """With its key beside it: `tls.crt`, `tls.key`."""
    broker: str = ""
    """The address of the credential broker. Empty: there is none, and who has credentials starts the normal way."""
    broker_authority: Path | None = None
    """By which it is known: a file."""
    broker_token: Path | None = None
    """What it is shown: a file with a token of the agent's own pod, which changes while the agent runs."""
    port: int = AGENT_PORT
    gone_seconds: float = GONE_SECONDS
    """See `hub/node_agent/reconcile.py`."""
    kubeconfig: Path | None = None
    """How an agent outside of the cluster reaches it. Absent: by its own account."""


def settings_in(environ: Mapping[str, str]) -> AgentSettings:
    """The settings that the variables give. Raises StudioloError naming all that are missing."""
    needed = ("NODE", "NAMESPACE", "ACCOUNT", "PODS", "HOMES", "CERTIFICATE")
    others = ("BROKER", "BROKER_AUTHORITY", "BROKER_TOKEN", "PORT", "GONE_SECONDS", "KUBECONFIG")
    found = {name: environ.get(PREFIX + name, "") for name in (*needed, *others)}
    if missing := [PREFIX + name for name in needed if not found[name]]:
        raise StudioloError(
            f"The agent of a node lacks {', '.join(missing)}.", hint="The chart sets them: claims.enabled."
        )
    return AgentSettings(
        node=found["NODE"],
        namespace=found["NAMESPACE"],
        account=found["ACCOUNT"],
        pods=Path(found["PODS"]),
        homes=Path(found["HOMES"]),
        certificate=Path(found["CERTIFICATE"]),
        broker=found["BROKER"],
        broker_authority=Path(found["BROKER_AUTHORITY"]) if found["BROKER_AUTHORITY"] else None,
        broker_token=Path(found["BROKER_TOKEN"]) if found["BROKER_TOKEN"] else None,
        port=int(found["PORT"] or AGENT_PORT),
        gone_seconds=float(found["GONE_SECONDS"] or GONE_SECONDS),
        kubeconfig=Path(found["KUBECONFIG"]) if found["KUBECONFIG"] else None,
    )
