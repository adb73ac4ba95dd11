"""A package on its way to another place: its base goes along by name, and one that has none is put on a base."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studiolo.packaging.assemble import bring
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import (
    BASE_DIGEST,
    BASE_NAME,
    CONFIG,
    MANIFEST,
    Blob,
    HowItRuns,
    as_object,
    blob_of,
    config_of,
    manifest_of,
)
from studiolo.packaging.layers import Layer
from studiolo.packaging.provenance import attach_moved, statements_of
from studiolo.packaging.unpacked import own_layers

if TYPE_CHECKING:
    from studiolo.packaging.base_images import BaseSource
    from studiolo.packaging.images import Base
    from studiolo.packaging.stores import Manifest, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBase:
    """The base that an image says it stands on."""

    name: str
    digest: str
    digests: frozenset[str]
    """Of its layers."""


async def named_base(content: bytes, store: Store) -> NamedBase | None:
    """What the image of a manifest stands on; None where it names nothing. Raises StoreError."""
    described = as_object(content)
    named = described.get("annotations")
    name, digest = (named.get(BASE_NAME), named.get(BASE_DIGEST)) if isinstance(named, dict) else (None, None)
    if not (isinstance(name, str) and isinstance(digest, str) and name and digest):
        return None
    own = await own_layers(store, content)
    below = described["layers"][: -len(own)]
    return NamedBase(name=name, digest=digest, digests=frozenset(one["digest"] for one in below))


async def put_on_base(found: Manifest, source: Store, target: Store, base: Base, place: BaseSource, *, tag: str) -> str:
    """A package that stands on nothing, in another store, on a base; the digest that it has there. Raises StoreError.

    It is the image that packaging on that base would have made of the same layers.
    """
    own = await own_layers(source, found.content)
    described = as_object(await source.get(as_object(found.content)["config"]["digest"]))
    layers = _layers(own, described)
    config = config_of(base, layers, _how_it_runs(described))
    manifest = manifest_of(base, layers, config)
    for blob in base.layers:
        await bring(blob, target, place.repository, place.store)
    for one in layers:
        blob = Blob(digest=one.digest, size=one.size, media_type=one.media_type)
        await bring(blob, target, "", source)
    await target.put(blob_of(config, CONFIG), lambda: io.BytesIO(config))
    digest = await target.put_manifest(manifest, media_type=MANIFEST, tag=tag)
    await attach_moved(target, digest, await statements_of(source, found.digest), base)
    return digest


def _layers(own: list[dict[str, Any]], described: dict[str, Any]) -> list[Layer]:
    match described:
        case {"rootfs": {"diff_ids": list(diff_ids)}} if len(diff_ids) == len(own):
            return [
                Layer(digest=one["digest"], size=one["size"], media_type=one["mediaType"], diff_id=str(diff_id))
                for one, diff_id in zip(own, diff_ids, strict=True)
            ]
    raise StoreRefused("This package stands on something that it does not name. Package the model again, with a base.")


def _how_it_runs(described: dict[str, Any]) -> HowItRuns:
    """What an image without a base does is what the package itself says."""
    match described:
        case {
            "config": {"Entrypoint": list(entry), "WorkingDir": str(place), "Env": list(env), "Labels": dict(labels)}
        }:
            return HowItRuns(
                entrypoint=tuple(str(word) for word in entry),
                working_dir=place,
                env=tuple((name, value) for name, _, value in (str(line).partition("=") for line in env)),
                labels=tuple((str(name), str(value)) for name, value in labels.items()),
            )
    raise StoreRefused("This image is no packaged model.")
