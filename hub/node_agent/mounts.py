"""Homes in the seats of warm pods: mounted by open files, never by a path that a person could bend.

A seat is the pod's `emptyDir` in memory. Only there: the kubelet empties one on a disk when its pod goes, and a home
that is mounted inside would be deleted with it. One in memory it has to unmount first, and cannot while a home is in.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.node_agent.numbers import user_namespace
from hub.node_agent.syscalls import (
    INSIDE,
    NO_XDEV,
    NODEV,
    NOSUID,
    READ_ONLY,
    attach,
    clone_tree,
    detach,
    is_tmpfs,
    open_inside,
)
from spawner.credential_mounts import VOLUME as CREDENTIALS_VOLUME
from spawner.identity import SEAT_PLACE, SEAT_VOLUME
from spawner.installation import TEAMS
from spawner.team_mounts import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.node_agent.numbers import Swap
    from spawner.identity import HomeFolder, TeamFolder

_EMPTY: Final = "volumes/kubernetes.io~empty-dir"
"""Below the kubelet's folder of a pod."""

SEAT_PATH: Final = f"{_EMPTY}/{SEAT_VOLUME}"
CREDENTIALS_PATH: Final = f"{_EMPTY}/{CREDENTIALS_VOLUME}"

_FOLDER: Final = os.O_PATH | os.O_DIRECTORY
_NO_PLACE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV})
_SEAT_MOUNT: Final = re.compile(
    rf"/(?P<uid>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/{re.escape(SEAT_PATH)}/{SEAT_PLACE}"
)


class BadSeat(Exception):
    """Nothing is mounted there: what is found is not as it should be."""


@dataclass(frozen=True, slots=True)
class Places:
    """The two folders of the node that an agent works in."""

    pods: int
    """Open: the kubelet's folder with a folder for each pod."""
    pods_path: str
    """As the table of mounts calls it."""
    homes: int
    """Open: where the homes lie, in the volume with everybody's."""


@contextlib.contextmanager
def opened_seat(places: Places, pod_uid: str, path: str = SEAT_PATH) -> Iterator[int]:
    """The top folder of a pod's seat, or of its place for credentials. Raises BadSeat where it is no tmpfs of its own.

    On a disk, the kubelet would delete what is mounted in a seat, and secrets would lie on it.
    """
    try:
        seat = open_inside(places.pods, f"{pod_uid}/{path}", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BadSeat(f"{Path(path).name} of the pod cannot be opened: {error.strerror}") from error
    try:
        if not is_tmpfs(seat) or os.fstat(seat).st_dev == os.fstat(places.pods).st_dev:
            raise BadSeat(f"{Path(path).name} of the pod is not a tmpfs of its own")
        yield seat
    finally:
        os.close(seat)


def close_seat(seat: int) -> None:
    """From now on nobody but root makes, renames or removes anything in the top folder."""
    os.fchown(seat, 0, 0)
    os.fchmod(seat, 0o755)


def mount_home(
    places: Places, seat: int, home: HomeFolder, teams: Iterable[TeamFolder], swap: Swap | None = None
) -> tuple[str, ...]:
    """The home appears in a closed seat, with the folders of its teams; gives those that have no place in the home.

    `swap`: numbers that change places in all of it. Raises BadSeat, and OSError of a disk. What was mounted until then
    stays: see `unmount`.
    """
    with (
        _closing(_place(seat)) as place,
        _closing(_home(places.homes, home)) as folder,
        _namespace(swap) as namespace,
        _closing(clone_tree(folder, attributes=NOSUID | NODEV, user_namespace=namespace)) as tree,
    ):
        attach(tree, place)
        return tuple(team.name for team in teams if not _mount_team(places.homes, tree, team, namespace))


def unmount(places: Places, pod_uid: str) -> bool:
    """Whether a home was there to be taken away, with all below it. Deletes nothing."""
    found = False
    while True:
        try:
            place = open_inside(places.pods, f"{pod_uid}/{SEAT_PATH}/{SEAT_PLACE}", _FOLDER)
        except FileNotFoundError:
            return found
        with _closing(place):
            try:
                detach(place)
            except OSError as error:
                if error.errno == errno.EINVAL:  # the top of no mount
                    return found
                raise
        found = True


def mounted_pods(places: Places, table: str | None = None) -> frozenset[str]:
    """The uids of pods that have a home in their seat, as the kernel tells."""
    if table is None:
        table = Path("/proc/thread-self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    points = (line.split(" ", 5)[4] for line in table.splitlines() if line)
    below = (point.removeprefix(places.pods_path) for point in points if point.startswith(f"{places.pods_path}/"))
    return frozenset(seat["uid"] for point in below if (seat := _SEAT_MOUNT.fullmatch(point)))


def _place(seat: int) -> int:
    """The folder where the home appears. A folder that somebody made before becomes root's, and is covered."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(SEAT_PLACE, 0o755, dir_fd=seat)
    try:
        opened = open_inside(seat, SEAT_PLACE, os.O_RDONLY | os.O_DIRECTORY, resolve=INSIDE | NO_XDEV)
    except OSError as error:
        raise BadSeat(f"the place of the home is not a plain folder of the seat: {error.strerror}") from error
    os.fchown(opened, 0, 0)
    os.fchmod(opened, 0o755)
    return opened


def _home(homes: int, home: HomeFolder) -> int:
    try:
        folder = open_inside(homes, home.name, _FOLDER)
    except OSError as error:
        raise BadSeat(f"the home {home.name} cannot be opened: {error.strerror}") from error
    found = os.fstat(folder)
    if (found.st_uid, found.st_gid) != (home.uid, home.gid):
        os.close(folder)
        raise BadSeat(f"the home {home.name} belongs to {found.st_uid}:{found.st_gid}, not {home.uid}:{home.gid}")
    return folder


def _mount_team(homes: int, tree: int, team: TeamFolder, namespace: int | None) -> bool:
    """Whether it is mounted. The place is an open folder of the home: wherever its person moves it, it stays theirs."""
    try:
        with (
            _closing(open_inside(tree, f"{SHARED}/{team.name}", _FOLDER)) as place,
            _closing(open_inside(homes, f"{TEAMS}/{team.name}", _FOLDER)) as folder,
        ):
            if not stat.S_ISDIR(os.fstat(place).st_mode):
                return False
            attributes = NOSUID | NODEV | (READ_ONLY if team.read_only else 0)
            with _closing(clone_tree(folder, attributes=attributes, user_namespace=namespace)) as mount:
                attach(mount, place)
            return True
    except OSError as error:
        if error.errno in _NO_PLACE:
            return False
        raise


@contextlib.contextmanager
def _namespace(swap: Swap | None) -> Iterator[int | None]:
    if swap is None:
        yield None
    else:
        with _closing(user_namespace(swap)) as namespace:
            yield namespace


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
