"""An image as one file that other tools read: an OCI image layout in a tar archive, made while it is sent."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.packaging.attachments import INDEX, blobs_of, entry_of
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import MANIFEST, as_bytes, blob_of
from studiolo.packaging.layout_store import TAG_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.builder.model_package import ModelPackage
    from studiolo.packaging.images import Blob
    from studiolo.packaging.stores import Manifest, Store

BLOCK: Final = 512
END: Final = b"\0" * (2 * BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArchive:
    """What is in it, before it is read."""

    small: tuple[tuple[str, bytes], ...]
    """By path, whole."""
    blobs: tuple[Blob, ...]
    """Of any size, in the store. Layers of a base that is kept elsewhere are not among them."""
    store: Store

    @property
    def size(self) -> int:
        """Bytes in all."""
        sizes = (*(len(content) for _, content in self.small), *(blob.size for blob in self.blobs))
        return sum(BLOCK + size + -size % BLOCK for size in sizes) + len(END)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The archive. Raises StoreError where a blob is not as it should be: then the archive breaks off."""
        for path, content in self.small:
            yield _header(path, len(content)) + content + _fill(len(content))
        for blob in self.blobs:
            yield _header(_path(blob.digest), blob.size)
            sent = 0
            async for piece in self.store.read(blob.digest):
                sent += len(piece)
                if sent > blob.size:
                    break
                yield piece
            if sent != blob.size:
                raise StoreRefused(f"{blob.digest} has another size than its manifest says.")
            yield _fill(blob.size)
        yield END


async def content_of(package: ModelPackage, store: Store) -> ImageArchive:
    """What is in a package's archive. Raises StoreError."""
    manifest = await manifest_of(package, store)
    said = await store.attached(package.digest)
    blobs = {blob.digest: blob for one in (manifest, *said) for blob in blobs_of(one.content)}
    kept = [blob for blob in blobs.values() if await store.has(blob)]
    named = blob_of(manifest.content, MANIFEST).descriptor() | {"annotations": {TAG_ANNOTATION: package.version}}
    listed = [named, *(entry_of(one.content) for one in said)]
    index = as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})
    small = (
        ("oci-layout", as_bytes({"imageLayoutVersion": "1.0.0"})),
        ("index.json", index),
        *((_path(one.digest), one.content) for one in (manifest, *said)),
    )
    return ImageArchive(small=small, blobs=tuple(kept), store=store)


async def manifest_of(package: ModelPackage, store: Store) -> Manifest:
    """Its image's manifest. Raises StoreError."""
    manifest = await store.manifest(package.digest)
    if manifest is None:
        raise StoreRefused(
            f"The image of {package.name} {package.version} is not where it was kept.",
            hint="Delete this version, and package the model again.",
        )
    return manifest


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _header(path: str, size: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def _fill(size: int) -> bytes:
    return b"\0" * (-size % BLOCK)
