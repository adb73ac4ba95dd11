"""Starts to expect at this hour, by hardware, from those that the database remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hub.capacity import store
from hub.capacity.demand import AROUND, WEEK, WEEKS, starts_lately, starts_per_hour

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from hub.database import Database

AGAIN_AFTER: Final = timedelta(minutes=1)
"""A rate of an hour changes slowly, and to read the starts of weeks is work."""


Kind = TypeVar("Kind")


class _Rates(Generic[Kind]):
    """Read now and then."""

    def __init__(
        self, database: Database, starts: Callable[[Session, datetime], Mapping[Kind, Sequence[datetime]]]
    ) -> None:
        """Nothing is read yet."""
        self._database = database
        self._starts = starts
        self._rates: Mapping[Kind, float] = {}
        self._at = datetime.min.replace(tzinfo=UTC)

    async def at(self, moment: datetime) -> Mapping[Kind, float]:
        """By kind; what never started is not in it. Raises DatabaseAway."""
        if not timedelta() <= moment - self._at < AGAIN_AFTER:
            since = moment.astimezone(UTC) - WEEKS * WEEK - AROUND
            starts = await self._database.run(lambda session: self._starts(session, since))
            self._rates = {name: self._expected(times, moment) for name, times in starts.items()}
            self._at = moment
        return self._rates

    def _expected(self, times: Sequence[datetime], moment: datetime) -> float:
        return starts_per_hour(times, now=moment)


class Rates(_Rates[str]):
    """Of each hardware."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        super().__init__(database, store.starts_since)


class PoolRates(_Rates[tuple[str, str]]):
    """Of each environment on each hardware."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        super().__init__(database, store.starts_by_pool_since)

    def _expected(self, times: Sequence[datetime], moment: datetime) -> float:
        """A warm pod holds no room but what a slot would, so what was started lately decides who stands in it, too."""
        return max(super()._expected(times, moment), starts_lately(times, now=moment))
