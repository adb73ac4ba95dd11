"""Where workspaces run, as pages see it: this machine or a cluster. Only here pages touch what starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.pages.admin_view import CatalogFacts

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.capacity.board import ForecastBoard, PlanOf
    from hub.pages.admin_view import EnvironmentFacts, Figure
    from hub.pages.spawn_view import Offer
    from spawner.catalogs import CatalogHolder
    from spawner.parts import StartHistory


class Place(Protocol):
    """What pages ask of the place that workspaces run in. Nothing here waits."""

    @property
    def title(self) -> str:
        """As a heading: "This machine"."""

    @property
    def catalogs(self) -> CatalogHolder:
        """What is on offer."""

    @property
    def starts(self) -> StartHistory:
        """What is known of earlier starts."""

    @property
    def forecasts(self) -> ForecastBoard:
        """Who says how long a start will take."""

    def offer_to(self, teams: Collection[str], plan_of: PlanOf | None = None) -> Offer:
        """All that is on offer to people in these teams, with what is known of it at this moment.

        `plan_of`: what one of them would start. None: as if no pod waited to be claimed.
        """

    def figures(self) -> tuple[Figure, ...]:
        """The numbers that an administrator looks for first."""

    def environments_on_disk(self) -> tuple[EnvironmentFacts, ...] | None:
        """The environments that are built here; None where images are what runs."""

    def log_address(self, user: str, server: str) -> str:
        """Where the owner of a workspace reads what its server prints; "" where nobody can."""


def catalog_facts(catalogs: CatalogHolder) -> CatalogFacts:
    """What the hub knows of the catalogs."""
    status, catalog = catalogs.status, catalogs.current
    return CatalogFacts(
        loaded_at=status.loaded_at,
        is_valid=status.is_valid,
        problems=status.problems,
        environment_count=len(catalog.environments),
        hardware_count=len(catalog.hardware),
    )
