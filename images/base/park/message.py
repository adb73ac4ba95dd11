"""The one message that a parked server takes: whose it is. JSON, checked by hand: no library is imported for it.

`spawner/identity.py` defines the same for those who send it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LONGEST_BYTES = 4 << 20
"""An environment of a process holds at most 2 MiB or so; what is longer is no identity."""

MOST = 0o777
"""Of a umask."""

VERSION = 1
KEYS = {"version", "env", "cwd", "umask", "arguments"}


class MalformedError(Exception):
    """What was sent is not an identity. Its text names what is wrong and never a value: those may be secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Everything that makes the server somebody's."""

    env: dict[str, str]
    """The whole environment: nothing that was set before stays."""
    cwd: str
    umask: int
    arguments: tuple[str, ...]


def parse_identity(sent: bytes) -> Identity:
    """The identity in a message. Raises MalformedError."""
    try:
        raw = json.loads(sent)
    except ValueError:
        raise MalformedError("it is not JSON") from None
    if not isinstance(raw, dict) or set(raw) != KEYS:
        raise MalformedError(f"it does not have the keys {', '.join(sorted(KEYS))}")
    if raw["version"] != VERSION:
        raise MalformedError(f"its version is not {VERSION}")
    env, cwd, umask, arguments = raw["env"], raw["cwd"], raw["umask"], raw["arguments"]
    if not isinstance(env, dict) or not all(_is_variable(name, value) for name, value in env.items()):
        raise MalformedError("env is not a table of variables")
    if not env.get("HOME", "").startswith("/"):
        raise MalformedError("env.HOME is not the path of a folder")
    if not _is_text(cwd) or not cwd.startswith("/"):
        raise MalformedError("cwd is not the path of a folder")
    if type(umask) is not int or not 0 <= umask <= MOST:  # not isinstance: True is an int as well
        raise MalformedError("umask is not one")
    if not isinstance(arguments, list) or not all(_is_text(argument) for argument in arguments):
        raise MalformedError("arguments is not a list of texts")
    return Identity(env=env, cwd=cwd, umask=umask, arguments=tuple(arguments))


def _is_variable(name: Any, value: Any) -> bool:
    return _is_text(name) and name != "" and "=" not in name and _is_text(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value
