"""A verdict instead of a log: what a pod's status and its events together say of a start.

Values in, values out. What each outcome is called and carries stands in `outcomes`, its words for people in
`errors`; the API server's answer to the request to create a pod is judged in `create_refusals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spawner.pod_facts import ContainerState
from spawner.progress import format_seconds
from spawner.verdicts.container import judge_container
from spawner.verdicts.end import judge_end
from spawner.verdicts.evidence import Evidence, Patience
from spawner.verdicts.outcomes import NodeLost, Running, Waiting, WaitingKind
from spawner.verdicts.room import judge_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.pod_facts import EventFacts, NodeFacts, PodFacts
    from spawner.verdicts.outcomes import Outcome

DEFAULT_PATIENCE = Patience()


def judge(
    pod: PodFacts,
    events: Sequence[EventFacts] = (),
    *,
    waited_seconds: float,
    patience: Patience = DEFAULT_PATIENCE,
    is_autoscaled: bool = False,
    node: NodeFacts | None = None,
    memory_limit_bytes: int | None = None,
    log_tail: Sequence[str] = (),
) -> Outcome:
    """What a start has come to, or what it waits for.

    `waited_seconds`: since the pod was created, on the caller's clock. `node`: the pod's, where it is known.
    `memory_limit_bytes` is told with an end for want of memory. `log_tail` is needed in one case: a program for other
    processors looks like any that ends with code 1, and only its log says more.
    """
    evidence = Evidence.of(
        pod, events, waited_seconds=waited_seconds, patience=patience, is_autoscaled=is_autoscaled, node=node
    )
    if (ended := judge_end(evidence, memory_limit_bytes, log_tail)) is not None:
        return ended
    if not pod.node:
        return judge_room(evidence)
    if node is not None and not node.is_ready:
        return _silent_node(evidence)
    if pod.container.state is ContainerState.RUNNING:
        return Running(is_ready=pod.container.is_ready)
    return judge_container(evidence, memory_limit_bytes)


def _silent_node(evidence: Evidence) -> NodeLost | Waiting:
    told = evidence.latest({"NodeNotReady"})
    seconds = evidence.seconds_since(told.at if told else None)
    if seconds < evidence.patience.node:
        detail = f"The machine does not answer, {format_seconds(seconds)} so far"
        return Waiting(kind=WaitingKind.SILENT_NODE, phase=evidence.phase, detail=detail)
    return NodeLost(phase=evidence.phase, node=evidence.pod.node, said=told.message if told else "")
