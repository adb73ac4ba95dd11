"""Pods that nobody knows are ended, and only those."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spawner.cluster_orphans import YOUNGEST, orphans
from spawner.pod_facts import PodFacts

NOW = datetime(2026, 11, 26, 14, 20, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)


def pod(name: str, *, created_at: datetime | None = OLD, is_deleting: bool = False) -> PodFacts:
    return PodFacts(
        name=name, namespace="work", uid=name, resource_version="1", created_at=created_at, is_deleting=is_deleting
    )


CASES = {
    "known": (pod("ws-alice"), False),
    "unknown": (pod("ws-eve"), True),
    "unknown, of this minute": (pod("ws-eve", created_at=NOW - YOUNGEST / 2), False),
    "unknown, just old enough": (pod("ws-eve", created_at=NOW - YOUNGEST), True),
    "unknown, ended by somebody already": (pod("ws-eve", is_deleting=True), False),
    "unknown, of an age that nobody told": (pod("ws-eve", created_at=None), False),
}


@pytest.mark.parametrize(("one", "is_orphan"), CASES.values(), ids=CASES)
def test_a_pod_is_an_orphan_when_it_is_old_and_nobody_knows_it(one: PodFacts, is_orphan: bool) -> None:
    assert orphans((one,), known={"ws-alice"}, now=NOW) == ((one,) if is_orphan else ())
