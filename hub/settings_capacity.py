"""What an operator sets of room that is held for workspaces, where they are pods."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hub.settings_types import Section

WAITING_PROGRAM = "registry.k8s.io/pause@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
"""Version 3.10, as https://registry.k8s.io has it."""


class CapacitySettings(Section):
    """Room held by pods that give way: how much is said by `warm` in the hardware catalog."""

    enabled: bool = True
    """Whether any is held. Off, the catalog's `warm` means nothing."""
    namespace: str = ""
    """Of the pods that hold room, and of nobody's work. Empty: none is held."""
    image: Annotated[str, Field(pattern="@sha256:[0-9a-f]{64}$")] = WAITING_PROGRAM
    """Of a program that waits and does nothing, with its digest. Each node fetches it once."""
    priority_class: str = ""
    """Of the pods that hold room: below every workspace's."""

    @property
    def is_on(self) -> bool:
        """Whether room is held at all."""
        return self.enabled and bool(self.namespace)
