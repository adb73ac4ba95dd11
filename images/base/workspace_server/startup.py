"""What happens around the first answer: the socket that is adopted, who is told, and what waits until then."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import socket
from typing import TYPE_CHECKING, Any

from workspace_server.apps import APPS
from workspace_server.home_refuses import keep_kernels_able
from workspace_server.ipython import ipython_folders
from workspace_server.later import Later

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SETTLED_AFTER_SECONDS = 0.2
"""The hub looks at a server that said it is ready within a few milliseconds: that answer goes first."""

TALKS_AFTER_SECONDS = 2.0
"""Then a server has its first words with the hub: which version that is, and that somebody is there. They cost it a
fifth of what a claim does, and by then the others that start in the same moment are ready."""

HTTP_CLIENT = "jupyterhub.httpclient"
"""By which it speaks with the hub, and not before it has settled."""


class Startup:
    """What happens around the first answer: the socket that is adopted, and who is told."""

    def __init__(self) -> None:
        self._has_settled = asyncio.Event()
        self._listen = _descriptor("STUDIOLO_LISTEN_FD")
        self._ready = _descriptor("STUDIOLO_READY_FD")
        self.apps = tuple(name for name in os.environ.pop("STUDIOLO_APPS", "").split(",") if name in APPS)

    def adopted_socket(self) -> socket.socket | None:
        """The listening socket we were given, or None: then the server opens its own, as stock."""
        if self._listen is None:
            return None
        adopted = socket.socket(fileno=self._listen)
        adopted.settimeout(0)
        adopted.listen()
        return adopted

    def is_serving(self) -> None:
        """Called from the running event loop: the next thing it does is to answer requests."""
        asyncio.get_running_loop().call_later(SETTLED_AFTER_SECONDS, self._has_settled.set)
        if self._ready is not None:
            with contextlib.suppress(OSError):  # whoever wanted to know has gone
                os.write(self._ready, b"ready\n")
            os.close(self._ready)
            self._ready = None

    async def settled(self) -> None:
        """Waits until the first requests are answered and the HTTP client is imported, beside them in a thread."""
        await self._has_settled.wait()
        await asyncio.to_thread(importlib.import_module, HTTP_CLIENT)

    def puts_off(self, modules: tuple[str, ...]) -> None:
        """Told what the server imports once it has settled. Somebody waits for it now: nothing is done about them."""


def _descriptor(name: str) -> int | None:
    """The file descriptor a variable names; neither reaches what a person starts in the workspace."""
    text = os.environ.pop(name, "")
    if not text:
        return None
    os.set_inheritable(int(text), False)  # noqa: FBT003 - the only way to say it
    return int(text)


def server_class(startup: Startup) -> type:
    """Jupyter's ServerApp that serves the socket it was given, says when it answers, and offers the apps."""
    from jupyter_server.serverapp import ServerApp  # noqa: PLC0415 - only once the short way is taken, or given up

    later = Later()

    class WorkspaceServerApp(ServerApp):  # type: ignore[misc]  # untyped upstream
        name = ServerApp.name

        def migrate_config(self) -> None:
            # Stock imports all of IPython to learn that there is no such folder.
            if any(folder.exists() for folder in ipython_folders()):
                with contextlib.suppress(OSError):  # a home that takes nothing: the server starts all the same
                    super().migrate_config()
            # Not before: the look above must not find a folder that was only just made.
            keep_kernels_able(os.environ)

        def find_server_extensions(self) -> None:
            super().find_server_extensions()
            later.put_off(self.jpserver_extensions)
            startup.puts_off(later.modules)
            if startup.apps:
                self.jpserver_extensions["jupyter_server_proxy"] = True
                configured = self.config.ServerProxy.get("servers", {})
                ours = {name: APPS[name]() for name in startup.apps}
                self.config.ServerProxy.servers = {**configured, **ours}

        def _find_http_port(self) -> None:
            self._adopted = startup.adopted_socket()
            if self._adopted is None:
                super()._find_http_port()

        def _bind_http_server_tcp(self) -> bool:
            if self._adopted is None:
                return bool(super()._bind_http_server_tcp())
            self.http_server.add_sockets([self._adopted])
            return True

        def start_ioloop(self) -> None:
            gc.freeze()
            gc.enable()
            self.io_loop.add_callback(startup.is_serving)
            later.let_them_wait(self)
            self.io_loop.add_callback(later.load, self, startup)
            super().start_ioloop()

    return WorkspaceServerApp


def once_settled(
    startup: Startup, method: Callable[[Any], Coroutine[Any, Any, None]]
) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """The same coroutine method, which talks to the hub: begun when the starts of the same moment are over."""

    async def later(self: Any) -> None:
        await startup.settled()
        await asyncio.sleep(TALKS_AFTER_SECONDS)
        await method(self)

    return later


def in_background(
    method: Callable[[Any], Coroutine[Any, Any, None]],
) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """The same coroutine method, as a task of its own: the caller goes on at once."""

    async def begin(self: Any) -> None:
        self._studiolo_task = asyncio.ensure_future(method(self))  # kept: a task nobody holds may vanish

    return begin
