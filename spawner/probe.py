"""Whether a server answers: one small request, and the first byte of whatever it says."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

LOOK_AGAIN_SECONDS: Final = 0.05
"""Between two looks at a server that does not listen yet. A refused connection costs neither side anything."""

PATIENCE_SECONDS: Final = 2.0
"""For one look: a connection that a network swallowed is given up, and tried again."""


async def answers(url: str, path: str) -> bool:
    """True once the server at `url` says anything about `path`; False where it hangs up. One request, not a poll.

    The socket listens before the server does, so that a question may wait there for its answer.
    """
    address = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        return bool(await reader.read(1))
    except OSError:
        return False
    finally:
        writer.close()


async def wait_for_answer(url: str, path: str) -> None:
    """Returns when the server at `url` first says anything about `path`; it may not listen for a long time yet."""
    while True:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if await answers(url, path):
                    return
        except TimeoutError:
            continue
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
