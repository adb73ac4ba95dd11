"""What the hub is told of a server's activity: a cell that computes for a day is activity, even where it is silent."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.utils import isoformat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

ANSWER_SECONDS: Final = 15.0
"""How long the hub may take to note it. With a thousand servers it has much to note."""

FIRST_PAUSE_SECONDS: Final = 5.0
"""After a report that failed; the pauses double up to the usual interval."""


async def keep_activity_updated(single_user: Any) -> None:
    """Tells the hub for as long as the server lives."""
    url, interval = single_user.hub_activity_url, single_user.hub_activity_interval
    if not url or not interval:
        single_user.log.warning("The hub is told of no activity: JupyterHub's variables for it are not there.")
        return
    from jupyterhub.httpclient import fetch  # noqa: PLC0415 - imports aiohttp: not before the first answer

    app = single_user.serverapp.web_app

    async def report() -> None:
        # Also where nothing is new: the hub stops as unused only what says so itself, again and again.
        now = datetime.now(UTC)
        seen = latest_activity(app.last_activity(), app.settings["kernel_manager"].list_kernels(), now=now)
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await fetch(
                url,
                method="POST",
                headers={
                    "Authorization": f"token {single_user.hub_auth.api_token}",
                    "Content-Type": "application/json",
                },
                data=json.dumps(body(single_user.server_name, seen)),
                **single_user.hub_http_client_opts,
            )
            answer.release()

    await keep_reporting(report, interval=interval, say=single_user.log.warning)


def latest_activity(seen: datetime, kernels: Iterable[Mapping[str, Any]], *, now: datetime) -> datetime:
    """When the server last did something: this moment, while a kernel computes."""
    if any(kernel.get("execution_state") == "busy" for kernel in kernels):
        return now
    return seen if seen.tzinfo else seen.replace(tzinfo=UTC)


def body(server_name: str, seen: datetime) -> dict[str, Any]:
    """What JupyterHub's `POST /users/{name}/activity` takes."""
    at = isoformat(seen)
    return {"servers": {server_name: {"last_activity": at}}, "last_activity": at}


async def keep_reporting(
    report: Callable[[], Awaitable[None]], *, interval: float, say: Callable[[str], object]
) -> None:
    """Reports each `interval` seconds, for ever. A report that fails is tried again sooner, and ends nothing."""
    first_pause = min(FIRST_PAUSE_SECONDS, interval)
    pause, failures = first_pause, 0
    while True:
        try:
            await report()
        except Exception as error:  # noqa: BLE001 - a server must not end because the hub was not told
            if not failures:
                say(f"The hub could not be told of activity ({error!r}). It is told as soon as it answers.")
            failures += 1
            next_in, pause = pause, min(2 * pause, interval)
        else:
            if failures:
                say(f"The hub was told of activity, after {failures} attempts that failed.")
            next_in, pause, failures = interval, first_pause, 0
        # Not all servers of an installation at once.
        await asyncio.sleep(next_in * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
