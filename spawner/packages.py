"""Who knows what a model package stands on, asked before a workspace starts with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from spawner.opened_package import OpenedPackage, said_of_what_is_beside, software_of
from spawner.package_errors import PackageGone, PackagesAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from spawner.catalogs import CatalogHolder
    from spawner.plan import LaunchPlan
    from studiolo.catalog import Environment
    from studiolo.choice import Choice
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin


class SourceAway(Exception):
    """Nobody answers."""


class PackageSource(Protocol):
    """Never waits longer than a start can bear."""

    async def origin(self, user: str, package: PackageName, team: str) -> PackageOrigin | None:
        """What it stands on; None where there is none. `team`: in full, "" for the person's own. Raises SourceAway."""


class NoPackages:
    """Nobody has any: for a spawner without the services process."""

    async def origin(
        self,
        user: str,  # noqa: ARG002 - the protocol's
        package: PackageName,  # noqa: ARG002 - the protocol's
        team: str,  # noqa: ARG002 - the protocol's
    ) -> PackageOrigin | None:
        """None."""
        return None


NO_PACKAGES: Final[PackageSource] = NoPackages()


async def find_origin(
    source: PackageSource, package: PackageName, choice: Choice, *, user: str, teams: Collection[str]
) -> tuple[PackageOrigin, str]:
    """What a package stands on, and the team that it is of. Raises PackageGone or PackagesAway."""
    team = package.team_among(teams)
    if team is None:  # of a team that they are not in: the same as none
        raise PackageGone(package, choice)
    try:
        origin = await source.origin(user, package, team)
    except SourceAway:
        raise PackagesAway(package, choice) from None
    if origin is None:
        raise PackageGone(package, choice)
    return origin, team


class Known(Protocol):
    """What opening a package needs of the spawner's parts."""

    @property
    def catalogs(self) -> CatalogHolder: ...

    @property
    def packages(self) -> PackageSource: ...


async def open_package(
    plan: LaunchPlan,
    known: Known,
    *,
    is_chosen: bool,
    of_then: Callable[[Environment, PackageOrigin, PackageName], Awaitable[tuple[Environment, tuple[str, ...]]]],
) -> tuple[LaunchPlan, tuple[str, ...]]:
    """The plan on the software that its package stands on, and what its person should know of that.

    `is_chosen`: somebody named an environment. `of_then`: an environment as it was when the package was made, as far
    as it can be had, and what is said of it. Raises what `find_origin` and `software_of` do.
    """
    package, identity = plan.model, plan.identity
    if package is None:
        return plan, ()
    origin, team = await find_origin(known.packages, package, plan.choice, user=identity.user, teams=identity.teams)
    offered = known.catalogs.current.offered_environments(identity.teams)
    now = software_of(origin, package, choice=plan.choice, is_chosen=is_chosen, offered=offered)
    environment, said = await of_then(now, origin, package)
    opened = OpenedPackage.of(origin, team=team)
    return plan.opening(opened, environment), (*said, *said_of_what_is_beside(now, origin, package))
