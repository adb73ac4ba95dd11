"""A log to write into, read back as the lines that a log store would see."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from hub.logs.lines import log_formatter


class WrittenLog:
    """What was written while a test listened."""

    def __init__(self) -> None:
        self._file = io.StringIO(newline="")

    @property
    def text(self) -> str:
        """All of it, to the character."""
        return self._file.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Each line as the JSON that it must be. Split as the strictest reader would: at anything that ends a line."""
        return [json.loads(line) for line in self.text.splitlines()]

    @contextmanager
    def of(self, *names: str, kind: Literal["text", "json"] = "json") -> Iterator[None]:
        """Hear these loggers, and what is below them, from debug on."""
        handler = logging.StreamHandler(self._file)
        handler.setFormatter(log_formatter(kind))
        loggers = [logging.getLogger(name) for name in names]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.removeHandler(handler)
                logger.setLevel(level)


@contextmanager
def written(*names: str, kind: Literal["text", "json"] = "json") -> Iterator[WrittenLog]:
    """What these loggers write meanwhile."""
    log = WrittenLog()
    with log.of(*names, kind=kind):
        yield log
