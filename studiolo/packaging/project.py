"""The files of a folder that go into an image: which they are, and what each holds. No link is followed anywhere."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.ignored import MODELIGNORE, Ignored
from studiolo.packaging.stripping import is_notebook, without_outputs
from studiolo.problems import listed, quoted
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PROBLEMS: Final = 12
"""Named at once; more are counted."""

LONGEST_PATH: Final = 240
"""Characters. Some file systems take no longer names, and nobody reads them."""

DEEPEST: Final = 32
"""Folders in folders."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may go into one image."""

    most_bytes: int = 100 * 2**20
    most_files: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """One file."""

    path: str
    """In the folder, with `/` between its parts."""
    size: int
    """Of what goes in: a notebook's without its outputs."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What stays out."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What of a folder goes in."""

    folder: Path
    files: tuple[ProjectFile, ...]
    """In the order of their paths."""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)

    def pieces(self, file: ProjectFile) -> Iterator[bytes]:
        """The same as `read`, bit by bit: a file may be larger than what memory should be taken for it."""
        if is_notebook(file.path):
            yield self.read(file)
            return
        digest = hashlib.sha256()
        descriptor = _opened(self.folder, file.path)
        try:
            while piece := os.read(descriptor, _PIECE):
                digest.update(piece)
                yield piece
        finally:
            os.close(descriptor)
        if digest.hexdigest() != file.sha256:
            raise ProjectRefused((f"{file.path} was changed while it was packaged. Package once more.",))

    def read(self, file: ProjectFile) -> bytes:
        """What goes in of a file. Raises ProjectRefused where it is another one by now, and OSError."""
        content = _content(self.folder, file.path)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ProjectRefused((f"{file.path} was changed while it was packaged. Package once more.",))
        return content


def folder_of(path: Path) -> Path:
    """The folder that goes in with a notebook or module. Raises ProjectRefused where that is the whole home."""
    folder = path.parent.resolve()
    if folder == Path.home().resolve():
        raise ProjectRefused(
            (f"{path.name} lies at the top of your home: all of that would go in. Give it a folder of its own.",)
        )
    return folder


def collect(folder: Path, *, limits: Limits = Limits()) -> Project:
    """What of a folder goes in. Raises ProjectRefused with all that is wrong with it, and OSError."""
    walk = _Walk(limits, Ignored(_own_lines(folder)))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        files = tuple(sorted(walk.files(descriptor, "", 0), key=lambda file: file.path))
    finally:
        os.close(descriptor)
    if walk.problems:
        raise ProjectRefused(tuple(_at_most(walk.problems)))
    return Project(folder=folder, files=files, left_out=tuple(walk.left_out))


class _Walk:
    def __init__(self, limits: Limits, ignored: Ignored) -> None:
        self._limits = limits
        self._ignored = ignored
        self._bytes = 0
        self._count = 0
        self._folded: dict[str, str] = {}
        self.problems: list[str] = []
        self.left_out: list[LeftOut] = []

    def files(self, folder: int, prefix: str, depth: int) -> Iterator[ProjectFile]:
        """All below an open folder, as far as the limits go."""
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if self._is_over():
                return
            path = f"{prefix}{name}"
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            why = self._ignored.why(path, is_folder=stat.S_ISDIR(mode))
            if why:
                self.left_out.append(LeftOut(path=path, why=why))
            elif problem := _problem_with_name(path):
                self.problems.append(problem)
            elif stat.S_ISDIR(mode):
                yield from self._inside(folder, name, path, depth)
            elif stat.S_ISREG(mode):
                yield from self._file(folder, name, path)
            else:
                kind = "a link" if stat.S_ISLNK(mode) else "no regular file"
                self.problems.append(
                    f"{path} is {kind}, and only files go in. Remove it, or name it in a {MODELIGNORE}."
                )

    def _inside(self, folder: int, name: str, path: str, depth: int) -> Iterator[ProjectFile]:
        if depth >= DEEPEST:
            self.problems.append(f"{path} is more than {DEEPEST} folders deep.")
            return
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
        try:
            yield from self.files(descriptor, f"{path}/", depth + 1)
        finally:
            os.close(descriptor)

    def _file(self, folder: int, name: str, path: str) -> Iterator[ProjectFile]:
        folded = unicodedata.normalize("NFC", path).casefold()
        if (other := self._folded.setdefault(folded, path)) != path:
            self.problems.append(f"{path} and {other} are one name on some systems. Rename one of them.")
        descriptor = os.open(name, _FILE, dir_fd=folder)
        try:
            self._count += 1
            self._bytes += os.fstat(descriptor).st_size
            if self._is_over():
                return
            content = _stripped(path, _read(descriptor))
        finally:
            os.close(descriptor)
        yield ProjectFile(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def _is_over(self) -> bool:
        way_out = f"Put data where the model can read it when it runs, or name it in a {MODELIGNORE}."
        if self._count > self._limits.most_files:
            problem = f"The folder has more than {self._limits.most_files} files. {way_out}"
        elif self._bytes > self._limits.most_bytes:
            problem = f"The folder has more than {format_memory(self._limits.most_bytes)}. {way_out}"
        else:
            return False
        if problem not in self.problems:
            self.problems.append(problem)
        return True


def _own_lines(folder: Path) -> list[str]:
    path = folder / MODELIGNORE
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []


def _content(folder: Path, path: str) -> bytes:
    """What goes in of a file."""
    opened = _opened(folder, path)
    try:
        return _stripped(path, _read(opened))
    finally:
        os.close(opened)


def _opened(folder: Path, path: str) -> int:
    """A file, reached from one open folder to the next."""
    *folders, name = PurePosixPath(path).parts
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(name, _FILE, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    pieces = iter(lambda: os.read(descriptor, _PIECE), b"")
    return b"".join(pieces)


def _stripped(path: str, content: bytes) -> bytes:
    return without_outputs(content) if is_notebook(path) else content


def _problem_with_name(path: str) -> str:
    name = path.rpartition("/")[2]
    if len(path) > LONGEST_PATH:
        return f"{quoted(path)} has more than {LONGEST_PATH} characters."
    if name.startswith(".wh."):
        return f"{path}: images use names that begin with .wh. to remove files. Rename it."
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{quoted(path)} is no text in UTF-8. Rename it."
    if not path.isprintable() or "\\" in path:
        return f"{quoted(path)} has characters that cannot be seen, or a backslash. Rename it."
    return ""


def _at_most(problems: list[str]) -> list[str]:
    more = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], f"And {more} more of this kind."] if more > 0 else problems


def sentence_of(left_out: tuple[LeftOut, ...]) -> str:
    """What stays out, in a sentence; "" where nothing does."""
    names = [one.path for one in left_out[:MOST_PROBLEMS]]
    more = len(left_out) - len(names)
    return f"Left out: {listed(names)}{f' and {more} more' if more > 0 else ''}." if names else ""
