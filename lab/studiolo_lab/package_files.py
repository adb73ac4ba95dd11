"""The files of a model package, from the service into the home. Blocking; nothing of the person's is written over.

They are laid out beside their place and moved there whole. Which folder was made of which package is noted in
`~/models/.opened`, so that one that its person works in stays as they left it.
"""

from __future__ import annotations

import contextlib
import filecmp
import http.client
import json
import os
import shutil
import ssl
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from studiolo_lab.package_plan import Package

SERVICES: Final = "STUDIOLO_SERVICES_URL"
"""Where the service runs."""

ROOT: Final = "models"
"""The folder in the home."""

NOTES: Final = ".opened"
HALF: Final = ".studiolo-opening-"
FORGOTTEN_AFTER_SECONDS: Final = 3600.0
"""No package takes that long: what is older was left by a workspace that ended meanwhile."""

SILENCE_SECONDS: Final = 60.0
MOST_BYTES: Final = 4 * 2**30
MOST_FILES: Final = 200_000
MOST_NAMES: Final = 100
"""Folders of one package, each changed by its person."""

_PIECE: Final = 2**20
_LATER: Final = frozenset({429, 502, 503, 504})


class PackageRefused(Exception):
    """It cannot be had; the text says why, as what follows "The files of iris 1.0 are not here: "."""


class TryLater(Exception):
    """It cannot be had now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the files are."""

    folder: str
    """In the home."""
    is_new: bool
    """Whether they were put there just now."""
    is_elsewhere: bool = False
    """Whether something else has the name that they would have."""


def find(package: Package, home: Path) -> Placed | None:
    """The folder that was made of this very package before; None where there is none."""
    names = _names(package)
    for name in names:
        place = home / ROOT / name
        if place.is_dir() and _noted(home, name) == package.digest:
            return Placed(folder=f"{ROOT}/{name}", is_new=False, is_elsewhere=name != package.folder)
    return None


def fetch(package: Package, environ: Mapping[str, str], target: IO[bytes]) -> None:
    """Writes the archive. Raises PackageRefused or TryLater."""
    address = _address(package, environ)
    headers = {"Authorization": f"token {environ.get('JUPYTERHUB_API_TOKEN', '')}"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - `_address` is of http or https
    try:
        with _opener(address, is_inside=SERVICES in environ).open(request, timeout=SILENCE_SECONDS) as answer:
            if answer.headers.get("Etag") != f'"{package.digest}"':
                raise PackageRefused("another package has its name by now. Start the workspace once more to have that.")
            _copy(answer, target, int(answer.headers.get("Content-Length", "0")))
    except urllib.error.HTTPError as error:
        said = _said(error)
        if error.code in _LATER:
            raise TryLater(said) from error
        raise PackageRefused(said) from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise PackageRefused("the certificate of Studiolo's address is not trusted here.") from error
        raise TryLater(str(reason) or type(error).__name__) from error
    target.seek(0)


def place(archive: IO[bytes], package: Package, home: Path) -> Placed:
    """Puts the files of an archive where nothing is, or finds them there. Raises PackageRefused or OSError."""
    root = home / ROOT
    root.mkdir(exist_ok=True)
    _remove_forgotten(root)
    beside = Path(tempfile.mkdtemp(prefix=HALF, dir=root))
    try:
        whole = beside / "files"
        whole.mkdir()
        files = _unpack(archive, whole)
        for name in _names(package):
            there = root / name
            is_new = _move(whole, there)
            if is_new or _holds(there, whole, files):
                _note(home, name, package.digest)
                return Placed(folder=f"{ROOT}/{name}", is_new=is_new, is_elsewhere=name != package.folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    raise PackageRefused(f"there are {MOST_NAMES} folders of it already in ~/{ROOT}. Remove some.")


def _names(package: Package) -> Iterator[str]:
    yield package.folder
    yield from (f"{package.folder}-{number}" for number in range(2, MOST_NAMES + 1))


def _address(package: Package, environ: Mapping[str, str]) -> str:
    """Of the service: where it runs, if the start has told that, else as people reach it."""
    base = environ.get(SERVICES, "").rstrip("/")
    if not base:
        hub = urlsplit(environ.get("JUPYTERHUB_PUBLIC_HUB_URL") or environ.get("JUPYTERHUB_API_URL", ""))
        base = f"{hub.scheme}://{hub.netloc}{hub.path.partition('/hub/')[0].rstrip('/')}"
    if urlsplit(base).scheme not in {"http", "https"}:
        raise PackageRefused("it is not known where Studiolo is.")
    query = f"?{urlencode({'team': package.team})}" if package.team else ""
    return f"{base}/services/studiolo/api/models/{quote(package.name)}/{quote(package.version)}/files{query}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(address: str, *, is_inside: bool) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_inside or urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}:
        handlers.append(urllib.request.ProxyHandler({}))  # which cannot know what such an address means here
    return urllib.request.build_opener(*handlers)


def _copy(answer: http.client.HTTPResponse, target: IO[bytes], size: int) -> None:
    if not 0 < size <= MOST_BYTES:
        raise PackageRefused("Studiolo answers with something else than files.")
    written = 0
    while piece := answer.read(_PIECE):
        written += len(piece)
        target.write(piece)
    if written != size:
        raise TryLater("the connection was cut")


def _said(error: urllib.error.HTTPError) -> str:
    with contextlib.suppress(ValueError, OSError, AttributeError):
        said = json.loads(error.read(64 * 1024)).get("message")
        if isinstance(said, str) and said.isprintable():
            return said
    return f"Studiolo answers with {error.code}."


def _unpack(archive: IO[bytes], folder: Path) -> list[str]:
    """Plain files, and only below the folder, which is new and holds nothing else."""
    files: list[str] = []
    try:
        with tarfile.open(fileobj=archive, mode="r:") as reader:
            for member in reader:
                parts = PurePosixPath(member.name).parts
                if not member.isreg() or not parts or parts[0] == "/" or ".." in parts or len(files) >= MOST_FILES:
                    raise PackageRefused("what Studiolo sends is no archive of plain files.")
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                content = reader.extractfile(member)
                with path.open("xb") as file:
                    if content is not None:
                        shutil.copyfileobj(content, file, _PIECE)
                files.append("/".join(parts))
    except (tarfile.TarError, ValueError, FileExistsError, NotADirectoryError) as error:
        raise PackageRefused("what Studiolo sends is no archive of plain files.") from error
    return files


def _move(whole: Path, there: Path) -> bool:
    """Whether it is there now, by us. A folder that is empty is nobody's loss."""
    if there.is_symlink():
        return False
    try:
        whole.rename(there)
    except OSError:
        if os.path.lexists(there):
            return False
        raise
    return True


def _holds(there: Path, whole: Path, files: list[str]) -> bool:
    """Whether a folder has all of these files as they are. What else its person has in it is their own."""
    _, changed, missing = filecmp.cmpfiles(there, whole, files, shallow=False)
    return there.is_dir() and not changed and not missing


def _noted(home: Path, name: str) -> str:
    try:
        return (home / ROOT / NOTES / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _note(home: Path, name: str, digest: str) -> None:
    """Remembers what a folder was made of. Without it the files are compared the next time."""
    with contextlib.suppress(OSError):
        notes = home / ROOT / NOTES
        notes.mkdir(exist_ok=True)
        half = notes / f".{name}"
        half.write_text(f"{digest}\n", encoding="utf-8")
        half.replace(notes / name)


def _remove_forgotten(root: Path) -> None:
    oldest = time.time() - FORGOTTEN_AFTER_SECONDS
    for path in root.glob(f"{HALF}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
