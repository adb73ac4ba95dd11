"""The single-user server of a workspace, up in a fifth of the time that a stock `jupyterhub-singleuser` takes.

Run as `<environment>/bin/python -P start_server.py [options of jupyterhub-singleuser]`, with JupyterHub's usual
variables. The server is JupyterHub's own; only the way to its first answer is shorter:

- what the hub needs and a user's server does not (its database layer, its pages), and what is needed only later (HTTP
  clients), is not imported unless somebody asks for it;
- JupyterLab is imported while no `node` is on PATH, because it would run it for a setting that only builds need;
- the hub is asked for its version, and told of activity, once the server answers and not before.

Where the short way does not hold, the server takes the stock one and says so in its log.

Three variables of ours, all optional:
    STUDIOLO_LISTEN_FD  a listening socket to serve, made by whoever started us
    STUDIOLO_READY_FD   a pipe that gets `ready` when the first request can be answered
    STUDIOLO_APPS       apps beside JupyterLab, separated by commas
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import re
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, MutableSequence

CHECKED_JUPYTERHUB = (6, 1)
"""The JupyterHub whose imports were read for this file; another one is started the stock way."""

DEFERRED: dict[str, tuple[str, ...]] = {
    "aiohttp": (),
    "jupyterhub.handlers": (),
    "jupyterhub.handlers.pages": ("class HealthCheckHandler",),
    "jupyterhub.httpclient": ("fetch",),
    "jupyterhub.orm": (),
    "jupyterhub.roles": (),
    "requests": (),
    "rfc3986_validator": ("validate_rfc3986",),
    "sqlalchemy": (),
    "sqlalchemy.exc": ("class SQLAlchemyError",),
}
"""Modules that the server imports and does not use before its first answer (most of them: ever).

With each, what is asked of it by name while importing. A function imports the real one when it is called. A class is
one of the hub's that a user's server only compares with, and never meets.
"""

ALWAYS = ("--LabApp.extension_manager=readonly", "--LabApp.news_url=None")
"""What no settings in a home change: packages that all people share, and calls to the world outside. The other
settings of ours lie in the environment (`files/`); there a null would mean "as by default"."""

PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.]+(/[A-Za-z0-9._/-]*)?")
"""Addresses that are valid by RFC 3986 without a doubt; all others are asked of the real validator."""

SETTLED_AFTER_SECONDS = 0.2
"""The hub looks at a server that said it is ready within a few milliseconds: that answer goes first."""


class DeferredModule(ModuleType):
    """Stands where a module would, and hands out the real one's names once somebody asks for any."""

    __path__: MutableSequence[str] = []  # noqa: RUF012 - what makes a module a package; nothing is ever put in

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.real, name)

    @property
    def real(self) -> ModuleType:
        """The module that this one stands for. All stand-ins of its package step aside first."""
        package = self.__name__.partition(".")[0]
        for name, module in tuple(sys.modules.items()):
            if isinstance(module, DeferredModule) and name.partition(".")[0] == package:
                del sys.modules[name]
        return importlib.import_module(self.__name__)


def _stand_in(name: str) -> DeferredModule:
    module = DeferredModule(name)
    for needed in DEFERRED[name]:
        kind, _, known_as = needed.rpartition(" ")
        setattr(module, known_as, type(known_as, (Exception,), {}) if kind else _called_later(module, known_as))
    return module


def _called_later(module: DeferredModule, name: str) -> Callable[..., Any]:
    """The function, imported with its first call."""

    def call(*args: Any, **options: Any) -> Any:
        return getattr(module.real, name)(*args, **options)

    def is_uri(text: str, **options: Any) -> Any:
        # Jupyter's own schemas are checked at each start, and their plain addresses need no grammar (30 ms to compile).
        return True if PLAIN_ADDRESS.fullmatch(text) else call(text, **options)

    return is_uri if name == "validate_rfc3986" else call


