"""What can go wrong with credentials. No text here, and no cause behind it, ever holds a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.errors import StudioloError
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class CredentialRefused(StudioloError):
    """It cannot be kept as it is; the text has every reason, each with its field."""

    code = "credential_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` is never empty."""
        super().__init__(" ".join(problems))
        self.problems = problems


class NoSuchCredential(StudioloError):
    """The person, or the team, has none of that name."""

    code = "credential_not_found"

    def __init__(self, name: str, known: Iterable[str], *, team: str = "") -> None:
        """`team`: whose it should be; "" for the person themselves."""
        who = f"The team {quoted(team)} has" if team else "You have"
        super().__init__(f"{who} no credential {quoted(name)}.{perhaps(name, known)}")


class NoSuchTeam(StudioloError):
    """The person is in no team of that name. Whether there is one is not said."""

    code = "team_not_found"

    def __init__(self, team: str, known: Iterable[str]) -> None:
        """`known`: those that the person is in."""
        super().__init__(f"You are in no team {quoted(team)}.{perhaps(team, known)}")


class NotTheLead(StudioloError):
    """A member of a team wants to change what only who leads it may change."""

    code = "not_the_lead"

    def __init__(self, team: str, leads: Sequence[str]) -> None:
        """`leads`: who may."""
        super().__init__(
            f"Only who leads the team {quoted(team)} may change its credentials.",
            hint=f"Ask {' or '.join(leads)}." if leads else "Nobody leads it: ask an administrator.",
        )


class StandingUnknown(StudioloError):
    """The hub, which knows who is in which team, does not answer."""

    code = "standing_unknown"

    def __init__(self) -> None:
        super().__init__("The hub does not say who is in which team at this moment.", hint="Try again in a minute.")


class VaultAway(StudioloError):
    """Whatever keeps the values does not answer, or refuses; nothing was changed."""

    code = "credentials_away"


class ValueLost(StudioloError):
    """What is kept cannot be opened: another key, or another row than it was sealed for."""

    code = "credential_lost"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The value of the credential {quoted(name)} cannot be opened any more.",
            hint="Give it a new one: studiolo credential rotate. After a restored backup, its keys belong to it.",
        )
