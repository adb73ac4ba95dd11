"""Which of a person's credentials a workspace gets, and where they appear in it: names and places, never a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """What a credential is for, which decides where its standard clients find it."""

    ENV = "env"
    FILE = "file"
    GIT = "git"
    SSH_KEY = "ssh-key"
    PACKAGE_INDEX = "package-index"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedCredential:
    """One credential as a start needs it."""

    name: str
    kind: CredentialKind
    secret: str = ""
    """The name of the Secret that holds it; "" on one machine."""
    env: tuple[str, ...] = ()
    """The variables it sets, by name."""
    files: tuple[str, ...] = ()
    """Its files: paths below /run/credentials, or below the home (`~/.aws/credentials`). See `credential_keys`."""
    always: bool = False
    """Whether every workspace of its owner gets it where nothing else is chosen."""
