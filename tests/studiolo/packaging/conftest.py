"""A folder with a notebook, and a base to stand on."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from studiolo.packaging.images import CONFIG, MANIFEST, as_bytes, blob_of, read_base
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import collect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from studiolo.packaging.images import Base
    from studiolo.packaging.stores import Store

MODEL = "class Model:\n    def train(self, rounds: int = 3):\n        return rounds\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a notebook that has run, a module and some data."""
    place = tmp_path / "project"
    (place / "features").mkdir(parents=True)
    cells = [{"cell_type": "code", "source": MODEL, "metadata": {}, "outputs": [{"text": "ran"}], "execution_count": 7}]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (place / "iris.ipynb").write_text(json.dumps(notebook))
    (place / "features" / "scale.py").write_text("def scale(x):\n    return x\n")
    (place / "rows.csv").write_text("a,b\n1,2\n")
    return place


@pytest.fixture
def plan_of() -> Callable[[Path], Plan]:
    def plan(folder: Path, source: str = "iris.ipynb") -> Plan:
        return Plan(inspection=inspect_file(folder / source), project=collect(folder), source=source)

    return plan


async def put_base(store: Store, *, layers: int = 2, tag: str = "1", env: tuple[str, ...] = ()) -> Base:
    """An image with some layers, as somebody else pushed it."""
    made: list[tuple[Any, bytes]] = []
    for number in range(layers):
        target = io.BytesIO()
        content = f"layer {number}".encode() * 1000
        file = LayerFile(path=f"usr/share/base/{number}", size=len(content), read=lambda content=content: content)  # type: ignore[misc]  # a lambda with a default
        layer = write_layer([file], target, compression=Compression.GZIP)
        made.append((layer, target.getvalue()))
    config = as_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8", *env], "User": "1000", "Cmd": ["base"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer, _ in made]},
        }
    )
    docker_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    manifest = as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob_of(config, CONFIG).descriptor(),
            "layers": [{**layer.descriptor(), "mediaType": docker_gzip} for layer, _ in made],
        }
    )
    for _, content in made:
        await store.put(blob_of(content, docker_gzip), lambda content=content: io.BytesIO(content))  # type: ignore[misc]  # the same
    await store.put(blob_of(config, CONFIG), lambda: io.BytesIO(config))
    digest = await store.put_manifest(manifest, media_type=MANIFEST, tag=tag)
    return read_base(manifest, config, digest=digest, name="base:1")
