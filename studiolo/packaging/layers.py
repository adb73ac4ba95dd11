"""Makes layers: the same files give the same bytes, whoever packs them, when, and on which machine."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

ZSTD_LEVEL: Final = 3
"""Sixteen times as fast as gzip at its usual level, and smaller. One thread: more of them give other bytes."""

GZIP_LEVEL: Final = 6
GZIP_HEADER: Final = 16
"""Added to zlib's window, it means gzip (zlib manual, deflateInit2)."""

FILE_MODE: Final = 0o644
FOLDER_MODE: Final = 0o755
"""Root's, and readable by whoever the image runs as."""

_BLOCK: Final = 512
_PIECE: Final = 2**20


class Compression(StrEnum):
    """How layers are compressed."""

    ZSTD = "zstd"
    GZIP = "gzip"
    """For old registries and runtimes."""

    @property
    def media_type(self) -> str:
        """What a manifest calls such a layer (OCI image specification 1.1)."""
        return f"application/vnd.oci.image.layer.v1.tar+{self}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFile:
    """One file of a layer."""

    path: str
    """From the root of the image, without a `/` before it."""
    size: int
    read: Callable[[], bytes | Iterable[bytes]] = field(repr=False)
    """Its content: whole, or in pieces where it may be large."""
    mode: int = FILE_MODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What is known of a layer without its bytes."""

    digest: str
    """Of the compressed bytes: `sha256:…`."""
    size: int
    """Of them."""
    diff_id: str
    """Digest of the tar archive, which depends on nothing but the files."""
    media_type: str

    def descriptor(self) -> dict[str, object]:
        """As a manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def write_layer(files: Iterable[LayerFile], target: IO[bytes], *, compression: Compression) -> Layer:
    """Writes the layer with these files. Raises what reading them does, and ValueError where a path leads elsewhere."""
    compressor = _compressor(compression)
    digest, size, tar = hashlib.sha256(), 0, hashlib.sha256()

    def write(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        size += len(piece)
        target.write(piece)

    for piece in _tar(sorted(files, key=lambda file: PurePosixPath(file.path).parts)):
        tar.update(piece)
        write(compressor.compress(piece))
    write(compressor.flush())
    return Layer(
        digest=f"sha256:{digest.hexdigest()}",
        size=size,
        diff_id=f"sha256:{tar.hexdigest()}",
        media_type=compression.media_type,
    )


class _Compressor(Protocol):
    def compress(self, piece: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def _compressor(compression: Compression) -> _Compressor:
    match compression:
        case Compression.ZSTD:
            return zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=0).compressobj()
        case Compression.GZIP:
            # Not `gzip`, whose header says when.
            return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS + GZIP_HEADER)


def _tar(files: Iterable[LayerFile]) -> Iterator[bytes]:
    """The archive in pieces: folders before what is in them, nothing of when or by whom."""
    folders, names = set[str](), set[str]()
    for file in files:
        parts = PurePosixPath(file.path).parts
        if not parts or parts[0] == "/" or ".." in parts or any(part.startswith(".wh.") for part in parts):
            raise ValueError(f"{file.path!r} cannot be in a layer")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        name = "/".join(parts)
        if name in names or name in folders or not names.isdisjoint(above):
            raise ValueError(f"{file.path!r} is twice in a layer")
        names.add(name)
        for folder in above:
            if folder not in folders:
                folders.add(folder)
                yield _header(folder, tarfile.DIRTYPE, FOLDER_MODE, 0)
        yield from _file(name, file)
    yield b"\0" * (2 * _BLOCK)


def _file(name: str, file: LayerFile) -> Iterator[bytes]:
    content = file.read()
    yield _header(name, tarfile.REGTYPE, file.mode, file.size)
    read = 0
    for piece in _in_pieces(content) if isinstance(content, bytes) else content:
        read += len(piece)
        yield piece
    if read != file.size:
        raise ValueError(f"{file.path!r} has {read} bytes and not {file.size}")
    yield b"\0" * (-file.size % _BLOCK)


def _in_pieces(content: bytes) -> Iterator[bytes]:
    return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))


def _header(name: str, kind: bytes, mode: int, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, mode, size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
