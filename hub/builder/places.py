"""Where images of models are kept, and what they stand on: the one part of the process that signs in at registries."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from hub.builder.errors import ModelRefused, NoPlaceForModels
from studiolo.catalog import Platform, load_catalog
from studiolo.packaging.base_images import NamesBase, fetch_base
from studiolo.packaging.errors import StoreAway
from studiolo.packaging.images import Base
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from studiolo.problems import perhaps, quoted
from studiolo.registry import ImageReference
from studiolo.registry_sign_in import credentials_in

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from ssl import SSLContext

    from hub.settings import Settings
    from studiolo.catalog_model import Environment
    from studiolo.packaging.stores import Store
    from studiolo.registry_sign_in import Credentials

MOST_BASES: Final = 64
"""That are remembered: a digest always means the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a model stands on."""

    environment: str
    environment_sha256: str
    """Of its lock file."""
    base: Base
    repository: str = ""
    """Where in the same registry the base is."""
    store: Store | None = None
    """Where the base can be read; None where there is none."""
    warnings: tuple[str, ...] = ()


class Places:
    """Of one installation."""

    def __init__(self, settings: Settings) -> None:
        """Connects to nothing yet."""
        self._settings = settings
        self._registry = settings.models.registry
        self._is_cluster = settings.kubernetes is not None
        self._bases: dict[str, Base] = {}
        self._base_stores: dict[tuple[ImageReference, SSLContext], RegistryStore] = {}

    @property
    def host(self) -> str:
        """Of the registry; "" where a folder keeps images."""
        return self._registry.host

    @property
    def prefix(self) -> str:
        """Before each repository."""
        return self._registry.prefix if self.host else ""

    def place(self, repository: str) -> str:
        """A repository as people and machines name it."""
        return f"{self.host}/{repository}" if self.host else repository

    def open(self, repository: str) -> Store:
        """One repository; close it. Raises NoPlaceForModels."""
        if self.host:
            return RegistryStore(self._registry_place(self.host), repository)
        if self._is_cluster and self._settings.models.folder is None:
            raise NoPlaceForModels
        return LayoutStore(self._settings.models.folder or self._settings.data.models, repository)

    async def standing(self, environment: str, teams: Collection[str]) -> Standing:
        """What an environment of the catalog gives to who is in these teams. Raises ModelRefused, or StoreError."""
        entry = await asyncio.to_thread(self._offered, environment, teams)
        lock = await asyncio.to_thread(_sha256, entry.requirements)
        standing = partial(Standing, environment=entry.name, environment_sha256=lock)
        if entry.image is None:
            return standing(base=Base(digest=""))
        reference = ImageReference.parse(entry.image)
        store = self._base_store(reference)
        try:
            base = await self._base(store, reference.digest or reference.tag, name=entry.image)
        except StoreAway as error:
            if self._is_cluster:
                raise
            alone = f"The base image could not be looked at, so this package runs on this machine alone: {error}"
            return standing(base=Base(digest=""), warnings=(alone,))
        here = reference.repository if reference.api_host == self.host else ""
        return standing(base=base, repository=here, store=store)

    async def base_at(self, name: str) -> Base:
        """The base that an image is, named by its digest. Raises StoreError."""
        return await self._base(self.store_of(name), ImageReference.parse(name).digest or "", name=name)

    def store_of(self, name: str) -> Store:
        """Where an image can be read; `close` closes it."""
        return self._base_store(ImageReference.parse(name))

    async def close(self) -> None:
        """Let go of connections."""
        for store in self._base_stores.values():
            await store.close()

    def named(self, store: Store, standing: Standing) -> Store:
        """The store to put an image into: a folder names the layers of its base, and does not keep them."""
        return store if self.host else NamesBase(store, standing.base.digests)

    def environments(self, teams: Collection[str]) -> tuple[Environment, ...]:
        """What the catalog offers to who is in these teams. Raises CatalogError."""
        platform = Platform.KUBERNETES if self._is_cluster else Platform.LOCAL
        catalog = load_catalog(self._settings.catalog_directory, platform=platform)
        return tuple(_as_it_is_here(one) for one in catalog.environments if one.is_offered_to(teams))

    def _offered(self, name: str, teams: Collection[str]) -> Environment:
        offered = {one.name: one for one in self.environments(teams)}
        if name not in offered:
            raise ModelRefused((f"environment: there is none called {quoted(name)} for you.{perhaps(name, offered)}",))
        return offered[name]

    def _base_store(self, reference: ImageReference) -> RegistryStore:
        place = self._registry_place(reference.api_host)
        which = reference, place.trust  # another one, once the file with the authority has changed
        store = self._base_stores.get(which)
        if store is None:
            self._base_stores[which] = store = RegistryStore(place, reference.repository)
        return store

    async def _base(self, store: Store, reference: str, *, name: str) -> Base:
        if (known := self._bases.get(name)) is not None:
            return known
        base = await fetch_base(store, reference, name=name, hint="Ask an administrator to look at the catalog.")
        if len(self._bases) >= MOST_BASES:
            self._bases.clear()
        self._bases[name] = base
        return base

    def _registry_place(self, host: str) -> RegistryPlace:
        return RegistryPlace(
            host=host,
            credentials=self._credentials,
            allow_http=self._registry.allow_http,
            ca_file=self._registry.ca_file,
            ca_setting="models.registry.caFile",
        )

    def _credentials(self, host: str) -> Credentials | None:
        path = self._registry.credentials_file
        return None if path is None else credentials_in(path, host)


def _as_it_is_here(environment: Environment) -> Environment:
    """Where the catalog comes without the locks that it names, as the chart brings it, its image says what it is."""
    lock = environment.requirements
    is_missing = lock is not None and environment.image is not None and not lock.is_file()
    return environment.model_copy(update={"requirements": None}) if is_missing else environment


@lru_cache(maxsize=MOST_BASES)
def _digest_of_file(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sha256(path: Path | None) -> str:
    return "" if path is None else _digest_of_file(path, path.stat().st_mtime_ns)
