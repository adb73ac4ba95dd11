"""A credential: what is known of it, and, apart from that, what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from spawner.credentials import CredentialKind, MountedCredential
from studiolo.names import home_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOST_CREDENTIALS: Final = 50
"""Of one person. Each is a Secret and a volume of every workspace that gets it."""


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
    """What may be known of a credential, by its owner alone."""

    owner: str
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
        return f"credential-{home_name(self.owner)}--{self.name}"

    def as_mount(self, *, secret: str) -> MountedCredential:
        """As a start needs it. `secret`: the name of the Secret, "" where there are none."""
        return MountedCredential(
            name=self.name,
            kind=self.purpose.kind,
            secret=secret,
            env=self.env,
            files=self.files,
            always=self.always,
        )
