"""REST about images on nodes: for administrators what is where, for the hub what environments start."""

from __future__ import annotations

from hub.auth import HubOnlyHandler
from hub.bookings.routes import CapacityHandler
from hub.prepull.views import image_views, offered_images
from studiolo.wire_capacity import ImagesView, OfferedImages


class ImagesHandler(CapacityHandler):
    """`api/capacity/images`: which images are on how many nodes, and why they are wanted there."""

    async def get(self) -> None:
        """As the last look found it."""
        await self.check_is_admin()
        keeper = self.capacity.images
        found = ImagesView(images=() if keeper is None else image_views(keeper.seen), available=keeper is not None)
        self.write(found.model_dump_json())


class OfferedHandler(HubOnlyHandler):
    """`api/capacity/offered`: what environments start. Empty: what the catalog names."""

    async def get(self) -> None:
        """As the last look decided it."""
        capacity = self.services.capacity
        keeper = None if capacity is None else capacity.images
        found = OfferedImages() if keeper is None else offered_images(await keeper.switches())
        self.write(found.model_dump_json())
