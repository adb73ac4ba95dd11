"""The way of an identity into a parked server: one line, over a socket that takes it from root alone."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from typing import TYPE_CHECKING, Final

from hub.node_agent.syscalls import INSIDE, NO_XDEV, open_inside
from spawner.identity import SOCKET

if TYPE_CHECKING:
    from spawner.identity import Identity

CONNECT_SECONDS: Final = 0.5
"""A parked server listens already."""

ACCEPT_SECONDS: Final = 5.0
"""It says so before it does anything with it; a busy node can take a while to let it."""

ACCEPTED: Final = b"accepted\n"


class NotParked(Exception):
    """Nobody takes the message."""


async def connect(seat: int, *, uid: int | None) -> socket.socket:
    """A connection to the server that is parked with this seat, and runs as `uid`. Raises NotParked.

    By the open socket: its path is longer than the kernel takes, and a path could be bent.
    """
    try:
        found = open_inside(seat, SOCKET, os.O_PATH | os.O_NOFOLLOW, resolve=INSIDE | NO_XDEV)
    except OSError as error:
        raise NotParked(f"there is no socket in the seat: {error.strerror}") from error
    if not stat.S_ISSOCK(os.fstat(found).st_mode):
        os.close(found)
        raise NotParked("what is called like the socket is none")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{found}")
        _check_peer(connection, uid)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError | TimeoutError):
            raise NotParked(f"the parked server does not answer: {error!r}") from error
        raise
    finally:
        os.close(found)
    return connection


async def deliver(connection: socket.socket, identity: Identity) -> None:
    """The parked server has the identity, and said so. Raises NotParked; then it may have it all the same."""
    loop = asyncio.get_running_loop()
    told = b""
    try:
        async with asyncio.timeout(ACCEPT_SECONDS):
            await loop.sock_sendall(connection, identity.line())
            while not told.endswith(b"\n") and len(told) <= len(ACCEPTED):
                if not (part := await loop.sock_recv(connection, len(ACCEPTED))):
                    break
                told += part
    except (OSError, TimeoutError) as error:
        raise NotParked(f"the parked server did not say that it has its identity: {type(error).__name__}") from error
    if told != ACCEPTED:
        raise NotParked("the parked server did not say that it has its identity")


def _check_peer(connection: socket.socket, uid: int | None) -> None:
    """Who listens is who the pod runs as."""
    size = struct.calcsize("3i")
    _, found, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if found != uid:
        raise NotParked(f"another user listens there: {found}")
