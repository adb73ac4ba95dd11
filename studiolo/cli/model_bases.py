"""What `studiolo model package` and `push` stand a package on: an image that somebody names, or a catalog does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from studiolo.cli.model_names import image_store
from studiolo.errors import StudioloError
from studiolo.packaging.base_images import PLATFORM, fetch_base
from studiolo.packaging.standing import StandsOn, installed_by, platform_of, stand_on
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from studiolo.packaging.base_images import Platform
    from studiolo.packaging.dependency_layer import PythonFacts
    from studiolo.packaging.images import Base


class NoSuchEnvironment(StudioloError):
    """The catalog has none that is called so."""

    code = "no_such_environment"


async def chosen_base(
    image: str | None, environment: str | None, catalog: Path, *, python: PythonFacts, allow_http: bool
) -> StandsOn:
    """What a new package stands on. Raises StudioloError."""
    if image and environment:
        raise click.UsageError("--base and --environment both say what it stands on: give one of them.")
    if environment:
        return await _environment(environment, catalog, python=python, allow_http=allow_http)
    if image:
        return stand_on(await image_base(image, allow_http=allow_http, platform=platform_of(python.machine)), python)
    return StandsOn()


async def image_base(text: str, *, allow_http: bool, platform: Platform = PLATFORM) -> Base:
    """The image of a reference: what it says of itself, and none of its layers. Raises StoreError."""
    store, reference = image_store(text, allow_http=allow_http)
    try:
        return await fetch_base(store, reference.digest or reference.tag, name=text, platform=platform)
    finally:
        await store.close()


async def _environment(name: str, catalog: Path, *, python: PythonFacts, allow_http: bool) -> StandsOn:
    from studiolo.catalog import load_catalog  # noqa: PLC0415 - few packages need a catalog

    environments = {one.name: one for one in load_catalog(catalog).environments}
    found = environments.get(name)
    if found is None:
        raise NoSuchEnvironment(
            f"{catalog / 'environments.yaml'} has no environment {quoted(name)}.{perhaps(name, environments)}"
        )
    if found.image is None:
        return StandsOn(environment=name)
    lock = found.requirements
    installed = installed_by(lock.name, lock.read_text(encoding="utf-8")) if lock is not None else None
    base = await image_base(found.image, allow_http=allow_http, platform=platform_of(python.machine))
    return stand_on(base, python, installed=installed, environment=name)
