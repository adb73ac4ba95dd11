"""What a client sends becomes a folder: what is wanted, and the files. Nothing of it is believed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from hub.builder.errors import UploadRefused
from hub.builder.tar_reader import Member, TarReader
from studiolo.packaging.project import MOST_PROBLEMS
from studiolo.quantities import format_memory
from studiolo.wire_models import FILES, HEAD, NewModelPackage

if TYPE_CHECKING:
    from studiolo.packaging.project import Limits

LARGEST_HEAD: Final = 4 * 2**20
"""Bytes of what is wanted: a lock and a diff are the largest of it."""

HEADERS_OF_A_FILE: Final = 4096
"""Bytes of an archive that a file takes beside its content, with a long name and what fills its last block."""

SHORTEST_ARCHIVE: Final = 64 * 1024


def largest_archive(limits: Limits) -> int:
    """Bytes of the largest archive that can keep within the limits."""
    return limits.most_bytes + limits.most_files * HEADERS_OF_A_FILE + LARGEST_HEAD + SHORTEST_ARCHIVE


class Receiving:
    """One archive, in pieces, into a folder of its own that goes with `close`."""

    def __init__(self, limits: Limits) -> None:
        """Makes the folder, which nobody else can look into."""
        self._limits = limits
        self._reader = TarReader()
        self._root = Path(tempfile.mkdtemp(prefix="studiolo-model-"))
        self.folder = self._root / "files"
        self.folder.mkdir()
        self._head = bytearray()
        self._files = 0
        self._bytes = 0
        self._open: int | None = None
        self._is_head = False

    def take(self, data: bytes) -> None:
        """The next bytes. Raises UploadRefused where they are no archive of plain files, or more than may be."""
        try:
            for event in self._reader.feed(data):
                if isinstance(event, Member):
                    self._begin(event)
                elif self._is_head:
                    self._head += event.content
                elif self._open is not None:
                    _write(self._open, event.content)
        except (FileExistsError, NotADirectoryError) as error:
            raise UploadRefused(("Something in the archive is both a file and a folder.",)) from error
        except OSError as error:
            raise UploadRefused(
                (f"The files cannot be taken in at this moment ({error.strerror}).",),
                hint="Try again; if it stays, tell an administrator: the disk may be full.",
            ) from error

    def finish(self) -> NewModelPackage:
        """What is wanted, once all is there. Raises UploadRefused with everything that is wrong."""
        self._end_file()
        self._reader.finish()
        problems = self._reader.problems
        if problems:
            more = len(problems) - MOST_PROBLEMS
            raise UploadRefused((*problems[:MOST_PROBLEMS], *((f"And {more} more of this kind.",) if more > 0 else ())))
        if not self._head:
            raise UploadRefused((f"The archive does not begin with {HEAD}.",), hint="Use a client of Studiolo.")
        try:
            return NewModelPackage.model_validate_json(bytes(self._head))
        except ValidationError as error:
            details = error.errors(include_input=False)
        known = NewModelPackage.model_fields
        raise UploadRefused(
            tuple(
                dict.fromkeys(
                    f"{one['loc'][0]}: {one['msg']}."
                    if one["loc"] and one["loc"][0] in known
                    else f"Only {', '.join(known)} can be sent in {HEAD}, as JSON."
                    for one in details
                )
            )
        )

    def close(self) -> None:
        """Nothing is left of it."""
        self._end_file()
        shutil.rmtree(self._root, ignore_errors=True)

    def _begin(self, member: Member) -> None:
        self._end_file()
        self._is_head = not self._files and not self._head and member.path == HEAD
        if self._is_head:
            if member.size > LARGEST_HEAD:
                raise UploadRefused((f"{HEAD} has more than {format_memory(LARGEST_HEAD)}.",))
            return
        if not self._head:
            raise UploadRefused((f"The archive does not begin with {HEAD}.",), hint="Use a client of Studiolo.")
        path = member.path.removeprefix(FILES)
        if path == member.path:
            if f"{member.path}/" == FILES and member.is_folder:
                return
            raise UploadRefused((f"All files belong below {FILES}.",), hint="Use a client of Studiolo.")
        place = self.folder / path  # its parts were looked at: none leads elsewhere, and no link was ever made here
        if member.is_folder:
            place.mkdir(parents=True, exist_ok=True)
            return
        self._count(member)
        place.parent.mkdir(parents=True, exist_ok=True)
        self._open = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def _count(self, member: Member) -> None:
        self._files += 1
        self._bytes += member.size
        limits = self._limits
        way_out = "Put data where the model can read it when it runs, or name it in a .modelignore."
        if self._files > limits.most_files:
            raise UploadRefused((f"The folder has more than {limits.most_files} files.",), hint=way_out)
        if self._bytes > limits.most_bytes:
            raise UploadRefused((f"The folder has more than {format_memory(limits.most_bytes)}.",), hint=way_out)

    def _end_file(self) -> None:
        if self._open is not None:
            os.close(self._open)
            self._open = None


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
