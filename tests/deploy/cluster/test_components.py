"""What runs, in which order, and where it listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cluster.components import Component, components, parse_components, render_components
from deploy.cluster.layout import KEPT, layout_of
from deploy.cluster.node import containerd_configuration, kubelet_configuration, pod_network_configuration

LAYOUT = layout_of(Path("/checkout/.cluster"))
POSTGRESQL = Path("/usr/lib/postgresql/15/bin")


def plan(node_count: int = 1, *, with_kwok: bool = False) -> tuple[Component, ...]:
    return components(LAYOUT, node_count=node_count, postgresql=POSTGRESQL, with_kwok=with_kwok)


def test_each_component_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for component in plan(2, with_kwok=True):
        assert set(component.needs) <= seen, component.name
        seen.add(component.name)


def test_a_plan_is_read_back_as_it_was_written() -> None:
    assert parse_components(render_components(plan(2))) == plan(2)


def test_a_second_node_adds_its_two_processes_and_changes_none() -> None:
    assert set(plan(2)) - set(plan(1)) == {one for one in plan(2) if one.name.endswith("-node2")}
    assert set(plan(1)) <= set(plan(2))
    assert {one.name for one in plan(2)} - {one.name for one in plan(1)} == {"containerd-node2", "kubelet-node2"}


def test_names_and_logs_are_each_component_s_own() -> None:
    everything = plan(2, with_kwok=True)
    assert len({one.name for one in everything}) == len(everything)
    assert len({one.log for one in everything}) == len(everything)
    assert len({one.health.url for one in everything}) == len(everything)


def test_nothing_listens_where_other_machines_reach_it() -> None:
    """On loopback, on the nodes' bridge, or in a network namespace of its own."""
    for component in plan(2, with_kwok=True):
        words = " ".join(component.argv)
        assert "0.0.0.0" not in words
        own_network = f"--net={LAYOUT.simulated_network}" in words
        inside = ("127.0.0.1", "10.199.0.", "10.250.255.254" if own_network else "127.0.0.1")
        assert not component.health.url.startswith("http") or any(one in component.health.url for one in inside)


def test_node_components_run_in_their_node_s_mount_namespace() -> None:
    for component in plan(2):
        node = 2 if component.name.endswith("-node2") else 1
        if component.name.startswith(("containerd", "kubelet")):
            assert component.argv[:2] == ("nsenter", f"--mount=/checkout/.cluster/run/namespaces/studiolo-node{node}")


def test_simulated_nodes_never_take_over_real_ones() -> None:
    kwok = next(one for one in plan(with_kwok=True) if one.name == "kwok")
    assert "--manage-all-nodes=false" in kwok.argv
    assert "kwok" not in {one.name for one in plan()}


@pytest.mark.parametrize("number", [1, 2])
def test_nodes_share_no_folder_address_or_network(number: int) -> None:
    node, other = LAYOUT.node(number), LAYOUT.node(3 - number)
    assert not {folder for folder, _ in node.binds} & {folder for folder, _ in other.binds}
    assert node.address != other.address
    assert node.pod_network != other.pod_network
    assert node.pod_bridge != other.pod_bridge


def test_the_kubelet_writes_no_iptables_rules_and_shows_a_signed_certificate() -> None:
    text = kubelet_configuration(LAYOUT, LAYOUT.node(1))
    assert "makeIPTablesUtilChains: false" in text
    assert "tlsCertFile: /checkout/.cluster/node1/conf/kubelet.crt" in text
    assert "systemReserved" not in text


def test_a_second_node_leaves_memory_to_the_first() -> None:
    text = kubelet_configuration(LAYOUT, LAYOUT.node(2), reserved_memory="12Gi")
    assert "memory: 12Gi" in text
    assert "address: 10.199.0.2" in text


def test_pods_addresses_are_not_translated() -> None:
    assert '"ipMasq": false' in pod_network_configuration(LAYOUT.node(1))


def test_containerd_needs_no_capability_that_containers_lack() -> None:
    assert "restrict_oom_score_adj = true" in containerd_configuration(LAYOUT.node(1))


def test_bridge_names_fit_the_kernel() -> None:
    assert all(len(LAYOUT.node(number).pod_bridge) <= 15 for number in (1, 2))


def test_what_is_kept_is_no_part_of_the_cluster_itself() -> None:
    assert {"registry", "catalog"} == KEPT
