"""Reads a tar archive as it arrives, member by member, and takes nothing but plain files and folders. Pure.

Not `tarfile`: it reads headers of any size into memory, knows links, devices and sparse files, and has been led astray
more than once. What a client of ours writes needs none of that.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.builder.errors import UploadRefused
from studiolo.packaging.project import DEEPEST, LONGEST_PATH
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 512
LARGEST_EXTENSION: Final = 8 * 1024
"""Of a PAX header, in bytes: a path has a few hundred."""

MOST_HEADERS: Final = 200_000
"""Folders count too: an archive of nothing else would never end."""

PASSED_OVER: Final = frozenset(
    {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment", "LIBARCHIVE.creationtime"}
)
"""Of a PAX header: what says nothing about content."""

_FILE, _OLD_FILE, _FOLDER, _EXTENSION = b"0", b"\0", b"5", b"x"
_KINDS: Final = {b"1": "a link", b"2": "a link", b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "sparse"}
_OCTAL = re.compile(rb"[ \0]*([0-7]{1,11})[ \0]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file or folder begins."""

    path: str
    size: int
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some of the file that began last."""

    content: bytes


class TarReader:
    """An archive that comes in pieces of any length."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._waiting = bytearray()
        self._left = 0
        self._padding = 0
        self._extension: bytearray | None = None
        self._path: str | None = None
        self._headers = 0
        self._empty_blocks = 0
        self.problems: list[str] = []
        """What is wrong with names; the rest of the archive can still be read."""
        self._is_passed_over = False
        self._names: set[str] = set()

    def feed(self, data: bytes) -> Iterator[Member | Piece]:
        """What is in the next bytes. Raises UploadRefused where they are no archive of plain files."""
        self._waiting += data
        while True:
            if self._left:
                if not self._waiting:
                    return
                content = bytes(self._waiting[: self._left])
                del self._waiting[: len(content)]
                self._left -= len(content)
                yield from self._content(content)
            elif self._padding:
                if len(self._waiting) < self._padding:
                    return
                del self._waiting[: self._padding]
                self._padding = 0
            elif len(self._waiting) >= BLOCK:
                block = bytes(self._waiting[:BLOCK])
                del self._waiting[:BLOCK]
                yield from self._block(block)
            else:
                return

    def finish(self) -> None:
        """There is no more. Raises UploadRefused where something is missing."""
        if not self._empty_blocks or self._left or self._padding or self._waiting:
            raise UploadRefused(("The archive breaks off.",), hint="Send it again.")

    def _content(self, content: bytes) -> Iterator[Piece]:
        if self._extension is None:
            if not self._is_passed_over:
                yield Piece(content=content)
            return
        self._extension += content
        if not self._left:
            self._path = _path_in(bytes(self._extension))
            self._extension = None

    def _block(self, block: bytes) -> Iterator[Member]:
        if not any(block):
            self._empty_blocks += 1
            return
        if self._empty_blocks:
            raise _refused("something stands behind its end")
        self._headers += 1
        if self._headers > MOST_HEADERS:
            raise _refused("it has too many entries")
        size, kind = _size(block), block[156:157]
        self._left, self._padding = size, -size % BLOCK
        if kind == _EXTENSION:
            if self._path is not None or not 0 < size <= LARGEST_EXTENSION:
                raise _refused("a PAX header is too long, empty, or one of two")
            self._extension = bytearray()
            return
        path = _short_path(block) if self._path is None else self._path
        self._path = None
        is_folder = kind == _FOLDER
        if is_folder and size:
            raise _refused(f"the folder {quoted(path)} has content")
        if kind not in {_FILE, _OLD_FILE, _FOLDER, *_KINDS}:
            raise _refused(f"{quoted(path)} is of a kind that is not taken; write it in PAX format")
        path = path.removesuffix("/") if is_folder else path
        problem = self._problem(path, kind)
        self._is_passed_over = bool(problem)
        if problem:
            self.problems.append(problem)
        else:
            yield Member(path=path, size=size, is_folder=is_folder)

    def _problem(self, path: str, kind: bytes) -> str:
        if kind in _KINDS:
            return f"{quoted(path)} is {_KINDS[kind]}, and only plain files go in."
        if problem := problem_with_path(path):
            return problem
        folded = path.casefold()
        if kind != _FOLDER and folded in self._names:
            return f"{quoted(path)} is there twice, or differs from another by case alone."
        self._names.add(folded)
        return ""


def problem_with_path(path: str) -> str:
    """Why no file can be called so; "" where it can."""
    parts = path.split("/")
    if "\0" in path or not path.isprintable() or "\\" in path:
        return f"{quoted(path)} has characters that cannot be seen, or a backslash."
    if len(path) > LONGEST_PATH + len("files/") or len(parts) > DEEPEST + 1:
        return f"{quoted(path[:80])}… has more than {LONGEST_PATH} characters, or is more than {DEEPEST} folders deep."
    if any(part in {"", ".", ".."} for part in parts):
        return f"{quoted(path)} leads elsewhere, or says nothing."
    if any(part.startswith(".wh.") for part in parts):
        return f"{quoted(path)}: images use names that begin with .wh. to remove files. Rename it."
    if unicodedata.normalize("NFC", path) != path:
        return f"{quoted(path)} is written with separate accents (not NFC). Rename it."
    return ""


def _size(block: bytes) -> int:
    """Of a member, from a header that is one."""
    if block[257:263] not in {b"ustar\0", b"ustar "}:
        raise _refused("its format is none of ustar, PAX and GNU")
    expected = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if _number(block[148:156]) != expected:
        raise _refused("a header has another checksum than it says")
    return _number(block[124:136])


def _number(field: bytes) -> int:
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise _refused("a header has no number where one belongs")
    return int(found[1], 8)


def _short_path(block: bytes) -> str:
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _path_in(content: bytes) -> str | None:
    """The path that a PAX header gives the next member (POSIX.1-2001: `LENGTH KEY=VALUE` and a line's end, each)."""
    path: str | None = None
    while content:
        length, _, _ = content.partition(b" ")
        if not re.fullmatch(rb"[1-9][0-9]{0,4}", length) or int(length) > len(content):
            raise _refused("a PAX header is broken")
        record, content = content[: int(length)], content[int(length) :]
        key, separator, value = record[len(length) + 1 :].partition(b"=")
        if not separator or not value.endswith(b"\n"):
            raise _refused("a PAX header is broken")
        if key == b"path":
            path = _text(value[:-1])
        elif _text(key) not in PASSED_OVER:
            raise _refused(f"a PAX header says {quoted(_text(key)[:80])}, which is not taken")
    return path


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise _refused("a name is no text in UTF-8") from None


def _refused(why: str) -> UploadRefused:
    return UploadRefused((f"This is no archive that can be taken: {why}.",), hint="Use a client of Studiolo.")
