"""Which warm pod a start claims, what it writes on it, and what it does after each answer. Pure.

One rule stands above the others: a person's token and files never reach a second pod while a first that may have them
lives. So every answer is read for one thing first: whether this pod may have the identity by now. Where it may not, the
start turns away at once; where it may, the pod has to be dead before anything else of this start gets the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from spawner.credential_mounts import VOLUME as CREDENTIALS_VOLUME
from spawner.identity import CLAIMED, ORDER_ANNOTATION, PARKED, SEAT_LABEL, SEAT_VOLUME, USER_LABEL, Why
from spawner.installation import KIND_LABEL, WORKSPACE
from spawner.late_bound import binds_late
from spawner.pod_facts import ContainerState
from spawner.warm_pod import HARDWARE_LABEL, TEMPLATE_LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from spawner.identity import Order
    from spawner.made_of import Make
    from spawner.plan import LaunchPlan
    from spawner.pod_facts import PodFacts


OLDEST_FEW: Final = 4
"""Starts at the same moment draw among so many: each aims at another pod, and few lose a race. At the agents of so many
nodes a start knocks."""

MOST_TRIES: Final = 3
"""Pods that a start aims at before it goes the normal way. It loses some milliseconds with each."""


class Miss(StrEnum):
    """Why a start takes the normal way. A label of metrics, too."""

    NO_HOME = "no_home"
    """The home is not kept, or is an empty one: nothing can be mounted into a seat."""
    DATA = "data"
    SCRATCH = "scratch"
    MODEL = "model"
    CREDENTIALS = "credentials"
    """The person has some, and they could not be brought into the pod: the credential broker is away."""
    OTHER_USER = "other_user"
    """The home's owner has a number of their own, and no node with a warm pod shows it as another."""
    EARLY_VARIABLE = "early_variable"
    SHAPE = "shape"
    """The pod of this start has something that no warm pod has: by an administrator's settings of KubeSpawner."""
    NO_POD = "no_pod"
    FOREIGN = "foreign"
    """Pods wait that say to be warm ones and are made otherwise: by somebody else, or changed by an admission
    webhook of the cluster. No identity goes there."""
    AGENT = "agent"
    """The agent of the node could not be reached, or refused."""
    LOST = "lost"
    """Others were faster at every pod that was tried."""
    LATE = "late"
    """It took longer than a start may lose."""
    POD = "pod"
    """The pod ended, or its server did not become the person's."""


def why_normal(plan: LaunchPlan, *, keeps_homes: bool) -> Miss | None:
    """What of this plan no running pod can be given; None: a claim may be tried.

    `keeps_homes`: whether homes are folders of a volume, made by the home service.
    """
    checks = (
        (not keeps_homes or plan.has_empty_home, Miss.NO_HOME),
        (bool(plan.data), Miss.DATA),
        (bool(plan.shape.hardware.scratch_bytes), Miss.SCRATCH),
        (plan.model is not None or plan.opened is not None, Miss.MODEL),
        (not binds_late(_variables(plan)), Miss.EARLY_VARIABLE),
    )
    return next((miss for applies, miss in checks if applies), None)


def _variables(plan: LaunchPlan) -> Iterator[str]:
    """The names of those that are the person's, typed or kept as credentials."""
    yield from (name for name, _ in plan.env)
    for credential in plan.identity.credentials:
        yield from credential.env


def can_become(warm: Mapping[str, Any], normal: Mapping[str, Any]) -> bool:
    """Whether a warm pod has all that a start would make, as Kubernetes has both, but the home and the variables."""
    mine, theirs = warm["spec"], normal["spec"]
    if len(mine["containers"]) != len(theirs["containers"]) or _rest(mine, _OF_PODS) != _rest(theirs, _OF_PODS):
        return False
    if _named(mine["volumes"]) != _named(theirs.get("volumes") or ()):
        return False
    inside, wanted = mine["containers"][0], theirs["containers"][0]
    mounts = _named(wanted.get("volumeMounts") or ())
    return (
        not wanted.get("args")
        and _rest(inside, _OF_CONTAINERS) == _rest(wanted, _OF_CONTAINERS)
        and _named(inside["volumeMounts"]) == mounts
    )


_OF_PODS: Final = frozenset({"containers", "volumes"})
_OF_CONTAINERS: Final = frozenset({"env", "args", "workingDir", "startupProbe", "volumeMounts", "ports"})
_OF_PEOPLE: Final = frozenset({SEAT_VOLUME, "home", CREDENTIALS_VOLUME})


