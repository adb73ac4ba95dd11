"""Manifests that say something of another: `subject` and `artifactType` of the OCI specifications 1.1. Pure.

A registry that knows them lists them at `referrers/DIGEST`. Where one does not, the specification has a tag instead,
made from the digest, with an index of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.images import EMPTY, MANIFEST, Blob, as_bytes, as_object, blob_of
from studiolo.packaging.stores import DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX: Final = "application/vnd.oci.image.index.v1+json"

NOTHING: Final = b"{}"
"""The configuration of what is no image."""

_FALLBACK_TAG: Final = re.compile(r"sha256-[0-9a-f]{64}")


def attachment(
    content: Blob, *, artifact_type: str, image: Blob, annotations: Mapping[str, str] | None = None
) -> bytes:
    """The manifest that attaches some bytes to an image."""
    return as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": blob_of(NOTHING, EMPTY).descriptor(),
            "layers": [content.descriptor()],
            "subject": image.descriptor(),
            "annotations": dict(annotations or {}),
        }
    )


def subject_of(manifest: bytes) -> str:
    """The digest of what a manifest says something of; "" for one of an image."""
    match as_object(manifest).get("subject"):
        case {"digest": str(digest)} if DIGEST.fullmatch(digest):
            return digest
    return ""


def blobs_of(manifest: bytes) -> tuple[Blob, ...]:
    """What a manifest names: layers, and its configuration last."""
    described = as_object(manifest)
    layers = described.get("layers")
    found: list[Blob] = []
    for one in [*(layers if isinstance(layers, list) else ()), described.get("config")]:
        match one:
            case {"digest": str(digest), "size": int(size), "mediaType": str(media_type)}:
                found.append(Blob(digest=digest, size=size, media_type=media_type))
    return tuple(found)


def fallback_tag(subject: str) -> str:
    """The tag below which a registry without a list of its own keeps one."""
    return subject.replace(":", "-")


def is_fallback_tag(tag: str) -> bool:
    """Whether a tag is one of those. None of them is anybody's version."""
    return _FALLBACK_TAG.fullmatch(tag) is not None


def listed_in(index: bytes) -> tuple[str, ...]:
    """The digests in a list."""
    listed = as_object(index).get("manifests")
    digests = [one.get("digest") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(one for one in digests if isinstance(one, str) and DIGEST.fullmatch(one))


def with_listed(index: bytes, manifest: bytes) -> bytes:
    """A list with one more in it; the very same where it is in already."""
    mine = entry_of(manifest)
    if mine["digest"] in listed_in(index):
        return index
    listed = as_object(index).get("manifests")
    others = listed if isinstance(listed, list) else []
    return as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, mine]})


def entry_of(manifest: bytes) -> dict[str, Any]:
    """How a list names it."""
    described = as_object(manifest)
    return {
        **blob_of(manifest, MANIFEST).descriptor(),
        "artifactType": described.get("artifactType", ""),
        "annotations": described.get("annotations", {}),
    }
