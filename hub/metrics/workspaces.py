"""What Prometheus is told of workspaces: how they start, how many there are, and what ended without being asked to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from hub.metrics.declared import (
    CLAIM_SECONDS,
    CLAIMS,
    IDLE_STOPS,
    ORPHANS_ENDED,
    OTHER,
    START_PHASE_SECONDS,
    START_SECONDS,
    STOP_RETRIES,
    WORKSPACES,
    bounded,
)
from hub.pages.facts import state_of
from hub.pages.home_view import WorkspaceState
from spawner.claim_rules import Miss
from spawner.errors import StartError
from spawner.start_report import CLAIMED, READY
from spawner.verdicts.outcomes import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric as Family

    from spawner.meter import EndedStart
    from studiolo.catalog import Catalog

IDLE_REASONS: Final = frozenset({"idle", "age"})
"""Why a workspace is stopped that nobody asked to stop."""

COUNTED_STATES: Final = tuple(state for state in WorkspaceState if state is not WorkspaceState.STOPPED)
"""Those that JupyterHub holds in memory. What rests is in its database alone, which no scrape should ask."""


class WorkspaceMetrics:
    """The spawners' meter, and what else the hub counts of workspaces."""

    def __init__(self, catalog: Callable[[], Catalog], registry: CollectorRegistry = REGISTRY) -> None:
        """`catalog` is the one in use: names that are not in it are counted as "other"."""
        self._catalog = catalog
        self._starts = START_SECONDS.histogram(registry)
        self._phases = START_PHASE_SECONDS.histogram(registry)
        self._stop_retries = STOP_RETRIES.counter(registry)
        self._orphans = ORPHANS_ENDED.counter(registry)
        self._claims = CLAIMS.counter(registry)
        for outcome in (CLAIMED, *Miss):  # as below
            self._claims.labels(outcome=str(outcome))
        self._claim_seconds = CLAIM_SECONDS.histogram(registry)
        self._idle_stops = IDLE_STOPS.counter(registry)
        for reason in sorted(IDLE_REASONS):  # there from the beginning, so that the first one is seen as an increase
            self._idle_stops.labels(reason=reason)

    def start_ended(self, start: EndedStart) -> None:
        """A start became ready or failed."""
        catalog, choice = self._catalog(), start.choice
        labels = {
            "environment": choice.environment if choice and catalog.environment(choice.environment) else OTHER,
            "hardware": choice.hardware if choice and catalog.hardware_named(choice.hardware) else OTHER,
            "verdict": bounded(start.outcome, _verdicts()),
        }
        self._starts.labels(**labels).observe(start.seconds)
        for phase, seconds in start.phases.items():
            self._phases.labels(**labels, phase=phase.value).observe(seconds)

    def stop_retried(self) -> None:
        """A workspace did not end when asked, and is asked again."""
        self._stop_retries.inc()

    def orphans_ended(self, count: int) -> None:
        """So many workspaces that nobody could reach were ended."""
        self._orphans.inc(count)

    def claim_ended(self, miss: Miss | None, seconds: float | None) -> None:
        """A start has claimed a warm pod, or went the normal way; after so many seconds, where it tried."""
        outcome = CLAIMED if miss is None else miss.value
        self._claims.labels(outcome=outcome).inc()
        if seconds is not None:
            self._claim_seconds.labels(outcome=outcome).observe(seconds)

    def idle_stopped(self, reason: str) -> None:
        """A workspace was stopped because nobody used it ("idle") or because it was too old ("age")."""
        self._idle_stops.labels(reason=bounded(reason, IDLE_REASONS)).inc()


class WorkspaceCounts(Collector):
    """How many workspaces are in which state, counted when somebody asks."""

    def __init__(self, spawners: Callable[[], Iterable[Any]], registry: CollectorRegistry = REGISTRY) -> None:
        """`spawners` gives all that JupyterHub holds in memory."""
        self._spawners = spawners
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """What `collect` gives, without asking for it."""
        yield WORKSPACES.family()

    def collect(self) -> Iterator[Family]:
        """The counts; none while the hub's database is away, for then nobody knows."""
        family = WORKSPACES.family()
        try:
            found = Counter(state_of(spawner) for spawner in self._spawners())
        except SQLAlchemyError:
            return
        for state in COUNTED_STATES:
            family.add_metric((state.value,), found[state])
        yield family


def _verdicts() -> frozenset[str]:
    """Every outcome that a start of ours can have."""
    return frozenset({READY, *(kind.value for kind in VerdictKind), *(error.code for error in _below(StartError))})


def _below(error: type[StartError]) -> Iterator[type[StartError]]:
    yield error
    for each in error.__subclasses__():
        yield from _below(each)