@contextlib.contextmanager
def deferred_imports() -> Iterator[None]:
    """While open, importing one of DEFERRED costs nothing; afterwards everybody gets the real ones."""
    stand_ins = {name: _stand_in(name) for name in DEFERRED if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


@contextlib.contextmanager
def no_programs_on_path() -> Iterator[None]:
    """While open, PATH leads nowhere; kernels, terminals and the person's own code get it back."""
    path = os.environ.pop("PATH", None)
    os.environ["PATH"] = os.devnull
    try:
        yield
    finally:
        if path is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = path


def import_single_user() -> tuple[Any, bool]:
    """JupyterHub's `JupyterHubSingleUser`, and whether it was imported the short way."""
    import jupyterhub  # noqa: PLC0415 - nothing heavy: its version decides how the rest is imported

    is_short = jupyterhub.version_info[:2] == CHECKED_JUPYTERHUB
    if not is_short:
        _say(f"JupyterHub {jupyterhub.__version__} is started the stock way: this file was checked with another.")
    else:
        try:
            with deferred_imports(), no_programs_on_path():
                import jupyterhub.singleuser.extension  # noqa: PLC0415 - must happen inside the two contexts
                import jupyterlab.labapp  # noqa: F401, PLC0415 - the same; the server imports it a moment later anyway
        except Exception as error:  # noqa: BLE001 - whatever it is, the stock way may still work
            # What was imported until here is sound: a stand-in that is left in it finds the real module when used.
            _say(f"The server is started the stock way: the short one failed ({error!r}).")
            is_short = False
    from jupyterhub.singleuser.extension import JupyterHubSingleUser  # noqa: PLC0415 - see above

    return JupyterHubSingleUser, is_short


def _say(sentence: str) -> None:
    sys.stderr.write(f"studiolo: {sentence}\n")


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
        await asyncio.to_thread(importlib.import_module, "jupyterhub.httpclient")


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

    class WorkspaceServerApp(ServerApp):  # type: ignore[misc]  # untyped upstream
        name = ServerApp.name

        def migrate_config(self) -> None:
            # Stock imports all of IPython to learn that there is no such folder.
            if any(folder.exists() for folder in _ipython_folders()):
                super().migrate_config()

        def find_server_extensions(self) -> None:
            super().find_server_extensions()
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
            super().start_ioloop()

    return WorkspaceServerApp


def tensorboard() -> dict[str, Any]:
    """How jupyter-server-proxy serves TensorBoard: at `tensorboard/` below the server, to whoever may see that."""
    runs = Path("~/runs").expanduser()
    with contextlib.suppress(OSError):  # a full home: TensorBoard says that there is nothing
        runs.mkdir(exist_ok=True)
    options = ("--logdir", str(runs), "--host", "127.0.0.1", "--port", "{port}", "--load_fast", "false")
    return {
        "command": [sys.executable, "-P", "-m", "tensorboard.main", *options],
        "timeout": 60,  # it imports for seconds; 5 are the default
        "launcher_entry": {"title": "TensorBoard"},
    }


APPS = {"tensorboard": tensorboard}
"""How each app is run. Which there are, and where their links lead, says the catalog (`studiolo.catalog.APPS`)."""


def _ipython_folders() -> tuple[Path, ...]:
    """Where settings of IPython 3 might lie that Jupyter takes over."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    folders = Path(os.environ.get("IPYTHONDIR") or "~/.ipython"), Path(config, "ipython")
    return tuple(folder.expanduser() for folder in folders)


def once_settled(
    startup: Startup, method: Callable[[Any], Coroutine[Any, Any, None]]
) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """The same coroutine method, begun once the server has answered its first requests."""

    async def later(self: Any) -> None:
        await startup.settled()
        await method(self)

    return later


def in_background(
    method: Callable[[Any], Coroutine[Any, Any, None]],
) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """The same coroutine method, as a task of its own: the caller goes on at once."""

    async def begin(self: Any) -> None:
        self._studiolo_task = asyncio.ensure_future(method(self))  # kept: a task nobody holds may vanish

    return begin


def keep_ipython_out() -> None:
    """Lets the shim for old settings list its folders without importing IPython, which the server does not use."""
    jupyter_path = importlib.import_module("jupyter_core.paths").jupyter_path
    shim = importlib.import_module("notebook_shim.traits").NotebookAppTraits

    def nbextensions_path(self: Any) -> list[str]:
        folders = [*self.extra_nbextensions_path, *jupyter_path("nbextensions")]
        return [*folders, str(_ipython_folders()[0] / "nbextensions")]

    shim.nbextensions_path = property(nbextensions_path)


def main() -> None:
    """Start the server and serve until it is told to stop."""
    if {"JUPYTERHUB_SINGLEUSER_APP", "JUPYTERHUB_SINGLEUSER_EXTENSION"} & set(os.environ):
        from jupyterhub.singleuser import main as other_server  # noqa: PLC0415 - another server than ours was chosen

        other_server()
        return
    gc.disable()  # nothing that is imported becomes garbage; enabled again before the first request
    startup = Startup()
    single_user, is_short = import_single_user()
    single_user.serverapp_class = server_class(startup)
    if is_short:
        keep_ipython_out()
        single_user.keep_activity_updated = once_settled(startup, single_user.keep_activity_updated)
        single_user.check_hub_version = in_background(once_settled(startup, single_user.check_hub_version))
    single_user.launch_instance([*sys.argv[1:], *ALWAYS])


if __name__ == "__main__":
    main()
