"""Run by Alembic: one history for all domains."""

from __future__ import annotations

from alembic import context

from hub.archives import tables as _archives
from hub.bookings import tables as _bookings
from hub.builder import tables as _builder
from hub.builder.slow import tables as _bases
from hub.capacity import tables as _capacity
from hub.credentials import tables as _credentials
from hub.database import Database, Table
from hub.prepull import tables as _images
from hub.starts import tables as _starts  # every domain's tables are named here, or Alembic does not see them

__all__ = ["_archives", "_bases", "_bookings", "_builder", "_capacity", "_credentials", "_images", "_starts"]


def _migrate() -> None:
    database = Database(context.config.attributes["url"])
    try:
        with database.engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=Table.metadata,
                compare_server_default=True,
                render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter most things in place
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        database.close()


_migrate()
