"""What a model needs beside its base: from which source each is known, and what of it the base has not. Pure.

In this order of belief: a lock, `requirements.txt`, `pyproject.toml`, lines of `%pip install`, and what the module
imports, with the version that is installed where the notebook runs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studiolo.packaging.apt import APT, read_apt
from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.locks import PYLOCK, lock_text, read_lock
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

LOCKS: Final = ("requirements.lock", PYLOCK)
"""Names of files that say each version and its hashes."""

_HASHED = re.compile(r"^\s*--hash=|\s--hash=", re.MULTILINE)


class Source(StrEnum):
    """Where it is known from."""

    LOCK = "lock"
    REQUIREMENTS = "requirements.txt"
    PYPROJECT = "pyproject.toml"
    PIP_LINE = "%pip install"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """One package that is needed."""

    requirement: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is installed in some Python: of the base, or of the kernel that the notebook ran in."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """By the canonical name of each distribution."""
    of_imports: Mapping[str, str] = field(default_factory=dict)
    """The distribution of each import name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a model needs."""

    needed: tuple[Needed, ...] = ()
    """What the base has not."""
    lock: str = ""
    """The name of the lock that says it all; the others are not asked then."""
    locked: str = ""
    """What of that lock the base has not: lines of versions and hashes."""
    found_below: tuple[str, ...] = ()
    """What it needs and the base has, with the versions there."""
    warnings: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    """Debian packages, which no layer of ours holds: only a slow build installs them (docs/models-service.md)."""


def requirements_of(
    files: Mapping[str, str],
    *,
    pip_installs: Collection[str],
    imports: Collection[str],
    modules: Collection[str],
    base: Installed,
    kernel: Installed,
) -> Requirements:
    """What a model needs and its base lacks. `files`: texts at the top of the folder; `modules`: names of its own.

    Raises ProjectRefused with every requirement that no image can be made from.
    """
    lock = next((name for name in LOCKS if name in files), "")
    if not lock and _HASHED.search(files.get("requirements.txt", "")):
        lock = "requirements.txt"
    problems: list[str] = []
    apt = read_apt(files.get(APT, ""), problems)
    if lock:
        packages = read_lock(lock, files[lock], problems)
        if problems:
            raise ProjectRefused(tuple(problems))
        there = tuple(f"{one.name}=={one.version}" for one in packages if base.versions.get(one.name) == one.version)
        return Requirements(lock=lock, locked=lock_text(packages, base.versions), found_below=there, apt=apt)
    warnings: list[str] = []
    found: dict[str, Needed] = {}
    for source, lines in (
        (Source.REQUIREMENTS, _lines(files.get("requirements.txt", ""))),
        (Source.PYPROJECT, _dependencies(files.get("pyproject.toml", ""), problems)),
        (Source.PIP_LINE, list(pip_installs)),
        (Source.IMPORT, list(_of_imports(imports, modules, kernel, warnings))),
    ):
        for line in lines:
            requirement = _parsed(line, source, problems)
            if requirement is not None:
                found.setdefault(
                    canonicalize_name(requirement.name), Needed(requirement=str(requirement), source=source)
                )
    if problems:
        raise ProjectRefused(tuple(problems))
    if any(one.source in {Source.REQUIREMENTS, Source.PYPROJECT} for one in found.values()):
        warnings.clear()  # which package an import comes from is only known where it is installed
    lacking = {name: one for name, one in sorted(found.items()) if not _has(base, name, Requirement(one.requirement))}
    there = tuple(f"{name}=={base.versions[name]}" for name in sorted(found.keys() - lacking.keys()))
    return Requirements(needed=tuple(lacking.values()), warnings=tuple(warnings), found_below=there, apt=apt)


def _has(base: Installed, name: str, requirement: Requirement) -> bool:
    version = base.versions.get(name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _lines(text: str) -> list[str]:
    plain = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line for line in plain if line and not line.startswith("#")]


def _dependencies(text: str, problems: list[str]) -> list[str]:
    try:
        found = tomllib.loads(text).get("project", {}).get("dependencies", [])
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        problems.append(f"pyproject.toml cannot be read: {error}")
        return []
    return [line for line in found if isinstance(line, str)] if isinstance(found, list) else []


def _of_imports(
    imports: Collection[str], modules: Collection[str], kernel: Installed, warnings: list[str]
) -> Iterator[str]:
    for name in sorted(set(imports) - set(modules) - sys.stdlib_module_names - {"__future__"}):
        distribution = kernel.of_imports.get(name)
        version = kernel.versions.get(canonicalize_name(distribution or ""))
        if distribution and version:
            yield f"{distribution}=={version}"
        else:
            warnings.append(
                f"The model imports {name}, which is not installed here. Install it with %pip install, or name its "
                "package in a requirements.txt."
            )


def _parsed(line: str, source: Source, problems: list[str]) -> Requirement | None:
    if line.startswith("-"):
        problems.append(f"{source}: {quoted(line)} is an option, and only packages by name go in. Remove the line.")
        return None
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        problems.append(f"{source}: {quoted(line)} names no package.")
        return None
    if requirement.url is not None:
        problems.append(
            f"{source}: {quoted(line)} comes from an address. Only packages of the configured index go in, with hashes."
        )
        return None
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    return requirement
