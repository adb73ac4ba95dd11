"""How full a home is, and what its person is told of it. Decides with values; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from studiolo_lab.notices import Action

if TYPE_CHECKING:
    from studiolo_lab.notices import Board

State = Literal["ok", "soon", "almost", "full", "read_only", "slow"]

NOTICE_KEY: Final = "home"
SHOW: Final = Action(label="Show what fills it", command="studiolo-lab:open-home")
"""The command has its name in `lab/src/commands.ts`."""

SOON, ALMOST = 0.80, 0.95
"""Shares of the room from which on a person is told."""

LITTLE_BYTES: Final = 5 * 1024**3
"""A disk counts by its share only where less is left than this: 95 % of a large disk is no reason to worry anybody."""

NOTHING_BYTES: Final = 1024**2
"""With less than this left, a notebook cannot be counted on to be saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is known of a home."""

    used_bytes: int | None
    """Of the person's own files; None while it was not measured yet."""
    is_whole: bool
    quota_bytes: int | None
    disk_bytes: int
    """Of the disk that it lies on, for all who have files there."""
    disk_free_bytes: int
    is_writable: bool

    @property
    def free_bytes(self) -> int:
        """What may still be written: what the quota leaves, and never more than the disk has."""
        if self.quota_bytes is None or self.used_bytes is None:
            return self.disk_free_bytes
        return max(0, min(self.quota_bytes - self.used_bytes, self.disk_free_bytes))


def state_of(room: Room) -> State:
    """How full it is."""
    if not room.is_writable:
        return "read_only"
    quota_share = (room.used_bytes or 0) / room.quota_bytes if room.quota_bytes else 0.0
    disk_share = 1 - room.disk_free_bytes / room.disk_bytes if room.disk_bytes else 0.0
    is_tight = room.disk_free_bytes < LITTLE_BYTES
    share = max(quota_share, disk_share if is_tight else 0.0)
    if room.disk_free_bytes < NOTHING_BYTES or quota_share >= 1:
        return "full"
    if share >= ALMOST:
        return "almost"
    return "soon" if share >= SOON else "ok"


def tell(board: Board, state: State, room: Room | None) -> None:
    """Puts the notice up that fits, or takes the old one down."""
    left = f"{readable(room.free_bytes)} left" if room else ""
    match state:
        case "ok":
            board.withdraw(NOTICE_KEY)
        case "soon":
            board.tell(NOTICE_KEY, "info", f"Your home is filling up: {left}.", SHOW)
        case "almost":
            board.tell(NOTICE_KEY, "warning", f"Your home is almost full: {left}. Delete what you do not need.", SHOW)
        case "full":
            said = "Your home is full: what you change may not be saved. Delete or download something."
            board.tell(NOTICE_KEY, "error", said, SHOW)
        case "read_only":
            said = "Your home can only be read: nothing you change is saved there. Tell whoever runs Studiolo."
            board.tell(NOTICE_KEY, "error", said, SHOW)
        case "slow":
            said = "Your home does not answer at the moment: opening and saving files may hang."
            board.tell(NOTICE_KEY, "warning", said, SHOW)


def readable(size: int) -> str:
    """1536 -> "1.5 KiB"."""
    amount, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:  # noqa: PLR2004 - the step between these units
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"
