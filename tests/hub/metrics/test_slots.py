"""What Prometheus is told of the room that is held."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from hub.capacity.plan import Because, Slots
from hub.metrics.slots import SlotMetrics
from tests.hub.capacity.shapes import NOW
from tests.hub.metrics.exposed import Values, exposed, value


def shown(*planned: Slots, looked_at: datetime | None = NOW) -> Values:
    registry = CollectorRegistry()
    SlotMetrics(cast("Any", SimpleNamespace(planned=planned, looked_at=looked_at)), registry)
    return exposed(registry)


def slots(**more: Any) -> Slots:
    facts = {"hardware": "gpu", "wanted": 6, "because": Because.DEMAND, "target": 4, "present": 2, "fitting": 3}
    return Slots(**{**facts, **more})


def test_slots_are_told_by_hardware_with_how_many_wait_for_a_node() -> None:
    found = shown(slots(per_hour=Decimal("5.20")), slots(hardware="small", wanted=1, target=1, present=1, fitting=1))
    counts = {
        (hardware, state): value(found, "studiolo_slots", hardware=hardware, state=state)
        for hardware in ("gpu", "small")
        for state in ("wanted", "present", "waiting")
    }
    assert counts == {
        ("gpu", "wanted"): 6,
        ("gpu", "present"): 2,
        ("gpu", "waiting"): 1,
        ("small", "wanted"): 1,
        ("small", "present"): 1,
        ("small", "waiting"): 0,
    }
    assert found["studiolo_slots_cost_per_hour"] == {(("hardware", "gpu"),): 5.2}
    assert value(found, "studiolo_slots_looked_timestamp_seconds") == NOW.timestamp()


def test_before_the_first_look_nothing_is_told() -> None:
    assert shown(looked_at=None) == {}
