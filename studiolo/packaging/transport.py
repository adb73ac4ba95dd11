"""How somebody's files travel to the services: a tar archive, of which nothing is believed there."""

from __future__ import annotations

import asyncio
import tarfile
from typing import TYPE_CHECKING, Final

from studiolo.wire_models import FILES, HEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from studiolo.packaging.project import Project
    from studiolo.wire_models import NewModelPackage

CONTENT_TYPE: Final = "application/x-tar"

_BLOCK: Final = 512


def archive_of(new: NewModelPackage, project: Project) -> Iterator[bytes]:
    """What is wanted first, then every file. Raises what reading the files does."""
    yield from _member(HEAD, new.model_dump_json().encode())
    for file in project.files:
        yield from _member(f"{FILES}{file.path}", project.read(file))
    yield b"\0" * (2 * _BLOCK)


async def sent_archive(
    new: NewModelPackage, project: Project, on_sent: Callable[[], None] | None = None
) -> AsyncIterator[bytes]:
    """The same, read in threads: a home may be slow. `on_sent` is called once all of it was taken."""
    pieces = archive_of(new, project)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
    if on_sent is not None:
        on_sent()


def _member(path: str, content: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), 0o644
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    yield content + b"\0" * (-len(content) % _BLOCK)
