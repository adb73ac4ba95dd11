"""The kinds of values that settings have, and what every section of them has in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Interval
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from studiolo import quantities

MIB = 1024**2


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return quantities.duration(value)
    raise ValueError("A duration is text with its unit, such as 90s, 10m or 2h")


def _memory(value: object) -> int:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return quantities.memory_bytes(value)
    raise ValueError("An amount of memory carries its unit, such as 512Mi or 2Gi")


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("This must be an address such as http://127.0.0.1:8000")
    return value.rstrip("/")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(lambda value: f"{round(value.total_seconds())}s", return_type=str),
]
Memory = Annotated[
    int,
    BeforeValidator(_memory, json_schema_input_type=str | int),
    PlainSerializer(lambda value: value if value % MIB else f"{value // MIB}Mi", return_type=str | int),
]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Port = Annotated[int, Interval(ge=1, le=65535)]


class Section(BaseModel):
    """A block of settings: camel case in files, unknown keys refused, frozen."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        strict=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )
