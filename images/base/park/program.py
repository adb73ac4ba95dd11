"""The order of things: import, rehearse, listen, wait, become."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

from park.becoming import become, know_nobody
from park.delivery import ACCEPTED, Door
from park.kernel import ParkedKernel
from park.message import MalformedError, parse_identity
from park.orders import orders_in, own_of
from park.rehearsal import rehearse
from workspace_server.main import prepare, serve

if TYPE_CHECKING:
    from park.orders import Orders
    from workspace_server.main import Prepared

NEEDED_TO_ADOPT = ("_find_http_port", "_bind_http_server_tcp")
"""What of Jupyter's ServerApp `workspace_server/startup.py` replaces so that a server serves a socket it was given."""

BACKLOG = 128


def main() -> None:
    """Parks, waits for one identity, and serves it until the server is told to stop."""
    orders = orders_in(os.environ)
    kept = own_of(os.environ) if orders.keeps_own else {}
    know_nobody()
    kernel = ParkedKernel() if orders.has_kernel else None
    prepared = prepare()
    set_by_imports = _rehearse(prepared) if orders.rehearses else {}
    if kernel is not None:
        kernel.wait()
    gc.collect()
    gc.freeze()  # what was imported is never looked at again, nor copied for that: kernels share it
    door = Door(orders)
    listen_fd = listen(orders)  # last of all: in a pod this says that it waits
    if orders.ready_fd is not None:
        os.write(orders.ready_fd, b"parked\n")
    try:
        sent, answer = door.message()
        identity = parse_identity(sent)
    except MalformedError as error:
        sys.exit(f"studiolo: this parked server ends, because what it was sent is no identity: {error}.")
    with answer, contextlib.suppress(OSError):  # whoever sent it has gone; it is ours all the same
        answer.sendall(ACCEPTED)
    become(identity, listen_fd=adopted(listen_fd), before={**kept, **set_by_imports})
    if kernel is not None:
        kernel.take_its_place()
    serve(prepared, identity.arguments)


def _rehearse(prepared: Prepared) -> dict[str, str]:
    logging.disable(logging.CRITICAL)
    try:
        return rehearse(prepared)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the imports alone are worth most of it
        sys.stderr.write(f"studiolo: the rehearsal of a parked server failed: {error!r}\n")
        return {}
    finally:
        logging.disable(logging.NOTSET)


def listen(orders: Orders) -> int | None:
    """The socket to serve later, listening already: who connects waits for the answer instead of being refused."""
    if orders.listen_fd is not None:
        return orders.listen_fd
    if not orders.port:
        return None
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    both = family == socket.AF_INET6
    return socket.create_server(("", orders.port), family=family, backlog=BACKLOG, dualstack_ipv6=both).detach()


def adopted(listen_fd: int | None) -> int | None:
    """The same, where this Jupyter serves a socket that it is given; else it is closed, and Jupyter binds its own."""
    from jupyter_server.serverapp import ServerApp  # noqa: PLC0415 - imported by then

    if listen_fd is None or all(hasattr(ServerApp, name) for name in NEEDED_TO_ADOPT):
        return listen_fd
    os.close(listen_fd)
    return None
