"""What the keys about time may say: how long a workspace may be unused, and how old it may grow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from studiolo.catalog_schema import IDLE_KEYS
from studiolo.quantities import QuantityError, duration

if TYPE_CHECKING:
    from studiolo.catalog_model import Limit
    from studiolo.catalog_reading import Value

SHORTEST_LIMIT: Final = timedelta(minutes=1)
"""Under it nobody could do anything with a workspace: a unit was mistaken."""

NEVER: Final = "never"


def idle(value: Value) -> Limit:
    """How long nobody may have used it, out of its block."""
    found: Limit = None
    if not value.is_block:
        value.wrong_kind("a block, such as {stop_after: 2h}")
        return None
    for _, part in value.fields(IDLE_KEYS, example="{stop_after: 2h}"):
        found = limit(part)
    return found


def limit(value: Value) -> Limit:
    """A length of time, or never; None with the problem noted."""
    text = value.amount("a length of time such as 2h, or never")
    if text is None:
        return None
    if text == NEVER:
        return "never"
    try:
        length = duration(text)
    except QuantityError as error:
        value.error(f"{error} Or write never.")
        return None
    if length < SHORTEST_LIMIT:
        value.error("In under a minute nobody can do anything with a workspace. Write more, such as 2h, or never.")
        return None
    return length
