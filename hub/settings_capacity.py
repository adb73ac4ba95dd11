"""What an operator sets of room that is held for workspaces, where they are pods."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from annotated_types import Ge
from pydantic import Field

from hub.settings_types import Duration, Memory, Section
from studiolo import quantities

WAITING_PROGRAM = "registry.k8s.io/pause@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
"""Version 3.10, as https://registry.k8s.io has it."""


class PrePullSettings(Section):
    """Images on the nodes before anybody waits for them."""

    enabled: bool = True
    """Whether nodes fetch what they will likely want, and a new image waits for that. Off, it is offered at once."""
    disk_budget: Memory = quantities.memory_bytes("100Gi")
    """Of each node's disk: so much is fetched ahead at most, the most wanted first."""
    at_once: Annotated[int, Ge(1)] = 10
    """So many nodes fetch at the same time, each one image."""
    switch_within: Duration = timedelta(minutes=30)
    """A new image of an environment is offered after this time, wherever it is by then."""
    priority_class: str = ""
    """Of the pods that fetch: below those that hold room."""


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
    images: PrePullSettings = PrePullSettings()

    @property
    def is_on(self) -> bool:
        """Whether room is held at all."""
        return self.enabled and bool(self.namespace)
