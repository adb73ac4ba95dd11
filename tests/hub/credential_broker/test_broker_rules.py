"""Whose a claimed pod is, as it says of itself in three ways, and which Secrets are meant for it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from kubespawner.slugs import is_valid_label, safe_slug

from hub.credential_broker.question import Denial, Question
from hub.credential_broker.rules import MIRROR_ANNOTATION, NAME_ANNOTATION, Meant, is_label_of, is_theirs, meant_for
from spawner.credential_keys import OWNER_KIND_LABEL, OWNER_LABEL
from spawner.identity import (
    CREDENTIALS_ANNOTATION,
    HOME_ANNOTATION,
    ORDER_ANNOTATION,
    SEAT_LABEL,
    USER_LABEL,
    HomeFolder,
)
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from studiolo.names import home_name
from tests.hub.credential_broker.samples import GIT, HF, NODE, RELEASE, TEAM, claimed_pod, given_order, question, secret

ALICE = Meant(person="alice", teams=frozenset({"vision"}), secrets=(HF.name, GIT.name, TEAM.name))


def asked(raw: dict[str, Any], one: Question | None = None) -> Meant | Denial:
    return meant_for(one or question(), raw, node=NODE, namespace="lab", release=RELEASE)


def changed(
    *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None, **parts: Any
) -> dict[str, Any]:
    """Alice's pod, but for something."""
    pod = deepcopy(claimed_pod())
    pod["metadata"]["labels"] |= labels or {}
    pod["metadata"]["annotations"] |= annotations or {}
    for part, change in parts.items():
        pod[part] |= change
    return pod


def test_a_claimed_pod_gets_what_its_marks_name_of_the_person_and_their_teams() -> None:
    assert asked(claimed_pod()) == ALICE


def test_a_pod_of_somebody_who_has_none_gets_none() -> None:
    without = changed(annotations={CREDENTIALS_ANNOTATION: ""})
    assert asked(without) == Meant(person="alice", teams=frozenset(), secrets=())


OTHERS: dict[str, tuple[dict[str, Any], Denial]] = {
    "nothing at all": ({}, Denial.UNKNOWN_POD),
    "another namespace's": (changed(metadata={"namespace": "other"}), Denial.UNKNOWN_POD),
    "a new one of that name": (
        changed(metadata={"uid": "11111111-2222-3333-4444-666666666666"}),
        Denial.UNKNOWN_POD,
    ),
    "another name": (changed(metadata={"name": "warm-2"}), Denial.UNKNOWN_POD),
    "nobody's": (changed(labels={SEAT_LABEL: "parked"}), Denial.NOT_CLAIMED),
    "one that a start made": (changed(annotations={ORDER_ANNOTATION: ""}), Denial.NOT_CLAIMED),
    "one that services made": (changed(labels={KIND_LABEL: "warm"}), Denial.NOT_CLAIMED),
    "another installation's": (changed(labels={RELEASE_LABEL: "other"}), Denial.NOT_CLAIMED),
    "one that a node made itself": (changed(annotations={MIRROR_ANNOTATION: "a"}), Denial.NOT_CLAIMED),
    "another node's": (changed(spec={"nodeName": "node-2"}), Denial.OTHER_NODE),
    "no node's": (changed(spec={"nodeName": None}), Denial.OTHER_NODE),
    "one that ends": (changed(metadata={"deletionTimestamp": "2026-11-27T06:30:00Z"}), Denial.ENDED),
    "one that has ended": (changed(status={"phase": "Failed", "containerStatuses": []}), Denial.ENDED),
    "one whose label was edited": (changed(labels={USER_LABEL: "bob"}), Denial.OTHER_PERSON),
    "one whose label was taken away": (changed(labels={USER_LABEL: ""}), Denial.OTHER_PERSON),
    "one whose name was edited": (changed(annotations={NAME_ANNOTATION: "bob"}), Denial.OTHER_PERSON),
    "one whose label and name were edited": (
        changed(labels={USER_LABEL: "bob"}, annotations={NAME_ANNOTATION: "bob"}),
        Denial.OTHER_PERSON,
    ),
    "one without a name": (changed(annotations={NAME_ANNOTATION: ""}), Denial.OTHER_PERSON),
    "one whose home was edited": (changed(annotations={HOME_ANNOTATION: "bob 1000 1000"}), Denial.OTHER_PERSON),
    "one whose mark is none": (changed(annotations={CREDENTIALS_ANNOTATION: "{"}), Denial.MALFORMED),
}


@pytest.mark.parametrize(("raw", "why"), OTHERS.values(), ids=OTHERS)
def test_any_other_pod_gets_nothing(raw: dict[str, Any], why: Denial) -> None:
    assert asked(raw) is why


@pytest.mark.parametrize("name", ["alice", "Alice", "alice@example.org", "a--b", "x" * 70, "Ärztin", "7seas", "a b"])
def test_a_label_is_known_as_that_of_the_name_it_was_made_of_and_of_no_other(name: str) -> None:
    label = safe_slug(name, is_valid=is_valid_label)
    assert is_label_of(label, name)
    assert not is_label_of(label, f"{name}x")
    pod = claimed_pod(given_order(user=label, home=HomeFolder(name=home_name(name), uid=1, gid=1)), name=name)
    meant = asked(pod)
    assert isinstance(meant, Meant)
    assert meant.person == home_name(name)


SECRETS: dict[str, tuple[dict[str, Any], bool]] = {
    "the person's": (secret(HF.name, "alice"), True),
    "their team's": (secret(TEAM.name, "vision", kind="team"), True),
    "another's": (secret(HF.name, "bob"), False),
    "a team's that they are not in": (secret(TEAM.name, "sound", kind="team"), False),
    "a team's of the person's name": (secret(HF.name, "alice", kind="team"), False),
    "a person's of the team's name": (secret(HF.name, "vision"), False),
    "of no kind of owner": (secret(HF.name, "alice", kind=""), False),
    "without labels": ({"metadata": {}}, False),
    "nothing": ({}, False),
}


@pytest.mark.parametrize(("raw", "is_meant"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_given_to_its_owner_alone(raw: dict[str, Any], *, is_meant: bool) -> None:
    assert is_theirs(raw, ALICE, release=RELEASE) is is_meant


@pytest.mark.parametrize(
    "label", [{RELEASE_LABEL: "other"}, {KIND_LABEL: "workspace"}, {OWNER_LABEL: ""}, {OWNER_KIND_LABEL: "people"}]
)
def test_what_is_no_credential_of_this_release_is_given_to_nobody(label: dict[str, str]) -> None:
    found = secret(HF.name, "alice")
    found["metadata"]["labels"] |= label
    assert not is_theirs(found, ALICE, release=RELEASE)
