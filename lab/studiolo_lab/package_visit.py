"""What a server that opens a package shows at its own address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import authenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from studiolo_lab.package_opening import Opening


class FirstVisit(JupyterHandler):  # type: ignore[misc]  # untyped upstream
    """The server's own address."""

    def initialize(self, opening: Callable[[], Opening | None]) -> None:
        """Tornado's way to hand something to a handler."""
        self._opening = opening

    @authenticated
    async def get(self) -> None:
        """To the notebook of the package the first time, to JupyterLab otherwise."""
        opening = self._opening()
        page = await opening.first_page() if opening is not None else ""
        self.redirect(self.base_url + page if page else self.settings["default_url"])
