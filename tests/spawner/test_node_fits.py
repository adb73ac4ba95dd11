"""Hardware fits where a node, if it were empty, would be large enough and of the kind."""

from __future__ import annotations

from typing import Any

import pytest

from spawner.pod_facts import (
    NodeFacts,
)
from spawner.verdicts.node_fits import NodeFit, takes_new, what_fits
from studiolo.catalog import CpuShare, Hardware
from studiolo.catalog_model import Affinity, Gpu, NodeRule, Toleration

GIB = 1024**3


def hardware(name: str = "gpu", **more: Any) -> Hardware:
    shape: dict[str, Any] = {"cpu": CpuShare(request=2, limit=4), "memory_bytes": 8 * GIB, **more}
    return Hardware(name=name, title=name, **shape)


def machine(name: str = "a", **more: Any) -> NodeFacts:
    allocatable = (("cpu", "4"), ("memory", "16Gi"), ("nvidia.com/gpu", "2"))
    return NodeFacts(**{"name": name, "allocatable": allocatable, "is_ready": True, **more})


ZONE = (("zone", "1"),)
RESERVED = (("team", "vision", "NoSchedule"),)


def _rule(operator: str, *values: str, key: str = "zone") -> dict[str, Any]:
    return {"affinity": Affinity(required=(NodeRule(key=key, operator=operator, values=values),))}


@pytest.mark.parametrize(
    ("asked", "node", "fits"),
    [
        pytest.param({}, {}, True, id="fits"),
        pytest.param({"memory_bytes": 17 * GIB}, {}, False, id="too little memory"),
        pytest.param({"cpu": CpuShare(request=5, limit=5)}, {}, False, id="too few cores"),
        pytest.param({"gpu": Gpu(resource="nvidia.com/gpu", count=2)}, {}, True, id="enough GPUs"),
        pytest.param({"gpu": Gpu(resource="nvidia.com/gpu", count=3)}, {}, False, id="too few GPUs"),
        pytest.param({"gpu": Gpu(resource="amd.com/gpu", count=1)}, {}, False, id="no such GPU"),
        pytest.param({}, {"allocatable": ()}, False, id="a node that says nothing"),
        pytest.param(
            {}, {"allocatable": (("cpu", "many"), ("memory", "lots"))}, False, id="a node that cannot be read"
        ),
        pytest.param({"node_selector": ZONE}, {"labels": ZONE}, True, id="of the kind"),
        pytest.param({"node_selector": ZONE}, {}, False, id="of another kind"),
        pytest.param({}, {"taints": RESERVED}, False, id="reserved"),
        pytest.param({}, {"taints": (("team", "vision", "PreferNoSchedule"),)}, True, id="rather not"),
        pytest.param({"tolerations": (Toleration(key="team", value="vision"),)}, {"taints": RESERVED}, True, id="ours"),
        pytest.param({"tolerations": (Toleration(key="team", value="x"),)}, {"taints": RESERVED}, False, id="theirs"),
        pytest.param({"tolerations": (Toleration(key="x"),)}, {"taints": RESERVED}, False, id="another taint"),
        pytest.param(
            {"tolerations": (Toleration(key="team", value="vision", effect="NoExecute"),)},
            {"taints": RESERVED},
            False,
            id="another effect",
        ),
        pytest.param({"tolerations": (Toleration(operator="Exists"),)}, {"taints": RESERVED}, True, id="everything"),
        pytest.param(_rule("In", "1", "2"), {"labels": ZONE}, True, id="in"),
        pytest.param(_rule("In", "2"), {"labels": ZONE}, False, id="not in"),
        pytest.param(_rule("NotIn", "2"), {"labels": ZONE}, True, id="rightly not in"),
        pytest.param(_rule("Exists"), {"labels": ZONE}, True, id="exists"),
        pytest.param(_rule("DoesNotExist"), {"labels": ZONE}, False, id="exists and should not"),
        pytest.param(_rule("Gt", "0"), {"labels": ZONE}, True, id="greater"),
        pytest.param(_rule("Lt", "0"), {"labels": ZONE}, False, id="not less"),
        pytest.param(_rule("Gt", "0"), {}, False, id="nothing to compare"),
        pytest.param(_rule("Lt"), {"labels": ZONE}, False, id="nothing to compare with"),
    ],
)
def test_hardware_fits_where_a_node_is_large_enough_and_of_the_kind(
    asked: dict[str, Any], node: dict[str, Any], fits: bool
) -> None:
    assert what_fits([hardware(**asked)], [machine(**node)]) == {"gpu": NodeFit(usable=("a",) if fits else ())}


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"node_selector": ZONE},
        {"tolerations": (Toleration(key="team", value="vision"),)},
        _rule("In", "1", "2"),
        _rule("NotIn", "1"),
        _rule("DoesNotExist"),
    ],
    ids=["any", "one zone", "reserved ones", "in two zones", "not in a zone", "without a zone"],
)
def test_of_many_nodes_each_is_judged_by_what_it_is_itself(shape: dict[str, Any]) -> None:
    asked = hardware(**shape)
    nodes = [
        machine(f"{zone}-{taint}-{size}", labels=zone, taints=taint, allocatable=(("cpu", size), ("memory", "16Gi")))
        for size in ("1", "8")
        for zone in ((), ZONE, (("zone", "2"), ("other", "1")), (("other", "2"),))
        for taint in ((), RESERVED, (("team", "audio", "NoSchedule"),))
    ]
    alone = [node.name for node in nodes if what_fits([asked], [node])["gpu"].usable]
    assert what_fits([asked], nodes)["gpu"].usable == tuple(alone)
    assert 0 < len(alone) < len(nodes)


def test_a_node_that_is_cordoned_or_silent_may_fit_another_day() -> None:
    cordoned = machine("b", is_cordoned=True, taints=(("node.kubernetes.io/unschedulable", "", "NoSchedule"),))
    silent = machine("c", is_ready=False, taints=(("node.kubernetes.io/unreachable", "", "NoExecute"),))
    found = what_fits([hardware("gpu"), hardware("huge", memory_bytes=99 * GIB)], [machine(), cordoned, silent])
    assert found == {"gpu": NodeFit(usable=("a",), out_of_use=("b", "c")), "huge": NodeFit()}


@pytest.mark.parametrize(
    ("node", "takes"),
    [
        pytest.param({}, True, id="as it is"),
        pytest.param({"is_ready": False}, False, id="silent"),
        pytest.param({"is_cordoned": True}, False, id="cordoned"),
        pytest.param({"taints": RESERVED}, False, id="reserved"),
        pytest.param({"taints": (("node.kubernetes.io/disk-pressure", "", "NoSchedule"),)}, False, id="short of disk"),
        pytest.param({"allocatable": ()}, True, id="whatever room it has"),
    ],
)
def test_something_new_begins_only_on_a_node_that_is_in_use(node: dict[str, Any], takes: bool) -> None:
    assert takes_new(machine(**node), hardware()) is takes
