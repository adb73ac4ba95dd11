"""Connections to PostgreSQL that never hold anybody longer than they may: the driver waits, but not for ever.

JupyterHub runs its SQL in the event loop. A database that has gone silent (a lost node, a dropped route, a stopped
process) would stop the whole hub for as long as TCP has patience, which is many minutes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from sqlalchemy import create_engine, make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg.abc import PQGen

    GiveUp = Callable[[float], bool]
    """Whether to stop waiting, asked with the seconds waited so far."""

Answer = TypeVar("Answer")

CONNECT_SECONDS: Final = 2
"""The least that libpq's own limit allows."""

SESSION: Final = (
    # A lock that a migration holds must not hold the hub, and nothing of ours runs for seconds.
    "SET lock_timeout = '3s'; SET statement_timeout = '20s'; "
    # The server lets go of a node that vanished, and of the lock that its hub held, after 20 s, not two hours.
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)

PROBE: Final = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"

LOCK: Final = "SELECT pg_try_advisory_lock(hashtext('studiolo'), hashtext('hub'))"
"""Held as long as its connection lives: of two hubs with one database, one waits."""

PROBE_SECONDS: Final = 1.0
"""It needs no disk and no lock: a healthy server answers within a millisecond."""


class DatabaseSilent(psycopg.OperationalError):
    """The database does not answer. For SQLAlchemy a lost connection like any other."""


class PatientConnection(psycopg.Connection[Any]):
    """Gives up waiting when `give_up` says so, and is closed then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As psycopg makes them; waits for ever until somebody sets `give_up`."""
        super().__init__(*args, **kwargs)
        self.give_up: GiveUp = lambda _seconds: False

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        """As psycopg's own; `interval` is how often it asks whether to give up."""
        return super().wait(self._bounded(gen), interval, timeout)

    def _bounded(self, gen: PQGen[Answer]) -> Generator[Any, Any, Answer]:
        began = time.monotonic()
        try:
            wanted: Any = next(gen)
            while True:
                ready = yield wanted
                # Only when nothing has come: a process of ours that was held up itself reads what is there first.
                if not ready and self.give_up(time.monotonic() - began):
                    self.pgconn.finish()
                    raise DatabaseSilent("The database does not answer.")
                wanted = gen.send(ready)
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer


def connections(url: str, give_up: GiveUp) -> Callable[[], PatientConnection]:
    """What makes such connections, for `create_engine(creator=…)`. Raises at once while `give_up` says so at zero."""
    # The dialect knows how its addresses are written, and which adapters its types need. Nothing connects here.
    dialect_of = create_engine(url)
    _, parameters = dialect_of.dialect.create_connect_args(dialect_of.url)

    def connect() -> PatientConnection:
        if give_up(0.0):
            raise DatabaseSilent("The database does not answer.")
        connection = PatientConnection.connect(**{"connect_timeout": CONNECT_SECONDS, **parameters})
        connection.give_up = give_up
        try:
            connection.execute(SESSION)
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


class PostgresqlProbe:
    """Asks, on a connection of its own, whether the database would take a change, and from us."""

    def __init__(self, url: str, *, is_exclusive: bool) -> None:
        """`is_exclusive`: only one process may use this database, and that should be this one."""
        self._connect = connections(url, lambda seconds: seconds >= PROBE_SECONDS)
        self._is_exclusive = is_exclusive
        self._connection: PatientConnection | None = None
        self._is_ours = False

    def __call__(self) -> str:
        """Why it would not; empty when all is well."""
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.autocommit = True
                self._is_ours = not self._is_exclusive
            if self._answer(PROBE):
                return "it only lets itself be read"
            self._is_ours = self._is_ours or self._answer(LOCK)
        except psycopg.Error as error:
            self.close()
            return f"it does not answer ({_first_line(error)})"
        return "" if self._is_ours else "another hub uses it"

    def close(self) -> None:
        """Ends its connection, and what it holds; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answer(self, question: str) -> bool:
        assert self._connection is not None  # noqa: S101 - opened by the caller
        row = self._connection.execute(question).fetchone()
        return row is not None and bool(row[0])


def is_postgresql(url: str) -> bool:
    """Whether an address is that of a PostgreSQL."""
    return make_url(url).get_backend_name() == "postgresql"


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
