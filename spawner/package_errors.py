"""Why a workspace that opens a model package did not start. The tree of all such errors is in `spawner/errors.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spawner.errors import Offer, StartError, offer_again
from studiolo.problems import quoted

if TYPE_CHECKING:
    from studiolo.catalog import Environment
    from studiolo.choice import Choice
    from studiolo.package_name import PackageName


def offer_without_package(choice: Choice) -> Offer:
    """The offer to start the same without the package."""
    return Offer(
        label="Start without it",
        note="same software, same hardware, without the package's files",
        choice=replace(choice, model=None),
    )


class PackageGone(StartError):
    """There is no such package, or it is not for this person: nobody learns which."""

    code = "package_gone"

    def __init__(self, package: PackageName, choice: Choice) -> None:
        """`choice` is what was asked for, with the package in it."""
        where = "of your team" if package.folder else "of yours"
        super().__init__(
            f"There is no model package {package.shown} {where}.",
            cause="It may have been deleted.",
            hint="Look under Models which there are, or start without it.",
            offers=(offer_without_package(choice),),
        )


class PackagesAway(StartError):
    """Nobody could say what the package stands on."""

    code = "packages_away"

    def __init__(self, package: PackageName, choice: Choice) -> None:
        """`choice` is what was asked for, with the package in it."""
        super().__init__(
            f"It is not known now what {package.shown} stands on, so your workspace was not started.",
            cause="The part of Studiolo that keeps model packages does not answer.",
            hint="Try again in a minute, or start without it.",
            offers=(offer_again(choice), offer_without_package(choice)),
        )


class PackageSoftwareGone(StartError):
    """The environment that it stands on is not for this person, or not there any more."""

    code = "package_software_gone"

    def __init__(self, package: PackageName, environment: str, choice: Choice) -> None:
        """`environment` is a name of the catalog, of now or of before."""
        super().__init__(
            f"{package.shown} stands on the software {quoted(environment)}, which is no longer offered to you.",
            hint="Ask an administrator for it, or package the model anew on other software.",
            offers=(offer_without_package(choice),),
        )


class PackageStandsOnOther(StartError):
    """Other software was chosen than the package stands on."""

    code = "package_stands_on_other"

    def __init__(self, package: PackageName, environment: Environment, choice: Choice) -> None:
        """`environment` is the package's."""
        super().__init__(
            f'{package.shown} stands on "{environment.title}", and other software was chosen.',
            hint=f'Choose "{environment.title}" to open it, or start without it.',
            offers=(
                Offer(
                    label=f"Start with {environment.title}",
                    note="same hardware, with the package's files",
                    choice=replace(choice, environment=environment.name),
                ),
                offer_without_package(choice),
            ),
        )
