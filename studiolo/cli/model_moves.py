"""How packages go to registries and come from them: what they stand on stays where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studiolo.cli.model_names import image_store, registry_store
from studiolo.packaging.assemble import copy_image
from studiolo.packaging.base_images import BaseSource, NamesBase, fetch_base
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.locally import name_of, record_of, store_of
from studiolo.packaging.moving import named_base, put_on_base
from studiolo.packaging.standing import platform_of, put_on

if TYPE_CHECKING:
    from studiolo.packaging.layout_store import LayoutStore
    from studiolo.packaging.moving import NamedBase
    from studiolo.packaging.registry_store import RegistryStore
    from studiolo.packaging.stores import Manifest

STANDS_ON_NOTHING: Final = (
    "this package stands on no image, so no container engine starts it. Who pulls it runs it with studiolo model run, "
    "under the same Python. With --base it gets an image to stand on."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A package in a registry."""

    digest: str
    base: str = ""
    """What it was put on, on the way."""
    warnings: tuple[str, ...] = ()


async def send_package(
    store: LayoutStore, found: Manifest, remote: RegistryStore, *, tag: str, base: str | None, allow_http: bool
) -> Pushed:
    """A package in a registry. `base`: the image that somebody names for it. Raises StudioloError."""
    named = await named_base(found.content, store)
    place = base or (named.name if named is not None else "")
    if not place:
        return Pushed(digest=await copy_image(found.digest, store, remote, tag=tag), warnings=(STANDS_ON_NOTHING,))
    bases, reference = image_store(place, allow_http=allow_http)
    here = bases.repository if bases.host == remote.host else ""
    try:
        if named is not None:
            if base:
                await _look_for(named, bases, base)
            source = BaseSource(digests=named.digests, store=bases, repository=here)
            return Pushed(digest=await copy_image(found.digest, store, remote, tag=tag, base=source))
        record = record_of(store, found.digest)
        machine = str((record.get("base") or {}).get("machine", ""))
        image = await fetch_base(bases, reference.digest or reference.tag, name=place, platform=platform_of(machine))
        warnings = put_on(image, record)
        source = BaseSource(digests=image.digests, store=bases, repository=here)
        digest = await put_on_base(found, store, remote, image, source, tag=tag)
        return Pushed(digest=digest, base=image.name, warnings=warnings)
    finally:
        await bases.close()


async def _look_for(named: NamedBase, bases: RegistryStore, told: str) -> None:
    """Raises StoreRefused where a place does not have what a package stands on already."""
    if await bases.manifest(named.digest) is None:
        raise StoreRefused(
            f"This package stands on {named.name}, and that is not where {told} is.",
            hint="To have it stand on something else, package the notebook again, with --base.",
        )


async def fetch_package(source: str, name: str, *, allow_http: bool) -> tuple[str, str]:
    """The name and the digest here of what a registry has."""
    remote, tag = registry_store(source, allow_http=allow_http)
    try:
        called = name_of(Path(remote.repository.rpartition("/")[2]), name)
        found = await remote.manifest(tag)
        named = await named_base(found.content, remote) if found is not None else None
        target = NamesBase(store_of(called), named.digests if named is not None else ())
        return called, await copy_image(tag, remote, target, tag=tag)
    finally:
        await remote.close()
