"""What can be done with measured starts: remember one, and say what all of them together tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hub.capacity import store
from hub.capacity.accuracy import Told, accuracy_of
from hub.capacity.spreads import as_spreads, known_stages
from hub.capacity.stage_times import Measured, lesson_of, sum_up
from hub.capacity.tables import MeasuredStartRow
from spawner.stages import Stage
from spawner.start_report import CLAIMED
from studiolo.wire import ForecastAccuracy, StageSpread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from hub.database import Database
    from studiolo.wire import StartRecord

KEPT: Final = timedelta(days=90)
"""Six half-lives: what is older counts next to nothing."""

MOST_KEPT: Final = 20_000
"""Rows. A hundred starts a day are 9,000 in that time; a busy installation has enough of the last weeks."""

MOST_READ: Final = 2_000
"""The newest starts that say how long the next will take."""

AGAIN_AFTER: Final = timedelta(minutes=10)
"""Without a new start what is known only grows older, and slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What all starts together tell."""

    stages: tuple[StageSpread, ...] = ()
    accuracy: ForecastAccuracy = field(default_factory=ForecastAccuracy)
    claims: ForecastAccuracy = field(default_factory=ForecastAccuracy)
    """Of starts that were promised a warm pod, whether they got it or not: none of them counts in the other."""


async def remember(database: Database, start: StartRecord, *, now: datetime | None = None) -> None:
    """Remember one start, and forget the oldest. One whose stages nobody measured tells nothing."""
    if not start.stages:
        return
    moment, forecast = now or datetime.now(UTC), start.forecast
    row = MeasuredStartRow(
        started_at=start.started_at.astimezone(UTC),
        environment=start.environment,
        digest=start.environment_digest,
        hardware=start.hardware,
        node_group=start.node_group,
        outcome=start.outcome,
        seconds=round(sum(start.stages.values()), 3),
        stages=dict(start.stages),
        forecast_kind=forecast.kind[:32] if forecast else "",
        forecast_seconds=forecast.seconds if forecast else None,
        forecast_stages=dict(forecast.stages) if forecast else {},
    )

    def work(session: Session) -> None:
        store.add(session, row)
        store.forget(session, before=moment - KEPT, beyond=MOST_KEPT)

    await database.run(work)


class Lessons:
    """What was learned of earlier starts, worked out anew only where there is something new to learn."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        self._database = database
        self._learned = Learned()
        self._newest = -1
        self._at = datetime.min.replace(tzinfo=UTC)

    async def learned(self, *, now: datetime | None = None) -> Learned:
        """What all starts together tell. Raises DatabaseAway."""
        moment = now or datetime.now(UTC)

        def work(session: Session) -> tuple[int, Learned] | None:
            newest = store.newest_id(session)
            if newest == self._newest and moment - self._at < AGAIN_AFTER:
                return None
            return newest, learn(store.recent_successes(session, since=moment - KEPT, limit=MOST_READ), now=moment)

        if (found := await self._database.run(work)) is not None:
            self._newest, self._learned = found
            self._at = moment
        return self._learned


def learn(rows: Sequence[MeasuredStartRow], *, now: datetime) -> Learned:
    """What these starts together tell."""
    measured = (
        Measured(
            at=store.aware(row.started_at),
            environment=row.environment,
            digest=row.digest,
            hardware=row.hardware,
            group=row.node_group,
            stages=lesson_of(known_stages(row.stages), is_claimed=row.outcome == CLAIMED),
        )
        for row in rows
    )
    told: dict[bool, list[Told]] = {True: [], False: []}
    for row in rows:
        if row.forecast_seconds is not None:
            one = Told(at=store.aware(row.started_at), promised_seconds=row.forecast_seconds, seconds=row.seconds)
            told[Stage.CLAIM in row.forecast_stages].append(one)
    return Learned(
        stages=as_spreads(sum_up(measured, now=now)), accuracy=accuracy_of(told[False]), claims=accuracy_of(told[True])
    )
