"""Who stands in for all people in warm pods, where each has a user number of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from spawner.claim_rules import can_become
from spawner.file_owner import FileOwner
from spawner.plan import Shape
from spawner.stand_in import accounts_of_nobody, stand_in, standing_in
from spawner.warm_pod import template, warm_pod
from tests.spawner.test_manifest import ENVIRONMENT, HARDWARE, INSTALLATION, plan, render

SHAPE = Shape(environment=ENVIRONMENT, hardware=HARDWARE["small"])
USERS = replace(INSTALLATION, has_own_numbers=True)
GROUPS = replace(USERS, has_own_groups=True)
ADA = FileOwner(uid=5001, gid=6001)
ADA_IN_ONE_GROUP = FileOwner(uid=5001, gid=INSTALLATION.gid)


def test_it_has_a_group_in_the_place_of_a_persons_own_which_is_never_that_of_teams() -> None:
    assert stand_in(INSTALLATION) == stand_in(USERS) == FileOwner(uid=1000, gid=1000)
    assert stand_in(GROUPS) == FileOwner(uid=1000, gid=100)
    assert stand_in(replace(GROUPS, gid=100)) == FileOwner(uid=1000, gid=101)


@pytest.mark.parametrize(("installation", "owner"), [(USERS, ADA_IN_ONE_GROUP), (GROUPS, ADA)], ids=["users", "groups"])
async def test_a_warm_pod_can_become_that_of_somebody_with_a_number(
    installation: Any, owner: FileOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    adas = plan().owned_by(owner)
    normal = json.loads(json.dumps(await render(adas, installation, monkeypatch)))
    warm = warm_pod("warm-1", SHAPE, installation)
    assert not can_become(warm, normal)
    assert can_become(warm, standing_in(normal, adas.identity, installation))
    assert not can_become(warm_pod("warm-1", SHAPE, INSTALLATION), standing_in(normal, adas.identity, installation))


async def test_whose_group_is_that_of_teams_has_one_less_than_a_warm_pod_and_starts_the_normal_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adas = plan().owned_by(ADA_IN_ONE_GROUP)
    normal = json.loads(json.dumps(await render(adas, GROUPS, monkeypatch)))
    assert not can_become(warm_pod("warm-1", SHAPE, GROUPS), standing_in(normal, adas.identity, GROUPS))


async def test_a_container_that_runs_as_somebody_else_goes_on_so(monkeypatch: pytest.MonkeyPatch) -> None:
    adas = plan().owned_by(ADA)
    normal = json.loads(json.dumps(await render(adas, GROUPS, monkeypatch)))
    normal["spec"]["containers"][0]["securityContext"]["runAsUser"] = 7
    assert not can_become(warm_pod("warm-1", SHAPE, GROUPS), standing_in(normal, adas.identity, GROUPS))


async def test_the_claim_calls_the_stand_in_by_the_name_of_its_person(monkeypatch: pytest.MonkeyPatch) -> None:
    adas = plan().owned_by(ADA)
    normal = json.loads(json.dumps(await render(adas, GROUPS, monkeypatch)))
    told = standing_in(normal, adas.identity, GROUPS)["metadata"]
    name = adas.identity.user
    assert f"u5001:x:1000:100:{name}:/home/jovyan:/bin/bash\n" in told["annotations"]["studiolo.dev/passwd"]
    assert "u5001:x:100:\nteams:x:1000:u5001\n" in told["annotations"]["studiolo.dev/group"]
    assert "6001" not in json.dumps(told)
    assert told["labels"] == normal["metadata"]["labels"]


def test_a_warm_pod_calls_it_by_no_persons_name() -> None:
    assert accounts_of_nobody(INSTALLATION) == {}
    assert "jovyan:x:1000:100:jovyan:" in accounts_of_nobody(GROUPS)["studiolo.dev/passwd"]
    assert warm_pod("warm-1", SHAPE, GROUPS)["metadata"]["annotations"] == accounts_of_nobody(GROUPS)
    assert "annotations" not in warm_pod("warm-1", SHAPE, INSTALLATION)["metadata"]
    assert len({template(SHAPE, one) for one in (INSTALLATION, USERS, GROUPS)}) == 3


async def test_without_a_number_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    normal = json.loads(json.dumps(await render(plan(), INSTALLATION, monkeypatch)))
    assert standing_in(normal, plan().identity, INSTALLATION) == normal
