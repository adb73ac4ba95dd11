"""A server that starts while the hub is away waits for it; it ends when its pod or process is told to."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import __version__
from jupyterhub._version import _check_version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANSWER_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0


async def wait_for_hub(single_user: Any) -> None:
    """Returns once the hub said which version it is. Stock ends the server after five attempts."""
    from jupyterhub.httpclient import fetch  # noqa: PLC0415 - imports aiohttp: not before the first answer

    async def ask() -> str | None:
        url = single_user.hub_auth.api_url
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await fetch(url, **single_user.hub_http_client_opts)
            answer.release()
        version: str | None = answer.headers.get("X-JupyterHub-Version")
        return version

    version = await first_answer(ask, say=single_user.log.warning)
    _check_version(version, __version__, single_user.log)


async def first_answer(ask: Callable[[], Awaitable[str | None]], *, say: Callable[[str], object]) -> str | None:
    """The first answer that `ask` gives without an error, asking with ever longer pauses, for as long as it takes."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the hub may be there later
            say(f"The hub does not answer ({error!r}). The server goes on, and asks again in {pause:.0f} s.")
        # Not all servers of an installation at once when its hub is back.
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
