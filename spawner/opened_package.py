"""A model package that a workspace opens: the software that it stands on, and what its server is told. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.package_errors import PackageSoftwareGone, PackageStandsOnOther

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studiolo.catalog import Environment
    from studiolo.choice import Choice
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin

VARIABLE: Final = "STUDIOLO_MODEL"
"""What the server brings in once it answers; no kernel sees it."""

SHORT: Final = 12
"""Digits of a digest that people compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPackage:
    """What a server needs to fetch the files of a package."""

    name: str
    version: str
    team: str
    """In full; "" for the person's own."""
    digest: str
    """Of the image: if another has this name by then, it is not the one that was asked for."""
    source: str
    """The notebook or module, in the folder."""

    @classmethod
    def of(cls, origin: PackageOrigin, *, team: str) -> OpenedPackage:
        """A package that is there."""
        return cls(name=origin.name, version=origin.version, team=team, digest=origin.digest, source=origin.source)

    def as_variable(self) -> str:
        """As the server reads it."""
        facts = {
            "name": self.name,
            "version": self.version,
            "team": self.team,
            "digest": self.digest,
            "source": self.source,
        }
        return json.dumps(facts, ensure_ascii=False)


def software_of(
    origin: PackageOrigin,
    package: PackageName,
    *,
    choice: Choice,
    is_chosen: bool,
    offered: Sequence[Environment],
) -> Environment:
    """The environment that a package stands on, as the catalog has it now.

    `is_chosen`: somebody named an environment. Raises PackageSoftwareGone, or PackageStandsOnOther.
    """
    found = next((one for one in offered if one.name == origin.environment), None)
    if found is None:
        raise PackageSoftwareGone(package, origin.environment, choice)
    if is_chosen and choice.environment != found.name:
        raise PackageStandsOnOther(package, found, choice)
    return found


def on_its_image(environment: Environment, origin: PackageOrigin) -> Environment:
    """The environment with the very image that the package stands on: its own where the catalog has not moved on."""
    digest = origin.base_digest
    if not digest or environment.image is None or origin.base == environment.image:
        return environment
    place, _, named = environment.image.partition("@")
    if named == digest:
        return environment
    image = origin.base  # as it was called then: what is known of its starts goes by that
    if not image.endswith(f"@{digest}"):
        path, colon, tag = (image.partition("@")[0] or place).rpartition(":")
        repository = path if colon and "/" not in tag else f"{path}{colon}{tag}"
        image = f"{repository}@{digest}"
    return environment.model_copy(update={"image": image})


def said_of_the_image(environment: Environment, now: Environment, package: PackageName) -> tuple[str, ...]:
    """That the workspace has an older image than the catalog; `environment` is what it has."""
    if environment.image == now.image:
        return ()
    had, has = _digest_in(environment.image or ""), _digest_in(now.image or "")
    return (f"{now.title} is as it was when {package.shown} was packaged ({had}). The catalog has {has} by now.",)


def said_of_the_lock(now: Environment, present: str, origin: PackageOrigin, package: PackageName) -> tuple[str, ...]:
    """On one machine: that the environment is another by now. `present` is the SHA-256 of its lock file."""
    if present == origin.environment_sha256 or not origin.environment_sha256:
        return ()
    had, has = origin.environment_sha256[:SHORT], present[:SHORT]
    sentence = (
        f"{now.title} has changed since {package.shown} was packaged: its lock was {had} and is {has}. "
        "This workspace has the present one, for no other is kept on this machine."
    )
    return (sentence,)


def said_of_what_is_beside(now: Environment, origin: PackageOrigin, package: PackageName) -> tuple[str, ...]:
    """That what the package has beside its environment is not in the workspace."""
    if not origin.has_lock:
        return ()
    sentence = (
        f"{package.shown} has packages beside {now.title}. They are not in this workspace until you install them: "
        "%pip install -r with the requirements among its files."
    )
    return (sentence,)


def _digest_in(image: str) -> str:
    return image.partition("@sha256:")[2][:SHORT]
