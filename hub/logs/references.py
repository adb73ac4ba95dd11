"""A fault has a reference that the page shows and the log holds: "7F3KQ". For our pages and for JupyterHub's own."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tornado import web

from hub.logs.requests import path_of, request_facts
from spawner.errors import new_reference

if TYPE_CHECKING:
    from types import TracebackType

HEADER = "Studiolo-Reference"
"""In every answer that is a fault, also of the REST API."""

_EXPECTED = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""Somebody else does not answer at this moment: trying again is the way out, not asking an administrator."""

log = logging.getLogger(__name__)


def is_fault(status: int) -> bool:
    """Whether an answer with this status is a fault of ours."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _EXPECTED


class WithReference(web.RequestHandler):
    """Mixed in before a handler: its faults have a reference, and no line about it shows the query of its address."""

    reference = ""
    """Of the fault that this request ended with; "" where it did not."""

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """A refusal is a line, as tornado has it; a fault is all that is known of it, under its reference."""
        status = value.status_code if isinstance(value, web.HTTPError) else HTTPStatus.INTERNAL_SERVER_ERROR
        if not is_fault(status):
            super().log_exception(typ, value, tb)
            return
        failure = getattr(value, "failure", None)  # of a start: told to the person under a reference of its own
        self.reference = getattr(failure, "reference", "") or new_reference()
        log.error(
            "%s failed (ref %s): %s",
            *(self._request_summary(), self.reference, value),
            exc_info=None if failure is not None or typ is None or value is None else (typ, value, tb),
            extra=request_facts(self),
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The page, or the JSON, with the reference in a header beside it."""
        self.refer(status_code)
        super().write_error(status_code, **kwargs)

    def refer(self, status_code: int) -> str:
        """The reference of this answer, put into its header; "" where there is none and it is no fault."""
        if is_fault(status_code):
            self.reference = self.reference or new_reference()
        if self.reference:
            self.set_header(HEADER, self.reference)
        return self.reference

    @property
    def template_namespace(self) -> dict[str, Any]:
        """JupyterHub's, and the reference for `error.html`."""
        names: dict[str, Any] = super().template_namespace  # type: ignore[misc]  # of JupyterHub's handlers
        return {**names, "reference": self.reference}

    def _request_summary(self) -> str:
        """What tornado begins its lines with: there, the whole address stands."""
        return f"{self.request.method} {path_of(self)} ({self.request.remote_ip})"
