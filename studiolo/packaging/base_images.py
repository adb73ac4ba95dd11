"""Images that packages stand on: read in a registry, named by a digest, and never fetched whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import as_object, read_base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from studiolo.packaging.images import Base, Blob
    from studiolo.packaging.stores import Manifest, Opened, Store

Platform = tuple[str, str]
"""Operating system and architecture, as images name them."""

PLATFORM: Final[Platform] = ("linux", "amd64")
"""Of an image for several kinds of machine, the one that is taken."""

PYTHON_VERSION: Final = "PYTHON_VERSION="
"""The variable in which images of Python say which one they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSource:
    """Where the layers of a base are to be had from."""

    digests: frozenset[str]
    """Of its layers."""
    store: Store
    """Its repository."""
    repository: str = ""
    """The same, where what stands on it goes to the same registry: then they are mounted."""


async def fetch_base(
    store: Store, reference: str, *, name: str, platform: Platform = PLATFORM, hint: str = "Look at its name."
) -> Base:
    """Manifest and configuration of a base; `reference` is a tag or a digest. Raises StoreError."""
    manifest = named = await store.manifest(reference)
    if manifest is not None and (one := _of_platform(manifest, platform)):
        manifest = await store.manifest(one)
    if manifest is None or named is None:
        raise StoreRefused(f"The base image {name} is not there.", hint=hint)
    match as_object(manifest.content).get("config"):
        case {"digest": str(digest)}:
            config = await store.get(digest)
        case _:
            raise StoreRefused(f"{name} is no image that another can stand on.")
    pinned = name if "@" in name else f"{name}@{named.digest}"
    return read_base(manifest.content, config, digest=manifest.digest, name=pinned)


def python_of(base: Base) -> str:
    """The version of Python that a base says it has; "" where it says none."""
    env = (base.config.get("config") or {}).get("Env") or ()
    said = [line.removeprefix(PYTHON_VERSION) for line in env if str(line).startswith(PYTHON_VERSION)]
    return said[0] if said else ""


def other_python(base: Base, version: str) -> str:
    """The Python of a base that says so, where what is compiled for `version` is of no use; else ""."""
    said = python_of(base)
    return said if said and said.split(".")[:2] != version.split(".")[:2] else ""


class NamesBase:
    """A store that takes the layers of a base for granted: a folder names them, and does not keep them."""

    def __init__(self, store: Store, digests: Collection[str]) -> None:
        """`digests`: of those layers."""
        self._store = store
        self._digests = digests

    async def has(self, blob: Blob) -> bool:
        """Whether it is here, or a layer of the base."""
        return blob.digest in self._digests or await self._store.has(blob)

    async def mount(self, blob: Blob, *, source: str) -> bool:
        """As the store does."""
        return await self._store.mount(blob, source=source)

    async def put(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        """As the store does."""
        return await self._store.put(blob, opened)

    async def get(self, digest: str) -> bytes:
        """As the store does."""
        return await self._store.get(digest)

    def read(self, digest: str) -> AsyncIterator[bytes]:
        """As the store does."""
        return self._store.read(digest)

    async def manifest(self, reference: str) -> Manifest | None:
        """As the store does."""
        return await self._store.manifest(reference)

    async def put_manifest(self, content: bytes, *, media_type: str, tag: str = "", replaces: bool = False) -> str:
        """As the store does."""
        return await self._store.put_manifest(content, media_type=media_type, tag=tag, replaces=replaces)

    async def attach(self, content: bytes, *, subject: str) -> str:
        return await self._store.attach(content, subject=subject)

    async def attached(self, subject: str) -> tuple[Manifest, ...]:
        return await self._store.attached(subject)

    async def tags(self) -> tuple[str, ...]:
        """As the store does."""
        return await self._store.tags()

    async def delete(self, digest: str) -> None:
        """As the store does."""
        await self._store.delete(digest)

    async def close(self) -> None:
        """As the store does."""
        await self._store.close()


def _of_platform(manifest: Manifest, platform: Platform) -> str:
    """The digest of the image for one kind of machine, in a list for several; "" where it is no list."""
    listed: Any = as_object(manifest.content).get("manifests")
    for one in listed if isinstance(listed, list) else []:
        match one:
            case {"digest": str(digest), "platform": {"os": os, "architecture": architecture}}:
                if (os, architecture) == platform:
                    return digest
    return ""
