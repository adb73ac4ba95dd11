"""A credential: what is known of it, and, apart from that, what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from spawner.credential_keys import PERSON, TEAM
from spawner.credentials import CredentialKind, MountedCredential, team_credential
from studiolo.names import home_name, team_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOST_CREDENTIALS: Final = 50
"""Of one person, or of one team. Each is a Secret and a volume of every workspace that gets it."""


class OwnerKind(StrEnum):
    """Who may own a credential."""

    PERSON = PERSON
    TEAM = TEAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a credential is: a person's, or a team's, for all its members. Those of one name have nothing in common."""

    kind: OwnerKind
    name: str

    @classmethod
    def person(cls, name: str) -> Owner:
        """Somebody alone."""
        return cls(kind=OwnerKind.PERSON, name=name)

    @classmethod
    def of_team(cls, name: str) -> Owner:
        """All members of a team."""
        return cls(kind=OwnerKind.TEAM, name=name)

    @property
    def team(self) -> str:
        """The name of the team; "" of a person."""
        return self.name if self.kind is OwnerKind.TEAM else ""

    @property
    def label(self) -> str:
        """As a label of Kubernetes has it: one-to-one among people, and among teams."""
        return team_folder(self.name) if self.team else home_name(self.name)

    def file_name(self, name: str) -> str:
        """What files are called that are named for a credential of theirs. No person's own is called as a team's."""
        return f"{self.label}--{name}" if self.team else name

    def full_name(self, name: str) -> str:
        """What options call a credential of theirs: `hub`, `vision/hub`. Names of credentials hold no slash."""
        return team_credential(self.team, name) if self.team else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a credential is for: everything its owner said of it but the value, so that it can be rendered again."""

    kind: CredentialKind
    variable: str = ""
    path: str = ""
    host: str = ""
    url: str = ""
    user: str = ""
    tool: str = ""

    @property
    def title(self) -> str:
        """In a few words, for lists."""
        match self.kind:
            case CredentialKind.ENV:
                return self.variable
            case CredentialKind.FILE:
                return self.path
            case CredentialKind.GIT:
                return f"{self.user} at {self.host}"
            case CredentialKind.SSH_KEY:
                return "SSH key"
            case CredentialKind.PACKAGE_INDEX:
                return f"{self.tool} from {self.url}"
            case CredentialKind.CLOUD:
                return {"aws": "Amazon", "gcp": "Google", "azure": "Azure"}[self.tool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a credential holds. Its own text never shows a value."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    public_key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What may be known of a credential, by its owner alone, or by those of its team."""

    owner: Owner
    name: str
    purpose: Purpose
    always: bool
    env: tuple[str, ...]
    """The variables it sets."""
    files: tuple[str, ...]
    """Where its files appear."""
    public_key: str
    fingerprint: str
    created: datetime
    changed: datetime
    mounted: datetime | None = None
    mounted_by: str = ""

    @property
    def reference(self) -> str:
        """Under which its value is kept: the name of its Secret. One-to-one with owner and name."""
        return f"{'team-' if self.owner.team else ''}credential-{self.owner.label}--{self.name}"

    @property
    def full_name(self) -> str:
        """What options call it."""
        return self.owner.full_name(self.name)

    def as_mount(self, *, secret: str) -> MountedCredential:
        """As a start needs it. `secret`: the name of the Secret, "" where there are none."""
        return MountedCredential(
            name=self.full_name,
            kind=self.purpose.kind,
            team=self.owner.team,
            secret=secret,
            env=self.env,
            files=self.files,
            always=self.always,
        )
