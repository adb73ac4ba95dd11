"""Which warm pods are given up so that a start that no node has room for gets their place, or a node is emptied. Pure.

A pod's priority cannot be changed once it is made, and a claimed one is somebody's work. So a warm pod has the priority
of a workspace, no scheduler takes its place, and whoever keeps it gives it up. The scheduler's word counts more than
our picture of the nodes, which may lack what others run there: a start that it found no room for has none, and one pod
after the other goes until it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spawner.amounts import needs_of
from spawner.verdicts.node_fits import CORDONED, SHORT_OF_DISK, Kinds, bears

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.capacity.pool_plan import ParkedPod
    from hub.capacity.view import View
    from spawner.amounts import Amount
    from spawner.pod_facts import NodeFacts
    from studiolo.catalog_model import Hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class GivingWay:
    """What starts that wait for room, and nodes that are emptied, ask of warm pods."""

    give_up: frozenset[str] = frozenset()
    """Uids of those that go."""
    held_back: frozenset[str] = frozenset()
    """Hardware of which no pod is made meanwhile: it would take the very room."""


@dataclass(slots=True, kw_only=True)
class _Place:
    """One node, as far as warm pods have come to leave it."""

    facts: NodeFacts
    left: Amount
    """What is free once all that gives way by itself, and all that was given up, has gone."""
    is_opened: bool = False
    """Whether a warm pod leaves it already."""
    pods: list[ParkedPod] = field(default_factory=list)


def give_way(
    waiting: Sequence[str], pods: Sequence[ParkedPod], hardware: Mapping[str, Hardware], view: View | None
) -> GivingWay:
    """Who gives way to whom.

    `waiting`: the hardware of each start that the scheduler found no room for. `view`: None where nodes may not be
    seen; then such a start is given the room of a pod of its own hardware.
    """
    known = [pod for pod in pods if pod.pool[1] in hardware and not pod.is_ended]
    starts = [hardware[name] for name in waiting if name in hardware]
    kinds = {name: Kinds(entry) for name, entry in hardware.items()}
    held_back = {start.name for start in starts}
    if view is None:
        given = _of_the_same(starts, known)
    else:
        places = _places(known, hardware, view)
        given = _misplaced(known, hardware, view)
        for start in starts:
            choices = {
                name: fewest
                for name, place in places.items()
                if kinds[start.name].has(place.facts) and (fewest := _fewest(start, place, hardware)) is not None
            }
            held_back |= {name for name, kind in kinds.items() if any(kind.has(places[one].facts) for one in choices)}
            if choices:
                chosen = min(choices, key=lambda name: (len(choices[name]), name))
                _take(places[chosen], start, choices[chosen], hardware)
                given |= {pod.uid for pod in choices[chosen]}
    # One that waits for room itself would be given it before the start.
    given |= {pod.uid for pod in known if not pod.node and not pod.is_ending and pod.pool[1] in held_back}
    return GivingWay(give_up=frozenset(given), held_back=frozenset(held_back))


def _of_the_same(starts: Sequence[Hardware], pods: Sequence[ParkedPod]) -> set[str]:
    given: set[str] = set()
    for name in {start.name for start in starts}:
        mine = [pod for pod in pods if pod.pool[1] == name and pod.node]
        count = sum(start.name == name for start in starts) - sum(pod.is_ending for pod in mine)
        standing = sorted((pod for pod in mine if not pod.is_ending), key=_how_missed)
        given |= {pod.uid for pod in standing[: max(0, count)]}
    return given


def _places(pods: Sequence[ParkedPod], hardware: Mapping[str, Hardware], view: View) -> dict[str, _Place]:
    """Of the nodes that something new goes to, and that warm pods are on."""
    used = {pod.node for pod in pods}
    places = {
        node.facts.name: _Place(facts=node.facts, left=node.could_free)
        for node in view.nodes
        if node.is_in_use and node.facts.name in used
    }
    for pod in pods:
        if (place := places.get(pod.node)) is None:
            continue
        if pod.is_ending:
            place.left, place.is_opened = place.left.plus(needs_of(hardware[pod.pool[1]])), True
        else:
            place.pods.append(pod)
    return places


def _fewest(start: Hardware, place: _Place, hardware: Mapping[str, Hardware]) -> list[ParkedPod] | None:
    """The fewest pods of a node that have to go for a start, its own hardware's first; None: all are not enough.

    None has to go where those that go already are enough; else one at least, whatever our picture says.
    """
    needs, left = needs_of(start), place.left
    if place.is_opened and left.holds(needs):
        return []
    chosen: list[ParkedPod] = []
    for pod in sorted(place.pods, key=lambda pod: (pod.pool[1] != start.name, *_how_missed(pod))):
        chosen.append(pod)
        left = left.plus(needs_of(hardware[pod.pool[1]]))
        if left.holds(needs):
            break
    else:
        return None
    for pod in chosen[:-1]:  # those that were of no use
        if left.minus(needs_of(hardware[pod.pool[1]])).holds(needs):
            left = left.minus(needs_of(hardware[pod.pool[1]]))
            chosen.remove(pod)
    return chosen


def _take(place: _Place, start: Hardware, going: Sequence[ParkedPod], hardware: Mapping[str, Hardware]) -> None:
    place.is_opened = True
    place.pods = [pod for pod in place.pods if pod not in going]
    for pod in going:
        place.left = place.left.plus(needs_of(hardware[pod.pool[1]]))
    place.left = place.left.minus(needs_of(start))


def _how_missed(pod: ParkedPod) -> tuple[bool, str]:
    """Those that have not parked yet are missed least."""
    return (pod.is_ready, pod.name)


def _misplaced(pods: Sequence[ParkedPod], hardware: Mapping[str, Hardware], view: View) -> set[str]:
    """Pods on nodes that take nothing new: whoever empties one waits for them, and they come again elsewhere.

    Not on a node that is silent: it may be back in a moment, and where it is not, Kubernetes ends them. And not where
    its hardware goes all the same: the next would be there again.
    """
    nodes = {node.facts.name: node.facts for node in view.nodes}
    return {
        pod.uid
        for pod in pods
        if not pod.is_ending
        and (facts := nodes.get(pod.node)) is not None
        and any(not bears(hardware[pod.pool[1]], taint) for taint in _taints(facts))
    }


def _taints(facts: NodeFacts) -> Iterator[tuple[str, str, str]]:
    if facts.is_cordoned:
        yield CORDONED
    if facts.is_short_of_disk:
        yield SHORT_OF_DISK
