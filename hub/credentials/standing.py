"""Where somebody stands among the teams: asked of the hub, which alone knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.credentials.errors import StandingUnknown
from hub.credentials.rights import Standing, TeamFacts
from studiolo.client_errors import ClientError

if TYPE_CHECKING:
    from studiolo.client import Studiolo


class Standings:
    """Asked anew each time: who was made to leave a team has lost its credentials at once."""

    def __init__(self, client: Studiolo) -> None:
        """`client` reaches the hub itself, with the token of the services process."""
        self._client = client

    async def of(self, name: str) -> Standing:
        """Where a person stands. Raises StandingUnknown."""
        try:
            found = await self._client.standing(name)
        except ClientError as error:
            raise StandingUnknown from error
        teams = {team.name: TeamFacts(leads=team.leads, is_member=team.is_member) for team in found.teams}
        return Standing(name=name, is_admin=found.is_admin, teams=teams)
