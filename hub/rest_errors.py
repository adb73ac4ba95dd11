"""What can go wrong with REST about a domain, told in the error's own words and with the status that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hub.auth import Handler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http import HTTPStatus

    from studiolo.errors import StudioloError


class InItsOwnWords(Handler):
    """Before the handler that knows who calls: `class OneHandler(InItsOwnWords, CallerOfIt)`."""

    status_of: ClassVar[Mapping[type[StudioloError], HTTPStatus]]
    """What is answered to a person. Any other error is a fault of ours."""

    def more_of(self, error: StudioloError) -> dict[str, Any]:  # noqa: ARG002 - for those who have more to say
        """What stands beside the sentence."""
        return {}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As JSON."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if (status := self.status_of.get(type(error))) is None:
            super().write_error(status_code, **kwargs)
            return
        self.set_status(status)
        self.finish({"status": status, "message": f"{error} {error.hint}".strip(), **self.more_of(error)})

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """What a person did wrong is no fault of ours."""
        if type(value) not in self.status_of:
            super().log_exception(typ, value, tb)
