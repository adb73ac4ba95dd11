"""The one door from idle and age to JupyterHub: what runs, when it was used last, and how it is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from sqlalchemy.exc import SQLAlchemyError

from hub.idle.errors import NothingKnown
from hub.workspace_rows import WorkspaceRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from spawner.lasting import StopReason

AWAY = "JupyterHub's database or the proxy does not answer, so nobody can say what is used."


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What JupyterHub knows of one workspace with a server."""

    row: WorkspaceRow
    hardware: str
    """The name in the catalog; "" where nobody can read what was chosen."""
    is_ready: bool
    started: datetime | None
    last_activity: datetime | None
    extensions: int = 0
    extended_until: datetime | None = None


class HubWorkspaces:
    """The workspaces of a running hub, processes and pods alike."""

    def __init__(self, hub: Any) -> None:
        """`hub` is the JupyterHub application."""
        self._hub = hub

    def running(self) -> tuple[Running, ...]:
        """Every workspace with a server. Raises NothingKnown."""
        db = self._hub.db
        try:
            rows = db.query(orm.Spawner).filter(orm.Spawner.server != None).all()  # noqa: E711 - SQLAlchemy makes it SQL
            found = (self._hub.users[row.user].spawners.get(row.name) for row in rows)
            return tuple(_running(spawner) for spawner in found if spawner is not None)
        except SQLAlchemyError as error:
            db.rollback()
            raise NothingKnown(AWAY) from error

    async def refresh(self) -> None:
        """Asks the proxy who came by since it was asked last. Raises NothingKnown."""
        try:
            await self._hub.update_last_activity()
        except Exception as error:  # whatever keeps the proxy from answering means the same
            raise NothingKnown(AWAY) from error

    def extend(self, row: WorkspaceRow, until: datetime) -> Running:
        """Writes down that a workspace may go on, for a hub that is restarted too. Raises NothingKnown."""
        spawner = self._spawner(row)
        if spawner is None:
            raise NothingKnown("This workspace has just ended.")
        spawner.lasting = spawner.lasting.extended(until)
        self._save(spawner)
        return _running(spawner)

    async def stop(self, row: WorkspaceRow, reason: StopReason, *, is_still_meant: Callable[[Running], bool]) -> bool:
        """Stops a workspace as JupyterHub does for its own pages, and keeps why. False where nothing was to be stopped.

        `is_still_meant` is asked last, when nothing lies between the answer and the stop.
        """
        spawner = self._spawner(row)
        # Asks first, so that one that died this second is recorded as what it is.
        if spawner is None or not spawner.ready or await spawner.poll_and_notify() is not None:
            return False
        if spawner.pending or not spawner.ready or not is_still_meant(_running(spawner)):
            return False
        spawner.stop_for(reason)
        spawner._stop_pending = True  # noqa: SLF001 - as JupyterHub's own handlers do: nobody else begins now
        spawner._stop_future = asyncio.ensure_future(self._stop(spawner))  # noqa: SLF001 - see above
        # A hub that ends does not wait for it; the server ends all the same.
        await asyncio.shield(spawner._stop_future)  # noqa: SLF001 - see above
        return True

    async def _stop(self, spawner: Any) -> None:
        try:
            self._save(spawner)  # why, before anything happens: a hub that dies now still says it at the next visit
            await self._hub.proxy.delete_user(spawner.user, spawner.name)
            await spawner.user.stop(spawner.name)
        except BaseException:
            spawner.stop_for(None)
            raise
        finally:
            spawner._stop_future = None  # noqa: SLF001 - see above
            spawner._stop_pending = False  # noqa: SLF001 - see above

    def _save(self, spawner: Any) -> None:
        spawner.orm_spawner.state = spawner.get_state()
        try:
            self._hub.db.commit()
        except SQLAlchemyError as error:
            self._hub.db.rollback()
            raise NothingKnown(AWAY) from error

    def _spawner(self, row: WorkspaceRow) -> Any:
        user = self._hub.users.get(row.user)
        return user.spawners.get(row.server) if user is not None else None


def _running(spawner: Any) -> Running:
    row, choice, lasting = spawner.orm_spawner, spawner.choice, spawner.lasting
    return Running(
        row=WorkspaceRow(user=spawner.user.name, server=spawner.name),
        hardware=choice.hardware if choice else "",
        is_ready=bool(spawner.ready),
        started=_aware(row.started),
        last_activity=_aware(row.last_activity),
        extensions=lasting.extensions,
        extended_until=lasting.extended_until,
    )


def _aware(moment: datetime | None) -> datetime | None:
    """JupyterHub keeps times in UTC without saying so."""
    return None if moment is None else moment.replace(tzinfo=UTC)
