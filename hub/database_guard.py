"""While its database does not answer, the hub says so: 503 and when to come again, in place of 403 and worse.

Stock JupyterHub takes a failed look-up of a person for a person that does not exist, sends people to sign in, and lets
each of them wait for the database in its only event loop.
"""

from __future__ import annotations

import contextlib
import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.metrics import MetricsHandler
from sqlalchemy import event
from tornado import web

from hub.database_watch import NOT_OURS, RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine, ExceptionContext
    from sqlalchemy.orm import Session

    from hub.database_watch import DatabaseWatch

SENTENCE: Final = (
    "The hub's database does not answer, so it can neither recognise anybody nor start or stop anything. "
    "Running workspaces go on. Try again in a few seconds."
)


class DatabaseAwayAnswer(web.HTTPError):
    """503, and when to come again."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, SENTENCE)
        self.headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
        self.jupyterhub_message = SENTENCE


class HealthHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`GET /hub/health`: 200 as long as the hub itself works, and what it works without.

    With `?database` it is 503 while the database does not answer. A pod must not be restarted for that.
    """

    async def prepare(self) -> None:
        """Nobody is looked up: it answers whatever else does not."""
        self.expanded_scopes: set[str] = set()
        self._jupyterhub_user = None

    def get(self) -> None:
        """`{"status": "ok"}`, or `"degraded"` and which part is away."""
        watch: DatabaseWatch = self.settings["studiolo_database_watch"]
        self.set_header("Cache-Control", "no-store")
        if watch.is_away and "database" in self.request.query_arguments:
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        # What exactly is wrong stands in the log: everybody may ask here.
        self.write({"status": "degraded", "database": "away"} if watch.is_away else {"status": "ok", "database": "ok"})

    head = get


HEALTH = [(r"/health", HealthHandler), (r"/api/health", HealthHandler)]
"""Placed before JupyterHub's own."""


class _Guarded:
    """Mixed in before each handler of the hub."""

    async def prepare(self) -> None:
        watch: DatabaseWatch = self.settings["studiolo_database_watch"]  # type: ignore[attr-defined]  # the handler it is mixed into has them
        if watch.is_away and not isinstance(self, MetricsHandler):
            raise DatabaseAwayAnswer
        faults = watch.faults
        try:
            await super().prepare()  # type: ignore[misc]  # of the handler it is mixed into
        finally:
            # JupyterHub swallows what goes wrong while it looks a person up, and goes on as if nobody were there.
            if watch.faults != faults:
                raise DatabaseAwayAnswer

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        watch: DatabaseWatch = self.settings["studiolo_database_watch"]  # type: ignore[attr-defined]  # the handler it is mixed into has them
        if _is_databases_fault(error) or (watch.is_away and status_code >= HTTPStatus.BAD_REQUEST):
            error = DatabaseAwayAnswer()
            status_code, kwargs["exc_info"] = error.status_code, (type(error), error, None)
        if isinstance(error, DatabaseAwayAnswer):
            # The page is drawn for nobody: what is known of a person would have to be read again.
            self._jupyterhub_user = None
            self.expanded_scopes: set[str] = set()
            self.parsed_scopes: dict[str, Any] = {}
        super().send_error(status_code, **kwargs)  # type: ignore[misc]

    def on_finish(self) -> None:
        super().on_finish()  # type: ignore[misc]
        end_reading(self.settings["db"])  # type: ignore[attr-defined]


def end_reading(session: Session) -> None:
    """Ends a transaction that changed nothing. JupyterHub leaves it open until somebody writes.

    It would keep a migration from its lock and PostgreSQL from tidying up, and each lost connection would cost one.
    """
    if session.in_transaction() and not (session.dirty or session.new or session.deleted):
        with contextlib.suppress(*NOT_OURS):
            session.commit()  # unlike a rollback it expires nothing that others still look at


@functools.cache
def guarded(handler: type[web.RequestHandler]) -> type[web.RequestHandler]:
    """The handler, with an answer for a database that is away. Those that ask nobody stay as they are."""
    if not issubclass(handler, BaseHandler) or issubclass(handler, HealthHandler):
        return handler
    names = {"__module__": handler.__module__, "__qualname__": handler.__qualname__, "__doc__": handler.__doc__}
    return type(handler.__name__, (_Guarded, handler), names)  # metrics and logs show the name of the original


def guard_all(handlers: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The routes of an application, each handler guarded."""
    return [(route[0], guarded(route[1]), *route[2:]) for route in handlers]


def mend_sessions(engine: Engine, session: Session, watch: DatabaseWatch, *, soon: Callable[..., object]) -> None:
    """Rolls the hub's one session back after each fault of the database, or it would answer nobody ever again.

    `soon`: the event loop's `call_soon`; by then who asked has had the error.
    """

    @event.listens_for(engine, "handle_error")
    def mend(context: ExceptionContext) -> None:
        if watch.note(context.sqlalchemy_exception):
            soon(session.rollback)


def _is_databases_fault(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NOT_OURS):
            return True
        error = error.__cause__
    return False
