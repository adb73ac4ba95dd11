"""Queries about images; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select

from hub.capacity.store import aware
from hub.capacity.tables import MeasuredStartRow
from hub.one_at_a_time import one_at_a_time
from hub.prepull.switch import Switch
from hub.prepull.tables import FetchedImageRow, OfferedImageRow
from hub.starts.tables import StartRow
from spawner.start_report import CLAIMED, READY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

BELIEVED: Final = timedelta(hours=24)
"""So long what was fetched is taken to be there without the node saying so: one short of disk throws images away."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One image on one node, as it is remembered."""

    node_uid: str
    node: str
    image: str
    at: datetime
    tries: int = 0
    reason: str = ""

    @property
    def next_try(self) -> datetime:
        """Of what failed: later each time."""
        return self.at + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.tries - 1, 20))


def switches(session: Session) -> dict[str, Switch]:
    """By environment."""
    rows = session.scalars(select(OfferedImageRow))
    return {
        row.environment: Switch(
            environment=row.environment,
            offered=row.offered,
            announced=row.announced,
            since=None if row.since is None else aware(row.since),
        )
        for row in rows
    }


def keep_switches(session: Session, kept: Iterable[Switch]) -> None:
    """Exactly these; an environment that is gone is forgotten."""
    one_at_a_time(session, "offered images")
    wanted = {one.environment: one for one in kept}
    for row in session.scalars(select(OfferedImageRow)):
        if row.environment not in wanted:
            session.delete(row)
    for one in wanted.values():
        since = None if one.since is None else one.since.astimezone(UTC)
        session.merge(
            OfferedImageRow(environment=one.environment, offered=one.offered, announced=one.announced, since=since)
        )


def fetched(session: Session, *, now: datetime) -> list[Fetched]:
    """What is still believed, and what failed lately."""
    session.execute(delete(FetchedImageRow).where(FetchedImageRow.at < (now - BELIEVED).astimezone(UTC)))
    row = FetchedImageRow
    asked = select(row.node_uid, row.node, row.image, row.at, row.tries, row.reason)  # tens of thousands: no objects
    return [
        Fetched(node_uid=uid, node=node, image=image, at=aware(at), tries=tries, reason=reason)
        for uid, node, image, at, tries, reason in session.execute(asked)
    ]


def remember(session: Session, one: Fetched) -> None:
    """It was fetched, or failed once more."""
    one_at_a_time(session, "fetched images")
    known = session.get(FetchedImageRow, (one.node_uid, one.image))
    tries = 0 if not one.reason else 1 + (known.tries if known else 0)
    session.merge(
        FetchedImageRow(
            node_uid=one.node_uid,
            image=one.image,
            node=one.node,
            at=one.at.astimezone(UTC),
            tries=tries,
            reason=one.reason,
        )
    )


def rates(session: Session, *, now: datetime, lately: timedelta) -> dict[tuple[str, str], float]:
    """Starts a day, by environment and group of nodes."""
    asked = (
        select(MeasuredStartRow.environment, MeasuredStartRow.node_group, func.count())
        .where(
            MeasuredStartRow.started_at >= (now - lately).astimezone(UTC),
            MeasuredStartRow.outcome.in_((READY, CLAIMED)),
        )
        .group_by(MeasuredStartRow.environment, MeasuredStartRow.node_group)
    )
    days = lately / timedelta(days=1)
    return {(environment, group): count / days for environment, group, count in session.execute(asked)}


def failed_for(session: Session, image: str, outcomes: Iterable[str], *, since: datetime) -> bool:
    """Whether a start with this very image failed so lately."""
    asked = select(func.count()).where(
        StartRow.environment_digest == image,
        StartRow.outcome.in_(tuple(outcomes)),
        StartRow.started_at >= since.astimezone(UTC),
    )
    return bool(session.scalar(asked))
