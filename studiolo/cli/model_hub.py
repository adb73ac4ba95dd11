"""Model packages that the hub keeps, for the command line."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from studiolo.cli.connection import ask

if TYPE_CHECKING:
    from studiolo.cli.model_names import Reference
    from studiolo.client import Studiolo


def pull_from_hub(asked: Reference, *, team: str, name: str) -> str:
    """Fetch a package of the person, or of a team, to this machine; its digest stays."""
    from studiolo.packaging.image_archive import keep_archive  # noqa: PLC0415 - most commands do not need it
    from studiolo.packaging.locally import store_of  # noqa: PLC0415 - as above

    async def fetch(hub: Studiolo) -> str:
        view = await hub.model(asked.name, asked.version or "latest", team=team)
        with tempfile.TemporaryFile() as archive:
            await hub.save_model_image(view.name, view.version, archive, team=team)
            archive.seek(0)
            return await keep_archive(archive, store_of(name))

    return ask(fetch)
