"""The file itself: a zip with a manifest, a file of JSON lines for each table, and the keys, each with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from hub.backup.errors import ArchiveDamaged, BackupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.backup.cells import Cell

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
CHUNK: Final = 1024 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class KeptTable(_Strict):
    """One table of a backup."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


class KeptDatabase(_Strict):
    """One database of a backup, its tables in the order in which they are filled."""

    revision: str
    tables: list[KeptTable]


class Manifest(_Strict):
    """What a backup holds."""

    format: int
    version: str
    """Of the Studiolo that wrote it."""
    made_at: str
    databases: dict[str, KeptDatabase]
    keys: dict[str, str]
    """Checksums by name."""


def table_member(database: str, table: str) -> str:
    """Where a table lies in the zip."""
    return f"{database}/{table}.jsonl"


def key_member(name: str) -> str:
    """Where a key lies in the zip."""
    return f"keys/{name}"


class ArchiveWriter:
    """A backup that is being written; it exists once everything is in it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def table(self, database: str, name: str, columns: list[str], rows: Iterable[list[Cell]]) -> KeptTable:
        """Writes one table, row by row."""
        checksum, count = hashlib.sha256(), 0
        with self._archive.open(table_member(database, name), "w", force_zip64=True) as member:
            for row in rows:
                line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
                checksum.update(line)
                member.write(line)
                count += 1
        return KeptTable(name=name, columns=columns, rows=count, sha256=checksum.hexdigest())

    def key(self, name: str, content: bytes) -> str:
        """Writes one key; its checksum."""
        self._archive.writestr(key_member(name), content)
        return hashlib.sha256(content).hexdigest()

    def manifest(self, manifest: Manifest) -> None:
        """Written last."""
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """A new file for its owner alone; half of one is never seen under this name. Raises BackupError where one is."""
    if path.exists():
        raise BackupError(f"{path} is there already.", hint="Choose another name: a backup is never written over.")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.", hint="Choose another folder.") from error
    staged = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield ArchiveWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        staged.unlink(missing_ok=True)


class ArchiveReader:
    """A whole backup: everything that its manifest names is there, unchanged."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._path = path
        self._archive = archive
        self.manifest = manifest

    def rows(self, database: str, table: KeptTable) -> Iterator[list[Cell]]:
        """The rows of a table, one after the other."""
        with self._archive.open(table_member(database, table.name)) as member:
            for line in member:
                row = json.loads(line)
                if not isinstance(row, list) or len(row) != len(table.columns):
                    raise ArchiveDamaged(self._path, f"a row of the table {table.name} is none")
                yield row

    def keys(self) -> dict[str, bytes]:
        """The keys by name."""
        return {name: self._archive.read(key_member(name)) for name in self.manifest.keys}


@contextmanager
def reading(path: Path) -> Iterator[ArchiveReader]:
    """A backup whose checksums are right. Raises ArchiveDamaged before anybody has seen any of it."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # as in `_check`
        raise ArchiveDamaged(path, f"it is no backup of Studiolo, or not a whole one ({error})") from error
    with archive:
        manifest = _manifest(path, archive)
        _check(path, archive, manifest)
        yield ArchiveReader(path, archive, manifest)


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        text = archive.read(MANIFEST)
    except Exception as error:  # as in `_check`
        raise ArchiveDamaged(path, "it is no backup of Studiolo, for it has no manifest") from error
    try:
        told = json.loads(text)
        if isinstance(told, dict) and told.get("format", FORMAT) != FORMAT:
            raise BackupError(
                f"{path} was written by a newer version of Studiolo, in a form that this one cannot read.",
                hint="Restore it with the version that wrote it.",
            )
        return Manifest.model_validate_json(text)
    except (ValidationError, ValueError) as error:
        raise ArchiveDamaged(path, "its manifest cannot be read") from error


def _check(path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    expected = {key_member(name): checksum for name, checksum in manifest.keys.items()}
    for key, database in manifest.databases.items():
        expected |= {table_member(key, table.name): table.sha256 for table in database.tables}
    for member, checksum in expected.items():
        try:
            with archive.open(member) as content:
                found = _checksum(content)
        except Exception as error:  # a broken stream makes anything of a decoder: zlib.error, EOFError, BadZipFile, …
            raise ArchiveDamaged(path, f"{member} is missing or broken") from error
        if found != checksum:
            raise ArchiveDamaged(path, f"{member} is not what was written")


def _checksum(content: IO[bytes]) -> str:
    checksum = hashlib.sha256()
    while chunk := content.read(CHUNK):
        checksum.update(chunk)
    return checksum.hexdigest()
