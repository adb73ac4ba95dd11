"""What an agent has to know of a pod, as the API server shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spawner.file_owner import ANNOTATION, FILES, VOLUME
from spawner.identity import (
    CLAIMED,
    CREDENTIALS_ANNOTATION,
    HOME_ANNOTATION,
    ORDER_ANNOTATION,
    SEAT_LABEL,
    SEAT_VOLUME,
    TEAMS_ANNOTATION,
    USER_LABEL,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS: Final = (ORDER_ANNOTATION, HOME_ANNOTATION, TEAMS_ANNOTATION, CREDENTIALS_ANNOTATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatPod:
    """A pod of this node."""

    namespace: str
    name: str
    uid: str
    is_claimed: bool = False
    user: str = ""
    marks: tuple[str, str, str, str] = ("", "", "", "")
    """Of the order, of the home, of the teams, of the credentials: what the claim wrote on it."""
    runs_as: tuple[int | None, int | None] = (None, None)
    """User and group of its processes."""
    accounts: tuple[tuple[str, str], ...] = ()
    """The files about accounts that it has in the place of its image's: where the kubelet has them, below its folder of
    the pod, and what its annotations say that is in them."""
    has_seat_in_memory: bool = False
    starts_again: bool = False
    """Whether a container that ended comes back: then as nobody's, with a home that is somebody's."""
    is_ending: bool = False
    """Somebody has asked for its end."""
    has_ended: bool = False
    """None of its containers runs, and none will."""


def seat_pod(raw: Mapping[str, Any]) -> SeatPod:
    """The facts of a pod. What is not there is as if it forbade: nothing is concluded from an answer with holes."""
    metadata, spec, status = (raw.get(part) or {} for part in ("metadata", "spec", "status"))
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    order, home, teams, credentials = (str(annotations.get(mark) or "") for mark in MARKS)
    is_ending = bool(metadata.get("deletionTimestamp"))
    starts_again = spec.get("restartPolicy") != "Never"
    return SeatPod(
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        is_claimed=labels.get(SEAT_LABEL) == CLAIMED,
        user=str(labels.get(USER_LABEL) or ""),
        marks=(order, home, teams, credentials),
        runs_as=_runs_as(spec),
        accounts=_accounts(spec, annotations),
        has_seat_in_memory=_has_seat_in_memory(spec),
        starts_again=starts_again,
        is_ending=is_ending,
        has_ended=_has_ended(status, is_final=is_ending or not starts_again),
    )


def _runs_as(spec: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Of the pod, where no container says otherwise."""
    contexts: list[Any] = [spec.get("securityContext") or {}]
    contexts += [one.get("securityContext") or {} for one in spec.get("containers") or ()]

    def only(name: str) -> int | None:
        said = {context[name] for context in contexts if name in context}
        number = said.pop() if len(said) == 1 else None
        return number if isinstance(number, int) else None

    return only("runAsUser"), only("runAsGroup")


def _accounts(spec: Mapping[str, Any], annotations: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The kubelet counts the mounts of a container."""
    return tuple(
        (f"volume-subpaths/{VOLUME}/{container.get('name')}/{number}", str(annotations.get(annotation) or ""))
        for container in spec.get("containers") or ()
        for number, mount in enumerate(container.get("volumeMounts") or ())
        if mount.get("name") == VOLUME and mount.get("subPath") in FILES
        for annotation in [ANNOTATION.format(name=mount["subPath"])]
    )


def _has_seat_in_memory(spec: Mapping[str, Any]) -> bool:
    seats = [volume for volume in spec.get("volumes") or () if volume.get("name") == SEAT_VOLUME]
    return [(seat.get("emptyDir") or {}).get("medium") for seat in seats] == ["Memory"]


def _has_ended(status: Mapping[str, Any], *, is_final: bool) -> bool:
    """A phase alone says it too: of a pod that was evicted, nobody tells how its containers ended."""
    told = [one for kind in ("containerStatuses", "initContainerStatuses") for one in status.get(kind) or ()]
    running = [one for one in told if "running" in (one.get("state") or {})]
    if running:
        return False
    if status.get("phase") in {"Succeeded", "Failed"}:
        return True
    states = [one.get("state") or {} for one in status.get("containerStatuses") or ()]
    return is_final and bool(states) and all("terminated" in state for state in states)
