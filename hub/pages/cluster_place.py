"""A cluster as pages see it. Only Kubernetes knows whether there is room: nothing is refused before it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.pages.admin_view import Figure
from hub.pages.cards import SoftwareFacts
from hub.pages.spawn_view import Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hub.capacity.board import ForecastBoard, PlanOf
    from spawner.catalogs import CatalogHolder
    from spawner.parts import StartHistory
    from spawner.pod_watch import PodWatch
    from studiolo.catalog import Environment

SILENT_SECONDS = 90
"""A healthy API server says at least once a minute that it is there."""


class ClusterPlace:
    """The cluster."""

    title = "The cluster"

    def __init__(
        self,
        *,
        catalogs: CatalogHolder,
        starts: StartHistory,
        forecasts: ForecastBoard,
        pods: Callable[[], PodWatch | None],
        clock: Callable[[], float],
    ) -> None:
        """`pods`: the picture of the pods, None until the hub is connected. `clock`: the one that picture keeps."""
        self.catalogs = catalogs
        self.starts = starts
        self.forecasts = forecasts
        self._pods = pods
        self._clock = clock

    def offer_to(self, teams: Collection[str], plan_of: PlanOf | None = None) -> Offer:
        """All that is on offer to people in these teams."""
        catalog = self.catalogs.current
        forecasts = self.forecasts.forecasts(teams, plan_of)
        return Offer(
            software=tuple(self._software(environment) for environment in catalog.offered_environments(teams)),
            hardware=catalog.offered_hardware(teams),
            machine=None,
            currency=catalog.currency,
            default=catalog.default_choice(teams),
            data=catalog.offered_data(teams),
            knows_estimates=not self.starts.is_away,
            forecasts=forecasts,
            without_claims=self.forecasts.forecasts(teams) if any(each.is_claim for each in forecasts) else (),
            timezone=catalog.timezone,
        )

    def figures(self) -> tuple[Figure, ...]:
        """How many workspaces there are, and whether the cluster still tells of them."""
        pods = self._pods()
        if pods is None or not pods.is_synced:
            return (Figure(title="Kubernetes", value="not reached yet", note="workspaces are left as they are"),)
        here = pods.pods()
        silent = pods.seconds_silent(self._clock())
        is_silent = silent > SILENT_SECONDS
        return (
            Figure(title="Workspaces", value=f"{sum(not pod.has_ended for pod in here)} running"),
            Figure(
                title="Kubernetes",
                value=f"silent for {silent:.0f} s" if is_silent else "answers",
                note="what pages show is as old as that" if is_silent else "",
            ),
        )

    def environments_on_disk(self) -> None:
        """Images are what runs here."""

    def log_address(self, user: str, server: str) -> str:  # noqa: ARG002 - a place's
        """Nothing of ours may read the logs of people's pods but the hub, at their end."""
        return ""

    def _software(self, environment: Environment) -> SoftwareFacts:
        return SoftwareFacts(
            environment=environment,
            is_ready=True,
            newer_is_coming=self.catalogs.newer_is_coming(environment.name),
        )
