"""Who asks for model packages, and whether they may: what pages and REST have in common."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tornado import web

from hub.auth import PersonHandler
from hub.builder.errors import (
    BeingChanged,
    ModelRefused,
    NoPlaceForModels,
    NoSuchModel,
    NotAllowedWithModels,
    TooManyPackages,
    UploadRefused,
    VersionTaken,
)
from hub.builder.rules import Action, may
from hub.builder.slow.errors import CannotBuild, NeedsBase, NoSuchBase, NothingToBuild, TooManyBuilds
from hub.credentials.credential import Owner
from hub.credentials.errors import NoSuchTeam, StandingUnknown
from hub.credentials.rights import Answer
from studiolo.errors import CatalogError
from studiolo.packaging.dependency_layer import DependenciesRefused
from studiolo.packaging.errors import StoreAway, StoreConflict, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.builder.actions import Models
    from hub.builder.model_package import ModelPackage
    from hub.credentials.rights import Standing
    from studiolo.errors import StudioloError

STATUS: Final[Mapping[type[StudioloError], HTTPStatus]] = {
    ModelRefused: HTTPStatus.BAD_REQUEST,
    UploadRefused: HTTPStatus.BAD_REQUEST,
    DependenciesRefused: HTTPStatus.BAD_REQUEST,
    NeedsBase: HTTPStatus.BAD_REQUEST,
    NothingToBuild: HTTPStatus.BAD_REQUEST,
    NotAllowedWithModels: HTTPStatus.FORBIDDEN,
    NoSuchBase: HTTPStatus.NOT_FOUND,
    TooManyBuilds: HTTPStatus.TOO_MANY_REQUESTS,
    CannotBuild: HTTPStatus.CONFLICT,
    NoSuchModel: HTTPStatus.NOT_FOUND,
    NoSuchTeam: HTTPStatus.NOT_FOUND,
    VersionTaken: HTTPStatus.CONFLICT,
    StoreConflict: HTTPStatus.CONFLICT,
    TooManyPackages: HTTPStatus.TOO_MANY_REQUESTS,
    BeingChanged: HTTPStatus.TOO_MANY_REQUESTS,
    CatalogError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoPlaceForModels: HTTPStatus.SERVICE_UNAVAILABLE,
    StandingUnknown: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreAway: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreRefused: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What is answered to a person, in its own words."""


class CallerOfModels(PersonHandler):
    """A person, or their workspace for them. Nobody can name another person's packages here."""

    @property
    def models(self) -> Models:
        """Everybody's; each call names its owner."""
        return self.services.models

    @property
    def caller(self) -> str:
        """Who calls. Raises 403 for a service, which is no person, whatever it is called."""
        if self.current_user["kind"] != "user":
            raise web.HTTPError(403, "Model packages belong to people and teams.")
        name: str = self.current_user["name"]
        return name

    @property
    def team(self) -> str:
        """Which team the address names."""
        return self.get_query_argument("team", "", strip=False)

    async def standing(self) -> Standing:
        """Where they stand among the teams now. Raises StandingUnknown."""
        return await self.services.standings.of(self.caller)

    async def owner(self, team: str, action: Action) -> Owner:
        """The caller, or a team with which they may do this.

        Raises NoSuchTeam, NotAllowedWithModels or StandingUnknown.
        """
        caller = self.caller
        if not team:
            return Owner.person(caller)
        owner, who = Owner.of_team(team), await self.standing()
        match may(who, action, owner):
            case Answer.YES:
                return owner
            case Answer.REFUSED:
                raise NotAllowedWithModels(team, who.teams[team].leads)
            case Answer.HIDDEN:
                raise NoSuchTeam(team, who.own_teams)

    async def visible(self, who: Standing) -> tuple[ModelPackage, ...]:
        """All that somebody may see, their own first: of an administrator, those of every team."""
        own = Owner.person(who.name)
        if who.is_admin:
            return (*await self.models.of(own), *await self.models.of_all_teams())
        return await self.models.of(own, *map(Owner.of_team, who.own_teams))
