"""Our stylesheet and scripts: where they lie, and their addresses, which change with their content."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

STATIC_DIRECTORY = Path(__file__).resolve().parent / "static"


@functools.cache
def _content_hash(name: str) -> str:
    return hashlib.sha256((STATIC_DIRECTORY / name).read_bytes()).hexdigest()[:12]


def static_address(name: str) -> str:
    """The address of one of our files below the hub's prefix: `studiolo/static/studiolo.css?v=0123456789ab`."""
    return f"studiolo/static/{name}?v={_content_hash(name)}"
