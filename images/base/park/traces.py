"""What a rehearsal leaves in memory, and how it is got rid of: its objects are gone before a person comes."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import logging
import signal
import tempfile
from typing import Any

from park.becoming import below

WATCHED = frozenset(
    {
        *("ServerApp", "JupyterHubSingleUser", "LabApp", "ExtensionApp", "HubOAuth", "WorkspaceHubAuth"),
        *("WorkspaceIdentity", "JupyterHubIdentityProvider", "ServerWebApplication", "HTTPServer", "ExtensionManager"),
        *("ExtensionPackage", "ExtensionPoint", "AsyncMappingKernelManager", "AsyncFileContentsManager"),
        *("SessionManager", "WorkspaceServerApp", "WithOurTerminals", "ClientSession", "AsyncIOMainLoop"),
        *("_Rehearsal", "Startup"),
    }
)
"""Classes of which none may be alive: each holds, or leads to, the identity of the start that was tried out."""

WRITTEN_ON = (
    ("tornado.web", "RequestHandler"),  # JupyterHub, for its cookies
    ("jupyter_server.base.handlers", "JupyterHandler"),  # the same
    ("jupyter_server.extension.manager", "ExtensionManager"),  # notebook_shim, to come first
)
"""Classes that a start changes, beside the single-user server's own."""

OF_ONE_SERVER = "jupyter_events.logger."
"""Loggers that are named by the object they were made for."""

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


FORGETFUL = ("jupyter", "nb", "studiolo", "workspace_server")
"""Packages that may remember objects, or what they read in a home or an environment, in caches of functions."""


class Traces:
    """What a process was like before a rehearsal, as far as a start changes it."""

    def __init__(self, single_user: Any) -> None:
        """Looks at the classes that a start writes on: they lead to the start it was for."""
        written = single_user, *(getattr(importlib.import_module(module), name) for module, name in WRITTEN_ON)
        self._classes = {cls: dict(vars(cls)) for cls in written}
        self._handlers = {name: list(logger.handlers) for name, logger in _loggers().items()}

    def forget(self) -> None:
        """Lets go of the rehearsal. What it warmed stays."""
        gc.unfreeze()  # a server that is about to answer freezes what it has
        _end_loop()
        for cls, own in self._classes.items():
            _put_back(cls, own)
        _reset_signals()
        _forget_singletons()
        self._forget_handlers()
        _forget_answers()
        tempfile.tempdir = None  # it was looked up in the rehearsal's environment
        _forget_metrics()

    def _forget_handlers(self) -> None:
        for name, logger in _loggers().items():
            logger.handlers[:] = self._handlers.get(name, [each for each in logger.handlers if _does_nothing(each)])
            if name.startswith(OF_ONE_SERVER):
                del logging.Logger.manager.loggerDict[name]


def _does_nothing(handler: logging.Handler) -> bool:
    """What a library puts into its own logger when it is imported."""
    return isinstance(handler, logging.NullHandler)


def _put_back(cls: Any, own: dict[str, Any]) -> None:
    for name in tuple(vars(cls)):
        if name not in own:
            delattr(cls, name)
        elif vars(cls)[name] is not own[name]:
            setattr(cls, name, own[name])


def _reset_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _forget_singletons() -> None:
    singleton = importlib.import_module("traitlets.config").SingletonConfigurable
    for cls in (singleton, *below(singleton)):
        if "_instance" in vars(cls):
            cls._instance = None


def _loggers() -> dict[str, logging.Logger]:
    known = logging.Logger.manager.loggerDict
    return {name: logger for name, logger in known.items() if isinstance(logger, logging.Logger)}


def _forget_answers() -> None:
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper) and str(each.__module__).startswith(FORGETFUL):  # noqa: SLF001 - its only name
            each.cache_clear()


def _forget_metrics() -> None:
    for metric in importlib.import_module("prometheus_client").REGISTRY._collector_to_names:  # noqa: SLF001 - no other list
        vars(metric).pop("_child_samples", None)  # a function that looks at the server
        if getattr(metric, "_labelnames", ()):
            metric.clear()
        elif hasattr(metric, "_metric_init"):
            metric._metric_init()  # noqa: SLF001 - back to nothing


def _end_loop() -> None:
    io_loop = importlib.import_module("tornado.ioloop").IOLoop.current()
    loop = io_loop.asyncio_loop
    loop.run_until_complete(_end_tasks())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    io_loop.close(all_fds=True)
    asyncio.set_event_loop(None)


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def alive() -> dict[str, int]:
    """How many objects there are of each class that may have none."""
    gc.collect()
    found: dict[str, int] = {}
    for each in gc.get_objects():
        name = type(each).__name__
        if name in WATCHED:
            found[name] = found.get(name, 0) + 1
    return found
