"""The chart's values about warm workspaces that are claimed."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hub.settings_types import Section

FreeForm = dict[str, Any]
"""Handed to Kubernetes as it is, which checks it."""


class AgentValues(Section):
    """The agents of nodes: a DaemonSet in a namespace of its own (docs/node-agent.md)."""

    existing_claim: str = ""
    """A claim of yours in the namespace `RELEASE-nodes` for the volume with the homes. Not needed with `homes.nfs`."""
    existing_secret: str = ""
    """A Secret of yours with `tls.crt`, `tls.key` and `ca.crt` for the name `studiolo-node-agent`, in the release's
    namespace and in that of the agents. Empty: one is made once and kept. Needed where the chart is rendered without a
    cluster."""
    kubelet_directory: str = "/var/lib/kubelet"
    """The kubelet's own folder on every node."""
    resources: FreeForm = Field(default_factory=dict)
    """Requests and limits."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes where workspaces may be claimed."""
    tolerations: list[FreeForm] = Field(default_factory=list)
    """Taints it may run in spite of: those of nodes for workspaces."""


class BrokerValues(Section):
    """The credential broker: a Deployment beside the services process (docs/claims.md)."""

    existing_secret: str = ""
    """A Secret of yours with `tls.crt`, `tls.key` and `ca.crt` for the name `studiolo-credential-broker` in the
    release's namespace, and of the same name with `ca.crt` in that of the agents. Empty: one is made once and kept.
    Needed where the chart is rendered without a cluster."""
    resources: FreeForm = Field(default_factory=dict)
    """Requests and limits."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes it may run on."""
    tolerations: list[FreeForm] = Field(default_factory=list)
    """Taints it may run in spite of."""


class ClaimsValues(Section):
    """Warm workspaces that are claimed."""

    agent: AgentValues = AgentValues()
    broker: BrokerValues = BrokerValues()
