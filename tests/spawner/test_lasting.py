"""What is remembered of how long a workspace may last: extensions, and why the hub stops it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spawner.ending import Ending, EndingKind
from spawner.lasting import Lasting, StopReason

WHEN = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)
UNUSED = StopReason(kind=EndingKind.IDLE, sentence="It was stopped after 2 h without use.")


@pytest.mark.parametrize(
    "lasting",
    [
        Lasting(),
        Lasting().extended(WHEN),
        Lasting(stop_reason=UNUSED),
        Lasting(stop_reason=UNUSED).extended(WHEN).extended(WHEN),
    ],
)
def test_it_survives_a_restart_of_the_hub(lasting: Lasting) -> None:
    assert Lasting.from_state(lasting.as_state()) == lasting


def test_where_there_is_nothing_to_keep_nothing_is_kept() -> None:
    assert Lasting().as_state() == {}


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        "x",
        {},
        {"extensions": "many", "extended_until": None, "stop_reason": None},
        {"extensions": 1, "extended_until": "soon", "stop_reason": None},
        {"extensions": 1, "extended_until": None, "stop_reason": {"kind": "of a later version", "sentence": ""}},
    ],
)
def test_what_cannot_be_read_is_forgotten(kept: Any) -> None:
    assert Lasting.from_state({"lasting": kept}) == Lasting()


def test_only_an_end_that_was_asked_for_gets_the_reason() -> None:
    lasting = Lasting(stop_reason=UNUSED)
    explained = lasting.explain(Ending(kind=EndingKind.STOPPED, ended_at=WHEN))
    assert explained == Ending(kind=EndingKind.IDLE, ended_at=WHEN, why=UNUSED.sentence)
    crashed = Ending(kind=EndingKind.OUT_OF_MEMORY, ended_at=WHEN)
    assert lasting.explain(crashed) is crashed
    assert lasting.explain(None) is None
    asked = Ending(kind=EndingKind.STOPPED, ended_at=WHEN)
    assert Lasting().explain(asked) is asked
