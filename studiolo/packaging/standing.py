"""What a package of this machine stands on: the Python here, or an image and what is known to be in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.markers import InvalidMarker, Marker

from studiolo.packaging.base_images import PLATFORM, other_python, python_of
from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.images import Base
from studiolo.packaging.locks import read_lock
from studiolo.packaging.requirements import Installed
from studiolo.problems import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo.packaging.base_images import Platform
    from studiolo.packaging.dependency_layer import PythonFacts

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsOn:
    """What lies below a package."""

    base: Base = field(default_factory=lambda: Base(digest=""))
    installed: Installed | None = None
    """What it is known to have; None: what the Python here has."""
    environment: str = ""
    """Of a catalog, by name."""
    warnings: tuple[str, ...] = ()

    def as_json(self, python: PythonFacts) -> dict[str, Any]:
        """As a record keeps it."""
        made = {"python": python.version, "machine": python.machine}
        named = {"environment": self.environment} if self.environment else {}
        if not self.base.digest:
            return {"kind": "local", **made, **named, "freeze": python.freeze}
        return {"kind": "image", "name": self.base.name, "digest": self.base.digest, **made, **named}


def platform_of(machine: str) -> Platform:
    """What kind of machine a Python says that it runs on, as images name it; PLATFORM where it says nothing."""
    system, dash, kind = machine.partition("-")
    return (system, _ARCHITECTURES.get(kind, kind)) if dash else PLATFORM


def stand_on(base: Base, python: PythonFacts, *, installed: Installed | None = None, environment: str = "") -> StandsOn:
    """A package of `python` on an image. Raises ProjectRefused where it could not run there.

    What nobody says of an image is not believed: without `installed` it has nothing, and all that is needed goes in.
    """
    warnings = check_base(base, python=python.version, machine=python.machine)
    return StandsOn(base=base, installed=installed or Installed(), environment=environment, warnings=warnings)


def check_base(base: Base, *, python: str, machine: str) -> tuple[str, ...]:
    """Whether what is made for a Python can run on an image; warnings. Raises ProjectRefused where it cannot.

    Both are "" where nobody knows what it is made for.
    """
    platform, minor = platform_of(machine), _minor(python)
    problems: list[str] = []
    if python and (other := other_python(base, python)):
        problems.append(
            f"{base.name} has Python {other}, and this package is made for {python}. Make it with a Python "
            f"{_minor(other)} (--python), or choose another base."
        )
    if machine and base.platform != platform:
        problems.append(
            f"{base.name} is for {'/'.join(base.platform)}, and this package is made for {'/'.join(platform)}."
        )
    if problems:
        raise ProjectRefused(tuple(problems))
    if python_of(base) and python:
        return ()
    if python:
        return (f"{base.name} does not say which Python it has (PYTHON_VERSION). The package needs a {minor} there.",)
    return (f"Nobody knows for which Python this package was made. {base.name} has to have the same.",)


def put_on(base: Base, record: Mapping[str, Any]) -> tuple[str, ...]:
    """What to say where a package of one machine, with its record, gets a base; raises as `check_base` does."""
    made = record.get("base") or {}
    warnings = check_base(base, python=made.get("python", ""), machine=made.get("machine", ""))
    has = made.get("has") or ()
    if not has:
        return warnings
    return (*warnings, f"The Python that it was made on had {listed(has)}. {base.name} has to have that, too.")


def installed_by(name: str, lock: str) -> Installed:
    """What an environment has, by its lock. Raises ProjectRefused where that cannot be read."""
    problems: list[str] = []
    packages = read_lock(name, lock, problems)
    if problems:
        raise ProjectRefused(tuple(problems))
    return Installed(versions={one.name: one.version for one in packages if _counts_here(one.marker)})


def _counts_here(marker: str) -> bool:
    try:
        return not marker or Marker(marker).evaluate()
    except (InvalidMarker, ValueError):
        return False


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
