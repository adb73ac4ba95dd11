"""The volume itself. Every step goes from one open folder to the next, and no link is ever followed.

People own what is in their homes and nothing above them, so only the names that this process made itself are trusted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.homes.errors import HomeInTheWay, NoSuchHome, OwnerTaken
from hub.homes.handover import hand_over
from hub.homes.measure import measure
from hub.homes.rules import (
    ARCHIVE,
    ARCHIVE_MODE,
    FOLDER_MODE,
    HOME_MODE,
    PLACE_MODE,
    TEAM_MODE,
    archive_name,
    folder_parts,
    is_archive_of,
    newest_archive,
)
from spawner.file_owner import FileOwner
from spawner.home_state import TAKES_NOTHING, HomeState, state_of
from spawner.homes import HomeUsage
from spawner.installation import TEAMS
from spawner.team_mounts import SHARED
from studiolo.names import is_home_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

ROOT: Final = 0
"""Owns what the node made, or an operator: nobody's files are taken from it."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensured:
    """A home that is there."""

    is_new: bool
    state: HomeState


@dataclass(frozen=True, slots=True, kw_only=True)
class HomesDisk:
    """All homes of an installation. Everything here may wait for a disk, so it is called in a thread."""

    root: Path
    """Where the volume is mounted."""
    folder: str = ""
    """Where in it the homes lie."""
    uid: int
    gid: int
    """Whose the homes are of people who have no user number of their own, and whose the folders of teams are."""

    def ensure(self, home: str, owner: FileOwner | None = None) -> Ensured:
        """The home is there, its owner's and nobody else's; its files are left alone. One that takes nothing is there.

        Raises HomeInTheWay where the name is a file's or a link's, or the owner that of another home, and OSError,
        also where it cannot be made.
        """
        _check(home)
        with self._homes() as homes:
            is_new = _make(home, homes, HOME_MODE)
            with _opened(home, homes) as descriptor:
                try:
                    self._own(descriptor, home, homes, owner, is_new=is_new)
                except OSError as error:
                    if is_new or (state := TAKES_NOTHING.get(error.errno or 0)) is None:
                        raise
                    return Ensured(is_new=False, state=state)
                return Ensured(is_new=is_new, state=state_of(descriptor))

    def _own(self, descriptor: int, home: str, homes: int, owner: FileOwner | None, *, is_new: bool) -> None:
        uid, gid = self._numbers(owner)
        found = os.fstat(descriptor)
        is_changed = found.st_uid != uid
        # In this order: changing the owner may take bits of the mode away.
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.fchown(descriptor, uid, gid)
        if stat.S_IMODE(found.st_mode) != HOME_MODE:
            os.fchmod(descriptor, HOME_MODE)
        # After it is taken: of two who take one number at the same time, at least one sees the other.
        if is_changed and owner is not None and (other := _home_owned_by(uid, homes, but=home)):
            os.fchown(descriptor, found.st_uid, found.st_gid)
            if is_new:
                os.rmdir(home, dir_fd=homes)
            raise OwnerTaken(uid, other=other)

    def has_former_owner(self, home: str, owner: FileOwner | None) -> bool:
        """Whether a home is there whose files may belong to another than this. Raises HomeInTheWay, and OSError.

        In a home that the node made, they are everybody's number's.
        """
        _check(home)
        uid, _ = self._numbers(owner)
        with self._homes() as homes:
            try:
                with _opened(home, homes) as descriptor:
                    found = os.fstat(descriptor).st_uid
                    return found != uid and (found != ROOT or owner is not None)
            except NoSuchHome:
                return False

    def hand_over(self, home: str, owner: FileOwner | None) -> None:
        """Gives the files in a home that were its former owner's to this one; the folder itself is left to `ensure`.

        Raises NoSuchHome, HomeInTheWay, and OSError.
        """
        uid, gid = self._numbers(owner)
        with self._homes() as homes, _opened(home, homes) as descriptor:
            if owner is not None and (other := _home_owned_by(uid, homes, but=home)):
                raise OwnerTaken(uid, other=other)
            former = {os.fstat(descriptor).st_uid, self.uid} - {uid, ROOT}
            hand_over(descriptor, FileOwner(uid=uid, gid=gid), former=former)

    def _numbers(self, owner: FileOwner | None) -> tuple[int, int]:
        return (self.uid, self.gid) if owner is None else (owner.uid, owner.gid)

    def share(self, home: str, team: str, owner: FileOwner | None = None) -> bool:
        """The folder of a team is there for all its members, and a place for it in a home; whether it was made now.

        Raises NoSuchHome, HomeInTheWay where a file or a link has one of the names, and OSError.
        """
        _check(home)
        _check(team)
        with self._homes() as homes, _opened(home, homes) as own, _kept(TEAMS, homes, FOLDER_MODE) as teams:
            with self._place(SHARED, own, owner) as shared, self._place(team, shared, owner):
                pass  # both are folders, and there
            is_new = _make(team, teams, TEAM_MODE)
            with _folder(team, teams) as descriptor:
                found = os.fstat(descriptor)
                is_right = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (self.uid, self.gid, TEAM_MODE)
                if not is_right:
                    # Without CAP_FSETID the bit of the group is only kept where the group is one's own, and a change
                    # of the owner leaves it to a folder.
                    os.fchown(descriptor, -1, os.getegid())
                    os.fchmod(descriptor, TEAM_MODE)
                    os.fchown(descriptor, self.uid, self.gid)
        return is_new

    @contextlib.contextmanager
    def _place(self, name: str, parent: int, owner: FileOwner | None) -> Iterator[int]:
        """A folder of the person's in their home; one that is there stays as it is."""
        is_new = _make(name, parent, PLACE_MODE)
        with _folder(name, parent) as descriptor:
            if is_new:
                os.fchmod(descriptor, PLACE_MODE)
                os.fchown(descriptor, *self._numbers(owner))
            yield descriptor

    def usage(self, home: str, *, seconds: float) -> HomeUsage:
        """What a home holds, as far as it could be looked at in so many seconds; nothing, where there is none yet.

        Raises HomeInTheWay, and OSError.
        """
        _check(home)
        with self._homes() as homes:
            try:
                with _opened(home, homes) as descriptor:
                    return measure(descriptor, seconds=seconds)
            except NoSuchHome:
                return HomeUsage(used_bytes=0, is_whole=True)

    def archive(self, home: str, *, now: datetime, name: str = "") -> str:
        """Puts a home aside, whole and at once; what it is called there.

        Where a `name` is given and something lies there under it, that was done before, and nothing happens.
        Raises NoSuchHome, and OSError.
        """
        _check(home, name)
        with self._homes() as homes, _kept(ARCHIVE, homes, ARCHIVE_MODE) as archive:
            taken = _names_in(archive)
            if name in taken:
                return name
            with _opened(home, homes):
                pass  # a folder, and there
            name = name or archive_name(home, now=now, taken=taken)
            os.rename(home, name, src_dir_fd=homes, dst_dir_fd=archive)
            return name

    def restore(self, home: str, *, name: str = "") -> str:
        """Brings back what was put aside under a name, or last; what it was called there.

        Raises NoSuchHome, HomeInTheWay where the person has files again, and OSError. An empty home makes room.
        """
        _check(home, name)
        with self._homes() as homes, _kept(ARCHIVE, homes, ARCHIVE_MODE) as archive:
            there = _names_in(archive)
            name = name or newest_archive(home, there) or ""
            if name not in there:
                raise NoSuchHome(f"No home of {home} was put aside{' as ' if name else ''}{name}.")
            try:
                # The system itself replaces an empty folder and nothing else, in one step.
                os.rename(name, home, src_dir_fd=archive, dst_dir_fd=homes)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    raise HomeInTheWay(
                        f"{home} has a home with files in it, so the one that was put aside stays where it is.",
                        hint="Put the present home aside first, or copy from one to the other.",
                    ) from error
                raise
            return name

    def move(self, home: str, new: str) -> bool:
        """A home has another name: its person has. Whether it was moved now; it may have been before.

        Raises NoSuchHome where there is neither, HomeInTheWay where both are there, and OSError. An empty one makes
        room.
        """
        _check(home)
        _check(new)
        with self._homes() as homes:
            try:
                with _opened(home, homes):
                    pass  # a folder, and there
            except NoSuchHome:
                with _opened(new, homes):
                    return False
            try:
                os.rename(home, new, src_dir_fd=homes, dst_dir_fd=homes)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    raise HomeInTheWay(
                        f"There is a home of {new} with files in it.",
                        hint="Put that one aside first, or choose another name.",
                    ) from error
                raise
            return True

    @contextlib.contextmanager
    def _homes(self) -> Iterator[int]:
        """The folder with the homes; it is made where it is missing. The volume's top must be there."""
        with contextlib.ExitStack() as stack:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            for part in folder_parts(self.folder):
                descriptor = stack.enter_context(_kept(part, descriptor, FOLDER_MODE))
            yield descriptor


