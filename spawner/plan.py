"""What will run: a checked choice as frozen data, the shape and the identity kept apart.

A warm workspace is made from a shape alone and receives its identity later, so nothing of one may reach into the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spawner.options import resolve_options
from studiolo.choice import Choice
from studiolo.names import home_name, workspace_key

if TYPE_CHECKING:
    from collections.abc import Collection

    from spawner.credentials import MountedCredential
    from spawner.file_owner import FileOwner
    from spawner.opened_package import OpenedPackage
    from studiolo.catalog import Catalog, DataFolder, Environment, Hardware
    from studiolo.package_name import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a workspace is made of, whoever it is for."""

    environment: Environment
    hardware: Hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose a workspace is."""

    user: str
    server: str
    """"" is the unnamed one, shown as `default`."""
    teams: tuple[str, ...]
    home: str
    """The name of the person's home where homes are kept."""
    credentials: tuple[MountedCredential, ...] = ()
    """What of theirs it gets: known once the start has asked."""
    owner: FileOwner | None = None
    """A user number of their own, known once the start has asked; None where one is everybody's."""

    @property
    def key(self) -> str:
        """The workspace's own name on disk and in the ledger."""
        return workspace_key(self.user, self.server)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """A workspace that may be started: what, whose, and the variables the person gave it."""

    shape: Shape
    identity: Identity
    env: tuple[tuple[str, str], ...] = ()
    data: tuple[DataFolder, ...] = ()
    """What it has beside the home."""
    credentials: tuple[str, ...] | None = None
    """Which credentials were chosen, by name; None for all that are marked "always"."""
    home_quota_bytes: int | None = None
    """How much its owner's home may hold."""

    git: str | None = None
    """The address of a repository that the server clones into the home."""
    model: PackageName | None = None
    """The model package that it opens."""
    opened: OpenedPackage | None = None
    """The same, once the start has asked."""
    has_empty_home: bool = False
    """Whether it gets an empty home of its own instead of the person's."""

    def with_credentials(self, credentials: tuple[MountedCredential, ...]) -> LaunchPlan:
        """The same plan with what the person gets of their credentials."""
        return replace(self, identity=replace(self.identity, credentials=credentials))

    def opening(self, opened: OpenedPackage, environment: Environment) -> LaunchPlan:
        """The same plan on the software that a package stands on, with its files."""
        return replace(self, shape=replace(self.shape, environment=environment), opened=opened)

    def owned_by(self, owner: FileOwner) -> LaunchPlan:
        """The same plan for somebody who has a user number of their own."""
        return replace(self, identity=replace(self.identity, owner=owner))

    @property
    def choice(self) -> Choice:
        """The choice that gives this plan again."""
        return Choice(
            environment=self.shape.environment.name,
            hardware=self.shape.hardware.name,
            env=self.env,
            data=tuple(entry.name for entry in self.data),
            credentials=self.credentials,
            git=self.git,
            model=str(self.model) if self.model else None,
            has_empty_home=self.has_empty_home,
        )


def make_plan(choice: Choice, *, catalog: Catalog, user: str, server: str, teams: Collection[str]) -> LaunchPlan:
    """The plan of a choice. Raises OptionsError where the catalog has stopped offering it since it was checked."""
    resolved = resolve_options(choice.as_user_options(), catalog=catalog, teams=teams)
    return LaunchPlan(
        shape=Shape(environment=resolved.environment, hardware=resolved.hardware),
        identity=Identity(user=user, server=server, teams=tuple(sorted(teams)), home=home_name(user)),
        env=resolved.env,
        data=resolved.data,
        credentials=resolved.credentials,
        git=resolved.git,
        model=resolved.model,
        has_empty_home=resolved.has_empty_home,
    )
