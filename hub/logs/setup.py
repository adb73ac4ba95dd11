"""Puts our lines in the place of everybody's: JupyterHub's, tornado's, SQLAlchemy's and our own."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import TYPE_CHECKING, Any

import structlog

from hub.logs.lines import facts

if TYPE_CHECKING:
    from types import TracebackType

    from hub.logs.settings import LogsSettings

OURS = ("hub", "spawner", "studiolo")
"""Loggers whose every line counts; of libraries we want to hear no more than warnings."""


def logging_config(settings: LogsSettings) -> dict[str, Any]:
    """As `logging.config` and JupyterHub's `logging_config` have it. The handler has the name of JupyterHub's own."""
    level = settings.level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"studiolo": {"()": "hub.logs.lines.log_formatter", "kind": settings.format}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "studiolo",
                "level": level,
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {name: {"level": level} for name in OURS},
        "root": {"level": "WARNING", "handlers": ["console"]},
    }


def set_up_services_logs(settings: LogsSettings) -> None:
    """For a process that is no JupyterHub."""
    logging.config.dictConfig(logging_config(settings))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *facts(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log_what_nobody_catches()


def log_what_nobody_catches() -> None:
    """Warnings and the exception that ends a process are lines like any other."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_last_words


def _log_last_words(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical("This process ends", exc_info=(kind, error, traceback))
