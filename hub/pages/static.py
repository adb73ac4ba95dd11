"""Our stylesheet and scripts, served for ever under an address that changes with their content."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from tornado.web import StaticFileHandler

STATIC_DIRECTORY = Path(__file__).resolve().parent.parent / "static"

_ONE_YEAR_SECONDS = 365 * 24 * 3600
"""Safe because the address carries a hash of the content: another content has another address."""


@functools.cache
def _content_hash(name: str) -> str:
    return hashlib.sha256((STATIC_DIRECTORY / name).read_bytes()).hexdigest()[:12]


def static_address(name: str) -> str:
    """The address of one of our files below the hub's prefix: `studiolo/static/studiolo.css?v=0123456789ab`."""
    return f"studiolo/static/{name}?v={_content_hash(name)}"


class OwnStaticHandler(StaticFileHandler):
    """Serves `hub/static/` to anybody: the sign-in page needs it before anyone is known."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002 - tornado calls it so
        """Cache for a year where the address names the content, else ask each time."""
        if self.get_argument("v", ""):
            self.set_header("Cache-Control", f"public, max-age={_ONE_YEAR_SECONDS}, immutable")
        else:
            self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
