"""A package laid out in a folder, to be run without a container: read by a reader of our own, believed in nothing.

Layers are what our writer writes: files and folders below `opt/studiolo`. Anything else ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import re
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import platformdirs
import zstandard

from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import as_object
from studiolo.packaging.plan import LABEL, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studiolo.packaging.stores import Store

LARGEST: Final = 8 * 2**30
"""Bytes of a package when it is unpacked."""

_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}")


def runs_folder() -> Path:
    """Where packages are laid out."""
    return Path(platformdirs.user_cache_dir("studiolo")) / "models" / "unpacked"


async def unpack(store: Store, digest: str, *, folder: Path | None = None) -> Path:
    """The folder that is `/opt/studiolo` of the image; made once for each digest. Raises StoreError."""
    place = (folder or runs_folder()) / digest.removeprefix("sha256:")
    if await asyncio.to_thread(place.is_dir):
        return place
    found = await store.manifest(digest)
    if found is None:
        raise StoreRefused(f"There is no image {digest}.")
    layers = [(await _checked(store, layer), layer["mediaType"]) for layer in await own_layers(store, found.content)]
    await asyncio.to_thread(_make, layers, place)
    return place


async def _checked(store: Store, layer: dict[str, Any]) -> bytes:
    content = b"".join([piece async for piece in store.read(layer["digest"])])
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != layer["digest"]:
        raise StoreRefused(f"The layer {layer['digest']} is damaged.")
    return content


def _make(layers: list[tuple[bytes, str]], place: Path) -> None:
    """Lays the layers out beside their place, and moves them there whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        tree = Path(temporary, "tree")
        for content, media_type in layers:
            _lay_out(_plain(content, media_type), tree)
        if not (tree / "entry" / "contract.json").is_file():
            raise StoreRefused("This image is no packaged model.")
        with contextlib.suppress(OSError):  # somebody else was faster, with the same
            tree.rename(place)


async def own_layers(store: Store, content: bytes) -> list[dict[str, Any]]:
    """The layers above the base: runner, dependencies, project. Raises StoreError for what is no package."""
    layers = as_object(content).get("layers")
    count = str((await _labels(store, content)).get(f"{LABEL}.layers", ""))
    if not isinstance(layers, list) or not all(map(_is_descriptor, layers)):
        raise StoreRefused("This image is no packaged model.")
    if not _COUNT.fullmatch(count) or int(count) > len(layers):
        raise StoreRefused("This image is no packaged model.")
    return layers[-int(count) :]


async def contract_of(store: Store, content: bytes) -> dict[str, Any]:
    """What a package says that it offers; nothing where it says nothing. Raises StoreError."""
    labels = await _labels(store, content)
    told = labels.get(f"{LABEL}.contract")
    return as_object(told.encode()) if isinstance(told, str) else {}


async def _labels(store: Store, content: bytes) -> dict[str, Any]:
    match as_object(content):
        case {"config": {"digest": str(config)}}:
            described = as_object(await store.get(config)).get("config")
            labels = described.get("Labels") if isinstance(described, dict) else None
            return labels if isinstance(labels, dict) else {}
    return {}


def _is_descriptor(layer: Any) -> bool:
    match layer:
        case {"digest": str(), "mediaType": str(), "size": int()}:
            return True
    return False


def _plain(content: bytes, media_type: str) -> io.BytesIO:
    """The archive in a layer, no larger than a package may be."""
    if media_type.endswith("zstd"):
        with zstandard.ZstdDecompressor().stream_reader(content) as reader:
            plain = reader.read(LARGEST + 1)
    elif media_type.endswith("gzip"):
        plain = zlib.decompressobj(zlib.MAX_WBITS + 16).decompress(content, LARGEST + 1)
    else:
        plain = content
    if len(plain) > LARGEST:
        raise StoreRefused("A layer of this package is larger than any model is.")
    return io.BytesIO(plain)


def _lay_out(archive: io.BytesIO, tree: Path) -> None:
    for member, content in _members(archive):
        parts = PurePosixPath(member.name).parts
        root = PurePosixPath(ROOT).parts
        if member.isdir() and parts == root[: len(parts)]:
            continue
        if parts[: len(root)] != root or any(part in {"..", "."} or part.startswith(".wh.") for part in parts):
            raise StoreRefused(f"A layer of this package writes {member.name!r}, which none of ours does.")
        target = tree.joinpath(*parts[len(root) :])
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # What is there already came from a layer below: replaced, never followed.
        target.unlink(missing_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if member.mode & 0o100:
            target.chmod(0o755)


def _members(archive: io.BytesIO) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    try:
        with tarfile.open(fileobj=archive, mode="r:") as reader:
            for member in reader:
                if not (member.isreg() or member.isdir()):
                    raise StoreRefused(f"A layer of this package holds {member.name!r}, which is no file.")
                opened = reader.extractfile(member) if member.isreg() else None
                yield member, opened.read() if opened is not None else b""
    except tarfile.TarError as error:
        raise StoreRefused(f"A layer of this package cannot be read: {error}") from error
