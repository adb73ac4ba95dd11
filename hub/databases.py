"""Both databases of an installation, JupyterHub's and our own: which tables they have, and which this version needs."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from jupyterhub import dbutil, orm

from hub.database import alembic_config
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from hub.settings import Settings


HUB: Final = "hub"
SERVICES: Final = "services"


class Standing(Enum):
    """How the tables of a database relate to those of this version."""

    EMPTY = auto()
    CURRENT = auto()
    OLDER = auto()
    NEWER = auto()
    """Written by a version that this one knows nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDatabase:
    """One database with a history of migrations."""

    key: str
    """For programs: `hub` or `services`."""
    title: str
    """For people, at the start of a sentence."""
    url: str
    """As SQLAlchemy reads it."""

    @contextmanager
    def history(self, *, url: str = "") -> Iterator[Config]:
        """Alembic's settings for it. `url`: its address with more parameters."""
        if self.key != HUB:
            yield alembic_config(url or self.url)
            return
        # JupyterHub's own wants a file, which holds the password for as long as this takes.
        with tempfile.TemporaryDirectory() as folder:  # mode 0700
            file = Path(folder) / "alembic.ini"
            dbutil.write_alembic_ini(str(file), url or self.url)
            yield Config(str(file))

    def create(self) -> None:
        """All tables of this version, in an empty database."""
        if self.key == HUB:
            orm.new_session_factory(self.url).kw["bind"].dispose()
        else:
            with self.history() as history:
                command.upgrade(history, "head")

    def head(self) -> str:
        """The revision of this version's tables."""
        with self.history() as history:
            return ScriptDirectory.from_config(history).get_heads()[0]

    def revision(self, connection: Connection) -> str:
        """The revision of the tables that are there; empty where there are none."""
        return MigrationContext.configure(connection).get_current_revision() or ""

    def standing(self, revision: str) -> Standing:
        """How a revision relates to this version."""
        if not revision:
            return Standing.EMPTY
        with self.history() as history:
            scripts = ScriptDirectory.from_config(history)
            known = {script.revision for script in scripts.walk_revisions()}
            if revision not in known:
                return Standing.NEWER
            return Standing.CURRENT if revision == scripts.get_heads()[0] else Standing.OLDER


def hub_database(settings: Settings) -> InstalledDatabase:
    """JupyterHub's own. The hub knows the address of no other: in a cluster each process is given its own Secret."""
    return InstalledDatabase(key=HUB, title="The hub's database", url=settings.hub_database_url)


def services_database(settings: Settings) -> InstalledDatabase:
    """Ours. The services process knows the address of no other."""
    return InstalledDatabase(key=SERVICES, title="The services' database", url=settings.database_url)


def installed_databases(settings: Settings, *, only: str | None = None) -> tuple[InstalledDatabase, ...]:
    """The hub's, then ours; or the one meant, for a pod that is given only its own address.

    Raises StudioloError where both would be one: their tables would meet.
    """
    if only is not None:
        return (hub_database(settings) if only == HUB else services_database(settings),)
    hub, services = hub_database(settings), services_database(settings)
    if hub.url == services.url:
        raise StudioloError(
            "The hub and services are given the same database, and each keeps the revision of its tables there.",
            hint="Create a second one on the same server, and name it in services.database.",
        )
    return hub, services
