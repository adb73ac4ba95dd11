"""Values that a test plants, and how they are looked for: in clear, and as Secrets, addresses and dumps have them."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable
from urllib.parse import quote


def new_canary(name: str) -> str:
    """A value that is nowhere else, and that a person could type. A slash, so that an address has it otherwise."""
    return f"canary/{name}-{secrets.token_hex(12)}"


def shapes(value: str) -> tuple[str, ...]:
    """How it may stand somewhere: wherever it begins among three bytes, base64 has a part of it unchanged."""
    encoded = {base64.b64encode(bytes(before) + value.encode()).decode()[6:-4] for before in range(3)}
    return tuple(dict.fromkeys((value, quote(value, safe=""), json.dumps(value)[1:-1], value.encode().hex(), *encoded)))


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """Those of the values that are in there, in any shape."""
    return [value for value in values if any(shape in text for shape in shapes(value))]
