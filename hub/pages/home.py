"""`/hub/home`: the list of a person's workspaces."""

from __future__ import annotations

from tornado import web

from hub.pages.facts import workspaces_of
from hub.pages.home_view import home_view
from hub.pages.page import OwnPage


class HomePage(OwnPage):
    """The list of workspaces; changes nothing."""

    @web.authenticated
    async def get(self) -> None:
        """The page, which also asks for itself every few seconds."""
        place = self.place
        view = home_view(
            workspaces_of(self.current_user, now=self.start_clock, log=self.log, notice_of=self.idle.notice_of),
            catalog=place.catalogs.current,
            base_url=self.hub.base_url,
            now=self.now,
            knows_estimates=not place.starts.is_away,
        )
        self.finish(await self.render_template("home.html", view=view))
