"""Which of a person's credentials a workspace gets, and where they appear in it: names and places, never a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from studiolo.names import team_folder

if TYPE_CHECKING:
    from collections.abc import Mapping


class CredentialKind(StrEnum):
    """What a credential is for, which decides where its standard clients find it."""

    ENV = "env"
    FILE = "file"
    GIT = "git"
    SSH_KEY = "ssh-key"
    PACKAGE_INDEX = "package-index"
    CLOUD = "cloud"


def team_credential(team: str, name: str) -> str:
    """What options call a credential of a team: `vision/hub`. One-to-one; the folder of a team has no slash."""
    return f"{team_folder(team)}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedCredential:
    """One credential as a start needs it."""

    name: str
    """What options call it: a person's own by its name, a team's as `vision/hub`."""
    kind: CredentialKind
    team: str = ""
    """Whose it is; "" is the person themselves."""
    secret: str = ""
    """The name of the Secret that holds it; "" on one machine."""
    env: tuple[str, ...] = ()
    """The variables it sets, by name."""
    files: tuple[str, ...] = ()
    """Its files: paths below /run/credentials, or below the home (`~/.aws/credentials`). See `credential_keys`."""
    always: bool = False
    """Whether every workspace of its owner, or of all members of the team, gets it where nothing else is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCredentials:
    """What a person may have in a workspace, as the services process said."""

    credentials: tuple[MountedCredential, ...]
    is_current: bool = True
    """Whether it said so just now; else it is away, and this is its last answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialValues:
    """Values on one machine, on their way from the services process to one workspace. Nothing shows or keeps them."""

    env: Mapping[str, str] = field(repr=False)
    files: Mapping[str, str] = field(repr=False)
    """What is in each file, by its path as `MountedCredential.files` has it."""
    missing: tuple[str, ...] = ()
    """Asked for, and not there."""


NO_VALUES: Final = CredentialValues(env=MappingProxyType({}), files=MappingProxyType({}))


class CredentialSource(Protocol):
    """Who knows of people's credentials. Never raises, and never waits longer than a start can bear."""

    async def known(self, user: str) -> KnownCredentials | None:
        """What a person has, and their teams give; None where nobody answers and nobody ever did."""

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        """The values of these, on one machine alone; None where nobody answers. The first of two for a place counts."""

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        """Remembers that a workspace got them. Returns at once."""


class NoCredentials:
    """Nobody has any: for a spawner without the services process."""

    async def known(self, user: str) -> KnownCredentials | None:  # noqa: ARG002 - the protocol's
        """None at all."""
        return KnownCredentials(credentials=())

    async def values(
        self,
        user: str,  # noqa: ARG002 - the protocol's
        server: str,  # noqa: ARG002 - the protocol's
        names: tuple[str, ...],  # noqa: ARG002 - the protocol's
    ) -> CredentialValues | None:
        """None at all."""
        return NO_VALUES

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        """Forgets it."""


NO_CREDENTIALS: Final[CredentialSource] = NoCredentials()
