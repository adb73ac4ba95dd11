"""Keeps an image that came as one file, an OCI layout in a tar archive: each blob is checked against its digest."""

from __future__ import annotations

import hashlib
import tarfile
from typing import IO, TYPE_CHECKING, Any, Final

from studiolo.packaging.attachments import subject_of
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import MANIFEST, Blob, as_object
from studiolo.packaging.layout_store import TAG_ANNOTATION

if TYPE_CHECKING:
    from studiolo.packaging.stores import Opened, Store

_BLOBS: Final = "blobs/sha256/"
_PIECE: Final = 2**20


async def keep_archive(archive: IO[bytes], store: Store) -> str:
    """Put the image of an archive into a store, under its tag; its digest. Raises StoreRefused, or what the store does.

    Layers that the archive does not have are those of a base, which is kept elsewhere.
    """
    index: list[dict[str, Any]] = []
    manifests: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=archive, mode="r:") as members:
            for member in members:
                opened = members.extractfile(member) if member.isreg() else None
                if opened is None:
                    continue
                if member.name == "index.json":
                    index = _listed(as_object(opened.read()))
                elif member.name in {f"{_BLOBS}{one['digest'].removeprefix('sha256:')}" for one in index}:
                    digest = _checked(member.name, opened)
                    manifests[digest] = _again(opened).read()
                elif member.name.startswith(_BLOBS):
                    digest = _checked(member.name, opened)
                    blob = Blob(digest=digest, size=member.size, media_type="")
                    await store.put(blob, lambda opened=opened: _again(opened))  # type: ignore[misc]  # a lambda with a default
    except tarfile.TarError as error:
        raise StoreRefused(f"This is no image in an archive ({error}).") from error
    if not index or index[0]["digest"] not in manifests:
        raise StoreRefused("There is no image in this archive.")
    first, *others = index
    tag = (first.get("annotations") or {}).get(TAG_ANNOTATION, "")
    digest = await store.put_manifest(manifests[first["digest"]], media_type=MANIFEST, tag=str(tag))
    for one in others:
        if (said := manifests.get(one["digest"])) is not None and subject_of(said) == digest:
            await store.attach(said, subject=digest)
    return digest


def _listed(index: dict[str, Any]) -> list[dict[str, Any]]:
    """The image first; then what is attached to it."""
    listed = index.get("manifests")
    found = listed if isinstance(listed, list) else []
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("digest"), str)]


def _checked(name: str, opened: IO[bytes]) -> str:
    found = hashlib.sha256()
    while piece := opened.read(_PIECE):
        found.update(piece)
    if found.hexdigest() != name.removeprefix(_BLOBS):
        raise StoreRefused(f"{name} has other bytes than its name says.", hint="Fetch it once more.")
    return f"sha256:{found.hexdigest()}"


def _again(opened: IO[bytes]) -> Opened:
    opened.seek(0)
    return opened
