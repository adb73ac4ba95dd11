"""Starts to expect at this hour, by hardware, from those that the database remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hub.capacity import store
from hub.capacity.demand import AROUND, WEEK, WEEKS, starts_per_hour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.database import Database

AGAIN_AFTER: Final = timedelta(minutes=1)
"""A rate of an hour changes slowly, and to read the starts of weeks is work."""


class Rates:
    """Read now and then."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        self._database = database
        self._rates: Mapping[str, float] = {}
        self._at = datetime.min.replace(tzinfo=UTC)

    async def at(self, moment: datetime) -> Mapping[str, float]:
        """By hardware; what never started is not in it. Raises DatabaseAway."""
        if not timedelta() <= moment - self._at < AGAIN_AFTER:
            since = moment.astimezone(UTC) - WEEKS * WEEK - AROUND
            starts = await self._database.run(lambda session: store.starts_since(session, since))
            self._rates = {name: starts_per_hour(times, now=moment) for name, times in starts.items()}
            self._at = moment
        return self._rates
