"""What can go wrong with idle and age."""

from __future__ import annotations

from studiolo.errors import StudioloError


class NothingKnown(StudioloError):
    """Nobody can say at the moment what runs or whether it is used."""

    code = "activity_unknown"


class CannotExtend(StudioloError):
    """A workspace cannot be kept longer."""

    code = "cannot_extend"
