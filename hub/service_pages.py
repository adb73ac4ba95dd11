"""Pages that the services process serves: the hub's layout and stylesheet, and a strict Content-Security-Policy."""

from __future__ import annotations

import functools
import http
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from hub.auth import PersonHandler
from hub.database import DatabaseAway
from hub.static_files import static_address

TEMPLATES = Path(__file__).resolve().parent / "templates"

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""No inline script and no inline style, as on the hub's own pages."""

HUB = "/hub/"


class ServicePage(PersonHandler):
    """A page for somebody who has signed in; who has not is sent there."""

    def set_default_headers(self) -> None:
        """A page, kept by no browser."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Referrer-Policy", "same-origin")

    def show(self, template: str, **values: Any) -> None:
        """Ends the request with a page."""
        token: bytes | str = self.xsrf_token
        names = {
            **_layout(),
            "user": self.current_user,
            "xsrf_token": token.decode() if isinstance(token, bytes) else token,
        }
        self.finish(_templates().get_template(template).render(**names, **values))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The hub's page for what went wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(error, "log_message", "") or ""
        if isinstance(error, DatabaseAway):
            status_code, message = http.HTTPStatus.SERVICE_UNAVAILABLE, f"{error} {error.hint}"
            self.set_status(status_code)
        reference = self.refer(status_code)
        page = _templates().get_template("error.html")
        names = {"status_code": int(status_code), "status_message": http.HTTPStatus(status_code).phrase}
        # Without the person: who they are may be what could not be found out.
        self.finish(page.render(**_layout(), **names, message=message, reference=reference, user=None))

    def _is_somebody_clicking(self) -> bool:
        # Where the site has no TLS browsers do not say that somebody navigates.
        return self.request.method == "GET" and "Authorization" not in self.request.headers


@functools.cache
def _templates() -> Environment:
    # Templates of JupyterHub ask for names that are not there on purpose, so undefined ones stay empty.
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(default=True))


def _layout() -> dict[str, Any]:
    return {
        "base_url": HUB,
        "prefix": "/",
        "static_url": lambda path, **_: f"{HUB}static/{path}",
        "studiolo_static": static_address,
        "logout_url": f"{HUB}logout",
        "parsed_scopes": {},
        "services": (),
    }
