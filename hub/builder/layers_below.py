"""The layers between a base and a person's files: the runner, and what the model needs beside the base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.builder.errors import ModelRefused

if TYPE_CHECKING:
    from hub.builder.places import Standing
    from studiolo.packaging.assemble import ReadyLayer
    from studiolo.packaging.plan import Plan


async def layers_below(plan: Plan, standing: Standing) -> tuple[ReadyLayer, ...]:
    """In their order, the lowest first. Raises ModelRefused where they cannot be made."""
    if plan.lock:
        raise ModelRefused((f"lock: nothing can be installed beside {standing.environment} in this version.",))
    return ()
