"""Reads a container image from an OCI layout: its configuration, what every layer holds, what is left in the end.

Nothing of an image is run or trusted: names that lead out of it are left out, links stay words, devices are not made.
"""

from __future__ import annotations

import contextlib
import json
import platform
import tarfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

import zstandard

from deploy.images.errors import NotAnImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WHITEOUT: Final = ".wh."
OPAQUE: Final = ".wh..wh..opq"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""The first bytes of what zstd compressed (RFC 8878)."""

MOST_LINKS: Final = 40
"""Links on the way to one file; as in the kernel."""

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class Kind(StrEnum):
    """What a name in an image is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in an image."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    target: str = ""
    """Where a link leads, as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How an image is started."""

    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    """The steps that made it, as they were written down."""

    @property
    def command(self) -> tuple[str, ...]:
        """What runs when the pod says nothing else."""
        return (*self.entrypoint, *self.cmd)

    @property
    def path(self) -> tuple[str, ...]:
        """Where programs are looked for; the last resort is containerd's."""
        path = self.env.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return tuple(folder for folder in path.split(":") if folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """An image as its checks see it."""

    config: Config
    entries: Mapping[str, Entry]
    """What a container sees, by absolute path."""
    kept: tuple[tuple[str, Path], ...]
    """Each file of each layer that was asked for, also those that a later layer hides: path, and where it lies now."""
    root: Path
    """The files asked for that a container sees, without links."""

    def resolve(self, path: str) -> str | None:
        """The path behind all links, or None where there is nothing."""
        done, left = PurePosixPath("/"), list(PurePosixPath(path).parts[1:])
        for _ in range(MOST_LINKS * 10):
            if not left:
                return str(done)
            part = left.pop(0)
            done = done.parent if part == ".." else done / part
            entry = self.entries.get(str(done))
            if entry is None and str(done) != "/":
                return None
            if entry is not None and entry.kind is Kind.LINK:
                target = PurePosixPath(entry.target)
                left = [part for part in target.parts if part != "/"] + left
                done = PurePosixPath("/") if target.is_absolute() else done.parent
        return None

    def find_program(self, name: str) -> str | None:
        """The path of a program, as a container finds it."""
        folders = [""] if name.startswith("/") else [f"{folder.rstrip('/')}/" for folder in self.config.path]
        for folder in folders:
            resolved = self.resolve(f"{folder}{name}")
            entry = self.entries.get(resolved or "")
            if entry is not None and entry.kind is Kind.FILE and entry.mode & 0o111:
                return f"{folder}{name}"
        return None

    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Everything below a folder."""
        prefix = f"{folder.rstrip('/')}/"
        return ((path, entry) for path, entry in self.entries.items() if path.startswith(prefix))


def read_image(layout: Path, scratch: Path, *, wants: Callable[[str, Entry], bool]) -> ImageFiles:
    """The image of an OCI layout. Files that `wants` says yes to are written below `scratch`.

    Raises NotAnImageError.
    """
    try:
        manifest = _manifest(layout, _json(layout / "index.json"))
        config = _config(_json(_blob(layout, manifest["config"])))
        layers = [_blob(layout, layer) for layer in manifest["layers"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAnImageError(f"{layout} is not an OCI layout with one image ({error!r}).") from error
    reader = _Reader(scratch=scratch, wants=wants)
    for number, layer in enumerate(layers):
        try:
            with _open_layer(layer) as archive:
                reader.add(number, archive)
        except (OSError, tarfile.TarError, zstandard.ZstdError, EOFError) as error:
            raise NotAnImageError(f"Layer {number + 1} of {len(layers)} cannot be read ({error}).") from error
    return ImageFiles(config=config, entries=reader.entries, kept=tuple(reader.kept), root=reader.finish())


@contextlib.contextmanager
def _open_layer(path: Path) -> Iterator[tarfile.TarFile]:
    """A layer as it is: plain, compressed by what Python's tarfile knows, or by zstd, which it knows from 3.14 on."""
    with path.open("rb") as file:
        if file.peek(len(ZSTD_MAGIC)).startswith(ZSTD_MAGIC):
            with (
                zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as plain,
                tarfile.open(fileobj=plain, mode="r|") as archive,
            ):
                yield archive
        else:
            with tarfile.open(fileobj=file, mode="r:*") as archive:
                yield archive


@dataclass(slots=True, kw_only=True)
class _Reader:
    scratch: Path
    wants: Callable[[str, Entry], bool]
    entries: dict[str, Entry] = field(default_factory=dict)
    kept: list[tuple[str, Path]] = field(default_factory=list)
    _visible: dict[str, Path] = field(default_factory=dict)
    _children: dict[str, set[str]] = field(default_factory=dict)

    def add(self, number: int, archive: tarfile.TarFile) -> None:
        """One layer over those before it."""
        own: set[str] = set()
        for member in archive:
            parts = PurePosixPath("/", member.name).parts
            if ".." in parts:
                continue
            path = str(PurePosixPath(*parts))
            name = parts[-1]
            if name == OPAQUE:
                self._remove_below(str(PurePosixPath(path).parent), keep=own)
            elif name.startswith(WHITEOUT):
                self._remove(str(PurePosixPath(path).with_name(name.removeprefix(WHITEOUT))))
            elif path != "/":
                self._put(number, path, member, archive)
                own.add(path)

    def finish(self) -> Path:
        """The folder with the files that a container sees."""
        root = self.scratch / "root"
        root.mkdir(parents=True)
        for path, content in self._visible.items():
            target = root / path.lstrip("/")
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(content)
            except (FileExistsError, NotADirectoryError):
                continue  # a name that is a file in one layer and a folder in another: the entries tell which
        return root

    def _put(self, number: int, path: str, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        if member.islnk():
            # A second name of a file that came before.
            other = str(PurePosixPath("/", member.linkname))
            if other in self.entries:
                self._note(path, self.entries[other])
                if other in self._visible:
                    self._keep(path, self._visible[other])
            return
        entry = Entry(
            kind=_kind(member),
            mode=member.mode & 0o7777,
            uid=member.uid,
            gid=member.gid,
            size=member.size,
            target=member.linkname if member.issym() else "",
        )
        if entry.kind is not Kind.FOLDER:
            self._remove(path)
        self._note(path, entry)
        if entry.kind is Kind.FILE and self.wants(path, entry):
            content = self.scratch / "files" / f"{number}-{len(self.kept)}"
            content.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            if source is not None:
                _copy(source, content)
                self._keep(path, content)

    def _note(self, path: str, entry: Entry) -> None:
        self.entries[path] = entry
        parent = str(PurePosixPath(path).parent)
        self._children.setdefault(parent, set()).add(path)
        if parent != "/" and parent not in self.entries:
            # A layer may leave out the folders on the way; whoever unpacks it makes them like this.
            self._note(parent, Entry(kind=Kind.FOLDER, mode=0o755, uid=0, gid=0))

    def _keep(self, path: str, content: Path) -> None:
        self._visible[path] = content
        self.kept.append((path, content))

    def _remove(self, path: str) -> None:
        self._remove_below(path, keep=set())
        self.entries.pop(path, None)
        self._visible.pop(path, None)

    def _remove_below(self, folder: str, *, keep: set[str]) -> None:
        waiting = [folder]
        while waiting:
            for child in tuple(self._children.get(waiting.pop(), ())):
                waiting.append(child)
                if child not in keep:
                    self.entries.pop(child, None)
                    self._visible.pop(child, None)


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.isfile():
        return Kind.FILE
    if member.isdir():
        return Kind.FOLDER
    return Kind.LINK if member.issym() else Kind.OTHER


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        while chunk := source.read(1 << 20):
            file.write(chunk)


def _manifest(layout: Path, index: Any) -> Any:
    """The manifest for this machine; an index may hold others, and further indexes."""
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    listed = index["manifests"]
    fitting = [entry for entry in listed if entry.get("platform", {}).get("architecture", here) == here]
    found = _json(_blob(layout, (fitting or listed)[0]))
    return _manifest(layout, found) if "manifests" in found else found


def _config(raw: Any) -> Config:
    config = raw.get("config") or {}
    pairs = (entry.partition("=") for entry in config.get("Env") or ())
    return Config(
        user=config.get("User") or "",
        env={name: value for name, _, value in pairs},
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        history=tuple(step.get("created_by", "") for step in raw.get("history") or ()),
    )


def _blob(layout: Path, descriptor: Any) -> Path:
    algorithm, _, digest = str(descriptor["digest"]).partition(":")
    if not (algorithm.isalnum() and digest.isalnum()):
        raise ValueError(f"{descriptor['digest']!r} is not a digest")
    return layout / "blobs" / algorithm / digest


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())
