"""Server extensions that are loaded once the server has answered its first requests, and who asks for them before."""

from __future__ import annotations

import asyncio
import importlib
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workspace_server.startup import Startup

LATER = {
    "jupyterlab_git": ("jupyterlab_git.handlers", "git"),
    "nbdime": ("nbdime.webapp.nb_server_extension", "nbdime"),
}
"""What each imports (0.1 s that no start waits for), and where its addresses begin."""


class Later:
    """The extensions that were put off, until they are there."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._are_loaded = asyncio.Event()

    def put_off(self, extensions: dict[str, bool]) -> None:
        """Takes out of what is loaded at the start what can wait."""
        self._names = [name for name in LATER if extensions.get(name)]
        extensions.update(dict.fromkeys(self._names, False))

    @property
    def modules(self) -> tuple[str, ...]:
        """What `load` imports."""
        return tuple(LATER[name][0] for name in self._names)

    def let_them_wait(self, server: Any) -> None:
        """Answers whoever asks for one of the extensions once it is there.

        Before that they would get "not found": and JupyterLab's git panel asks once for each page, and then gives up.
        """
        from jupyter_server.base.handlers import APIHandler  # noqa: PLC0415 - only once the short way is taken
        from tornado.routing import PathMatches  # noqa: PLC0415 - the same
        from tornado.web import authenticated  # noqa: PLC0415 - the same

        are_loaded = self._are_loaded

        class UntilLoaded(PathMatches):
            def match(self, request: Any) -> dict[str, Any] | None:
                return None if are_loaded.is_set() else super().match(request)

        class Wait(APIHandler):  # type: ignore[misc]  # untyped upstream
            @authenticated
            async def get(self) -> None:
                await are_loaded.wait()
                # The same address, which is somebody else's by now; method and body stay.
                self.redirect(self.request.uri, status=HTTPStatus.TEMPORARY_REDIRECT)

            head = post = put = delete = patch = get

        places = "|".join(LATER[name][1] for name in self._names)
        where = UntilLoaded(rf"{re.escape(server.base_url)}(?:{places})(?:/.*)?$")
        if self._names:
            server.web_app.add_handlers(".*$", [(where, Wait)])

    async def load(self, server: Any, startup: Startup) -> None:
        """Loads them, once the server has answered its first requests."""
        try:
            await startup.settled()
            for name in self._names:
                await asyncio.to_thread(importlib.import_module, LATER[name][0])
                server.extension_manager.from_jpserver_extensions({name: True})
                server.extension_manager.link_extension(name)
                server.extension_manager.load_extension(name)
        finally:
            self._are_loaded.set()  # one that cannot be loaded is "not found", as it would be at the start
