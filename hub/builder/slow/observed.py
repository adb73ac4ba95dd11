"""What a Job and its pod say of a build, in words for its person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hub.builder.slow.derived_base import Seen
from hub.builder.slow.job import BUILD, FETCH, PUSH, STEPS
from studiolo.packaging.stores import DIGEST
from studiolo.quantities import format_duration, format_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.builder.slow.job import BuildPlace

Json = dict[str, Any]

PHASES: Final[Mapping[str, str]] = {
    FETCH: "fetching the base",
    BUILD: "installing the packages",
    PUSH: "pushing the image",
}
WENT_WRONG: Final[Mapping[str, str]] = {
    FETCH: "The base image could not be fetched by the builder.",
    BUILD: "The packages could not be installed. The end of the log says which one.",
    PUSH: "The image could not be pushed to the registry.",
}
NO_IMAGE: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is seen, and whose log says more."""

    seen: Seen
    pod: str = ""
    step: str = ""
    """The container that went wrong."""


def observe(job: Json, pods: list[Json], place: BuildPlace) -> Observed:
    """A build from its Job and the pods of it."""
    pod = max(pods, key=lambda one: str(one["metadata"].get("creationTimestamp", "")), default=None)
    conditions = {
        one["type"]: one for one in job.get("status", {}).get("conditions") or [] if one.get("status") == "True"
    }
    if "Complete" in conditions:
        return Observed(seen=_pushed(pod))
    if "Failed" in conditions:
        return _failed(conditions["Failed"], pod, place)
    return Observed(seen=Seen(phase=_phase(pod)))


def _pushed(pod: Json | None) -> Seen:
    ended = _ended(pod).get(PUSH) or {}
    digest = str(ended.get("message") or "").strip()
    if not DIGEST.fullmatch(digest):
        return Seen(has_ended=True, reason="The build ended and did not say which image it pushed. Ask for it again.")
    return Seen(has_ended=True, digest=digest)


def _failed(condition: Json, pod: Json | None, place: BuildPlace) -> Observed:
    ended = _ended(pod)
    step = next((name for name in STEPS if (ended.get(name) or {}).get("exitCode")), "")
    name = "" if pod is None else pod["metadata"]["name"]
    if condition.get("reason") == "DeadlineExceeded":
        took = format_duration(place.seconds)
        reason = f"The build took longer than {took} and was ended (models.slowBuild.mostTime)."
    elif (pod or {}).get("status", {}).get("reason") == "Evicted":
        most = format_memory(place.disk_bytes)
        reason = f"The build was ended by its node: it needed more than {most} of disk, or the node had none left."
    elif (ended.get(step) or {}).get("reason") == "OOMKilled":
        reason = f"The build needed more than {format_memory(place.memory_bytes)} of memory (models.slowBuild.memory)."
    elif step:
        reason = WENT_WRONG[step]
    else:
        reason = "The build was ended by the cluster. Ask for it again."
    return Observed(seen=Seen(has_ended=True, reason=reason), pod=name, step=step)


def _phase(pod: Json | None) -> str:
    if pod is None:
        return "waiting for a pod"
    status = pod.get("status", {})
    scheduled: Json = next((one for one in status.get("conditions") or [] if one.get("type") == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        return "waiting for a node with room"
    for one in _statuses(pod):
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in NO_IMAGE:
            return "waiting for the builder's own image, which cannot be fetched"
        if "running" in (one.get("state") or {}):
            return PHASES.get(one.get("name", ""), "building")
    return "starting"


def _ended(pod: Json | None) -> dict[str, Json]:
    """How each step ended that has."""
    found = {} if pod is None else {one.get("name", ""): one.get("state") or {} for one in _statuses(pod)}
    return {name: state["terminated"] for name, state in found.items() if state.get("terminated")}


def _statuses(pod: Json) -> list[Json]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
