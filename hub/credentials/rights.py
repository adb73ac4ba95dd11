"""Who may do what with whose credentials: one function, asked by every page and every call. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.credentials.credential import Owner


class Action(StrEnum):
    """What somebody wants. To read a value is none of them."""

    SEE = "see"
    """Name, kind and places; and to have it in a workspace."""
    ADD = "add"
    """Keep a new one."""
    CHANGE = "change"
    """Rotate, remove, and choose whether all workspaces get it."""


class Answer(StrEnum):
    """What they are told."""

    YES = "yes"
    REFUSED = "refused"
    """They know that it is there, and may not."""
    HIDDEN = "hidden"
    """What is not theirs does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamFacts:
    """A team, and where the person stands in it."""

    leads: tuple[str, ...] = ()
    """Who leads it, by name."""
    is_member: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who somebody is at this moment."""

    name: str
    is_admin: bool
    teams: Mapping[str, TeamFacts]
    """All of theirs; of an administrator, all that there are."""

    @property
    def own_teams(self) -> tuple[str, ...]:
        """Those that they are in, by name."""
        return tuple(sorted(name for name, team in self.teams.items() if team.is_member))

    @property
    def changeable_teams(self) -> tuple[str, ...]:
        """Those that exist and whose credentials they may add to, by name."""
        return tuple(sorted(name for name in self.teams if _of_team(self, Action.ADD, name) is Answer.YES))


def may(who: Standing, action: Action, owner: Owner) -> Answer:
    """Whether somebody may do this with credentials of that owner.

    A person's own are theirs alone. A team's are seen and used by its members, changed by those of them who lead it,
    and by administrators: also those of a team that is gone, which somebody must be able to remove.
    """
    if owner.team:
        return _of_team(who, action, owner.team)
    return Answer.YES if owner.name == who.name else Answer.HIDDEN


def _of_team(who: Standing, action: Action, name: str) -> Answer:
    team = who.teams.get(name)
    if who.is_admin:
        return Answer.HIDDEN if team is None and action is Action.ADD else Answer.YES
    if team is None or not team.is_member:
        return Answer.HIDDEN
    # Who was made to leave the team leads it no more, even if nobody took them off its list of leads.
    return Answer.YES if action is Action.SEE or who.name in team.leads else Answer.REFUSED
