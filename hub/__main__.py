"""`python -P -m hub`: the services process."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import structlog

from hub.app import RunningServices
from hub.keys import keys_for
from hub.log_secrets import keep_secrets_out_of_logs
from hub.settings import settings_of_this_process
from studiolo.errors import StudioloError


def main() -> int:
    """Run until somebody says stop; the exit code."""
    configure_logs()
    keep_secrets_out_of_logs()
    try:
        settings = settings_of_this_process()
        keys = keys_for(settings)
    except StudioloError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)  # noqa: T201 - said to whoever started this
        return 2
    asyncio.run(_serve_until_stopped(RunningServices(settings, keys)))
    return 0


async def _serve_until_stopped(services: RunningServices) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with services:
        await stopped.wait()


def configure_logs() -> None:
    """One JSON object a line on stderr, from our own code and from libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
