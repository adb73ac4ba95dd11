"""What can go wrong with model packages, beside what packaging itself raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.errors import StudioloError
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ModelRefused(StudioloError):
    """It cannot be packaged like this; the text has every reason."""

    code = "model_refused"

    def __init__(self, problems: tuple[str, ...], *, hint: str = "") -> None:
        """`problems` is never empty; each is a whole sentence."""
        super().__init__(" ".join(problems), hint=hint)
        self.problems = problems


class UploadRefused(ModelRefused):
    """What was sent is no archive as it should be, or too much."""

    code = "upload_refused"


class VersionTaken(StudioloError):
    """The version is there with other content; versions are written once."""

    code = "version_taken"

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"{name} {version} is there already, with other content, and a version never changes.",
            hint="Give it another version, or delete that one first.",
        )


class TooManyPackages(StudioloError):
    """A person has made as many as they may for now."""

    code = "too_many_packages"

    def __init__(self, sentence: str, *, retry_after_seconds: int) -> None:
        """`retry_after_seconds`: when it is worth trying again."""
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class BeingChanged(TooManyPackages):
    """Another services process makes or deletes a package of the same model, and does not come to an end."""

    def __init__(self) -> None:
        super().__init__("Another package of this model is being made at this moment.", retry_after_seconds=30)


class NoSuchModel(StudioloError):
    """There is none of that name and version that the person may see."""

    code = "model_not_found"

    def __init__(self, name: str, version: str, known: Iterable[str], *, team: str = "") -> None:
        """`known`: versions that there are, or names where there is none of that name."""
        who = f"The team {quoted(team)} has" if team else "You have"
        what = f"{quoted(name)} {version}".strip()
        super().__init__(f"{who} no model package {what}.{perhaps(version or name, known)}")


class NotAllowedWithModels(StudioloError):
    """A member of a team wants what only who leads it may."""

    code = "not_the_lead"

    def __init__(self, team: str, leads: Sequence[str]) -> None:
        """`leads`: who may."""
        super().__init__(
            f"Only who leads the team {quoted(team)} may delete its model packages.",
            hint=f"Ask {' or '.join(leads)}." if leads else "Nobody leads it: ask an administrator.",
        )


class NoPlaceForModels(StudioloError):
    """Nobody has said where images are kept."""

    code = "no_place_for_models"

    def __init__(self) -> None:
        super().__init__(
            "Models cannot be packaged here: no registry is named for their images.",
            hint="Ask an administrator to set models.registry.host.",
        )
