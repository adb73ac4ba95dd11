"""Homes whose owner has another number than the pod that they come into: shown there as its own.

The kernel shows a mount with the numbers of a user namespace. Ours is a permutation: the owner's numbers and the pod's
change places, and every other stays what it is. So no file belongs to nobody (the kernel lets none such be written),
what the pod makes is the owner's on the disk, and the pod may do to each file what its owner may, no more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.node_agent.syscalls import begin_in_user_namespace, clone_tree, end_at_once

if TYPE_CHECKING:
    from spawner.identity import HomeFolder

LAST: Final = 2**32 - 2
"""The kernel's highest number; the one above says "none"."""

FIRST_OF_PEOPLE: Final = 1000
"""Below are the system's own, root's first of all: never another's."""

TRIED: Final = (FIRST_OF_PEOPLE, FIRST_OF_PEOPLE + 1)
"""To see whether it can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Numbers that change places: the owner's on the disk, and the pod's."""

    users: tuple[int, int]
    groups: tuple[int, int]


def swap_of(home: HomeFolder, runs_as: tuple[int | None, int | None]) -> Swap | None:
    """What a pod needs to have this home as its own; None where it runs as the owner."""
    uid, gid = runs_as
    if uid is None or gid is None or (uid, gid) == (home.uid, home.gid):
        return None
    return Swap(users=(home.uid, uid), groups=(home.gid, gid))


def permutation(pair: tuple[int, int]) -> str:
    """All numbers, with two that change places, as the kernel reads it: `INSIDE OUTSIDE COUNT`, a line for each run."""
    low, high = min(pair), max(pair)
    if low == high:
        return f"0 0 {LAST + 1}\n"
    runs = (
        (0, 0, low),
        (low, high, 1),
        (low + 1, low + 1, high - low - 1),
        (high, low, 1),
        (high + 1, high + 1, LAST - high),
    )
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in runs if count)


def user_namespace(swap: Swap) -> int:
    """One with these numbers, open: it lives as long as somebody has it open, or a mount has it. Raises OSError."""
    # A namespace begins with a process. It does nothing, and is gone before this returns.
    pid = begin_in_user_namespace()
    try:
        process = Path(f"/proc/{pid}")
        (process / "uid_map").write_text(permutation(swap.users), encoding="ascii")
        (process / "gid_map").write_text(permutation(swap.groups), encoding="ascii")
        return os.open(process / "ns" / "user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        end_at_once(pid)


def can_show_others(homes: int) -> bool:
    """Whether kernel and file system of an open folder can: ext4, XFS and others; NFS cannot. Asks once, changes
    nothing.
    """
    try:
        namespace = user_namespace(Swap(users=TRIED, groups=TRIED))
        try:
            os.close(clone_tree(homes, attributes=0, user_namespace=namespace))
        finally:
            os.close(namespace)
    except OSError:
        return False
    return True