def _rest(part: Mapping[str, Any], but: Collection[str]) -> dict[str, Any]:
    """What is not given is as if it were empty."""
    return {name: value for name, value in part.items() if name not in but and value not in ([], {}, None)}


def _named(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(one) for one in parts if one["name"] not in _OF_PEOPLE]


def variables_in(manifest: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """What the server of this pod would find: `secrets` has the values that its Secret would have."""
    found: dict[str, str] = {}
    for one in manifest["spec"]["containers"][0].get("env") or ():
        if "value" in one:
            found[one["name"]] = str(one["value"]).replace("$$", "$")
        elif (key := one.get("valueFrom", {}).get("secretKeyRef", {}).get("key")) in secrets:
            found[one["name"]] = secrets[key]
    return found


def may_be_claimed(pod: PodFacts, make: Make) -> bool:
    """Whether a pod is nobody's, is made as this start needs it, and waits for its person."""
    return says_to_fit(pod, make) and pod.made_of == make.of


def says_to_fit(pod: PodFacts, make: Make) -> bool:
    """Whether it would be claimed if its label were to be trusted."""
    return (
        pod.label(SEAT_LABEL) == PARKED
        and pod.label(TEMPLATE_LABEL) == make.template
        and not pod.is_deleting
        and not pod.has_ended
        and pod.container.state is ContainerState.RUNNING
        and pod.container.is_ready
        and bool(pod.node and pod.ip and pod.uid and pod.resource_version)
    )


def choose(pods: Iterable[PodFacts], make: Make, *, tried: Collection[str], draw: int) -> PodFacts | None:
    """The pod to aim at: one of the oldest few. `tried`: uids of those aimed at before; `draw`: any number."""
    oldest = _by_age(pods, make, tried)[:OLDEST_FEW]
    return oldest[draw % len(oldest)] if oldest else None


def nodes_to_ask(pods: Iterable[PodFacts], make: Make, *, tried: Collection[str]) -> tuple[str, ...]:
    """A few nodes with pods to aim at, by the age of their oldest one."""
    return tuple(dict.fromkeys(pod.node for pod in _by_age(pods, make, tried)))[:OLDEST_FEW]


def _by_age(pods: Iterable[PodFacts], make: Make, tried: Collection[str]) -> list[PodFacts]:
    fitting = [pod for pod in pods if may_be_claimed(pod, make) and pod.uid not in tried]
    return sorted(fitting, key=lambda pod: (pod.created_at is None, pod.created_at or 0, pod.uid))


def in_the_way(
    pods: Iterable[PodFacts], hardware: str, resources: Iterable[str], *, aimed: Collection[str]
) -> list[PodFacts]:
    """Those that may go so that a start on this hardware is within a quota: first its own hardware's, and of those such
    as have not parked.

    `resources`: of which too much was asked for; a device only pods of the same hardware give back. `aimed`: uids of
    those that somebody claims.
    """
    is_scarce = any("/" in name.removeprefix("count/") for name in resources)
    found = [
        pod
        for pod in pods
        if pod.label(SEAT_LABEL) == PARKED
        and not pod.is_deleting
        and not pod.has_ended
        and pod.uid not in aimed
        and (not is_scarce or pod.label(HARDWARE_LABEL) == hardware)
    ]
    return sorted(found, key=lambda pod: (pod.label(HARDWARE_LABEL) != hardware, pod.container.is_ready, pod.uid))


def claim_patch(
    pod: PodFacts, order: Order, *, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """The one merge patch that makes a pod somebody's, refused unless it is still as it was seen.

    `labels`, `annotations`: what a pod made for this person would carry. What makes it a workspace comes in the same
    patch: whoever sees it claimed sees it with its policies' labels, and no agent delivers before it has seen that.
    """
    return {
        "metadata": {
            "uid": pod.uid,
            "resourceVersion": pod.resource_version,
            "labels": {
                **labels,
                KIND_LABEL: WORKSPACE,
                SEAT_LABEL: CLAIMED,
                USER_LABEL: order.user,
            },
            "annotations": {**annotations, **order.marks()},
        }
    }


def seen(pod: PodFacts | None, aimed: PodFacts, order_id: str) -> Answer:
    """What a look at the name of the pod that was aimed at says. None: there is no such pod."""
    if pod is None or pod.uid != aimed.uid:
        return Answer.NOT_CLAIMED
    if pod.annotation(ORDER_ANNOTATION) == order_id:
        return Answer.CLAIMED
    return Answer.STILL_PARKED if pod.label(SEAT_LABEL) == PARKED else Answer.NOT_CLAIMED


class Answer(StrEnum):
    """What a start can be told, or not be told, about one pod."""

    CLAIMED = "claimed"
    """The patch was answered, or a look after a lost answer shows this very order on the pod."""
    NOT_CLAIMED = "not_claimed"
    """Another was faster, the pod changed, or it is gone."""
    STILL_PARKED = "still_parked"
    """A look after a lost answer shows it as nobody's. The patch may be on its way yet."""
    NO_ANSWER = "no_answer"
    """The API server did not answer the patch, or the end that it was asked for: nobody knows what the pod is."""
    CHANGED = "changed"
    """It was to end if it was still nobody's, and is not what it was: it may be ours now."""
    ENDED_PARKED = "ended_parked"
    """It was to end if it was still nobody's, and does."""
    DELIVERED = "delivered"
    UNREACHED = "unreached"
    """No connection to the agent came about: it has not seen the order."""
    REFUSED = "refused"
    """It has, and nothing was sent to the pod."""
    NO_CREDENTIALS = "no_credentials"
    """The same, because the person's credentials could not be had."""
    UNSURE = "unsure"
    """The order went out, and nobody knows what became of it."""
    SERVES = "serves"
    SILENT = "silent"
    """It has its identity and ended, or did not answer in time."""


NOTHING_SENT: Final = frozenset(set(Why) - {Why.USED})
"""Refusals from before anything is sent to the pod. From the moment in which something may have been, an agent says
`used`, whatever failed (`hub/node_agent/actions.py`)."""


def answer_of(why: Why | None) -> Answer:
    """What a refusal says of the pod. None: the agent did not even read the order."""
    if why is Why.CREDENTIALS:
        return Answer.NO_CREDENTIALS
    return Answer.REFUSED if why is None or why in NOTHING_SENT else Answer.UNSURE


class Do(StrEnum):
    """What a start does next."""

    AIM = "aim"
    """Choose a pod and patch it; where there is none, the normal way."""
    LOOK = "look"
    """Ask for the pod, until there is an answer."""
    END_PARKED = "end_parked"
    """End it if it is still as the look showed it (uid and resourceVersion): else it may be another's by now."""
    ORDER = "order"
    """Give the order to the agent of its node, once."""
    PROBE = "probe"
    """Ask the server."""
    SERVE = "serve"
    """It is the workspace."""
    NORMAL = "normal"
    """Start as without warm pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do. First, with the pod that was aimed at:"""

    do: Do
    ends: bool = False
    """Ask for its end, by its uid: it is ours, and becomes nobody's workspace."""
    waits: bool = False
    """And do nothing else before it is gone: it may have the identity."""
    miss: Miss | None = None


_NEXT: Final = {
    Answer.CLAIMED: Step(do=Do.ORDER),
    Answer.NOT_CLAIMED: Step(do=Do.AIM),
    Answer.STILL_PARKED: Step(do=Do.END_PARKED),
    Answer.NO_ANSWER: Step(do=Do.LOOK),
    Answer.CHANGED: Step(do=Do.LOOK),
    Answer.ENDED_PARKED: Step(do=Do.AIM),
    Answer.DELIVERED: Step(do=Do.PROBE),
    Answer.UNREACHED: Step(do=Do.NORMAL, ends=True, miss=Miss.AGENT),
    Answer.REFUSED: Step(do=Do.NORMAL, ends=True, miss=Miss.AGENT),
    Answer.NO_CREDENTIALS: Step(do=Do.NORMAL, ends=True, miss=Miss.CREDENTIALS),
    Answer.UNSURE: Step(do=Do.NORMAL, ends=True, waits=True, miss=Miss.AGENT),
    Answer.SERVES: Step(do=Do.SERVE),
    Answer.SILENT: Step(do=Do.NORMAL, ends=True, waits=True, miss=Miss.POD),
}


def after(answer: Answer, *, tries: int, is_late: bool) -> Step:
    """What a start does after an answer.

    `tries`: pods that were aimed at, this one with them. `is_late`: it has lost all the time that a claim may cost.
    Then no other pod is aimed at. One that is its own by then gets its order all the same: many starts at once take
    long, and another pod for each of them would take longer. And what is not settled yet is settled even then: nobody
    else would end the pod.
    """
    step = _NEXT[answer]
    if step.do is Do.AIM and (is_late or tries >= MOST_TRIES):
        return Step(do=Do.NORMAL, miss=Miss.LATE if is_late else Miss.LOST)
    return step
