"""Under which key a file of a credential lies in its Secret. A variable's key is its own name, which has no hyphen."""

from __future__ import annotations

import hashlib
from typing import Final

CREDENTIALS_FOLDER: Final = "/run/credentials"
"""Where files that name no place in the home appear."""

BELOW_HOME: Final = "~/"
"""Begins the path of a file that appears in the home: `~/.aws/credentials`. Others lie below `/run/credentials`."""

_HASH_LENGTH: Final = 16


def secret_key(path: str) -> str:
    """The key of a file: `file-` and a hash of its path. A path may be longer than a key and holds slashes."""
    return f"file-{hashlib.sha256(path.encode()).hexdigest()[:_HASH_LENGTH]}"
