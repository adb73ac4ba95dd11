"""What the chart lets warm pods reach, who reaches them, and what may be made of the right to make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.warm_pod import WARM
from tests.cluster.charts import HOMES, LEAST, WITH_AGENTS, Manifest, find, merged, render


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    return render(WITH_AGENTS)


@pytest.fixture(scope="module")
def warm(rendered: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered, "NetworkPolicy", "studiolo-warm", "lab-workspaces")["spec"]
    return spec


@pytest.fixture(scope="module")
def workspaces(rendered: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered, "NetworkPolicy", "studiolo-workspaces", "lab-workspaces")["spec"]
    return spec


def test_without_claims_nothing_of_it_is_there() -> None:
    assert f"{KIND_LABEL}: {WARM}" not in str(render(merged(LEAST, HOMES)))
    assert "studiolo-warm" not in str(render(merged(LEAST, HOMES)))


def test_it_is_about_pods_of_nobody_and_about_no_workspace(warm: dict[str, Any], workspaces: dict[str, Any]) -> None:
    assert warm["podSelector"]["matchLabels"] == {RELEASE_LABEL: "studiolo", KIND_LABEL: WARM}
    assert workspaces["podSelector"]["matchLabels"][KIND_LABEL] != WARM


def peers(rules: list[dict[str, Any]], side: str) -> list[tuple[dict[str, Any], Any]]:
    """Each peer with its ports."""
    return [(peer, rule.get("ports")) for rule in rules for peer in rule[side]]


@pytest.mark.parametrize(("direction", "side"), [("ingress", "from"), ("egress", "to")])
def test_a_workspace_may_all_that_a_warm_pod_may(
    warm: dict[str, Any], workspaces: dict[str, Any], direction: str, side: str
) -> None:
    """So a claimed pod is never less shut in than it should be, while the change of its labels is enforced."""
    less, more = peers(warm[direction], side), peers(workspaces[direction], side)
    assert all(peer in more for peer in less)
    assert len(less) < len(more)


def test_whoever_is_neither_warm_nor_a_workspace_reaches_nothing(rendered: list[Manifest]) -> None:
    spec = find(rendered, "NetworkPolicy", "studiolo-default-deny", "lab-workspaces")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_the_hub_reaches_it(warm: dict[str, Any]) -> None:
    [(peer, ports)] = peers(warm["ingress"], "from")
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "hub"
    assert ports == [{"port": 8888}]


def test_the_hub_reaches_it_before_and_after_its_labels_change(rendered: list[Manifest]) -> None:
    hub = find(rendered, "NetworkPolicy", "studiolo-hub", None)["spec"]
    for direction, side, port in (("ingress", "from", 8081), ("egress", "to", 8888)):
        kinds = {
            peer["podSelector"]["matchLabels"].get(KIND_LABEL)
            for peer, ports in peers(hub[direction], side)
            if ports == [{"port": port}] and "podSelector" in peer
        }
        assert {WARM, "workspace"} <= kinds, direction


def test_the_policies_are_what_the_golden_file_says(
    rendered: list[Manifest], golden: Callable[[str, Any], None]
) -> None:
    ours = {f"{one['kind']} {one['metadata']['name']}": one for one in rendered if "-warm" in one["metadata"]["name"]}
    golden("chart_warm", dict(sorted(ours.items())))


@pytest.mark.parametrize("needed", ["admissionPolicy", "capacity"])
def test_without_policies_nobody_may_make_such_pods_and_without_held_room_nobody_does(needed: str) -> None:
    with pytest.raises(ProgramFailedError) as refused:
        render(merged(WITH_AGENTS, {needed: {"enabled": False}}))
    assert f"{needed}.enabled" in refused.value.output
