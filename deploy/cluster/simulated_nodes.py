"""Nodes that only seem to be there, by kwok: for questions of scheduling, quota and numbers, not of starting."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from deploy.cluster.addons import apply
from deploy.cluster.components import components
from deploy.cluster.debian import postgresql_programs
from deploy.cluster.errors import ClusterError, NotUpError
from deploy.cluster.layout import SIMULATED_LABEL
from deploy.cluster.network import make_simulated_network
from deploy.cluster.programs import run_program
from deploy.cluster.record import load_record
from deploy.cluster.state import save_plan, supervisor_process
from deploy.cluster.status import component_trouble, nodes_trouble
from deploy.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.cluster.layout import Layout

MOST_SIMULATED: Final = 250
"""Each has a network of 254 addresses, all from one of 65,536."""

GPU_RESOURCE: Final = "nvidia.com/gpu"

READY_SECONDS: Final = 120.0


def node_name(number: int) -> str:
    """What a simulated node is called."""
    return f"simulated-{number:03}"


def simulated_node(number: int, *, gpus: int) -> dict[str, object]:
    """A large machine that is not there."""
    name = node_name(number)
    network = f"10.250.{number}.0/24"
    resources = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti"}
    if gpus:
        resources[GPU_RESOURCE] = str(gpus)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, SIMULATED_LABEL: "true"},
        },
        "spec": {
            "podCIDR": network,
            "podCIDRs": [network],
            "taints": [{"key": SIMULATED_LABEL, "value": "true", "effect": "NoSchedule"}],
        },
        "status": {"capacity": resources, "allocatable": resources},
    }


def named(nodes: Iterable[str]) -> str:
    """A label selector for exactly these nodes, by name; never for one that is real."""
    return f"{SIMULATED_LABEL},kubernetes.io/hostname in ({','.join(nodes)})"


def set_simulated_nodes(layout: Layout, *, count: int, gpus: int) -> None:
    """See that there are exactly so many simulated nodes, and wait until they are ready."""
    if not 0 <= count <= MOST_SIMULATED:
        raise ClusterError(f"N={count}: there can be 0 to {MOST_SIMULATED} simulated nodes.")
    record = load_record()
    if record is None or supervisor_process(layout) is None:
        raise NotUpError
    make_simulated_network(layout.simulated_network)
    plan = components(layout, node_count=record.node_count, postgresql=postgresql_programs(), with_kwok=True)
    save_plan(layout, plan)
    for name in ("kwok", "simulated-pods"):
        wait_until(name, partial(component_trouble, layout, name), seconds=READY_SECONDS)
    kubectl = (layout.program("kubectl"), "--kubeconfig", layout.kubeconfig)
    items = json.loads(run_program(*kubectl, "get", "nodes", "-l", SIMULATED_LABEL, "-o", "json"))["items"]
    there = {item["metadata"]["name"]: int(item["status"]["capacity"].get(GPU_RESOURCE, 0)) for item in items}
    wanted = {node_name(number): simulated_node(number, gpus=gpus) for number in range(count)}
    # A node's capacity is given when it is made: one with other GPUs is made anew.
    surplus = sorted(name for name, has in there.items() if name not in wanted or has != gpus)
    if surplus:
        # All in one request: one by one, kubectl sends five a second.
        run_program(*kubectl, "delete", "--raw", f"/api/v1/nodes?{urlencode({'labelSelector': named(surplus)})}")
    if missing := [node for name, node in wanted.items() if name not in there or name in surplus]:
        apply(layout, *missing, kubeconfig=layout.kubeconfig)
    if wanted:
        wait_until(
            "A simulated node",
            lambda: nodes_trouble(layout, expected=count, selector=SIMULATED_LABEL),
            seconds=READY_SECONDS,
        )
