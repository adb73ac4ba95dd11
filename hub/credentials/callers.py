"""Who asks for credentials, and whether they may: what pages and REST have in common."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tornado import web

from hub.auth import PersonHandler
from hub.credentials.credential import Owner
from hub.credentials.errors import (
    CredentialRefused,
    NoSuchCredential,
    NoSuchTeam,
    NotTheLead,
    StandingUnknown,
    VaultAway,
)
from hub.credentials.rights import Answer, may

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.credentials.actions import Credentials
    from hub.credentials.credential import Credential
    from hub.credentials.rights import Action, Standing
    from studiolo.errors import StudioloError

STATUS: Final[Mapping[type[StudioloError], HTTPStatus]] = {
    CredentialRefused: HTTPStatus.BAD_REQUEST,
    NotTheLead: HTTPStatus.FORBIDDEN,
    NoSuchCredential: HTTPStatus.NOT_FOUND,
    NoSuchTeam: HTTPStatus.NOT_FOUND,
    VaultAway: HTTPStatus.SERVICE_UNAVAILABLE,
    StandingUnknown: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What is answered to a person, in its own words."""


class CallerOfCredentials(PersonHandler):
    """A person. Nobody can name another person's credentials here, an administrator neither."""

    @property
    def credentials(self) -> Credentials:
        """Everybody's; each call names its owner."""
        return self.services.credentials

    @property
    def caller(self) -> str:
        """Who calls. Raises 403 for a service, which is no person, whatever it is called."""
        if self.current_user["kind"] != "user":
            raise web.HTTPError(403, "Credentials belong to people.")
        name: str = self.current_user["name"]
        return name

    async def standing(self) -> Standing:
        """Where they stand among the teams now. Raises StandingUnknown."""
        return await self.services.standings.of(self.caller)

    async def owner(self, team: str, action: Action) -> Owner:
        """The caller, or a team with which they may do this. Raises NoSuchTeam, NotTheLead or StandingUnknown."""
        caller = self.caller
        if not team:
            return Owner.person(caller)
        owner, who = Owner.of_team(team), await self.standing()
        match may(who, action, owner):
            case Answer.YES:
                return owner
            case Answer.REFUSED:
                raise NotTheLead(team, who.teams[team].leads)
            case Answer.HIDDEN:
                raise NoSuchTeam(team, who.own_teams)

    async def visible(self, who: Standing) -> tuple[Credential, ...]:
        """All that somebody may see, their own first: of an administrator, those of every team."""
        own = Owner.person(who.name)
        if who.is_admin:
            return (*await self.credentials.of(own), *await self.credentials.of_all_teams())
        return await self.credentials.of(own, *map(Owner.of_team, who.own_teams))
