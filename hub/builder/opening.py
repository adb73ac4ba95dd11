"""A package's own files, as one archive: what somebody gets who opens it as a workspace. Its layer is not believed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import tarfile
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

import zstandard

from hub.builder.download import manifest_of
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.layers import Compression
from studiolo.packaging.plan import PROJECT
from studiolo.packaging.unpacked import own_layers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from hub.builder.model_package import ModelPackage
    from studiolo.packaging.stores import Store

SPOOL_BYTES: Final = 8 * 2**20
"""Of an archive that stay in memory; a larger one lies on disk meanwhile."""

MOST_AT_ONCE: Final = 4
"""Archives that are made at one time; others wait. Each takes a core and the disk."""

_PIECE: Final = 2**20
_making = asyncio.Semaphore(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectArchive:
    """A tar archive that is made."""

    size: int
    file: IO[bytes]

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it."""
        while piece := await asyncio.to_thread(self.file.read, _PIECE):
            yield piece


@asynccontextmanager
async def project_of(package: ModelPackage, store: Store, *, most_bytes: int) -> AsyncGenerator[ProjectArchive]:
    """The files that its person gave, in their folder's own paths. Raises StoreError."""
    manifest = await manifest_of(package, store)
    *_, layer = await own_layers(store, manifest.content)
    async with _making:
        with (
            tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as kept,
            tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as made,
        ):
            await _fetch(store, layer, cast("IO[bytes]", kept))
            await asyncio.to_thread(
                _write, cast("IO[bytes]", kept), layer["mediaType"], cast("IO[bytes]", made), most_bytes
            )
            size = made.tell()
            made.seek(0)
            yield ProjectArchive(size=size, file=cast("IO[bytes]", made))


async def _fetch(store: Store, layer: dict[str, Any], target: IO[bytes]) -> None:
    digest, size = hashlib.sha256(), 0
    async for piece in store.read(layer["digest"]):
        digest.update(piece)
        size += len(piece)
        if size > layer["size"]:
            break
        await asyncio.to_thread(target.write, piece)
    if f"sha256:{digest.hexdigest()}" != layer["digest"]:
        raise StoreRefused(f"The layer {layer['digest']} is damaged.")
    target.seek(0)


def _write(source: IO[bytes], media_type: str, target: IO[bytes], most_bytes: int) -> None:
    """Only files, only from the project's folder, and no more than a package may have."""
    left = most_bytes
    try:
        with (
            _plain(source, media_type) as plain,
            tarfile.open(fileobj=plain, mode="r|") as layer,
            tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member in layer:
                path = member.name.removeprefix(f"{PROJECT}/")
                if path == member.name or not member.isreg():
                    continue
                left -= member.size
                if left < 0:
                    raise StoreRefused("This package holds more than any model may.")
                found = tarfile.TarInfo(path)
                found.size, found.mode = member.size, 0o644
                archive.addfile(found, layer.extractfile(member))
    except (tarfile.TarError, zstandard.ZstdError, OSError, EOFError) as error:
        raise StoreRefused(f"A layer of this package cannot be read: {error}") from error


def _plain(source: IO[bytes], media_type: str) -> IO[bytes]:
    match media_type:
        case Compression.ZSTD.media_type:
            return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(source, closefd=False))
        case Compression.GZIP.media_type:
            return cast("IO[bytes]", gzip.GzipFile(fileobj=source, mode="rb"))
    raise StoreRefused(f"A layer of this package is {media_type}, which none of ours is.")
