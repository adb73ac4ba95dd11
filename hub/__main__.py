"""`python -P -m hub`: the services process."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from hub.app import RunningServices
from hub.keys import keys_for
from hub.logs.setup import set_up_services_logs
from hub.settings import settings_of_this_process
from studiolo.errors import StudioloError

log = structlog.get_logger()


def main() -> int:
    """Run until somebody says stop; the exit code."""
    try:
        settings = settings_of_this_process()
        keys = keys_for(settings)
    except StudioloError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)  # noqa: T201 - said to whoever started this
        return 2
    set_up_services_logs(settings.logs)
    try:
        asyncio.run(_serve_until_stopped(RunningServices(settings, keys)))
    except StudioloError as error:
        log.critical("services.cannot_start", why=str(error), hint=error.hint)
        return 1
    return 0


async def _serve_until_stopped(services: RunningServices) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with services:
        await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
