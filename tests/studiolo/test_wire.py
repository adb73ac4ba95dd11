from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from studiolo.wire import Expectations, ProgressEvent, Server, StartRecord, Team, WorkspaceState, WorkspaceView

RECORD: dict[str, Any] = {
    "user": "alice",
    "server": "",
    "environment": "python",
    "hardware": "small",
    "environment_digest": "abc",
    "phases": {"room": 0.5},
    "outcome": "ready",
    "started_at": "2026-03-01T10:00:00Z",
}


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({"ready": True, "pending": None}, WorkspaceState.READY),
        ({"stopped": True}, WorkspaceState.STOPPED),
        ({"pending": "spawn"}, WorkspaceState.STARTING),
        ({"ready": True, "pending": "stop"}, WorkspaceState.STOPPING),
        ({"pending": "check"}, WorkspaceState.CHECKING),
        ({"pending": "something new"}, WorkspaceState.CHECKING),
        ({}, WorkspaceState.CHECKING),
    ],
)
def test_the_hubs_flags_are_one_state(flags: dict[str, Any], state: WorkspaceState) -> None:
    assert Server.model_validate({"name": "", "url": "/user/alice/", **flags}).state is state


def test_what_a_newer_hub_says_in_addition_is_passed_over() -> None:
    event = ProgressEvent.model_validate({"progress": 10, "new": 1, "phases": [{"phase": "room", "new": 2}]})
    assert event.phases[0].phase == "room"
    assert not event.is_last


def test_the_unnamed_server_is_shown_as_default() -> None:
    view = WorkspaceView.of(Server(name="", url="/user/alice/", ready=True), user="alice", url="http://x/user/alice/")
    assert (view.name, view.title) == ("default", "default")


def test_a_stopped_workspace_does_not_say_since_when_it_runs() -> None:
    server = Server(name="a", url="/", stopped=True, started=datetime(2026, 3, 1, tzinfo=UTC))
    assert WorkspaceView.of(server, user="alice", url="/").started is None


def test_a_start_record_survives_the_wire() -> None:
    record = StartRecord.model_validate(RECORD)
    assert StartRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"user": ""},
        {"user": "a" * 256},
        {"phases": {"room": -1}},
        {"phases": {"room": float("nan")}},
        {"phases": {"room": float("inf")}},
        {"phases": {f"phase-{number}": 1 for number in range(21)}},
        {"outcome": ""},
        {"started_at": "yesterday"},
    ],
)
def test_a_start_record_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StartRecord.model_validate({**RECORD, **change})


def test_expectations_are_never_negative() -> None:
    assert Expectations.model_validate({}).stages == ()
    with pytest.raises(ValidationError):
        Expectations.model_validate(
            {"stages": [{"stage": "server", "usual": -1, "slow": 1, "slowest": 1, "weight": 1}]}
        )


@pytest.mark.parametrize(
    ("properties", "leads"),
    [({"leads": ["alice"], "quota": {}}, ("alice",)), ({}, ()), (None, ()), ({"leads": "alice"}, ())],
)
def test_who_leads_a_team_is_read_from_any_group(properties: object, leads: tuple[str, ...]) -> None:
    assert Team.model_validate({"name": "vision", "properties": properties}).leads == leads
