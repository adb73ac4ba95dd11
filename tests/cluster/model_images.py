"""Model packages in the cluster's registry, made by the library as the service makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cluster.layout import REGISTRY
from studiolo.packaging.assemble import assemble
from studiolo.packaging.images import as_object, read_base
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import collect
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from studiolo.packaging.runner_layer import runner_layer
from studiolo.registry import ImageReference
from tests.cluster.namespaces import RUN

PLACE = RegistryPlace(host=REGISTRY, credentials=lambda _: None, allow_http=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelImage:
    """A package that a registry has."""

    reference: str
    """By its digest, as a pod names it."""
    config: dict[str, Any]
    base_config: dict[str, Any]
    layers: tuple[dict[str, Any], ...]
    """All, the base's first."""
    project_layer: bytes
    sent_bytes: int
    """Of layers."""


async def push_model(folder: Path, source: str, base_image: str, *, name: str) -> ModelImage:
    """Packages what is in a folder over an image of the cluster's registry, which is mounted and not copied."""
    reference = ImageReference.parse(base_image)
    base_store = RegistryStore(PLACE, reference.repository)
    store = RegistryStore(PLACE, f"models/{RUN}/{name}")
    try:
        manifest = await base_store.manifest(reference.digest or "")
        assert manifest is not None
        config = await base_store.get(as_object(manifest.content)["config"]["digest"])
        base = read_base(manifest.content, config, digest=manifest.digest, name=base_image)
        plan = Plan(inspection=inspect_file(folder / source), project=collect(folder), source=source)
        packaged = await assemble(
            plan, store, base, tag=plan.version, below=(runner_layer(),), base_repository=reference.repository
        )
        made = await store.manifest(packaged.digest)
        assert made is not None
        described = as_object(made.content)
        return ModelImage(
            reference=f"{REGISTRY}/{store.repository}@{packaged.digest}",
            config=as_object(await store.get(described["config"]["digest"]))["config"],
            base_config=as_object(config)["config"],
            layers=tuple(described["layers"]),
            project_layer=await store.get(packaged.project.digest),
            sent_bytes=packaged.sent_bytes,
        )
    finally:
        await base_store.close()
        await store.close()


async def forget_model(name: str) -> None:
    """Its manifests go; blobs stay until the registry collects them."""
    store = RegistryStore(PLACE, f"models/{RUN}/{name}")
    try:
        for tag in await store.tags():
            found = await store.manifest(tag)
            if found is not None:
                await store.delete(found.digest)
    finally:
        await store.close()
