"""A line for every request, with its path and without its query: what follows a "?" may open something."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import SQLAlchemyError
from tornado import web

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOW_SECONDS: Final = 1.0
"""A request that takes as long is worth a line, whatever it was for."""

MOST_OF_PATH: Final = 300
"""Characters of an address that are logged."""

log = logging.getLogger(__name__)


def log_request(handler: web.RequestHandler) -> None:
    """One line about a request that was answered."""
    status, seconds = handler.get_status(), handler.request.request_time()
    level = level_of(status, seconds, is_quiet=is_quiet(handler))
    if log.isEnabledFor(level):
        facts = {**request_facts(handler), "status": status, "seconds": round(seconds, 4)}
        who = f"{facts['user'] or '-'}@{facts['client']}"
        log.log(
            level,
            "%s %s %d (%s) %.0f ms",
            *(facts["method"], facts["path"], status, who, seconds * 1000),
            extra=facts,
        )


def request_facts(handler: web.RequestHandler) -> Mapping[str, Any]:
    """What is said of a request: its address without the query, who asked, and the reference that the page shows."""
    request = handler.request
    known = {
        "method": request.method or "",
        "path": path_of(handler),
        "user": _user(handler),
        "client": request.remote_ip or "",
    }
    reference = getattr(handler, "reference", "")
    return {**known, "reference": reference} if reference else known


def path_of(handler: web.RequestHandler) -> str:
    """The address, as it was sent and without its query."""
    return (handler.request.path or "")[:MOST_OF_PATH]


def level_of(status: int, seconds: float, *, is_quiet: bool) -> int:
    """As grave as JupyterHub finds it."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return logging.ERROR
    if status >= HTTPStatus.BAD_REQUEST:
        return logging.WARNING
    is_dull = status == HTTPStatus.NOT_MODIFIED or (is_quiet and status < HTTPStatus.MULTIPLE_CHOICES)
    return logging.DEBUG if is_dull and seconds < SLOW_SECONDS else logging.INFO


def is_quiet(handler: web.RequestHandler) -> bool:
    """Whether this is asked all the time: pictures, and whether we are well."""
    return isinstance(handler, web.StaticFileHandler) or path_of(handler).endswith(("/health", "/metrics"))


def _user(handler: web.RequestHandler) -> str:
    # Who was recognised already. `current_user` itself would ask the hub, and stop the event loop for the answer.
    user: Any = getattr(handler, "_jupyterhub_user", None) or getattr(handler, "_current_user", None)
    try:
        name = user.get("name", "") if isinstance(user, dict) else getattr(user, "name", user)
    except SQLAlchemyError:  # the hub's database is away, and with it what was known of them
        return ""
    return str(name or "")
