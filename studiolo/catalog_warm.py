"""What the keys about held room may say: how many slots, how far they may grow, and at which hours.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
from datetime import time
from typing import TYPE_CHECKING, Final

from studiolo.catalog_model import Warm, WarmHours
from studiolo.catalog_warm_keys import DAYS, HOURS_KEYS, MOST_SLOTS, TIME_PATTERN, WARM_KEYS
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from studiolo.catalog_reading import Value

_EVERY_DAY: Final = frozenset(range(len(DAYS)))
_LONGEST: Final = 60
_MIDNIGHT: Final = "24:00"


def warm(value: Value) -> Warm | None:
    """How much room is held, and when."""
    example = "{slots: 2}"
    if not value.is_block:
        value.wrong_kind(f"how many, such as {example}")
        return None
    found: dict[str, int | None] = {}
    schedule: tuple[WarmHours, ...] = ()
    given: dict[str, Value] = {}
    for name, part in value.fields(WARM_KEYS, example=example):
        if name == "schedule":
            items = part.items(of="hours", example='[{from: "08:00", to: "18:00", slots: 6}]') or ()
            schedule = tuple(hours for item in items if (hours := _hours(item)) is not None)
        else:
            found[name], given[name] = _slots(part), part
    slots, most, pods = (found.get(name) for name in ("slots", "at_most", "pods"))
    if slots is None:
        return None
    asked = max(slots, *(hours.slots for hours in schedule), 0)
    if most is None:
        most = asked
    elif most < asked:
        given["at_most"].error(
            f"At most {most} would be held, and {asked} are asked for. Raise the one or lower the other."
        )
        return None
    if pods is not None and pods > most:
        given["pods"].error(f"{pods} pods are to wait in at most {most} places. Raise slots or at_most, or lower pods.")
        return None
    return Warm(slots=slots, at_most=most, schedule=schedule, pods=pods)


def _hours(value: Value) -> WarmHours | None:
    example = '{days: mon-fri, from: "08:00", to: "18:00", slots: 6}'
    if not value.is_block:
        value.wrong_kind(f"hours, such as {example}")
        return None
    days: frozenset[int] | None = _EVERY_DAY
    begins: time | None = None
    ends: time | None = None
    slots: int | None = None
    for name, part in value.fields(HOURS_KEYS, example=example):
        match name:
            case "days":
                days = _days(part)
            case "from":
                begins = _time(part)
            case "to":
                ends = _time(part, may_be_midnight=True)
            case _:
                slots = _slots(part)
    if days is None or begins is None or ends is None or slots is None:
        return None
    if begins == ends and begins != time.min:
        value.error("These hours end when they begin. Write another time, or 00:00 and 24:00 for the whole day.")
        return None
    return WarmHours(days=days, begins=begins, ends=ends, slots=slots)


def _days(value: Value) -> frozenset[int] | None:
    """Numbers of days, Monday first: `mon-fri`, `sat`, `fri-mon`, `mon,wed`."""
    text = value.text(longest=_LONGEST, example="mon-fri")
    if text is None:
        return None
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        unknown = next((name for name in ((first, last) if dash else (first,)) if name not in DAYS), None)
        if unknown is not None:
            hint = perhaps(unknown, DAYS) or " Write mon, tue, wed, thu, fri, sat or sun, or two with a hyphen."
            value.error(f"{quoted(part.strip())} is no day of the week.{hint}")
            return None
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % len(DAYS) + 1 if dash else 1
        found |= {(begin + offset) % len(DAYS) for offset in range(count)}
    return frozenset(found)


def _time(value: Value, *, may_be_midnight: bool = False) -> time | None:
    text = value.text(longest=_LONGEST, example='"08:00"')
    if text is None:
        return None
    if may_be_midnight and text == _MIDNIGHT:
        return time.min
    if not re.fullmatch(TIME_PATTERN, text):
        value.error(f'{quoted(text)} is no time of day. Write hours and minutes of 24 hours, such as "08:00".')
        return None
    return time.fromisoformat(text)


def _slots(value: Value) -> int | None:
    text = value.number("a whole number such as 2")
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,4}", text, re.ASCII) and int(text) <= MOST_SLOTS:
        return int(text)
    value.error(f"{quoted(text)} is not a number of slots from 0 to {MOST_SLOTS}.")
    return None
