"""What the driver last said of the GPUs, so that neither a start nor a page waits for a driver that hangs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spawner.gpus import GpuInfo, GpuInventory

LOOK_EVERY_SECONDS: Final = 5.0
"""A GPU that fell off the bus is not given out any more after this time. NVML takes a few milliseconds a card."""


class WatchedGpus:
    """An inventory that answers at once from its last look, and looks again in the background."""

    def __init__(self, inventory: GpuInventory) -> None:
        """Looks once, here and now: the first start must know what there is."""
        self._inventory = inventory
        self._seen = inventory.gpus()

    def gpus(self) -> tuple[GpuInfo, ...]:
        """The devices of the last look."""
        return self._seen

    @property
    def problem(self) -> str | None:
        """Why the last look may have seen less than there is."""
        return self._inventory.problem

    async def watch(self) -> None:
        """Look again and again, in a thread, for ever. A look that hangs holds up the next one and nothing else."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self._seen = await asyncio.to_thread(self._inventory.gpus)
