"""What our accounts may: little, named, and with a reason."""

from __future__ import annotations

import pytest

from deploy.charting.rights import RIGHTS, Account, Place, Right, rights_table

READING = {"get", "list", "watch"}


def name_of(right: Right) -> str:
    return f"{right.place} {','.join(right.resources)}"


@pytest.mark.parametrize("right", RIGHTS, ids=name_of)
def test_a_right_is_named_and_has_its_reason(right: Right) -> None:
    assert "*" not in (*right.resources, *right.verbs, right.api_group)
    assert len(right.why) > 20
    assert right.why in rights_table()


def test_nobody_of_ours_can_read_a_secret_but_the_broker_one_by_one() -> None:
    for right in RIGHTS:
        if right.account is Account.BROKER and right.resources != ("tokenreviews",):
            assert right.verbs == ("get",)
        else:
            assert "secrets" not in right.resources or READING.isdisjoint(right.verbs), name_of(right)


def test_of_the_whole_cluster_nodes_are_read_and_nothing_is_changed() -> None:
    for right in RIGHTS:
        if right.place is Place.CLUSTER and right.resources != ("tokenreviews",):
            assert right.resources == ("nodes",)
            assert READING.issuperset(right.verbs)


def test_only_agents_and_the_broker_ask_whose_a_token_is() -> None:
    reviews = [right for right in RIGHTS if right.resources == ("tokenreviews",)]
    assert [(one.account, one.verbs) for one in reviews] == [
        (Account.AGENT, ("create",)),
        (Account.BROKER, ("create",)),
    ]


def test_the_agents_of_nodes_change_nothing() -> None:
    for right in RIGHTS:
        if right.account is Account.AGENT and right.resources != ("tokenreviews",):
            assert READING.issuperset(right.verbs)


def test_nobody_of_ours_can_get_more_rights_than_it_has() -> None:
    dangerous = {"escalate", "bind", "impersonate", "deletecollection"}
    doors = {"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "serviceaccounts/token"}
    for right in RIGHTS:
        assert dangerous.isdisjoint(right.verbs)
        assert doors.isdisjoint(right.resources)
