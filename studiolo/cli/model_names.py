"""Which package is meant: `iris`, `iris:1.0`, `iris@sha256:…`, and where registries keep them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studiolo.errors import StudioloError
from studiolo.problems import listed, perhaps, quoted

if TYPE_CHECKING:
    from studiolo.packaging.layout_store import LayoutStore
    from studiolo.packaging.registry_store import RegistryStore
    from studiolo.packaging.stores import Manifest
    from studiolo.registry import ImageReference


REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*")
"""OCI distribution specification 1.1."""


class NoSuchPackage(StudioloError):
    """There is no such package on this machine."""

    code = "no_such_package"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A package that somebody names."""

    name: str
    version: str
    """A tag or a digest; "" for the only one, or the one that was made last."""


def parse_reference(text: str) -> Reference:
    """The parts of `NAME[:VERSION]` or `NAME@sha256:…`."""
    name, at, digest = text.partition("@")
    if at:
        return Reference(name=name, version=digest)
    name, _, version = text.partition(":")
    return Reference(name=name, version=version)


async def find_package(asked: Reference) -> tuple[LayoutStore, Manifest]:
    """The image that is meant. Raises NoSuchPackage, naming what there is."""
    from studiolo.packaging.locally import record_of, store_of  # noqa: PLC0415 - most commands do not need it

    store = store_of(asked.name)
    tags = await store.tags()
    if not tags:
        names = sorted({name for _, name, _, _ in await tags_of()})
        there = f" There are: {listed(names)}." if names else " Make one with: studiolo model package NOTEBOOK"
        raise NoSuchPackage(f"There is no model {asked.name} on this machine.{perhaps(asked.name, names)}{there}")
    if asked.version:
        found = await store.manifest(asked.version)
        if found is None:
            raise NoSuchPackage(f"{asked.name} has no version {asked.version}. There are: {listed(tags)}.")
        return store, found
    manifests = [found for tag in tags if (found := await store.manifest(tag)) is not None]
    return store, max(manifests, key=lambda one: str(record_of(store, one.digest).get("at", "")))


async def tags_of() -> list[tuple[LayoutStore, str, str, Manifest]]:
    """All packages of this person: store, name, version, manifest."""
    from studiolo.packaging.locally import store_of  # noqa: PLC0415 - see above

    folder = store_of("x").folder.parent
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found: list[tuple[LayoutStore, str, str, Manifest]] = []
    for name in names:
        store = store_of(name)
        for tag in await store.tags():
            manifest = await store.manifest(tag)
            if manifest is not None:
                found.append((store, name, tag, manifest))
    return found


def registry_store(text: str, *, allow_http: bool) -> tuple[RegistryStore, str]:
    """A repository of a registry and the tag in `HOST/REPOSITORY[:TAG]`."""
    store, reference = image_store(text, allow_http=allow_http)
    return store, reference.tag


def image_store(text: str, *, allow_http: bool) -> tuple[RegistryStore, ImageReference]:
    """A repository of a registry, and the whole reference that names an image in it. Raises StoreRefused."""
    from studiolo.packaging.errors import StoreRefused  # noqa: PLC0415 - see above
    from studiolo.packaging.registry_store import RegistryPlace, RegistryStore  # noqa: PLC0415 - see above
    from studiolo.packaging.stores import DIGEST, TAG  # noqa: PLC0415 - see above
    from studiolo.registry import ImageReference  # noqa: PLC0415 - see above

    reference = ImageReference.parse(text)
    is_good = TAG.fullmatch(reference.tag) and (reference.digest is None or DIGEST.fullmatch(reference.digest))
    if not is_good or not REPOSITORY.fullmatch(reference.repository):
        raise StoreRefused(
            f"{quoted(text)} names no image.", hint="It is HOST/REPOSITORY:TAG, or HOST/REPOSITORY@sha256:…"
        )
    named = os.environ.get("SSL_CERT_FILE")
    place = RegistryPlace(host=reference.api_host, allow_http=allow_http, ca_file=Path(named) if named else None)
    return RegistryStore(place, reference.repository), reference
