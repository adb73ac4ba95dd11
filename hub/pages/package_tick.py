"""The tick of a model package on the spawn page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studiolo.package_name import PackageName, PackageNameInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studiolo.catalog import Environment
    from studiolo.wire_models import PackageOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTick:
    """Asks, ticked, whether to open a package."""

    value: str
    """As a choice names it."""
    title: str
    about: str
    is_ticked: bool = True
    environment: str = ""
    """What it stands on, which is selected on the page; "" where nobody says so."""
    notes: tuple[str, ...] = ()


def package_in(text: str) -> PackageName | None:
    """The package that somebody named; None where it is none. What is wrong with it, the check of the choice says."""
    try:
        return PackageName.parse(text) if text else None
    except PackageNameInvalid:
        return None


def package_tick(
    package: PackageName,
    origin: PackageOrigin | None,
    offered: Iterable[Environment],
    *,
    team: str = "",
    problem: str = "",
) -> PackageTick:
    """What the page shows. `origin` is None where nobody says what it stands on; `problem` is why, as a sentence."""
    title = f"Open {package.shown} with its files" + (f", of the team {team}" if team else "")
    where = f"~/models/{package.name}-{package.version}"
    found = None if origin is None else next((one for one in offered if one.name == origin.environment), None)
    software = f"It stands on {found.title}, which is selected. " if found else ""
    return PackageTick(
        value=str(package),
        title=title,
        about=f"{software}Its files appear in {where}; nothing of yours is written over.",
        is_ticked=not problem,
        environment=found.name if found else "",
        notes=(problem,) if problem else (),
    )
