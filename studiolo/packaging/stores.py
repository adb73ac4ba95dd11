"""Where images are kept: the few things that putting one together asks of a registry, or of a folder on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from studiolo.packaging.images import Blob

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""OCI distribution specification 1.1."""


class Opened(Protocol):
    """Bytes that can be read from any place."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest, as it is kept."""

    content: bytes
    media_type: str
    digest: str


class Store(Protocol):
    """One repository of images: a registry's, or a folder's. Everything may raise a StoreError."""

    async def has(self, blob: Blob) -> bool:
        """Whether it is here."""

    async def mount(self, blob: Blob, *, source: str) -> bool:
        """Have it from another repository of the same place, without its bytes; whether that went."""

    async def put(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        """Keep it; how many bytes were sent, none where it was here. What breaks off is taken up again."""

    async def get(self, digest: str) -> bytes:
        """A small one, whole, and checked against its digest."""

    def read(self, digest: str) -> AsyncIterator[bytes]:
        """One of any size, piece by piece; whoever reads it checks it."""

    async def manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or a digest; None where there is none."""

    async def put_manifest(self, content: bytes, *, media_type: str, tag: str = "", replaces: bool = False) -> str:
        """Keep it, under a tag too where one is given; its digest, as it is read back.

        A tag that names another one stays, which is a StoreConflict; unless it is said to be replaced.
        """

    async def attach(self, content: bytes, *, subject: str) -> str:
        """Keep a manifest that says something of the one with this digest; its own digest."""

    async def attached(self, subject: str) -> tuple[Manifest, ...]:
        """The manifests that say something of this one."""

    async def tags(self) -> tuple[str, ...]:
        """All tags of images, in order."""

    async def delete(self, digest: str) -> None:
        """Forget a manifest, its tags and what is attached. What it names goes when the store collects it."""

    async def close(self) -> None:
        """Let go of connections."""
