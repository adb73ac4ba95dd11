"""Credentials on the spawn page: what a person may tick, their own and their teams', and what is said of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from studiolo.problems import listed, quoted

if TYPE_CHECKING:
    from spawner.credentials import KnownCredentials
    from studiolo.choice import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTick:
    """One credential to tick."""

    name: str
    title: str
    """Without the team."""
    place: str
    """Which variables and files it is: `HF_TOKEN`."""
    team: str
    """The team that gives it; "" for one of their own."""
    is_always: bool
    is_ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTicks:
    """The part of the form about credentials."""

    ticks: tuple[CredentialTick, ...] = ()
    hidden: tuple[str, ...] = ()
    """What the form sends beside the ticks. An empty name says that somebody chose, if only to have none."""
    notes: tuple[str, ...] = ()


NO_TICKS: Final = CredentialTicks()


def credential_ticks(
    known: KnownCredentials | None, wished: tuple[str, ...] | None, *, is_own: bool
) -> CredentialTicks:
    """What the form shows. `wished`: what was chosen before; None for all that are marked "always".

    Of another person's credentials, and where nobody knows of any, nothing is shown: what was chosen stays chosen.
    """
    if known is None or not is_own:
        return CredentialTicks(hidden=() if wished is None else ("", *wished))
    names = {credential.name for credential in known.credentials}
    gone = [name for name in wished or () if name not in names]
    ticks = tuple(
        CredentialTick(
            name=credential.name,
            title=credential.name.rpartition("/")[2],
            place=", ".join((*credential.env, *credential.files)),
            team=credential.team,
            is_always=credential.always,
            is_ticked=credential.always if wished is None else credential.name in wished,
        )
        for credential in known.credentials
    )
    return CredentialTicks(ticks=ticks, hidden=("",) if ticks else (), notes=_gone(gone))


def settled(choice: Choice, known: KnownCredentials | None) -> Choice:
    """The same choice, as "all that are marked always" where it names just those: then later ones come along too."""
    if known is None or choice.credentials is None:
        return choice
    always = {credential.name for credential in known.credentials if credential.always}
    return replace(choice, credentials=None) if set(choice.credentials) == always else choice


def _gone(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    which = listed([quoted(name) for name in names])
    if len(names) == 1:
        return (f"The credential {which} of last time does not exist any more and is left out.",)
    return (f"The credentials {which} of last time do not exist any more and are left out.",)
