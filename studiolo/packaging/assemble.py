"""Puts an image together in a store: mounts what is there, sends what is new, names it last."""

from __future__ import annotations

import asyncio
import io
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.packaging.attachments import blobs_of
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import CONFIG, MANIFEST, Blob, blob_of, config_of, manifest_of
from studiolo.packaging.layers import Compression, write_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import IO, Any

    from studiolo.packaging.base_images import BaseSource
    from studiolo.packaging.images import Base
    from studiolo.packaging.layers import Layer
    from studiolo.packaging.plan import Plan
    from studiolo.packaging.stores import Opened, Store

SPOOL_BYTES: Final = 8 * 2**20
"""Of a layer that stay in memory; a larger one lies on disk until it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyLayer:
    """A layer that lies somewhere."""

    layer: Layer
    opened: Callable[[], Opened] | None = None
    """Its bytes, where they are at hand."""
    repository: str = ""
    """Where in the same store it can be had from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """An image that is there."""

    digest: str
    tag: str
    sent_bytes: int
    """Of layers; none where everything was there."""
    is_new: bool
    """False: the very same image had this name already."""
    project: Layer


async def assemble(
    plan: Plan,
    store: Store,
    base: Base,
    *,
    tag: str,
    below: Sequence[ReadyLayer] = (),
    base_repository: str = "",
    base_store: Store | None = None,
    compression: Compression = Compression.ZSTD,
    replaces: bool = False,
) -> Packaged:
    """The image of a plan: `base`, the layers `below` and the project's own. Raises StoreError, or what reading does.

    Whatever ends it early, no tag names half an image: the manifest comes last. `replaces`: the tag may name another
    image, which nobody has recorded, and names this one from now on; else that is a StoreConflict.
    """
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        project = await asyncio.to_thread(write_layer, plan.layer_files(), spool, compression=compression)
        layers = [*(one.layer for one in below), project]
        config = config_of(base, layers, plan.how_it_runs(layers=len(layers)))
        manifest = manifest_of(base, layers, config)
        there = await store.manifest(tag)
        if there is not None and there.content == manifest:
            return Packaged(digest=there.digest, tag=tag, sent_bytes=0, is_new=False, project=project)
        own = ReadyLayer(layer=project, opened=lambda: _again(spool))
        _, *sent = await _all(
            store.put(blob_of(config, CONFIG), lambda: io.BytesIO(config)),
            *(bring(layer, store, base_repository, base_store) for layer in base.layers),
            *(_keep(one, store) for one in (*below, own)),
        )
        digest = await store.put_manifest(manifest, media_type=MANIFEST, tag=tag, replaces=replaces)
    return Packaged(digest=digest, tag=tag, sent_bytes=sum(sent), is_new=True, project=project)


async def _all(*steps: Coroutine[Any, Any, int]) -> list[int]:
    """What each gives, side by side. After the first error none goes on, so that nothing reads what is closed next."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def copy_image(
    reference: str,
    source: Store,
    target: Store,
    *,
    tag: str,
    source_repository: str = "",
    base: BaseSource | None = None,
) -> str:
    """An image of one store in another, with what is said of it; its digest, which stays. Raises StoreError.

    `base`: where the layers are that `source` only names.
    """
    found = await source.manifest(reference)
    if found is None:
        raise StoreRefused(f"There is no image {reference}.")
    for blob in blobs_of(found.content):
        if base is not None and blob.digest in base.digests:
            await bring(blob, target, base.repository, source, base.store)
        else:
            await bring(blob, target, source_repository, source)
    digest = await target.put_manifest(found.content, media_type=found.media_type or MANIFEST, tag=tag)
    for said in await source.attached(found.digest):
        for blob in blobs_of(said.content):
            await bring(blob, target, source_repository, source)
        await target.attach(said.content, subject=digest)
    return digest


async def _keep(one: ReadyLayer, store: Store) -> int:
    blob = Blob(digest=one.layer.digest, size=one.layer.size, media_type=one.layer.media_type)
    if one.repository and await store.mount(blob, source=one.repository):
        return 0
    if one.opened is None:
        if await store.has(blob):
            return 0
        raise StoreRefused(f"The layer {blob.digest} is nowhere to be had.")
    return await store.put(blob, one.opened)


async def bring(blob: Blob, store: Store, repository: str, *others: Store | None) -> int:
    """A layer that is somewhere else: mounted, found, or as the last resort copied. Raises StoreError."""
    if repository and await store.mount(blob, source=repository):
        return 0
    if await store.has(blob):
        return 0
    for other in others:
        if other is not None and await other.has(blob):
            with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
                async for piece in other.read(blob.digest):
                    await asyncio.to_thread(spool.write, piece)
                return await store.put(blob, lambda: _again(spool))
    raise StoreRefused(
        f"The layer {blob.digest} of the base is not where it should be.", hint="Name a place that has the base."
    )


class _Kept(io.RawIOBase):
    """A file that stays open when whoever reads it has done."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._file.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _again(file: IO[bytes]) -> Opened:
    return _Kept(file)
