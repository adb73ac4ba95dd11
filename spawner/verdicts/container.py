"""Of a pod that has a node, and whose container does not run yet: its image, its settings, its volumes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from spawner.progress import Phase, format_seconds
from spawner.verdicts.end import exited
from spawner.verdicts.image_text import PullProblem, PullText, read_fault, read_pull, read_setting
from spawner.verdicts.outcomes import (
    ContainerNotMade,
    ImageFault,
    ImageNotFetched,
    ImageNotFound,
    ImageUnusable,
    OutOfMemory,
    RegistryAway,
    RegistryRefuses,
    RegistryTrouble,
    SettingMissing,
    VolumeNotMounted,
    Waiting,
    WaitingKind,
)

if TYPE_CHECKING:
    from spawner.pod_facts import EventFacts
    from spawner.verdicts.evidence import Evidence
    from spawner.verdicts.outcomes import ContainerVerdict, ImageVerdict

_PULL_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
)
_CREATE_REASONS: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PreStartHookError",
    }
)

_STARTED: Final = frozenset({"Created", "Started"})
_PULLED: Final = frozenset({"Pulled", *_STARTED})
_MOUNTED: Final = frozenset({"Pulling", *_PULLED})
"""A kubelet fetches images after it has mounted the volumes."""

_PULL_FAILED: Final = "Failed to pull image"
_PULL_TOLD: Final = re.compile(r"Failed to pull image|Error: (?:ErrImage|ImagePull|InvalidImage|ImageInspect)")
_CACHE_NOT_READY: Final = re.compile(r"failed to sync \w+ cache|not registered")
"""The kubelet has not heard of the object yet, and says so as if it were missing."""

_TRIES: Final = 2
"""Failed pulls after which a registry is not just hiccuping."""

_HELD_ELSEWHERE = re.compile(r"Multi-Attach|already (?:used by|exclusively attached)|in use by")


def judge_container(evidence: Evidence, memory_limit_bytes: int | None) -> ContainerVerdict | ImageVerdict | Waiting:
    """Why its container does not run yet."""
    container = evidence.pod.container
    if container.reason == "CrashLoopBackOff":
        if container.last_reason == "OOMKilled":
            return OutOfMemory(limit_bytes=memory_limit_bytes, said=container.message)
        return exited(evidence.pod, container.last_exit_code, container.message)
    if (pull := _pull_failure(evidence)) is not None:
        said, tries = pull
        return _image(read_pull(said), said) or _registry(evidence, read_pull(said), said, tries)
    if said := _create_failure(evidence):
        return _creating(evidence, said)
    if (told := evidence.latest({"FailedMount", "FailedAttachVolume"}, unless=_MOUNTED)) is not None:
        return _mounting(evidence, told)
    return _fetching(evidence)


def _pull_failure(evidence: Evidence) -> tuple[str, int] | None:
    """What a failed pull said, and how often it was tried. Events first: they come sooner and name the cause."""
    container = evidence.pod.container
    failed = [event for event in evidence.events if _is_failed_pull(event)]
    is_told_by_status = container.reason in _PULL_REASONS
    if failed and (is_told_by_status or evidence.latest({failed[-1].reason}, unless=_PULLED) is not None):
        return failed[-1].message, sum(event.count for event in failed)
    return (f"{container.reason}: {container.message}", 1) if is_told_by_status else None


def _is_failed_pull(event: EventFacts) -> bool:
    if event.reason == "Failed":
        return event.message.startswith(_PULL_FAILED)
    return event.reason in {"ErrImageNeverPull", "InspectFailed"}


def _image(pull: PullText, said: str) -> ImageVerdict | None:
    """The verdict where trying again would change nothing."""
    match pull.problem:
        case PullProblem.NOT_FOUND:
            return ImageNotFound(image=pull.image, said=said)
        case PullProblem.REFUSED:
            return RegistryRefuses(image=pull.image, said=said)
        case PullProblem.WRONG_PLATFORM:
            return ImageUnusable(fault=ImageFault.PLATFORM, image=pull.image, said=said)
        case PullProblem.BAD_NAME:
            return ImageUnusable(fault=ImageFault.BAD_NAME, image=pull.image, said=said)
        case _:  # the registry is away, or words that we do not know
            return None


def _registry(evidence: Evidence, pull: PullText, said: str, tries: int) -> ImageVerdict | Waiting:
    pulling = evidence.latest({"Pulling"})
    if tries < _TRIES and evidence.seconds_since(pulling.at if pulling else None) < evidence.patience.registry:
        detail = "The image could not be fetched, trying again"
        return Waiting(kind=WaitingKind.REGISTRY, phase=Phase.SOFTWARE, detail=detail)
    if pull.problem is PullProblem.UNKNOWN:
        return ImageNotFetched(image=pull.image, said=said)
    return RegistryAway(image=pull.image, trouble=pull.trouble or RegistryTrouble.NO_ANSWER, said=said)


def _create_failure(evidence: Evidence) -> str:
    """What stands against making the container, "" for nothing. An event says it a second before the status does."""
    container = evidence.pod.container
    if container.reason in _CREATE_REASONS and container.message:
        return container.message
    failed = evidence.latest({"Failed", "FailedCreatePodSandBox", "FailedCreatePodContainer"}, unless=_STARTED)
    return "" if failed is None or _PULL_TOLD.match(failed.message) else failed.message


def _creating(evidence: Evidence, said: str) -> ContainerVerdict | ImageUnusable | Waiting:
    if (missing := _missing_setting(evidence, said)) is not None:
        return missing
    if (fault := read_fault(said)) is not None:
        return ImageUnusable(fault=fault, said=said)
    seconds = evidence.seconds_on_node
    if seconds < evidence.patience.container:
        detail = f"The machine prepares the workspace, {format_seconds(seconds)} so far"
        return Waiting(kind=WaitingKind.CONTAINER, phase=Phase.SERVER, detail=detail)
    return ContainerNotMade(waited_seconds=seconds, said=said)


def _mounting(evidence: Evidence, told: EventFacts) -> ContainerVerdict | Waiting:
    if (missing := _missing_setting(evidence, told.message)) is not None:
        return missing
    seconds = evidence.seconds_on_node
    if seconds < evidence.patience.volume:
        detail = f"Connecting your files, {format_seconds(seconds)} so far"
        return Waiting(kind=WaitingKind.VOLUME, phase=Phase.SERVER, detail=detail)
    is_held_elsewhere = _HELD_ELSEWHERE.search(told.message) is not None
    return VolumeNotMounted(is_held_elsewhere=is_held_elsewhere, waited_seconds=seconds, said=told.message)


def _missing_setting(evidence: Evidence, said: str) -> SettingMissing | Waiting | None:
    missing = read_setting(said)
    is_early = evidence.waited_seconds < evidence.patience.settle
    if (missing is not None and is_early) or _CACHE_NOT_READY.search(said):
        detail = "Waiting for the workspace's settings"
        return Waiting(kind=WaitingKind.SETTLING, phase=Phase.SERVER, detail=detail)
    if missing is None:
        return None
    return SettingMissing(of=missing.of, name=missing.name, key=missing.key, said=said)


def _fetching(evidence: Evidence) -> Waiting:
    pulling = evidence.latest({"Pulling"}, unless=_PULLED)
    if pulling is None:
        return Waiting(kind=WaitingKind.CONTAINER, phase=evidence.phase, detail="The machine prepares the workspace")
    detail = f"Fetching the image, {format_seconds(evidence.seconds_since(pulling.at))} so far"
    return Waiting(kind=WaitingKind.IMAGE, phase=Phase.SOFTWARE, detail=detail)
