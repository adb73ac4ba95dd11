"""What tells pip and uv in a workspace where the operator wants packages to come from. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection


def package_index_env(url: str | None, *, beside: Collection[str] = ()) -> dict[str, str]:
    """The variables, for a person who says nothing else; none where no index is set.

    `beside` are the variables that the person's credentials bring. A file of settings for pip is one of theirs, and
    would lose against a variable. An address with a password is the operator's own: no workspace is told.
    """
    parts = urlsplit(url or "")
    if not url or "@" in parts.netloc:
        return {}
    # Without this pip leaves an index out that it asks by plain HTTP, and says so in a warning alone.
    trusted = {"PIP_TRUSTED_HOST": parts.netloc} if parts.scheme == "http" else {}
    for_pip = {} if "PIP_CONFIG_FILE" in beside else {"PIP_INDEX_URL": url, **trusted}
    return {"UV_DEFAULT_INDEX": url, **for_pip}
