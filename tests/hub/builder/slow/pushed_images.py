"""Images as a builder pushes them: a base and something more, honest or not."""

from __future__ import annotations

import io
from copy import deepcopy
from typing import Any

from studiolo.packaging.images import CONFIG, MANIFEST, Base, as_bytes, blob_of
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.stores import Store


async def push_derived(store: Store, base: Base, *, base_repository: str, tag: str, **config: Any) -> str:
    """The digest of an image with one layer more than a base. `config`: what it says otherwise of itself."""
    target = io.BytesIO()
    file = LayerFile(path="usr/bin/new", size=3, read=lambda: b"new")
    layer = write_layer([file], target, compression=Compression.GZIP)
    told = deepcopy(dict(base.config))
    told["config"] = {**told["config"], **config}
    told["rootfs"] = {"type": "layers", "diff_ids": [*base.diff_ids, layer.diff_id]}
    configured = as_bytes(told)
    for blob in base.layers:
        assert await store.mount(blob, source=base_repository)
    more = blob_of(target.getvalue(), layer.media_type)
    await store.put(more, lambda: io.BytesIO(target.getvalue()))
    await store.put(blob_of(configured, CONFIG), lambda: io.BytesIO(configured))
    manifest = as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob_of(configured, CONFIG).descriptor(),
            "layers": [*(one.descriptor() for one in base.layers), more.descriptor()],
        }
    )
    return await store.put_manifest(manifest, media_type=MANIFEST, tag=tag)
