"""What names, versions, rights and quotas of model packages have to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from hub.credentials.rights import Answer
from studiolo.names import is_slug, slug_like
from studiolo.package_name import LATEST, LONGEST_NAME, LONGEST_VERSION
from studiolo.packaging.stores import TAG
from studiolo.problems import quoted
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hub.credentials.credential import Owner
    from hub.credentials.rights import Standing
    from studiolo.packaging.secret_scan import FoundSecret


HOUR: Final = timedelta(hours=1)


class Action(StrEnum):
    """What somebody wants."""

    SEE = "see"
    """List, download and run."""
    PACKAGE = "package"
    DELETE = "delete"


def may(who: Standing, action: Action, owner: Owner) -> Answer:
    """Whether somebody may do this with packages of that owner.

    A person's own are theirs alone. A team's members see them and add to them; who leads it deletes. Administrators
    see and delete all of every team's, also of one that is gone.
    """
    if not owner.team:
        return Answer.YES if owner.name == who.name else Answer.HIDDEN
    team = who.teams.get(owner.team)
    is_member = team is not None and team.is_member
    if who.is_admin and action is not Action.PACKAGE:
        return Answer.YES
    if team is None or not is_member:
        return Answer.HIDDEN
    # Who was made to leave the team leads it no more, even if nobody took them off its list of leads.
    return Answer.REFUSED if action is Action.DELETE and who.name not in team.leads else Answer.YES


def repository_of(owner: Owner, name: str, *, prefix: str = "") -> str:
    """Where images of a model are kept: `models/alice/iris`, `models/team--vision/iris`. One-to-one with both.

    No person's label holds two hyphens in a row that are not three: see `studiolo.names`.
    """
    whose = f"team--{owner.label}" if owner.team else owner.label
    return "/".join(part for part in (prefix.strip("/"), "models", whose, name) if part)


def name_from(source: str) -> str:
    """What a model is called where nobody says: `notebooks/Iris, 2nd try.ipynb` -> `iris-2nd-try`."""
    return slug_like(PurePosixPath(source).stem) or "model"


def problems_with_name(name: str) -> tuple[str, ...]:
    """What is wrong with the name of a model."""
    if is_slug(name) and len(name) <= LONGEST_NAME:
        return ()
    near = slug_like(name)
    return (
        (
            f"name: {quoted(name)} cannot name a model. Use up to {LONGEST_NAME} small letters, digits and single "
            f"hyphens, a letter first{f', such as {near}' if near else ''}."
        ),
    )


def problems_with_version(version: str) -> tuple[str, ...]:
    """What is wrong with a version that somebody chose; "" chooses none."""
    if version == LATEST:
        return (f"version: {LATEST} always means the newest one, so none can be called so.",)
    if version and (len(version) > LONGEST_VERSION or not TAG.fullmatch(version)):
        return (
            (
                f"version: {quoted(version)} cannot be one. Use up to {LONGEST_VERSION} letters, digits, dots, hyphens "
                "and underscores, and no dot or hyphen first."
            ),
        )
    return ()


def problems_with_secrets(found: Iterable[FoundSecret], *, allowed: Collection[str]) -> tuple[str, ...]:
    """What looks like a secret and was not allowed."""
    return tuple(
        f"{secret} Take it out, or name {secret.place} as allowed if it is none."
        for secret in found
        if secret.place not in allowed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What somebody and the owner have used of what they may."""

    packages_in_hour: int
    """That the person has made in the last hour, for whomever."""
    oldest_in_hour: timedelta
    """How long ago the first of them was made."""
    bytes: int
    """That the owner's packages take."""


def must_wait(used: Used, *, per_hour: int) -> timedelta | None:
    """How long somebody has to wait for their next package; None where they need not."""
    return HOUR - used.oldest_in_hour if used.packages_in_hour >= per_hour else None


def problems_with_space(used: Used, more_bytes: int, *, most_bytes: int, owner: Owner) -> tuple[str, ...]:
    """Why no more goes in."""
    if used.bytes + more_bytes <= most_bytes:
        return ()
    who = f"The team {quoted(owner.team)} uses" if owner.team else "You use"
    return (
        (
            f"{who} {format_memory(used.bytes)} of {format_memory(most_bytes)} for model packages, and this one has up "
            f"to {format_memory(more_bytes)}. Delete versions that nobody needs."
        ),
    )
