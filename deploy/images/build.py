"""Builds what changed, pushes what the registry lacks, and tells how long it will take.

An image's tag is its key: what is in the store under that tag was made from these very inputs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.images.errors import UnknownImageError
from deploy.images.ingredients import Ingredient, ingredients, made
from deploy.images.recipe import Recipe, chosen, context_files, keys, lock_digest, recipes, step_digests
from studiolo.problems import listed, perhaps
from studiolo.quantities import format_duration
from studiolo.registry import ImageReference, Registry
from studiolo.registry_errors import ImageNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.images.buildah import ImageStore

PREFIX: Final = "studiolo"
"""The first part of every name: `studiolo/python`."""

KEPT_SECONDS: Final = 7 * 86_400
"""Images of other branches and checkouts are kept that long: going back to one costs nothing."""

FIRST_GUESS_SECONDS: Final = 45.0
"""What an image takes that was never built on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """An image that is in the store, and perhaps in a registry."""

    name: str
    reference: str
    """In the store."""
    was_built: bool
    pushed: str | None = None
    """`HOST/studiolo/NAME:KEY@sha256:…` in the registry."""


@dataclass(slots=True, kw_only=True)
class ImageBuild:
    """One run of `make images`."""

    checkout: Path
    store: ImageStore
    say: Callable[[str], None]
    """One line for whoever waits."""
    show: Callable[[str], None]
    """What is happening now; the next one takes its place."""
    _ingredients: dict[str, Ingredient] = field(init=False)

    def __post_init__(self) -> None:
        self._ingredients = ingredients(self.checkout)

    def plan(self, only: tuple[str, ...]) -> tuple[tuple[Recipe, str], ...]:
        """What is wanted, parents first, each with its full name in the store. Raises UnknownImageError."""
        all_recipes = recipes(self.checkout)
        known = [recipe.name for recipe in all_recipes]
        for name in only:
            if name not in known:
                raise UnknownImageError(
                    f'There is no image "{name}".{perhaps(name, known)}', hint=f"There are {listed(known)}."
                )
        wanted = chosen(all_recipes, only)
        named = keys(wanted, self._inputs)
        return tuple((recipe, _local(recipe.name, named[recipe.name])) for recipe in wanted)

    def run(self, only: tuple[str, ...]) -> tuple[BuiltImage, ...]:
        """Builds what is not there. One run at a time on a machine: a second one waits, and then finds it done."""
        planned = self.plan(only)
        with self._alone():
            there = self.store.tags()
            missing = [recipe.name for recipe, reference in planned if reference not in there]
            expected = self._seconds()
            built: list[BuiltImage] = []
            for recipe, reference in planned:
                if reference not in there:
                    left = sum(expected.get(name, FIRST_GUESS_SECONDS) for name in missing)
                    self.say(f"{recipe.name}: building; all of it takes about {format_duration(left)} more")
                    missing.remove(recipe.name)
                    self._build(recipe, reference, {each.name: full for each, full in planned})
                built.append(BuiltImage(name=recipe.name, reference=reference, was_built=reference not in there))
        return tuple(built)

    def push(self, images: tuple[BuiltImage, ...], host: str) -> tuple[BuiltImage, ...]:
        """Pushes what the registry lacks. Raises a RegistryError where there is none."""
        found = asyncio.run(_digests(images, host))
        pushed = []
        for image in images:
            target = f"{host}/{image.reference.partition('/')[2]}"
            digest = found[image.name]
            if digest is None:
                self.show(f"{image.name}: pushing to {host}")
                began = time.monotonic()
                digest = self.store.push(image.reference, target, plain_http=True)
                self.say(f"{image.name}: pushed in {format_duration(time.monotonic() - began)}")
            pushed.append(
                BuiltImage(
                    name=image.name,
                    reference=image.reference,
                    was_built=image.was_built,
                    pushed=f"{target}@{digest}",
                )
            )
        return tuple(pushed)

    def remove_unused(self, images: tuple[BuiltImage, ...], *, now: float) -> None:
        """Notes that these are in use, and removes images that no checkout of this machine asked for in a week."""
        notes = self.store.cache / "images" / "used"
        notes.mkdir(parents=True, exist_ok=True)
        for image in images:
            (notes / image.reference.rpartition("/")[2]).touch()
        old = []
        for reference in self.store.tags():
            note = notes / reference.rpartition("/")[2]
            if note.exists() and now - note.stat().st_mtime > KEPT_SECONDS:
                old.append(reference)
        self.store.remove(tuple(sorted(old)))

    def stage(self, recipe: Recipe, folder: Path) -> None:
        """Puts everything that a Containerfile names into a folder: what `buildah bud` or `docker build` is given."""
        for place, source in context_files(recipe):
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        for place, source in recipe.files:
            if not source.suffix and not (folder / place).exists():
                (folder / place).mkdir(parents=True)  # a folder that this environment does not have
        for name in recipe.ingredients:
            self.show(f"{recipe.name}: making {name}")
            ready = made(name, self._ingredients[name], self.store.cache / "images")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if ready.is_dir():
                shutil.copytree(ready, target, symlinks=True)
            else:
                shutil.copy(ready, target)
        shutil.copyfile(recipe.containerfile, folder / "Containerfile")

    def _build(self, recipe: Recipe, reference: str, names: dict[str, str]) -> None:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="studiolo-image-") as folder:
            self.stage(recipe, Path(folder))
            arguments = {**dict(recipe.arguments), **step_digests(recipe, self._inputs)}
            if recipe.parent is not None:
                arguments[recipe.parent_argument] = names[recipe.parent]
            labels = {"org.opencontainers.image.title": f"studiolo/{recipe.name}"}
            if recipe.locks:
                labels["dev.studiolo.lock"] = lock_digest(recipe)
            self.store.build(
                reference,
                Path(folder),
                arguments=arguments,
                labels=labels,
                on_line=lambda line: self.show(f"{recipe.name}: {line}"),
            )
        seconds = time.monotonic() - began
        self._seconds_file.write_text(json.dumps({**self._seconds(), recipe.name: seconds}), encoding="utf-8")
        self.say(f"{recipe.name}: built in {format_duration(seconds)}")

    @property
    def _inputs(self) -> dict[str, str]:
        return {name: ingredient.inputs for name, ingredient in self._ingredients.items()}

    @property
    def _seconds_file(self) -> Path:
        return self.store.cache / "images" / "seconds.json"

    def _seconds(self) -> dict[str, float]:
        """What each image took last time on this machine."""
        try:
            read = json.loads(self._seconds_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return {name: float(value) for name, value in read.items()} if isinstance(read, dict) else {}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        path = self.store.cache / "images" / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say("Images are being built by somebody else on this machine; waiting.")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


async def _digests(images: tuple[BuiltImage, ...], host: str) -> dict[str, str | None]:
    """What the registry has of them."""
    async with Registry(allow_http=True) as registry:

        async def ask(image: BuiltImage) -> str | None:
            reference = ImageReference.parse(f"{host}/{image.reference.partition('/')[2]}")
            try:
                return await registry.digest(reference)
            except ImageNotFound:
                return None

        found = await asyncio.gather(*(ask(image) for image in images))
    return {image.name: digest for image, digest in zip(images, found, strict=True)}


def _local(name: str, key: str) -> str:
    return f"localhost/{PREFIX}/{name}:{key}"
