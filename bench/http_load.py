"""A load generator: one request, sent over and over on connections that stay open, for as long as is asked."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Answered:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    """Until each answer."""
    lasted: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers."""
        return len(self.seconds) / self.lasted


class _Asker(asyncio.Protocol):
    """One connection: the next question follows the answer."""

    def __init__(self, request: bytes, answered: Answered, end: float) -> None:
        self._request, self._answered, self._end = request, answered, end
        self._buffer = b""
        self._asked = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        now = time.perf_counter()
        self._answered.seconds.append(now - self._asked)
        if not head.startswith(b"HTTP/1.1 200 "):
            self.done.set_exception(RuntimeError(head.decode()))
        elif now < self._end:
            self._ask()
            return
        else:
            self.done.set_result(None)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("The server ended the connection."))

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)


async def ask_for(seconds: float, port: int, path: str, body: bytes, *, connections: int) -> Answered:
    """Posts the same JSON on some connections at once. Raises RuntimeError at the first answer that is not 200."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    answered, loop = Answered(), asyncio.get_running_loop()
    began = time.perf_counter()
    askers = []
    for _ in range(connections):
        _, asker = await loop.create_connection(lambda: _Asker(request, answered, began + seconds), "127.0.0.1", port)
        askers.append(asker.done)
    await asyncio.gather(*askers)
    answered.lasted = time.perf_counter() - began
    return answered
