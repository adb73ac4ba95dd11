"""What each image is made from, and the key that changes when any of it does.

An image is a Containerfile, the files its context holds, what was made for it on this machine, and its parent.
Nothing here runs anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.environment_lab import WHEEL as LAB_WHEEL
from spawner.environment_packages import WHEEL as PACKAGES_WHEEL
from spawner.environment_studiolo import WHEEL as STUDIOLO_WHEEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BUILDER_VERSION: Final = 1
"""Part of every key: raise it when the builder makes something else of the same inputs."""

KEY_LENGTH: Final = 16
"""Hexadecimal digits of a key: it is a tag too, and people compare it."""

LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", ".mypy_cache", ".ruff_cache", ".DS_Store"})
"""Folders and files that a checkout has and no image gets."""

ENVIRONMENT_FILE: Final = "environment.Containerfile"
HUB_TREE: Final = (
    "studiolo",
    "spawner",
    "hub",
    "deploy",
    "images/base",
    "images/runtime",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
"""What of the checkout the hub image has: what it imports, and what it starts."""

EXPENSIVE: Final = frozenset({"pytorch"})
"""Several gigabytes: built only when somebody names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One image."""

    name: str
    containerfile: Path
    parent: str | None = None
    """The image that its FROM means."""
    parent_argument: str = ""
    """The ARG that names the parent in the Containerfile."""
    files: tuple[tuple[str, Path], ...] = ()
    """What lies where in the build's context: a file, or a folder with all it holds."""
    ingredients: tuple[str, ...] = ()
    """What is made on this machine first (`ingredients.py`)."""
    arguments: tuple[tuple[str, str], ...] = ()
    locks: tuple[Path, ...] = ()
    """What the label of its packages is the digest of."""


def recipes(checkout: Path) -> tuple[Recipe, ...]:
    """Every image of a checkout, parents first. An environment is a folder of `images/` with a lock."""
    images = checkout / "images"
    tools = (
        ("tools/install.sh", images / "debian" / "install.sh"),
        ("tools/settle.sh", images / "debian" / "settle.sh"),
        ("tools/compile_all.py", images / "base" / "compile_all.py"),
        ("tools/install_environment.sh", images / "base" / "install_environment.sh"),
    )
    minimal = images / "minimal" / "requirements.lock"
    lock, npm_lock = checkout / "requirements.lock", checkout / "package-lock.json"
    return (
        Recipe(name="debian", containerfile=images / "debian" / "Containerfile", ingredients=("debian.tar",)),
        Recipe(
            name="base",
            containerfile=images / "base" / "Containerfile",
            files=(
                *tools,
                ("files", images / "base" / "files"),
                ("start_server.py", images / "base" / "start_server.py"),
                ("start_parked.py", images / "base" / "start_parked.py"),
                ("workspace_server", images / "base" / "workspace_server"),
                ("park", images / "base" / "park"),
                ("lock/requirements.lock", minimal),
            ),
            ingredients=("tools/uv", f"lab/{LAB_WHEEL}", f"lab/{PACKAGES_WHEEL}", f"studiolo/{STUDIOLO_WHEEL}"),
            locks=(minimal,),
            parent="debian",
            parent_argument="DEBIAN",
        ),
        *(_environment(images, lock.parent, tools) for lock in sorted(images.glob("*/requirements.lock"))),
        Recipe(
            name="hub",
            containerfile=images / "hub" / "Containerfile",
            files=(*tools, ("lock/requirements.lock", lock), *((f"tree/{path}", checkout / path) for path in HUB_TREE)),
            ingredients=("tools/uv",),
            locks=(lock,),
            parent="debian",
            parent_argument="DEBIAN",
        ),
        Recipe(
            name="proxy",
            containerfile=images / "proxy" / "Containerfile",
            files=(
                *tools,
                ("package-lock.json", npm_lock),
                *((name, images / "proxy" / name) for name in ("hub_away.mjs", "503.html")),
            ),
            ingredients=("node_modules",),
            locks=(npm_lock,),
            parent="debian",
            parent_argument="DEBIAN",
        ),
        Recipe(name="pause", containerfile=images / "pause" / "Containerfile", ingredients=("pause",)),
    )


