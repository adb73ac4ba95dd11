"""The message that makes a parked server somebody's, and the order that brings it there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from park.message import parse_identity
from spawner.identity import (
    CREDENTIALS_ANNOTATION,
    HOME_ANNOTATION,
    ORDER_ANNOTATION,
    TEAMS_ANNOTATION,
    Identity,
    Order,
)

IDENTITY: dict[str, Any] = {
    "env": {"HOME": "/home/jovyan", "JUPYTERHUB_API_TOKEN": "of-alice", "LINES": "a\nb"},
    "cwd": "/home/jovyan",
    "arguments": ["--debug"],
}
ORDER: dict[str, Any] = {
    "id": "0" * 32,
    "at": datetime(2026, 11, 27, tzinfo=UTC),
    "namespace": "lab",
    "pod": "warm-1",
    "pod_uid": "11111111-2222-3333-4444-555555555555",
    "user": "alice",
    "home": {"name": "alice", "uid": 1000, "gid": 1000},
    "teams": [{"name": "vision"}, {"name": "library", "read_only": True}],
    "identity": IDENTITY,
}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a home that is a path": ({"home": {"name": "../bob", "uid": 1000, "gid": 1000}}, "home.name"),
    "the folder of all teams as a home": ({"home": {"name": ".teams", "uid": 1000, "gid": 1000}}, "home.name"),
    "a home of root's": ({"home": {"name": "alice", "uid": 0, "gid": 1000}}, "home.uid"),
    "a team that is a path": ({"teams": [{"name": "a/../../b"}]}, "teams.0.name"),
    "a pod by a path": ({"pod_uid": "../../11111111-2222-3333-4444-555555555555"}, "pod_uid"),
    "a line behind the uid": ({"pod_uid": "11111111-2222-3333-4444-555555555555\n"}, "pod_uid"),
    "a time of no place": ({"at": datetime(2026, 11, 27)}, "at"),  # noqa: DTZ001 - that is the case
    "an id that anybody guesses": ({"id": "1"}, "id"),
    "no home of the processes": ({"identity": {**IDENTITY, "env": {}}}, "identity.env"),
    "a variable that is none": ({"identity": {**IDENTITY, "env": {"HOME": "/", "A=B": ""}}}, "identity.env"),
    "another version": ({"identity": {**IDENTITY, "version": 2}}, "identity.version"),
    "something nobody knows": ({"mount": "/"}, "mount"),
}


def test_a_parked_server_takes_what_is_written_here() -> None:
    line = Identity.model_validate(IDENTITY).line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    taken = parse_identity(line)
    assert (taken.env, taken.cwd, taken.umask) == (IDENTITY["env"], "/home/jovyan", 0o022)
    assert taken.arguments == ("--debug",)


def test_an_order_says_what_the_patch_of_its_claim_writes_on_the_pod() -> None:
    assert Order(**ORDER).marks() == {
        ORDER_ANNOTATION: "0" * 32,
        HOME_ANNOTATION: "alice 1000 1000",
        TEAMS_ANNOTATION: "vision library:ro",
        CREDENTIALS_ANNOTATION: "",
    }


def test_an_order_survives_the_way_to_the_agent() -> None:
    order = Order(**ORDER)
    assert Order.model_validate_json(order.model_dump_json()) == order


@pytest.mark.parametrize(("change", "place"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_order_is_refused_and_its_secrets_are_not_told(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Order(**{**ORDER, **change})
    assert [".".join(str(part) for part in one["loc"]) for one in refused.value.errors()] == [place]
    assert "of-alice" not in str(refused.value)


def test_neither_is_shown_with_its_secrets() -> None:
    assert "of-alice" not in repr(Order(**ORDER))
