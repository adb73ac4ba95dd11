"""Where an image comes from, said beside it: an in-toto statement 1 with the predicate SLSA provenance 1.

Sources: in-toto attestation framework v1 (Statement, ResourceDescriptor); SLSA 1.0, "Provenance". Nobody has signed it:
it says what our record says, to whoever has the image and not the record.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import studiolo
from studiolo.packaging.attachments import NOTHING, attachment
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import EMPTY, MANIFEST, Blob, as_bytes, as_object, blob_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from studiolo.packaging.images import Base
    from studiolo.packaging.stores import Manifest, Store

STATEMENT: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:studiolo:model-package:v1"

LONGEST: Final = 2**20
"""Bytes of a statement that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of how an image came to be. Texts that are "" are not known, or there is none."""

    repository: str
    """`models/alice/iris`."""
    version: str
    by: str
    made: str
    """In UTC, as ISO 8601."""
    builder: str
    """What made it, as a URI."""
    source: str
    source_sha256: str
    tree_sha256: str
    environment: str = ""
    base_name: str = ""
    base_digest: str = ""
    lock_sha256: str = ""
    commit: str = ""
    diff_sha256: str = ""
    """Of what was not committed. Its text stays in the record: it may hold what its person would not publish."""
    contract: Mapping[str, Any] = field(default_factory=dict)
    cells_kept: tuple[int, ...] = ()
    cells_left: tuple[int, ...] = ()
    overridden: tuple[str, ...] = ()
    """Places that look like secrets, and that its person let in."""


def statement_of(origin: Origin, digest: str) -> bytes:
    """The statement about the image with this digest. Same record, same bytes."""
    return as_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": origin.repository, "digest": _sha256(digest)}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": _asked(origin),
                    "internalParameters": {
                        "by": origin.by,
                        "contract": dict(origin.contract),
                        "cells": {"kept": list(origin.cells_kept), "left": list(origin.cells_left)},
                        "overriddenSecrets": list(origin.overridden),
                    },
                    "resolvedDependencies": _made_from(origin),
                },
                "runDetails": {
                    "builder": {"id": origin.builder, "version": {"studiolo": studiolo.__version__}},
                    "metadata": {"finishedOn": origin.made},
                },
            },
        }
    )


async def attach(store: Store, digest: str, origin: Origin) -> None:
    """Says it beside an image that is there; nothing where this version has its statement. Raises StoreError."""
    image = await store.manifest(digest)
    if image is None:
        raise StoreRefused(f"There is no image {digest}.")
    if any(_asked_in(one) == _asked(origin) for one in await statements_of(store, digest)):
        return
    await _say(store, image, statement_of(origin, digest))


async def attach_moved(store: Store, digest: str, said: Iterable[Mapping[str, Any]], base: Base) -> None:
    """Says of an image on a base what was said of it without one. Raises StoreError."""
    image = await store.manifest(digest)
    if image is None:
        raise StoreRefused(f"There is no image {digest}.")
    there = [_asked_in(one) for one in await statements_of(store, digest)]
    for one in said:
        asked = _asked_in(one)
        if asked is not None and asked not in there:
            await _say(store, image, as_bytes(_on_base(one, digest, base)))


async def _say(store: Store, image: Manifest, statement: bytes) -> None:
    said, nothing = blob_of(statement, STATEMENT), blob_of(NOTHING, EMPTY)
    await store.put(nothing, lambda: io.BytesIO(NOTHING))
    await store.put(said, lambda: io.BytesIO(statement))
    manifest = attachment(
        said,
        artifact_type=STATEMENT,
        image=Blob(digest=image.digest, size=len(image.content), media_type=image.media_type or MANIFEST),
        annotations={"in-toto.io/predicate-type": PREDICATE_TYPE},
    )
    await store.attach(manifest, subject=image.digest)


async def statements_of(store: Store, digest: str) -> tuple[dict[str, Any], ...]:
    """All that are attached to an image, as they were said; what is none, or of another image, is left out."""
    found: list[dict[str, Any]] = []
    for manifest in await store.attached(digest):
        match as_object(manifest.content):
            case {"artifactType": artifact, "layers": [{"digest": str(said), "size": int(size)}]} if (
                artifact == STATEMENT and size <= LONGEST
            ):
                statement = as_object(await store.get(said))
                if _is_about(statement, digest):
                    found.append(statement)
    return tuple(found)


def _on_base(said: Mapping[str, Any], digest: str, base: Base) -> dict[str, Any]:
    """A statement about the same, on a base."""
    statement: dict[str, Any] = json.loads(as_bytes(said))
    statement["subject"][0]["digest"] = _sha256(digest)
    built = statement["predicate"]["buildDefinition"]
    below = {"name": "base", "uri": base.name, "digest": _sha256(base.digest)}
    made_from = built.get("resolvedDependencies")
    built["resolvedDependencies"] = [*(made_from if isinstance(made_from, list) else ()), below]
    return statement


def _asked(origin: Origin) -> dict[str, str]:
    """What its person asked for."""
    asked = {"source": origin.source, "version": origin.version, "environment": origin.environment}
    return {"repository": origin.repository, **{key: text for key, text in asked.items() if text}}


def _asked_in(statement: Mapping[str, Any]) -> Any:
    match statement:
        case {"predicate": {"buildDefinition": {"externalParameters": asked}}}:
            return asked
    return None


def _made_from(origin: Origin) -> list[dict[str, Any]]:
    """Everything that it was made from: its name, and the digest that tells it from others."""
    parts: list[tuple[dict[str, Any], str]] = [
        ({"name": "source", "uri": f"file:{origin.source}", "digest": _sha256(origin.source_sha256)}, "yes"),
        ({"name": "files", "digest": {"studioloTree": origin.tree_sha256}}, origin.tree_sha256),
        ({"name": "base", "uri": origin.base_name, "digest": _sha256(origin.base_digest)}, origin.base_digest),
        ({"name": "lock", "digest": _sha256(origin.lock_sha256)}, origin.lock_sha256),
        ({"name": "commit", "digest": {"gitCommit": origin.commit}}, origin.commit),
        ({"name": "uncommitted", "digest": _sha256(origin.diff_sha256)}, origin.diff_sha256),
    ]
    return [part for part, is_known in parts if is_known]


def _is_about(statement: Mapping[str, Any], digest: str) -> bool:
    match statement:
        case {"_type": kind, "subject": [{"digest": {"sha256": str(of)}}]}:
            return bool(kind == STATEMENT_TYPE and of == digest.removeprefix("sha256:"))
    return False


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
