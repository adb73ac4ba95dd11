"""An environment's new image: announced, brought to the nodes, offered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.prepull.switch import Switch, is_due, switched, with_catalog
from tests.hub.capacity.shapes import NOW

OLD = Switch(environment="python", offered="old")
COMING = Switch(environment="python", offered="old", announced="new", since=NOW)
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("known", "image", "then"),
    [
        pytest.param(None, "old", OLD, id="never seen before: offered as it is"),
        pytest.param(OLD, "old", OLD, id="nothing has changed"),
        pytest.param(OLD, "new", COMING, id="changed: announced"),
        pytest.param(COMING, "new", COMING, id="still on its way, since the first time"),
        pytest.param(COMING, "old", OLD, id="changed back"),
        pytest.param(
            Switch(environment="python", offered="old", announced="wrong", since=NOW - HALF_AN_HOUR),
            "new",
            COMING,
            id="changed again: its time begins anew",
        ),
    ],
)
def test_what_the_catalog_names_is_announced(known: Switch | None, image: str, then: Switch) -> None:
    assert with_catalog(known, "python", image, now=NOW) == then


@pytest.mark.parametrize(
    ("minutes", "is_everywhere", "old_is_gone", "due"),
    [(1, False, False, False), (1, True, False, True), (1, False, True, True), (30, False, False, True)],
)
def test_it_is_offered_once_it_is_there_or_cannot_be_waited_for(
    minutes: int, is_everywhere: bool, old_is_gone: bool, due: bool
) -> None:
    later = NOW + timedelta(minutes=minutes)
    facts = {"is_everywhere": is_everywhere, "old_is_gone": old_is_gone, "now": later, "within": HALF_AN_HOUR}
    assert is_due(COMING, **facts) is due  # type: ignore[arg-type]  # as its parameters
    assert not is_due(OLD, **facts)  # type: ignore[arg-type]


def test_from_then_on_it_is_what_starts() -> None:
    assert switched(COMING) == Switch(environment="python", offered="new")
