"""Packaging is done by a process of its own: this server imports nothing of it, and waits for no notebook.

`studiolo.packaging.child` answers in lines of JSON. It is ended where it takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

PROGRAM: Final = ("-P", "-m", "studiolo.packaging.child")

LONGEST_LINE: Final = 16 * 2**20
"""Bytes of one answer."""

SECRETS: Final = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "STUDIOLO_TOKEN")
"""Of the server's environment; what only reads a notebook gets none of them."""

END_SECONDS: Final = 5.0


class PackagingFailed(Exception):
    """It could not be done; the text is for the person."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


async def ask(what: str, question: Mapping[str, Any], content: bytes = b"", *, seconds: float) -> Any:
    """The one answer. Raises PackagingFailed."""
    try:
        async with asyncio.timeout(seconds), contextlib.aclosing(told_by(what, question, content)) as lines:
            async for line in lines:
                if "answer" in line:
                    return line["answer"]
    except TimeoutError:
        raise PackagingFailed(f"Looking at this took longer than {seconds:g} s, and was ended.") from None
    raise PackagingFailed("Looking at this takes more time or memory than may be used for it.")


async def told_by(what: str, question: Mapping[str, Any], content: bytes = b"") -> AsyncGenerator[Mapping[str, Any]]:
    """What it says, line by line. Raises PackagingFailed with what it was refused for. Ends it when nobody listens."""
    knows_token = what != "inspect"
    env = {name: value for name, value in os.environ.items() if knows_token or name not in SECRETS}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *PROGRAM, what),
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    complaining = asyncio.create_task(_read(process.stderr))
    asking = asyncio.create_task(_write(process.stdin, json.dumps(question).encode() + b"\n", content))
    try:
        async for line in _lines(process.stdout):
            if "refused" in line:
                raise PackagingFailed(f"{line['refused']['message']} {line['refused']['hint']}".strip())
            yield line
        if await process.wait() and "No module named" in (await complaining):
            raise PackagingFailed(
                "This environment has no Studiolo in it that could package. Start the workspace anew; if that does "
                "not help, tell an administrator.",
                status=503,
            )
    finally:
        await _end(process)
        for task in (asking, complaining):
            task.cancel()
        await asyncio.gather(asking, complaining, return_exceptions=True)


async def _lines(stream: asyncio.StreamReader | None) -> AsyncGenerator[Mapping[str, Any]]:
    while stream is not None and (line := await stream.readline()):
        yield json.loads(line)


async def _read(stream: asyncio.StreamReader | None) -> str:
    """The last of what it complains of."""
    kept = b""
    while stream is not None and (more := await stream.read(2**16)):
        kept = (kept + more)[-(2**16) :]
    return kept.decode(errors="replace")


async def _write(stream: asyncio.StreamWriter | None, *parts: bytes) -> None:
    if stream is None:
        return
    with contextlib.suppress(ConnectionError):  # it has answered before it read all
        for part in parts:
            stream.write(part)
            await stream.drain()
        stream.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends it and what it started, where that still runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
