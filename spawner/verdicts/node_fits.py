"""Which hardware of the catalog the cluster's nodes can hold at all: empty, and with nothing else in the way.

What runs on them at this moment is the scheduler's business, and changes before anybody has read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.amounts import amount_of_node, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spawner.pod_facts import NodeFacts
    from studiolo.catalog_model import Hardware, NodeRule, Toleration

_PASSING_TAINTS: Final = frozenset(
    {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable"}
)
"""Set by Kubernetes on nodes that are silent or cordoned, and taken away again: `is_ready` and `is_cordoned` say so."""

_SOFT: Final = "PreferNoSchedule"

CORDONED: Final = ("node.kubernetes.io/unschedulable", "", "NoSchedule")
SHORT_OF_DISK: Final = ("node.kubernetes.io/disk-pressure", "", "NoSchedule")
"""What Kubernetes taints such nodes with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFit:
    """The nodes that could hold one hardware, by name."""

    usable: tuple[str, ...] = ()
    out_of_use: tuple[str, ...] = ()
    """Large enough and of the kind, and cordoned or silent at this moment."""


def what_fits(hardware: Iterable[Hardware], nodes: Sequence[NodeFacts]) -> dict[str, NodeFit]:
    """For each hardware, by name and in the given order, the nodes that could hold it if they were empty.

    What agents of the cluster take of each node is not known here: a hardware that just fits may not.
    """
    return {entry.name: _fit(entry, nodes) for entry in hardware}


class Kinds:
    """`is_of_kind` of one hardware for thousands of nodes: few sorts of them, as far as it can tell."""

    def __init__(self, hardware: Hardware) -> None:
        """No node was looked at yet."""
        self._hardware = hardware
        self._keys = {name for name, _ in hardware.node_selector} | {rule.key for rule in hardware.affinity.required}
        self._known: dict[object, bool] = {}

    def has(self, node: NodeFacts) -> bool:
        """The same answer as `is_of_kind`."""
        labels = tuple(pair for pair in node.labels if pair[0] in self._keys) if self._keys else ()
        sort = (labels, node.taints)
        if sort not in self._known:
            self._known[sort] = is_of_kind(node, self._hardware)
        return self._known[sort]


def _fit(hardware: Hardware, nodes: Sequence[NodeFacts]) -> NodeFit:
    needs, kinds = needs_of(hardware), Kinds(hardware)
    fitting = [node for node in nodes if kinds.has(node) and amount_of_node(node.allocatable).holds(needs)]
    return NodeFit(
        usable=tuple(node.name for node in fitting if node.is_ready and not node.is_cordoned),
        out_of_use=tuple(node.name for node in fitting if not node.is_ready or node.is_cordoned),
    )


def takes_new(node: NodeFacts, hardware: Hardware) -> bool:
    """Whether anything new of this hardware should begin there, whatever has room."""
    return node.is_ready and not node.is_cordoned and is_of_kind(node, hardware)


def is_of_kind(node: NodeFacts, hardware: Hardware) -> bool:
    """Whether the scheduler would look at that node for it: its labels are wanted, and its taints are borne."""
    labels = dict(node.labels)
    hard = [taint for taint in node.taints if taint[0] not in _PASSING_TAINTS and taint[2] != _SOFT]
    return (
        set(hardware.node_selector) <= set(node.labels)
        and all(_holds(rule, labels) for rule in hardware.affinity.required)
        and all(bears(hardware, taint) for taint in hard)
    )


def bears(hardware: Hardware, taint: tuple[str, str, str]) -> bool:
    """Whether a taint does not keep it away."""
    return any(_tolerates(one, taint) for one in hardware.tolerations)


def _holds(rule: NodeRule, labels: Mapping[str, str]) -> bool:
    value = labels.get(rule.key)
    match rule.operator:
        case "In" | "NotIn":
            return (value in rule.values) == (rule.operator == "In")
        case "Exists" | "DoesNotExist":
            return (value is not None) == (rule.operator == "Exists")
        case _:
            return _is_beyond(rule, value)


def _is_beyond(rule: NodeRule, value: str | None) -> bool:
    """Of `Gt` and `Lt`, which compare whole numbers."""
    try:
        has, bound = int(value or ""), int(rule.values[0])
    except (ValueError, IndexError):
        return False
    return has > bound if rule.operator == "Gt" else has < bound


def _tolerates(one: Toleration, taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    is_of_value = one.operator == "Exists" or one.value == value
    return one.key in {"", key} and one.effect in {"", effect} and is_of_value
