"""What every page of ours has in common: whose workspace it is about, and a strict Content-Security-Policy."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.utils import utcnow
from tornado import web

from studiolo.names import server_from_shown, shown_name

if TYPE_CHECKING:
    from datetime import datetime

    from hub.idle.loop import IdleLoop
    from hub.pages.place import Place
    from spawner.credentials import CredentialSource
    from spawner.packages import PackageSource

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action {forms}; "
    "frame-ancestors 'none'"
)
"""No inline script and no inline style: text that somebody smuggled in as HTML still could not run."""


class OwnPage(BaseHandler):  # type: ignore[misc]  # JupyterHub has no types
    """A page of ours; mixed in before the handler of JupyterHub that it replaces."""

    def set_default_headers(self) -> None:
        """JupyterHub's, with the strict policy in place of the one its own pages need."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(forms=self.settings["form_targets"]))
        self.set_header("Cache-Control", "no-store")

    @property
    def place(self) -> Place:
        """Where workspaces run, with the catalogs and what is known of earlier starts."""
        place: Place = self.settings["studiolo"]
        return place

    @property
    def idle(self) -> IdleLoop:
        """What is known of workspaces that will be stopped."""
        idle: IdleLoop = self.settings["studiolo_idle"]
        return idle

    @property
    def credentials(self) -> CredentialSource:
        """Who knows of people's credentials."""
        source: CredentialSource = self.settings["studiolo_credentials"]
        return source

    @property
    def packages(self) -> PackageSource:
        """Who knows of model packages."""
        source: PackageSource = self.settings["studiolo_packages"]
        return source

    @property
    def now(self) -> datetime:
        """The time on the wall, with its zone."""
        moment: datetime = utcnow()
        return moment

    @property
    def start_clock(self) -> float:
        """The clock on which starts are measured."""
        return time.monotonic()

    def owner_named(self, user_name: str) -> Any:
        """The person of this name. Raises 404; what may be done to them is decided by scopes."""
        if user_name == self.current_user.name:
            return self.current_user
        user = self.find_user(user_name)
        if user is None:
            # In the words that JupyterHub uses for what one may not see: nobody learns who exists.
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "No access to resources or resources not found")
        return user

    def server_named(self, user: Any, shown: str) -> str:
        """JupyterHub's name of the workspace that a link calls `shown`."""
        return shown if shown in user.orm_spawners else server_from_shown(shown)

    def title_of(self, user: Any, server: str) -> str:
        """The free name of a workspace."""
        orm_spawner = user.orm_spawners.get(server)
        title: str = (orm_spawner.display_name if orm_spawner else "") or shown_name(server)
        return title