def _names_in(folder: int) -> frozenset[str]:
    with os.scandir(folder) as entries:
        return frozenset(entry.name for entry in entries)


def _home_owned_by(uid: int, homes: int, *, but: str) -> str:
    """Another home that this user owns; "" where there is none."""
    with os.scandir(homes) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.name != but and is_home_name(entry.name) and entry.stat(follow_symlinks=False).st_uid == uid:
                    return entry.name
    return ""


def _check(home: str, archived: str = "") -> None:
    if not is_home_name(home):
        raise NoSuchHome("No home is called so.", hint="Names of homes are those that studiolo/names.py makes.")
    if archived and not is_archive_of(home, archived):
        raise NoSuchHome(f"No home of {home} is ever put aside under this name.")


def _make(name: str, parent: int, mode: int) -> bool:
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def _opened(home: str, homes: int) -> Iterator[int]:
    """The folder of a home, and nothing that only leads to one."""
    _check(home)
    with _folder(home, homes) as descriptor:
        yield descriptor


@contextlib.contextmanager
def _kept(name: str, parent: int, mode: int) -> Iterator[int]:
    """A folder of our own, made where it is missing; whatever the process' umask is, of this mode then."""
    is_new = _make(name, parent, mode)
    with _folder(name, parent) as descriptor:
        if is_new:
            os.fchmod(descriptor, mode)
        yield descriptor


@contextlib.contextmanager
def _folder(name: str, parent: int) -> Iterator[int]:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError as error:
        raise NoSuchHome(
            f"There is no folder {name}.", hint="It is made when its person starts a workspace."
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise HomeInTheWay(
                f"{name} is a file or a link where a folder belongs.",
                hint="Somebody with rights on the volume put it there. Look at it, and move it away.",
            ) from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)
