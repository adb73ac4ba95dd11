"""Which ports are free on this machine."""

from __future__ import annotations

import errno
import secrets
import socket
from ipaddress import ip_address

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - to look, not to listen
HIGHEST_PORT = 65535
ORDINARY_PORTS = range(20000, 32768)
"""Where a port is looked for that nobody asked for: below those that Linux and macOS give to outgoing connections.

One of those could be gone when a process that died is started again a second later.
"""
SEARCHED_PORTS = 200
"""How far above a taken port another one is looked for."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def why_not_free(host: str, port: int) -> str | None:
    """Why nobody can listen there, as the end of a sentence; None when it is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        return "this machine does not know that address"
    with socket.socket(family, kind, protocol) as listener:
        # As Node.js does: a port whose connections are only winding down is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(1)
        except OSError as error:
            return _reason(error, port)
    return None


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses it"
    if error.errno == errno.EACCES:
        return f"ports below 1024 belong to the administrator (asked for {port})"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return error.strerror or "the system refuses it"


def next_free_port(host: str, port: int) -> int | None:
    """The first free port above this one, nearby."""
    candidates = range(port + 1, min(port + SEARCHED_PORTS, HIGHEST_PORT) + 1)
    return next((candidate for candidate in candidates if why_not_free(host, candidate) is None), None)


def free_port(*wanted: int | None, taken: frozenset[int] = frozenset()) -> int:
    """The first of these ports that is free on loopback, else any that is free at every address."""
    for port in wanted:
        if port and port not in taken and why_not_free(LOOPBACK, port) is None:
            return port
    while True:
        port = secrets.choice(ORDINARY_PORTS)  # two who look at the same moment should not find the same one
        # Whoever takes it may listen everywhere, where another has it at one address only.
        if port not in taken and why_not_free(EVERYWHERE, port) is None:
            return port
