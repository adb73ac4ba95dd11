"""`/hub/admin`: JupyterHub's own page below a panel about machine, catalogs and environments."""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.pages import AdminHandler

from hub.archives.panel import ArchiveRow, archive_rows
from hub.pages.accuracy_chart import accuracy_chart
from hub.pages.admin_view import admin_view
from hub.pages.page import OwnPage
from hub.pages.place import catalog_facts
from studiolo.client_errors import ClientError


class AdminPage(OwnPage, AdminHandler):  # type: ignore[misc]  # JupyterHub has no types
    """Who may see it is decided by JupyterHub's handler."""

    _archives: tuple[ArchiveRow, ...] | None = None

    async def get(self) -> None:
        """JupyterHub's page; what services knows is asked for before it, with the hub's short limit."""
        try:
            archives = await self.settings["studiolo_services"].all_home_archives()
        except ClientError as error:
            self.log.debug("Homes of deleted accounts are not known for the page: %s", error)
        else:
            self._archives = archive_rows(archives, now=self.now)
        await super().get()

    def set_default_headers(self) -> None:
        """JupyterHub's own policy: its part of the page starts with an inline script."""
        BaseHandler.set_default_headers(self)

    def render_template(self, name: str, sync: bool = False, **names: Any) -> Any:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """The page with our panel, to be awaited; any other (an error, rendered at once) as it is."""
        if name == "admin.html":
            names["view"] = admin_view(
                place=self.place.title,
                figures=self.place.figures(),
                catalog=catalog_facts(self.place.catalogs),
                environments=self.place.environments_on_disk(),
                now=self.now,
            )
            names["archives"] = self._archives
            names["accuracy"] = accuracy_chart(*self.settings["studiolo_accuracy"]())
        return super().render_template(name, sync=sync, **names)
