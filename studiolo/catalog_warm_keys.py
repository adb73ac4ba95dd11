"""Keys of a hardware that say how much room is held free for it, and when."""

from __future__ import annotations

from typing import Final

from studiolo.catalog_keys import MOST_ENTRIES, Key, block_schema

MOST_SLOTS: Final = 1_000
"""Pods that only hold room, of one hardware. More is a slip of the pen."""

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = f"({'|'.join(DAYS)})"
_DAYS_PATTERN: Final = f"{_DAY}(-{_DAY})?(, ?{_DAY}(-{_DAY})?)*"
TIME_PATTERN: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"

_SLOTS: Final = {"type": "integer", "minimum": 0, "maximum": MOST_SLOTS}

HOURS_KEYS: Final = (
    Key(
        name="days",
        example="mon-fri",
        description="Days of the week: mon-fri, sat, or mon,wed,fri. Left out: every day.",
        value={"type": "string", "pattern": f"^{_DAYS_PATTERN}$"},
    ),
    Key(
        name="from",
        example='"08:00"',
        description="When it begins, in the file's time zone, in quotes.",
        value={"type": "string", "pattern": f"^{TIME_PATTERN}$"},
        is_required=True,
    ),
    Key(
        name="to",
        example='"18:00"',
        description="When it ends; before the beginning, on the next day. 24:00 is midnight.",
        value={"type": "string", "pattern": f"^({TIME_PATTERN}|24:00)$"},
        is_required=True,
    ),
    Key(
        name="slots",
        example="6",
        description="Room that is held then. Where several apply, the most.",
        value=_SLOTS,
        is_required=True,
    ),
)

WARM_KEYS: Final = (
    Key(
        name="slots",
        example="2",
        description="Room held free for so many workspaces, whenever nothing else is said.",
        value=_SLOTS,
        is_required=True,
    ),
    Key(
        name="at_most",
        example="8",
        description="How far it may grow where many start at this hour. Left out: it does not grow by itself.",
        value=_SLOTS,
    ),
    Key(
        name="schedule",
        example='[{days: mon-fri, from: "08:00", to: "18:00", slots: 6}]',
        description="Other numbers at other hours.",
        value={"type": "array", "items": block_schema(HOURS_KEYS), "minItems": 1, "maxItems": MOST_ENTRIES},
    ),
    Key(
        name="pods",
        example="1",
        description=(
            "In how many of these places a pod waits to be claimed at least, where an installation claims pods. "
            "Left out: as many as are needed, and none with devices, which it would keep from everybody else."
        ),
        value=_SLOTS,
    ),
)
