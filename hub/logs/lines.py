"""From what happened to one line of a log. Every line of hub and services, and of their libraries, is made here."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from hub.logs.hiding import hide_secrets

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping

MOST_CHARACTERS: Final = 32_768
"""Of one text. Longer ones are cut: no line may be so long that a log store refuses the rest of the file."""

REQUEST_FIELDS: Final = ("method", "path", "status", "seconds", "user", "client")
"""What a line about a request says of it, beside its message."""

FIELDS: Final = ("reference", "verdict", *REQUEST_FIELDS)
"""What may be given with `extra=`, besides the message."""


def log_formatter(kind: Literal["text", "json"] = "text", **_: Any) -> logging.Formatter:
    """What `logging` asks for; called by name in `logging.config`, which passes what else it knows."""
    return _Formatter(
        foreign_pre_chain=facts(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            clean,
            render_json if kind == "json" else render_text,
        ],
    )


def facts() -> list[structlog.typing.Processor]:
    """What is known of every line: when, how grave, whose, and what was given with `extra=`."""
    return [
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(allow=FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every text without secrets and not too long; the event itself is called its message."""
    named = {"message": event.pop("event", ""), **event}
    return {name: _cleaned(value) for name, value in named.items()}


def render_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One JSON object. Everything but ASCII is escaped, so nothing in it ends a line anywhere."""
    return json.dumps(dict(event), sort_keys=True, default=lambda value: _cleaned(repr(value)))


def render_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """For people: one line, and what belongs to it indented below, so that no text can begin a line of its own."""
    rest = dict(event)
    level, time, logger = (str(rest.pop(name, "")) for name in ("level", "time", "logger"))
    message, traceback = str(rest.pop("message", "")), str(rest.pop("exception", ""))
    reference = str(rest.get("reference", ""))
    shown = [f"{name}={value}" for name, value in sorted(rest.items()) if name not in FIELDS]
    if reference and reference not in message:
        shown.append(f"ref={reference}")
    text = " ".join([message, *shown])
    lines = [*text.splitlines(), *traceback.splitlines()] or [""]
    head = f"[{level[:1].upper()} {time} {logger}] "
    return head + "\n    ".join(_printable(line) for line in lines)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """structlog's, for whatever a library calls a message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Words that do not fit their values stand beside them: `logging` would print a page about it."""
        try:
            record.getMessage()
        except Exception:  # noqa: BLE001 - a `%d` of None, or any other slip of whoever wrote that line
            record = copy.copy(record)
            record.msg, record.args = f"{record.msg} {record.args!r}", ()
        return super().format(record)


def _cleaned(value: Any) -> Any:
    """A plain value as it is; any other as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]} … {len(text) - MOST_CHARACTERS} more characters"
    return hide_secrets(text)


def _printable(line: str) -> str:
    """A line that does to a terminal nothing but show itself."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in line)
