"""`/hub/home`: the list of a person's workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado import web

from hub.pages.facts import may_book_room, teams_of, workspaces_of
from hub.pages.home_view import home_view
from hub.pages.page import OwnPage
from studiolo.names import home_name

if TYPE_CHECKING:
    from hub.homes.board import HomeBoard, HomeLook


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
            home=self._home(),
        )
        books_room = self.settings["studiolo_holds_room"] and may_book_room(self.current_user)
        self.finish(await self.render_template("home.html", view=view, books_room=books_room))

    def _home(self) -> HomeLook | None:
        board: HomeBoard | None = self.settings.get("studiolo_homes")
        if board is None:
            return None
        quota = self.settings["studiolo_quota_of"](teams_of(self.current_user))
        return board.look(home_name(self.current_user.name), quota_bytes=quota)
