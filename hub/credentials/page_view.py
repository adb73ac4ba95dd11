"""What the page "Credentials" shows, worked out from facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.credentials.credential import Owner
from hub.credentials.rights import Action, Answer, may
from spawner.credentials import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.credentials.credential import Credential
    from hub.credentials.rights import Standing

TITLES: Final = {
    CredentialKind.ENV: "Environment variable",
    CredentialKind.FILE: "File",
    CredentialKind.GIT: "git over HTTPS",
    CredentialKind.SSH_KEY: "SSH key",
    CredentialKind.PACKAGE_INDEX: "Package index",
    CredentialKind.CLOUD: "Cloud profile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One credential as the page shows it."""

    id: str
    """Of its elements: a name is one only among those of its owner."""
    name: str
    full_name: str
    """What options call it."""
    kind: str
    title: str
    is_key: bool
    always: bool
    places: tuple[str, ...]
    public_key: str
    fingerprint: str
    changed: str
    mounted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSection:
    """The credentials of one team."""

    id: str
    name: str
    about: str
    """Who leads it, and what that means for who looks."""
    may_add: bool
    may_change: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """The page."""

    lines: tuple[Line, ...]
    """A person's own."""
    teams: tuple[TeamSection, ...]
    owners: tuple[str, ...]
    """Teams for whom they may add; none: the forms do not ask."""
    team: str
    """For whom the forms are at first; "" for themselves."""


def page_view(found: Iterable[Credential], who: Standing | None, *, team: str) -> PageView:
    """The page of somebody who may see these. `who` is None where the hub does not say; `team`: chosen for the forms.

    There is a section for each team they are in. An administrator has others only where those keep something.
    """
    credentials = tuple(found)
    owners = who.changeable_teams if who else ()
    of_teams = {one.owner.team for one in credentials if one.owner.team}
    shown = sorted({*of_teams, *(who.own_teams if who else ())})
    return PageView(
        lines=tuple(line_of(one) for one in credentials if not one.owner.team),
        teams=tuple(_section(name, credentials, who) for name in shown) if who else (),
        owners=owners,
        team=team if team in owners else "",
    )


def line_of(credential: Credential) -> Line:
    """What is shown of a credential."""
    if credential.mounted is None:
        mounted = "not used yet"
    else:
        mounted = f"{credential.mounted_by} got it {_day(credential.mounted)}"
    return Line(
        id=credential.owner.file_name(credential.name),
        name=credential.name,
        full_name=credential.full_name,
        kind=TITLES[credential.purpose.kind],
        title=credential.purpose.title,
        is_key=credential.purpose.kind is CredentialKind.SSH_KEY,
        always=credential.always,
        places=(
            *credential.env,
            *(path if path.startswith("~/") else f"/run/credentials/{path}" for path in credential.files),
        ),
        public_key=credential.public_key,
        fingerprint=credential.fingerprint,
        changed=_day(credential.changed),
        mounted=mounted,
    )


def _section(name: str, credentials: Iterable[Credential], who: Standing) -> TeamSection:
    owner = Owner.of_team(name)
    return TeamSection(
        id=owner.label,
        name=name,
        about=_about(name, who),
        may_add=may(who, Action.ADD, owner) is Answer.YES,
        may_change=may(who, Action.CHANGE, owner) is Answer.YES,
        lines=tuple(line_of(one) for one in credentials if one.owner == owner),
    )


def _about(name: str, who: Standing) -> str:
    team = who.teams.get(name)
    if team is None:
        return "This team does not exist any more: no workspace gets these. Remove them."
    others = [lead for lead in team.leads if lead != who.name]
    if who.name in team.leads and team.is_member:
        led = f"You lead it{', with ' + ', '.join(others) if others else ''}."
    else:
        led = (
            f"Led by {', '.join(others)}." if others else "Nobody leads it; administrators look after its credentials."
        )
    if not team.is_member:
        return f"{led} You are not in it: your workspaces get none of these."
    return f"{led} All its members can have these in their workspaces, and nobody can read them here."


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
