"""Images in a folder: an OCI image layout (specification 1.1), one for each repository, blobs shared by hard links."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.attachments import INDEX, blobs_of, entry_of, subject_of
from studiolo.packaging.errors import StoreAway, StoreConflict, StoreRefused
from studiolo.packaging.images import as_bytes, digest_of
from studiolo.packaging.stores import DIGEST, Manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from studiolo.packaging.images import Blob
    from studiolo.packaging.stores import Opened

TAG_ANNOTATION: Final = "org.opencontainers.image.ref.name"
_PIECE: Final = 2**20


class LayoutStore:
    """One repository below a folder. Everything is written beside its place first, so what is there is whole."""

    def __init__(self, root: Path, repository: str) -> None:
        """`root` holds all repositories; nothing is made before something is kept."""
        self._root = root
        self.repository = repository
        self.folder = root / repository

    async def has(self, blob: Blob) -> bool:
        """Whether it is here."""
        return self._blob(blob.digest).is_file()

    async def mount(self, blob: Blob, *, source: str) -> bool:
        """A second name for the same file."""
        return await asyncio.to_thread(self._link, blob.digest, self._root / source)

    async def put(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        """Copies it; nothing where it is here."""
        return await asyncio.to_thread(self._write, blob, opened)

    async def get(self, digest: str) -> bytes:
        """A small one, whole, and checked."""
        content = await asyncio.to_thread(self._read, digest)
        if digest_of(content) != digest:
            raise StoreRefused(
                f"{digest} in {self.folder} is damaged.", hint="Remove the file, and package the model again."
            )
        return content

    async def read(self, digest: str) -> AsyncIterator[bytes]:
        """Piece by piece."""
        with self._opened(digest) as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece

    async def manifest(self, reference: str) -> Manifest | None:
        """By its tag or its digest."""
        for entry in await asyncio.to_thread(self._entries):
            if reference in {entry["digest"], _tag(entry)}:
                content = await self.get(entry["digest"])
                return Manifest(content=content, media_type=entry["mediaType"], digest=entry["digest"])
        return None

    async def put_manifest(self, content: bytes, *, media_type: str, tag: str = "", replaces: bool = False) -> str:
        """Writes it into the index."""
        return await asyncio.to_thread(self._name, content, media_type, tag, replaces=replaces)

    async def attach(self, content: bytes, *, subject: str) -> str:
        """Writes it into the index, without a tag."""
        return await asyncio.to_thread(self._attach, content, subject)

    async def attached(self, subject: str) -> tuple[Manifest, ...]:
        """Those in the index."""
        entries = await asyncio.to_thread(self._entries)
        kept = [
            Manifest(content=await self.get(entry["digest"]), media_type=entry["mediaType"], digest=entry["digest"])
            for entry in entries
            if "artifactType" in entry
        ]
        return tuple(one for one in kept if subject_of(one.content) == subject)

    async def tags(self) -> tuple[str, ...]:
        """All tags."""
        entries = await asyncio.to_thread(self._entries)
        return tuple(sorted(tag for entry in entries if (tag := _tag(entry))))

    async def delete(self, digest: str) -> None:
        """Out of the index; and the blobs that nothing in this repository names any more."""
        await asyncio.to_thread(self._forget, digest)

    async def untag(self, tag: str) -> None:
        """Forget a tag; what it named stays."""
        await asyncio.to_thread(self._untag, tag)

    async def close(self) -> None:
        """Nothing is held."""

    def _blob(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise StoreRefused(f"{digest[:80]!r} is no digest.")
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _link(self, digest: str, other: Path) -> bool:
        target = self._blob(digest)
        if target.is_file():
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(other / "blobs" / "sha256" / target.name, target)
        except FileExistsError:
            return True
        except OSError:  # it is not there, or the file system knows no links
            return False
        return True

    def _write(self, blob: Blob, opened: Callable[[], Opened]) -> int:
        target = self._blob(blob.digest)
        if target.is_file():
            return 0
        with self._beside(target) as temporary:
            with opened() as source, temporary.open("wb") as file:
                shutil.copyfileobj(source, file, _PIECE)
            if temporary.stat().st_size != blob.size:
                raise StoreRefused(f"{blob.digest} has another size than its manifest says.")
        return blob.size

    @contextlib.contextmanager
    def _beside(self, target: Path) -> Iterator[Path]:
        """A file to write; once that is done, it is the target, whole."""
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
        except OSError as error:
            raise StoreAway(
                f"{self.folder} cannot be written: {error.strerror}.", hint="Look whether the disk is full."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _read(self, digest: str) -> bytes:
        with self._opened(digest) as file:
            return file.read()

    def _opened(self, digest: str) -> Opened:
        try:
            return self._blob(digest).open("rb")
        except OSError as error:
            raise StoreRefused(f"{self.folder} has no {digest}: {error.strerror}.") from error

    def _entries(self) -> list[dict[str, Any]]:
        try:
            index = json.loads((self.folder / "index.json").read_bytes())
            return [entry for entry in index["manifests"] if DIGEST.fullmatch(entry["digest"]) and entry["mediaType"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreRefused(f"{self.folder} is no image layout that can be read ({error}).") from error

    def _name(self, content: bytes, media_type: str, tag: str, *, replaces: bool) -> str:
        digest = digest_of(content)
        entries = self._entries()
        others = [entry for entry in entries if tag and _tag(entry) == tag and entry["digest"] != digest]
        if others and not replaces:
            raise StoreConflict(f"{self.repository}:{tag} is there already, with other content.")
        with self._beside(self._blob(digest)) as temporary:
            temporary.write_bytes(content)
        named = {"mediaType": media_type, "digest": digest, "size": len(content)}
        mine = {**named, "annotations": {TAG_ANNOTATION: tag}} if tag else named
        if others or mine not in entries:
            self._write_index([*(entry for entry in entries if entry not in (*others, mine)), mine])
        return digest

    def _attach(self, content: bytes, subject: str) -> str:
        if subject_of(content) != subject:
            raise StoreRefused(f"This says nothing of {subject}.")
        mine = entry_of(content)
        with self._beside(self._blob(mine["digest"])) as temporary:
            temporary.write_bytes(content)
        entries = self._entries()
        if mine not in entries:
            self._write_index([*entries, mine])
        return str(mine["digest"])

    def _write_index(self, entries: list[dict[str, Any]]) -> None:
        with self._beside(self.folder / "oci-layout") as temporary:
            temporary.write_bytes(as_bytes({"imageLayoutVersion": "1.0.0"}))
        with self._beside(self.folder / "index.json") as temporary:
            temporary.write_bytes(as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))

    def _untag(self, tag: str) -> None:
        entries = self._entries()
        left = [entry for entry in entries if entry.get("annotations", {}).get(TAG_ANNOTATION) != tag]
        if left != entries:
            self._write_index(left)

    def _forget(self, digest: str) -> None:
        left = [
            entry
            for entry in self._entries()
            if entry["digest"] != digest
            and not ("artifactType" in entry and subject_of(self._read(entry["digest"])) == digest)
        ]
        self._write_index(left)
        named = {entry["digest"] for entry in left}
        for entry in left:
            named |= {blob.digest for blob in blobs_of(self._read(entry["digest"]))}
        for blob in (self.folder / "blobs" / "sha256").iterdir():
            if f"sha256:{blob.name}" not in named:
                blob.unlink()


def _tag(entry: Mapping[str, Any]) -> str:
    return str(entry.get("annotations", {}).get(TAG_ANNOTATION, ""))
