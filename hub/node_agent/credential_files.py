"""Files of credentials in a pod that runs: laid out as the kubelet lays out those of any pod, and changed as it does.

What is there lies in one folder; `..data` leads to it, and each name at the top leads through `..data`. A change is a
new folder and one rename, so nobody ever sees half of it. All of it is root's, in memory, and read by the pod alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from hub.node_agent.mounts import CREDENTIALS_PATH, BadSeat, close_seat, opened_seat
from hub.node_agent.syscalls import INSIDE, NO_XDEV, open_inside
from spawner.credential_mounts import READ_BY_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.node_agent.mounts import Places

DATA: Final = "..data"
_NEWER: Final = "..data_tmp"
_OURS: Final = ".."
"""Begins the names that are no credential's."""

_FOLDER_MODE: Final = 0o755
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_credentials(places: Places, pod_uid: str, files: Mapping[str, bytes]) -> bool:
    """Exactly these are in the pod's place for credentials; whether that is new. Raises BadSeat and OSError."""
    with opened_seat(places, pod_uid, CREDENTIALS_PATH) as folder:
        return put_files(folder, files)


def put_files(top: int, files: Mapping[str, bytes]) -> bool:
    """Exactly these files are there, by their places; whether that is new. `top`: the open folder, in memory.

    Raises BadSeat where somebody else put something there, and OSError where there is no room: then all is as it was.
    """
    close_seat(top)
    _check_ours(top)
    before = _current(top)
    _sweep(top)  # what an agent left that died here
    is_new = before is None or _read(top, before) != files
    if is_new:
        try:
            made = f"{_OURS}{secrets.token_hex(8)}"
            _write(top, made, files)
            os.symlink(made, _NEWER, dir_fd=top)
            os.rename(_NEWER, DATA, src_dir_fd=top, dst_dir_fd=top)
        except BaseException:
            _sweep(top)
            raise
    _name(top, {place.partition("/")[0] for place in files})
    _sweep(top)
    return is_new


def _check_ours(top: int) -> None:
    """Before it was closed, somebody in the pod could have planted a link, had they been able to write here."""
    for name in _names(top):
        if os.stat(name, dir_fd=top, follow_symlinks=False).st_uid != 0:
            raise BadSeat("somebody else has put something in the place of credentials")


def _current(top: int) -> str | None:
    """The folder that counts; None where there is none yet."""
    try:
        return os.readlink(DATA, dir_fd=top)
    except FileNotFoundError:
        return None


def _sweep(top: int) -> None:
    """Nothing of ours stays but what counts."""
    counts = {DATA, _current(top)}
    for name in _names(top):
        if name.startswith(_OURS) and name not in counts:
            _remove(top, name)


def _name(top: int, names: set[str]) -> None:
    """Whoever looks for a file finds it by these."""
    there = {name for name in _names(top) if not name.startswith(_OURS)}
    for name in there - names:
        os.unlink(name, dir_fd=top)
    for name in names - there:
        os.symlink(f"{DATA}/{name}", name, dir_fd=top)


def _write(top: int, made: str, files: Mapping[str, bytes]) -> None:
    _make_folder(top, made)
    for place, content in files.items():
        *folders, name = place.split("/")
        for depth in range(len(folders)):
            _make_folder(top, "/".join((made, *folders[: depth + 1])))
        with _opened(top, "/".join((made, *folders))) as folder:
            written = os.open(name, _WRITE, 0o600, dir_fd=folder)
            with open(written, "wb") as file:  # noqa: PTH123 - it is open
                file.write(content)
                file.flush()
                os.fchmod(written, READ_BY_ALL)


def _make_folder(top: int, path: str) -> None:
    above, _, name = path.rpartition("/")
    with _opened(top, above) as folder, contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        os.chmod(name, _FOLDER_MODE, dir_fd=folder)  # whatever the mask is


def _read(top: int, folder: str) -> dict[str, bytes]:
    """All files of a folder, by their places."""
    found: dict[str, bytes] = {}
    for below, name, where in _walk(top, folder):
        if stat.S_ISREG(os.stat(name, dir_fd=where, follow_symlinks=False).st_mode):
            with open(os.open(name, _READ, dir_fd=where), "rb") as file:  # noqa: PTH123 - it is open
                found[_joined(below, name)] = file.read()
    return found


def _walk(top: int, folder: str) -> Iterator[tuple[str, str, int]]:
    """Every entry below: the folder that it is in, its name, and that folder, open. Those deeper down first."""
    folders = [""]
    for below in folders:  # which grows meanwhile
        with _opened(top, _joined(folder, below)) as where:
            folders += (_joined(below, name) for name in _names(where) if _is_folder(name, where))
    for below in reversed(folders):
        with _opened(top, _joined(folder, below)) as where:
            for name in _names(where):
                yield below, name, where


def _remove(top: int, name: str) -> None:
    """One of our own folders, or a link of ours that leads nowhere; never anything behind a link or another mount."""
    with contextlib.suppress(FileNotFoundError):
        if not _is_folder(name, top):
            os.unlink(name, dir_fd=top)
            return
        for _, entry, where in _walk(top, name):
            if _is_folder(entry, where):
                os.rmdir(entry, dir_fd=where)
            else:
                os.unlink(entry, dir_fd=where)
        os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _joined(folder: str, name: str) -> str:
    return "/".join(part for part in (folder, name) if part)


@contextlib.contextmanager
def _opened(top: int, path: str) -> Iterator[int]:
    folder = open_inside(top, path or ".", os.O_RDONLY | os.O_DIRECTORY, resolve=INSIDE | NO_XDEV)
    try:
        yield folder
    finally:
        os.close(folder)
