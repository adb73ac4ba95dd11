"""The socket on which a parked server waits for its identity, and who may deliver it."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from park.message import LONGEST_BYTES, MalformedError

if TYPE_CHECKING:
    from park.orders import Orders

PATIENCE_SECONDS = 10.0
"""For a message that has begun. Whoever sends it has all of it already."""

ACCEPTED = b"accepted\n"


class Door:
    """A unix socket that lets in one message, from one who may send it."""

    def __init__(self, orders: Orders) -> None:
        """Listens from now on: connections wait until somebody asks for the message."""
        self._orders = orders
        Path(orders.socket_path).parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(orders.socket_path).st_mode):
                os.unlink(orders.socket_path)  # noqa: PTH108 - of a server that was here before
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._socket.bind(orders.socket_path)
        finally:
            os.umask(before)
        self._socket.listen(1)

    def message(self) -> tuple[bytes, socket.socket]:
        """The message, and the connection to answer on. The door is closed by then: there is no second one.

        Raises MalformedError where somebody who may send one sends something that is none.
        """
        while True:
            connection, _ = self._socket.accept()
            if self._may_send(connection):
                break
            connection.close()
        self.close()
        connection.settimeout(PATIENCE_SECONDS)
        return _whole_line(connection), connection

    def close(self) -> None:
        """Nobody finds it any more."""
        with contextlib.suppress(OSError):
            os.unlink(self._orders.socket_path)  # noqa: PTH108 - a socket
        self._socket.close()

    def _may_send(self, connection: socket.socket) -> bool:
        """Asked of the kernel: in a pod nobody but the node's agent is root, on one machine only our parent counts."""
        size = struct.calcsize("3i")
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return uid == self._orders.allowed_uid and self._orders.allowed_pid in {None, pid}


def _whole_line(connection: socket.socket) -> bytes:
    """What was sent up to the end of the line; more than that makes it malformed."""
    sent = b""
    try:
        while b"\n" not in sent:
            part = connection.recv(1 << 20)
            sent += part
            if not part:
                raise MalformedError("it was not sent to its end")
            if len(sent) > LONGEST_BYTES:
                raise MalformedError("it is too long")
    except OSError:
        raise MalformedError("it was not sent to its end") from None
    line, _, rest = sent.partition(b"\n")
    if rest:
        raise MalformedError("there is more than one")
    return line
