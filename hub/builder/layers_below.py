"""The layers between a base and a person's files: the runner, and what the model needs beside the base.

Both are made here and nowhere else. A layer that many stand on is never taken from a client: one person's would be in
everybody's images.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.builder.errors import ModelRefused
from studiolo.packaging.base_images import other_python
from studiolo.packaging.dependency_layer import ask_python, dependency_layer
from studiolo.packaging.images import Blob
from studiolo.packaging.runner_layer import runner_layer

if TYPE_CHECKING:
    from hub.builder.places import Places, Standing
    from hub.settings import Settings
    from studiolo.packaging.assemble import ReadyLayer
    from studiolo.packaging.dependency_layer import PythonFacts
    from studiolo.packaging.plan import Plan

SHARED: Final = "models/shared"
"""The repository from which every other has these layers. No owner's is called so: theirs have one part more."""


class LayersBelow:
    """Made once each, kept in a folder that may be lost, and sent once to where images are kept."""

    def __init__(self, settings: Settings, places: Places) -> None:
        """Nothing is made yet."""
        self._index_url = settings.packages.index_url
        self._cache = settings.data.root / "model-layers"
        self._places = places
        self._installing = asyncio.Lock()

    async def of(self, plan: Plan, standing: Standing) -> tuple[tuple[ReadyLayer, ...], int]:
        """The layers, lowest first, and how many bytes were sent. Raises ModelRefused, PackagingError or StoreError."""
        layers = [await asyncio.to_thread(runner_layer)]
        if plan.lock.strip():
            layers.append(await self._dependencies(plan.lock, standing))
        sent = [await self._share(one) for one in layers]
        return tuple(replace(one, repository=self._repository) for one in layers), sum(sent)

    async def _dependencies(self, lock: str, standing: Standing) -> ReadyLayer:
        python = await asyncio.to_thread(_own_python)
        other = other_python(standing.base, python.version)
        if other:
            sentence = (
                f"lock: {standing.environment} has Python {other}, and packages are installed here for "
                f"{python.version}. Choose an environment that has them."
            )
            raise ModelRefused((sentence,))
        async with self._installing:  # one at a time: each takes a core, the network and the disk
            return await asyncio.to_thread(dependency_layer, lock, python, index_url=self._index_url, cache=self._cache)

    async def _share(self, one: ReadyLayer) -> int:
        if one.opened is None:
            raise AssertionError  # it was made here
        store = self._places.open(self._repository)
        try:
            blob = Blob(digest=one.layer.digest, size=one.layer.size, media_type=one.layer.media_type)
            return await store.put(blob, one.opened)
        finally:
            await store.close()

    @property
    def _repository(self) -> str:
        prefix = self._places.prefix.strip("/")
        return f"{prefix}/{SHARED}" if prefix else SHARED


@cache
def _own_python() -> PythonFacts:
    return ask_python(Path(sys.executable))
