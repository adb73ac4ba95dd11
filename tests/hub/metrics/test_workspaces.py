"""What Prometheus is told of workspaces: of their starts, their states, and ends that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError

from hub.metrics.workspaces import WorkspaceCounts, WorkspaceMetrics
from spawner.claim_rules import Miss
from spawner.errors import StartError
from spawner.meter import EndedStart
from spawner.progress import Phase
from spawner.verdicts.outcomes import VerdictKind
from studiolo.catalog import Catalog
from studiolo.choice import Choice
from tests.hub.metrics.exposed import exposed, value

PYTHON_SMALL = Choice(environment="python", hardware="small")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry, sample_catalog: Catalog) -> WorkspaceMetrics:
    return WorkspaceMetrics(lambda: sample_catalog, registry)


def start(outcome: str = "ready", choice: Choice | None = PYTHON_SMALL, **phases: float) -> EndedStart:
    seconds = {Phase(name): seconds for name, seconds in phases.items()}
    return EndedStart(choice=choice, outcome=outcome, seconds=sum(phases.values()), phases=seconds)


def test_a_start_is_measured_whole_and_by_phase(metrics: WorkspaceMetrics, registry: CollectorRegistry) -> None:
    metrics.start_ended(start(room=0.5, server=1.5))
    found = exposed(registry)
    labels = {"environment": "python", "hardware": "small", "verdict": "ready"}
    assert value(found, "studiolo_start_seconds_sum", **labels) == 2.0
    assert value(found, "studiolo_start_seconds_count", **labels) == 1
    assert value(found, "studiolo_start_phase_seconds_sum", **labels, phase="server") == 1.5
    assert {dict(key)["phase"] for key in found["studiolo_start_phase_seconds_count"]} == {"room", "server"}


def test_a_failed_start_is_counted_under_its_verdict(metrics: WorkspaceMetrics, registry: CollectorRegistry) -> None:
    metrics.start_ended(start(outcome=VerdictKind.IMAGE_NOT_FOUND.value, room=0.5))
    labels = {"environment": "python", "hardware": "small", "verdict": "image_not_found"}
    assert value(exposed(registry), "studiolo_start_phase_seconds_count", **labels, phase="room") == 1


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(None, id="a refusal before there was a choice"),
        pytest.param(Choice(environment="typed\nby hand", hardware="{}"), id="names in no catalog"),
    ],
)
def test_what_is_in_no_catalog_is_counted_as_other(
    metrics: WorkspaceMetrics, registry: CollectorRegistry, choice: Choice | None
) -> None:
    metrics.start_ended(start(outcome="made up", choice=choice))
    labels = {"environment": "other", "hardware": "other", "verdict": "other"}
    assert value(exposed(registry), "studiolo_start_seconds_count", **labels) == 1


def every_error(error: type[StartError] = StartError) -> Iterator[type[StartError]]:
    yield error
    for each in error.__subclasses__():
        yield from every_error(each)


def test_claims_are_counted_by_how_they_ended(metrics: WorkspaceMetrics, registry: CollectorRegistry) -> None:
    assert value(exposed(registry), "studiolo_claims_total", outcome="claimed") == 0  # so the first is an increase
    metrics.claim_ended(None, 0.25)
    metrics.claim_ended(Miss.AGENT, 0.15)
    metrics.claim_ended(Miss.DATA, None)
    found = exposed(registry)
    for outcome in ("claimed", "agent", "data"):
        assert value(found, "studiolo_claims_total", outcome=outcome) == 1
    took = {dict(key)["outcome"]: seconds for key, seconds in found["studiolo_claim_seconds_sum"].items()}
    assert took == {"claimed": 0.25, "agent": 0.15}  # of who tried nothing there is nothing to measure


def test_every_way_to_fail_is_told_apart(metrics: WorkspaceMetrics, registry: CollectorRegistry) -> None:
    codes = {error.code for error in every_error()} | {kind.value for kind in VerdictKind}
    for code in codes:
        metrics.start_ended(start(outcome=code))
    assert {dict(key)["verdict"] for key in exposed(registry)["studiolo_start_seconds_count"]} == codes


def test_what_nobody_asked_for_is_counted(metrics: WorkspaceMetrics, registry: CollectorRegistry) -> None:
    metrics.stop_retried()
    metrics.orphans_ended(2)
    metrics.idle_stopped("idle")
    metrics.idle_stopped("a whim")
    found = exposed(registry)
    assert value(found, "studiolo_stop_retries_total") == 1
    assert value(found, "studiolo_orphans_ended_total") == 2
    reasons = {"idle": 1, "age": 0, "other": 1}
    assert {reason: value(found, "studiolo_idle_stops_total", reason=reason) for reason in reasons} == reasons


def spawner(**state: Any) -> Any:
    return SimpleNamespace(
        **{"pending": None, "ready": False, "_failed": False, "active": False, "failure": None, **state}
    )


def test_workspaces_are_counted_by_their_state() -> None:
    registry = CollectorRegistry()
    spawners = [
        spawner(ready=True),
        spawner(ready=True),
        spawner(pending="spawn"),
        spawner(_failed=True),
        spawner(),
    ]
    WorkspaceCounts(lambda: spawners, registry)
    found = exposed(registry)
    counted = {dict(key)["state"]: count for key, count in found["studiolo_workspaces"].items()}
    assert counted == {"running": 2, "starting": 1, "failed": 1, "stopping": 0, "checking": 0}


def test_while_the_hubs_database_is_away_nothing_is_said_of_states_and_the_rest_goes_on() -> None:
    def away() -> list[Any]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    registry = CollectorRegistry()
    WorkspaceCounts(away, registry)
    assert "studiolo_workspaces" not in exposed(registry)
