"""Saving: the whole new file or the whole old one, whatever happens in between, and a sentence where it failed.

Jupyter's own way writes over the file and keeps a copy of the old one aside meanwhile. A server that is killed then, or
a disk that fills up with the copy, leaves a part of a notebook. Here the new file is written beside the old one and
takes its place in one step of the system's, so nobody ever sees a part.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = ".~studiolo-"
"""How files begin that are being written. Of a server that was killed one may stay, until something is saved beside it
an hour later. Dot and wave keep it out of lists and of programs that synchronise folders, as Jupyter's own."""

OLD_SECONDS = 3600

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def save_whole_files() -> None:
    """Jupyter writes its files, notebooks and checkpoints in this way from now on."""
    from jupyter_server.services.contents import fileio  # noqa: PLC0415 - only once Jupyter is imported

    stock = fileio.atomic_writing

    @contextlib.contextmanager
    def atomic_writing(path: str, text: bool = True, encoding: str = "utf-8", **options: Any) -> Iterator[Any]:  # noqa: FBT001, FBT002 - Jupyter's signature
        target = Path(path).resolve()  # a link stays one, and what it leads to is written
        with said_loudly(target):
            if _must_be_written_in_place(target):
                with stock(str(target), text=text, encoding=encoding, **options) as file:
                    yield file
            else:
                options.pop("log", None)
                with whole_file(target, text=text, encoding=encoding, **options) as file:
                    yield file

    async def copy_in_thread(source: str, target: str, log: Any = None) -> None:  # noqa: ARG001 - Jupyter's signature
        await fileio.run_sync(copy_whole, source, target)

    fileio.atomic_writing = atomic_writing
    fileio.copy2_safe = copy_whole
    fileio.async_copy2_safe = copy_in_thread


@contextlib.contextmanager
def whole_file(
    path: Path, *, text: bool, encoding: str = "utf-8", newline: str = "\n", **options: Any
) -> Iterator[Any]:
    """A file to write to, which is at `path` once the block has ended well."""
    if path.exists():
        _check_writable(path)
    unfinished = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    as_text = {"encoding": encoding, "newline": newline, **options} if text else options
    try:
        with unfinished.open("x" if text else "xb", **as_text) as file:
            _take_after(path, unfinished)
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    _clear_away(path.parent)


def copy_whole(source: str, target: str, log: Any = None) -> None:  # noqa: ARG001 - Jupyter's signature
    """A copy, as Jupyter makes checkpoints and brings them back; what is there stays whole until then."""
    original, copy = Path(source), Path(target).resolve()
    with said_loudly(copy):
        _check_writable(original)
        with original.open("rb") as old, whole_file(copy, text=False) as new:
            shutil.copyfileobj(old, new)
    with contextlib.suppress(OSError):
        shutil.copystat(original, copy)


@contextlib.contextmanager
def said_loudly(path: Path) -> Iterator[None]:
    """What JupyterLab shows in a window of its own: why it was not saved, and that what was saved before is whole."""
    from tornado import web  # noqa: PLC0415 - Jupyter has imported it by then

    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise web.HTTPError(
                HTTPStatus.INSUFFICIENT_STORAGE,
                f"{path.name} was not saved: its disk is full. What was saved before is whole. Delete files that you "
                "do not need, then save again.",
            ) from error
        if error.errno == errno.EROFS:
            raise web.HTTPError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"{path.name} was not saved: its disk can only be read at the moment. What was saved before is whole. "
                "Download the file to keep your changes, and tell an administrator.",
            ) from error
        raise


def _check_writable(path: Path) -> None:
    """Raises OSError where a file may not be written, though its folder may."""
    if not os.access(path, os.W_OK):
        number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(path))


def _must_be_written_in_place(path: Path) -> bool:
    """A file that may be written though its folder may not, or that alone is mounted where it is."""
    is_alone = path.is_mount() or not os.access(path.parent, os.W_OK)
    return is_alone and path.is_file() and os.access(path, os.W_OK)


def _take_after(path: Path, unfinished: Path) -> None:
    """The mode, the extended attributes and, as far as that is allowed, the owner and the group of the old file."""
    with contextlib.suppress(OSError):
        old = path.stat()
        for uid, gid in ((-1, old.st_gid), (old.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.chown(unfinished, uid, gid)
        shutil.copystat(path, unfinished)


def _clear_away(folder: Path) -> None:
    """Removes what servers that were killed left here."""
    before = time.time() - OLD_SECONDS
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{UNFINISHED}*"):
            if left.lstat().st_mtime < before:
                left.unlink()