def _environment(images: Path, folder: Path, tools: tuple[tuple[str, Path], ...]) -> Recipe:
    packages = folder / "packages.txt"
    wanted = " ".join(packages.read_text(encoding="utf-8").split()) if packages.is_file() else ""
    return Recipe(
        name=folder.name,
        containerfile=images / ENVIRONMENT_FILE,
        parent="base",
        parent_argument="BASE",
        files=(*tools, ("lock/requirements.lock", folder / "requirements.lock"), ("files", folder / "files")),
        ingredients=("tools/uv",),
        arguments=(("DEBIAN_PACKAGES", wanted),),
        locks=(folder / "requirements.lock",),
    )


def chosen(all_recipes: tuple[Recipe, ...], only: tuple[str, ...]) -> tuple[Recipe, ...]:
    """The recipes to build, parents included: those named, or all but the expensive ones. Raises KeyError."""
    by_name = {recipe.name: recipe for recipe in all_recipes}
    wanted = set(only) or set(by_name) - EXPENSIVE
    for name in tuple(wanted):
        parent = by_name[name].parent
        while parent is not None:
            wanted.add(parent)
            parent = by_name[parent].parent
    return tuple(recipe for recipe in all_recipes if recipe.name in wanted)


def context_files(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Each file of the context and where it comes from, in an order that is the same everywhere."""
    for place, source in recipe.files:
        if not source.is_dir():
            if source.exists():
                yield place, source
            continue
        for path in sorted(source.rglob("*")):
            relative = path.relative_to(source)
            if path.is_file() and LEFT_OUT.isdisjoint(relative.parts):
                yield f"{place}/{relative.as_posix()}", path


def keys(wanted: tuple[Recipe, ...], ingredients: Mapping[str, str]) -> dict[str, str]:
    """The key of each image. `ingredients`: for each of them, what it is made from in one word."""
    known: dict[str, str] = {}
    for recipe in wanted:
        known[recipe.name] = _key(recipe, known.get(recipe.parent or "", ""), ingredients)
    return known


def _key(recipe: Recipe, parent_key: str, ingredients: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    facts = [str(BUILDER_VERSION), recipe.name, parent_key, *(f"{name}={value}" for name, value in recipe.arguments)]
    facts += [f"{name}:{ingredients[name]}" for name in recipe.ingredients]
    for fact in facts:
        _add(digest, fact.encode())
    _add(digest, recipe.containerfile.read_bytes())
    for place, source in context_files(recipe):
        _add(digest, f"{place} {'x' if source.stat().st_mode & 0o100 else '-'}".encode())
        _add(digest, source.read_bytes())
    return digest.hexdigest()[:KEY_LENGTH]


def step_digests(recipe: Recipe, ingredients: Mapping[str, str]) -> dict[str, str]:
    """What the ARGs say that stand before RUN steps: buildah's layers are found by them, not by what a step mounts."""

    def made(where: str) -> hashlib._Hash:
        found = (ingredients[name] for name in recipe.ingredients if name.startswith(where))
        return hashlib.sha256("".join(found).encode())

    tools, lock = made("tools/"), hashlib.sha256()
    for place, source in context_files(recipe):
        if place.startswith("tools/"):
            _add(tools, source.read_bytes())
        elif place.startswith("lock/"):
            _add(lock, source.read_bytes())
    digests = {"TOOLS": tools, "LOCK": lock, "LAB": made("lab/"), "STUDIOLO": made("studiolo/")}
    return {name: digest.hexdigest() for name, digest in digests.items()}


def lock_digest(recipe: Recipe) -> str:
    """The digest of what was locked: the label by which two images are known to hold the same packages."""
    digest = hashlib.sha256()
    for lock in recipe.locks:
        digest.update(lock.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def _add(digest: hashlib._Hash, part: bytes) -> None:
    # The length goes first: no two different lists of parts give the same bytes.
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)
