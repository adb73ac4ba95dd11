"""Names of images: one content has several, and whoever compares them must mean the content. Pure."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4_096)
def without_tag(reference: str) -> str:
    """As nodes name what they have: "host:5000/name:1@sha256:…" -> "host:5000/name@sha256:…"; others as they are."""
    name, at, digest = reference.partition("@")
    if not at:
        return reference
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"
