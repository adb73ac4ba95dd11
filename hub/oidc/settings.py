"""How people sign in: the section `auth`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from hub.settings_types import Duration, HttpUrl, Section

Names = Annotated[tuple[str, ...], Field(strict=False)]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class OidcSettings(Section):
    """The OpenID Connect provider, and who of its people may come in. Its client secret is a file, never a setting:
    `oidc_client_secret` in `secretsDirectory`.
    """

    issuer: HttpUrl | None = None
    """The provider's issuer; everything else about it is read from `ISSUER/.well-known/openid-configuration`."""
    client_id: str = ""
    """What the provider calls this installation. Its redirect address there is `PUBLIC_URL/hub/oauth_callback`."""
    name: str = "your organisation"
    """What the button on the sign-in page says: "Sign in with …"."""
    scopes: Names = ("openid", "profile", "email")
    """What is asked of the provider. Some give groups only for a scope of their own."""
    username_claim: str = "preferred_username"
    """The claim that is a person's name here. `email` counts only where the provider says that it is verified."""
    groups_claim: str = "groups"
    """The claim whose entries are a person's teams; `realm_access.roles` looks inside."""
    uid_claim: str = ""
    """The claim with a person's user number, such as `uidNumber`: their workspaces run as it, and their home is its.
    Empty: one number is everybody's (`kubernetes.uid`). For workspaces that are pods alone; on one machine it has no
    effect.
    """
    gid_claim: str = ""
    """The claim with the number of a person's group, beside `auth.oidc.uidClaim`. Empty: one group is everybody's
    (`kubernetes.gid`).
    """
    allowed_teams: Names = ()
    """Members of these teams may come in."""
    allowed_users: Names = ()
    """These people may come in, whatever their teams."""
    allow_all: bool = False
    """Everybody whom the provider knows may come in. Must be said: without it a list is needed."""
    admin_team: str = ""
    """Members of this team are administrators, and nobody else."""
    ca_file: str = ""
    """A file with the certificate authority that the provider is trusted by, where the system's do not know it."""
    refresh_every: Duration = timedelta(minutes=5)
    """How often the provider is asked about somebody who is active: a right that is lost there lives so long here."""
    believe_for: Duration = timedelta(hours=72)
    """How long its last answer holds while it cannot be asked: it is away, or the person's session there has ended
    and only their workspaces and tokens are active. Long enough for work over a weekend.
    """
    contact: str = "whoever runs this Studiolo"
    """Whom the page tells somebody to ask who may not come in."""


class DummySettings(Section):
    """Sign-in without passwords, for development only."""

    i_know_anybody_can_be_anyone: bool = False
    """Must be true for `auth.kind: dummy`: every name comes in, the administrator's included."""


class AuthSettings(Section):
    """How people sign in."""

    kind: Literal["password", "oidc", "dummy"] = "password"
    """`password`: accounts that an administrator makes; `oidc`: OpenID Connect; `dummy`: no password, any name."""
    oidc: OidcSettings = OidcSettings()
    dummy: DummySettings = DummySettings()

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if problem := self._problem():
            raise ValueError(problem)
        return self

    def _problem(self) -> str:
        if self.kind == "dummy" and not self.dummy.i_know_anybody_can_be_anyone:
            return (
                "With kind: dummy anybody can be anyone, the administrator included. For development only: "
                "say dummy.iKnowAnybodyCanBeAnyone: true; otherwise use kind: oidc"
            )
        return oidc_problem(self.oidc) if self.kind == "oidc" else ""


def oidc_problem(oidc: OidcSettings) -> str:
    """Why nobody can or everybody could sign in like this; "" when it is sound."""
    return _provider_problem(oidc) or _list_problem(oidc)


def _provider_problem(oidc: OidcSettings) -> str:
    if oidc.issuer is None or not oidc.client_id:
        return "With kind: oidc belong oidc.issuer, the provider's address, and oidc.clientId, our name there"
    issuer = urlsplit(oidc.issuer)
    if issuer.scheme != "https" and issuer.hostname not in LOOPBACK:
        return "The address oidc.issuer is plain http: whoever is in between could sign in as anybody. Use https"
    if "openid" not in oidc.scopes:
        return 'In oidc.scopes belongs "openid": without it the provider says nothing about who signs in'
    if oidc.believe_for < oidc.refresh_every:
        return "The time oidc.believeFor is shorter than oidc.refreshEvery: an answer holds until the next is asked for"
    if oidc.gid_claim and not oidc.uid_claim:
        return (
            "The claim oidc.gidClaim belongs to oidc.uidClaim: a group of their own for people without a user of theirs"
        )
    return ""


def _list_problem(oidc: OidcSettings) -> str:
    if not (oidc.allowed_teams or oidc.allowed_users or oidc.admin_team or oidc.allow_all):
        return (
            "nobody may come in: set oidc.allowedTeams or oidc.allowedUsers. "
            "oidc.allowAll: true lets in everybody whom the provider knows, which may be more than you think"
        )
    if oidc.allow_all and (oidc.allowed_teams or oidc.allowed_users):
        return "Saying oidc.allowAll: true makes oidc.allowedTeams and oidc.allowedUsers meaningless. Keep one of them"
    return ""
