"""A port of this machine from which no answer ever comes: as if a firewall dropped every packet to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def lost_packets() -> Iterator[int]:
    """Somebody listens whose queue is full and who takes nobody from it: the kernel drops who else comes."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):  # the queue takes one or two
            waits = opened.enter_context(socket.socket())
            waits.setblocking(False)
            with suppress(BlockingIOError):
                waits.connect(address)
        yield address[1]
