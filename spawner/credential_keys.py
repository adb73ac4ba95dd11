"""What the Secret of a credential is like: its labels, and under which key a file lies in it.

A variable's key is its own name, which has no hyphen.
"""

from __future__ import annotations

import hashlib
from typing import Final

CREDENTIALS_FOLDER: Final = "/run/credentials"
"""Where files that name no place in the home appear."""

BELOW_HOME: Final = "~/"
"""Begins the path of a file that appears in the home: `~/.aws/credentials`. Others lie below `/run/credentials`."""

CREDENTIAL: Final = "credential"
"""The kind, in the labels of a Secret."""

OWNER_LABEL: Final = "studiolo.dev/owner"
"""Whose it is, by the name of their home, or of the team's folder."""

OWNER_KIND_LABEL: Final = "studiolo.dev/owner-kind"
"""`person` or `team`: a person and a team of the same name are two."""

PERSON: Final = "person"
TEAM: Final = "team"

_HASH_LENGTH: Final = 16


def secret_key(path: str) -> str:
    """The key of a file: `file-` and a hash of its path. A path may be longer than a key and holds slashes."""
    return f"file-{hashlib.sha256(path.encode()).hexdigest()[:_HASH_LENGTH]}"
