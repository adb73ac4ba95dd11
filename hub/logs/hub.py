"""Our lines and references in JupyterHub: for its own handlers as well as for our pages."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from jupyterhub.metrics import prometheus_log_method

from hub.logs.references import WithReference
from hub.logs.requests import log_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tornado import web


def log_hub_request(handler: Any) -> None:
    """The hub's `log_function`: our line, and JupyterHub's own metric."""
    log_request(handler)
    prometheus_log_method(handler)


def with_references(handlers: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same routes, where every handler's faults have a reference."""
    return [(pattern, _with_reference(handler), *rest) for pattern, handler, *rest in handlers]


@functools.cache
def _with_reference(handler: type[web.RequestHandler]) -> type[web.RequestHandler]:
    if issubclass(handler, WithReference):
        return handler
    # Under its own name: JupyterHub's metric of requests is told apart by it.
    own = {"__module__": handler.__module__, "__doc__": handler.__doc__}
    return type(handler.__name__, (WithReference, handler), own)
