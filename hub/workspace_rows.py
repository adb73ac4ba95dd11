"""The workspaces that the hub's database says run, start or stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyterhub import orm

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRow:
    """One of them."""

    user: str
    server: str
    pod: str = field(default="", compare=False)
    """What its spawner says of its pod's name; "" where it says nothing, or there are none."""


def active_rows(db: Any, users: Iterable[Any]) -> frozenset[WorkspaceRow]:
    """Those with a server in the database, and those that this very moment start or stop."""
    in_database = db.query(orm.Spawner).filter(orm.Spawner.server != None)  # noqa: E711 - SQLAlchemy makes it SQL
    moving = (spawner for user in users for spawner in user.spawners.values() if spawner.active)
    return frozenset(
        WorkspaceRow(user=row.user.name, server=row.name, pod=str((row.state or {}).get("pod_name") or ""))
        for row in (*in_database, *(spawner.orm_spawner for spawner in moving))
    )
