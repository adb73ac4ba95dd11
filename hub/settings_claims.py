"""What an operator sets of warm workspaces that are claimed, where workspaces are pods."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from hub.settings_types import Section


class ClaimsSettings(Section):
    """Warm workspaces that are claimed: pods of nobody that become somebody's in a moment (docs/claims.md)."""

    enabled: bool = False
    """Whether pods wait to be claimed, in place of room that is held, and agents of the nodes, which are privileged,
    bring homes into them. Needs the home service."""
    agents_namespace: str = ""
    """Of the agents. Empty: there are none, and every start is a normal one."""
    agent_directory: Path = Field(default=Path("/etc/studiolo/node-agent"), strict=False)
    """With the `token` that the hub shows them, and `ca.crt`, by which it knows them."""

    @property
    def is_on(self) -> bool:
        """Whether pods are claimed at all."""
        return self.enabled and bool(self.agents_namespace)
