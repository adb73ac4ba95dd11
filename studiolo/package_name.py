"""How people name a version of a model package: `iris:1.0`, and of a team `vision/iris:1.0`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from studiolo.errors import StudioloError
from studiolo.names import is_home_name, is_slug, team_folder
from studiolo.packaging.stores import TAG
from studiolo.problems import quoted
from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NAME: Final = 63
LONGEST_VERSION: Final = 64
"""Both are seen in tables and addresses; a registry would take 128."""

LATEST: Final = "latest"
"""What asks for the newest version. It is kept nowhere, so none may be called so."""

LONGEST: Final = 200
"""Of all of it: a team's folder has 63 characters at most."""

_AS_A_REPOSITORY: Final = "team--"
"""What stands before a team's folder where images are kept, from where people copy it."""


class PackageNameInvalid(StudioloError):
    """No version of a package is named; the text says why."""

    code = "package_name_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageName:
    """A version of a model, of the person who names it or of a team of theirs."""

    name: str
    version: str
    folder: str = ""
    """Of the team, as `studiolo.names.team_folder` has it; "" for the person's own."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """What somebody wrote. Raises PackageNameInvalid."""
        folder, slash, rest = text.strip().rpartition("/")
        name, _, version = rest.partition(":")
        folder = folder.removeprefix(_AS_A_REPOSITORY)
        if len(text) > LONGEST or looks_like_secret(text) or not _is_name(name) or (slash and not is_home_name(folder)):
            raise PackageNameInvalid("this names no model package. Write NAME:VERSION, or of a team TEAM/NAME:VERSION.")
        if not version or version == LATEST:
            raise PackageNameInvalid(f"which version of {quoted(name)}? Write {name}:VERSION.")
        if len(version) > LONGEST_VERSION or not TAG.fullmatch(version):
            raise PackageNameInvalid(f"{quoted(name)} cannot have such a version.")
        return cls(name=name, version=version, folder=folder)

    def __str__(self) -> str:
        return f"{self.folder}/{self.name}:{self.version}" if self.folder else f"{self.name}:{self.version}"

    @property
    def shown(self) -> str:
        """As pages and sentences have it."""
        return f"{self.name} {self.version}"

    def team_among(self, teams: Iterable[str]) -> str | None:
        """Which of these teams it is of; "" for the person's own, None where it is of none of them."""
        return next((team for team in teams if team_folder(team) == self.folder), None) if self.folder else ""


def package_name(name: str, version: str, *, team: str = "") -> str:
    """How a package is named whose team is known."""
    return str(PackageName(name=name, version=version, folder=team_folder(team) if team else ""))


def _is_name(name: str) -> bool:
    return is_slug(name) and len(name) <= LONGEST_NAME
