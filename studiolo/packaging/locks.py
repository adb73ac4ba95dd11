"""Reads locks: each package with its version and hashes, and nothing that says where to get it. Pure.

A lock lies in a folder that came from anywhere. Its options and addresses would have the installer ask whom it names.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PYLOCK: Final = "pylock.toml"
_MARKER: Final = re.compile(r"[\w .'\"<>=!()~,-]*", re.ASCII)
"""Nothing in it leads an installer that reads lines in its own way to another option."""

LONGEST_REQUIREMENT: Final = 500
"""Characters without the hashes. The reader of markers goes one step deeper with each bracket."""

_HASH: Final = re.compile(r"\s--hash[= ](sha256:[0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One package of a lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str = ""

    def __str__(self) -> str:
        """As a line of a requirements file."""
        marker = f" ; {self.marker}" if self.marker else ""
        return " \\\n    ".join((f"{self.name}=={self.version}{marker}", *(f"--hash={one}" for one in self.hashes)))


def read_lock(name: str, text: str, problems: list[str]) -> tuple[Locked, ...]:
    """The packages in a lock file; what cannot be taken of it is added to `problems`, all of it."""
    return tuple(_of_pylock(text, problems) if name == PYLOCK else _of_requirements(name, text, problems))


def lock_text(packages: Sequence[Locked], installed: Mapping[str, str]) -> str:
    """The lines of a lock, without those that a base has in the very version."""
    return "".join(f"{one}\n" for one in packages if installed.get(one.name) != one.version)


def _of_requirements(name: str, text: str, problems: list[str]) -> Iterator[Locked]:
    joined = re.sub(r"\\[ \t]*\r?\n", " ", text)
    for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()):
        if not line:
            continue
        if line.startswith("-"):
            problems.append(f"{name}: {quoted(line)} is an option, and only packages by name go in. Remove the line.")
            continue
        try:
            requirement = Requirement(_bounded(_HASH.sub("", line)))
        except (InvalidRequirement, RecursionError):
            problems.append(f"{name}: {quoted(line)} is not NAME==VERSION with its --hash=sha256:…")
            continue
        if requirement.url is not None:
            problems.append(
                f"{name}: {quoted(line)} comes from an address. Only packages of the configured index go in."
            )
            continue
        pins = [one.version for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
        hashes = tuple(_HASH.findall(line))
        marker = str(requirement.marker or "")
        if len(pins) != 1 or len(requirement.specifier) != 1 or not hashes or not _MARKER.fullmatch(marker):
            problems.append(f"{name}: {quoted(line)} is not NAME==VERSION with its --hash=sha256:…")
            continue
        yield Locked(
            name=canonicalize_name(requirement.name),
            version=pins[0],
            hashes=hashes,
            marker=marker,
        )


def _bounded(line: str) -> str:
    if len(line) > LONGEST_REQUIREMENT:
        raise InvalidRequirement(line[:LONGEST_REQUIREMENT])
    return line


def _of_pylock(text: str, problems: list[str]) -> Iterator[Locked]:
    try:
        packages = tomllib.loads(text).get("packages", [])
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{PYLOCK} cannot be read: {error}")
        return
    for package in packages if isinstance(packages, list) else [packages]:
        match package:
            case {"name": str(name), "version": str(version), "wheels": [_, *_] as wheels}:
                hashes = tuple(one for wheel in wheels for one in _sha256(wheel))
                marker = package.get("marker", "")
                line = f"{name}=={version}" + (f" ; {marker}" if marker else "")
                lines = " ".join((line, *(f"--hash={one}" for one in hashes)))
                yield from _of_requirements(PYLOCK, " ".join(lines.split()), problems)
            case {"name": str(name)}:
                problems.append(f"{PYLOCK}: {quoted(name)} has no version or no wheel, and only wheels go in.")
            case _:
                problems.append(f"{PYLOCK}: a package in it has no name.")


def _sha256(wheel: Any) -> Iterator[str]:
    match wheel:
        case {"hashes": {"sha256": str(digest)}}:
            yield f"sha256:{digest}"
