"""Rules that wake somebody, as Prometheus reads them: of what no page shows, because starts go on without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from deploy.dashboards.expressions import events_since_zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule."""

    name: str
    expression: str
    lasts: str
    """How long it has to hold, in Prometheus' words."""
    summary: str
    todo: str


FAULTS: Final = "agent|credentials|foreign|late|pod"
"""Outcomes of claims that no person chose and no pool can help."""


def _claims(outcomes: str) -> str:
    """How many there were in half an hour."""
    counters = f'studiolo_claims_total{{outcome=~"{outcomes}"}}'
    return f"sum({events_since_zero(counters, minutes=30)})"


ALERTS: Final = (
    Alert(
        name="StudioloClaimsFail",
        expression=f"{_claims(FAULTS)} > 3 and {_claims(FAULTS)} > 0.2 * {_claims('claimed|' + FAULTS)}",
        lasts="5m",
        summary="More than a fifth of the claims of warm pods come to nothing",
        todo="Starts go the normal way and are slower. Look at the agents of the nodes: kubectl get pods in their"
        " namespace, and the hub's log; for `credentials` at the credential broker.",
    ),
    Alert(
        name="StudioloForeignWarmPods",
        expression=f"{_claims('foreign')} > 0",
        lasts="1m",
        summary="Pods say to be warm ones and are made otherwise, so nobody claims them",
        todo="The hub's log names them. An admission webhook that changes pods does this (docs/claims.md); where there"
        " is none, somebody made them: see who may create pods in the workspaces' namespace.",
    ),
    Alert(
        name="StudioloNoWarmPods",
        expression='sum by (environment, hardware) (studiolo_warm_pods{state="wanted"}) > 0 and'
        ' sum by (environment, hardware) (studiolo_warm_pods{state="ready"}) == 0',
        lasts="10m",
        summary="No pod of {{ $labels.environment }} on {{ $labels.hardware }} waits, and some are wanted",
        todo="The nodes are full, or pods do not park: kubectl get pods -l studiolo.dev/kind=warm, and their logs.",
    ),
    Alert(
        name="StudioloWarmPodsForgotten",
        expression="time() - max(studiolo_warm_pods_looked_timestamp_seconds) > 300",
        lasts="5m",
        summary="Nobody has looked after warm pods for five minutes",
        todo="The log of the services process says why; it asks again every 15 seconds.",
    ),
)


def render() -> dict[str, Any]:
    """The file of rules."""
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expression,
            "for": alert.lasts,
            "labels": {"severity": "warning"},
            "annotations": {"summary": alert.summary, "description": alert.todo},
        }
        for alert in ALERTS
    ]
    return {"groups": [{"name": "studiolo", "rules": rules}]}
