"""Our stylesheet and scripts, served for ever under an address that changes with their content."""

from __future__ import annotations

from tornado.web import StaticFileHandler

_ONE_YEAR_SECONDS = 365 * 24 * 3600
"""Safe because the address carries a hash of the content: another content has another address."""


class OwnStaticHandler(StaticFileHandler):
    """Serves `hub/static/` to anybody: the sign-in page needs it before anyone is known."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002 - tornado calls it so
        """Cache for a year where the address names the content, else ask each time."""
        if self.get_argument("v", ""):
            self.set_header("Cache-Control", f"public, max-age={_ONE_YEAR_SECONDS}, immutable")
        else:
            self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
