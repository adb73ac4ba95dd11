"""What a start on the cluster has come to, in words for the person who waits: what happened, why, what to do.

Sentences speak of machines, volumes and rules, never in Kubernetes' own words: those go behind "details".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from spawner.ending import Ending, EndingKind, describe_ending
from spawner.errors import OFFERS_SHOWN
from spawner.progress import format_seconds
from spawner.verdicts.outcomes import (
    ContainerNotMade,
    Deleted,
    Evicted,
    EvictionCause,
    ImageFault,
    ImageNotFetched,
    ImageNotFound,
    ImageUnusable,
    NeverFits,
    NodeLost,
    NodeRefused,
    NodesCordoned,
    NodesReserved,
    NoNodeComes,
    NoRoomNow,
    OutOfMemory,
    Preempted,
    RegistryAway,
    RegistryRefuses,
    RegistryTrouble,
    ServerEnded,
    SettingKind,
    SettingMissing,
    VolumeMissing,
    VolumeNotMounted,
    VolumeNotReady,
)
from spawner.verdicts.resource_words import counted, resource_title
from studiolo.problems import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spawner.verdicts.outcomes import ContainerVerdict, EndVerdict, ImageVerdict, PodVerdict
    from spawner.verdicts.scheduling_text import NodeCounts
    from studiolo.catalog import Hardware

ASK: Final = "Tell an administrator the reference."
AGAIN: Final = "Try again. If it goes on, tell an administrator the reference."
OTHER_SOFTWARE: Final = "Choose other software, or tell an administrator the reference."

_UNKNOWN_TIME: Final = datetime.min.replace(tzinfo=UTC)
"""The sentence about an ending does not say when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a person reads."""

    sentence: str
    cause: str
    hint: str


def words_of(verdict: PodVerdict, title: str, fitting: Sequence[Hardware]) -> Words:
    """What a person reads of it. `title`: of the hardware that was asked for; `fitting`: others that fit."""
    match verdict:
        case NeverFits() | NoRoomNow() | NodesCordoned() | NodesReserved() | NoNodeComes():
            return _room(verdict, title, fitting)
        case VolumeMissing() | VolumeNotReady():
            return _volume(verdict)
        case ImageNotFound() | RegistryRefuses() | RegistryAway() | ImageUnusable() | ImageNotFetched():
            return _image(verdict)
        case SettingMissing() | VolumeNotMounted() | ContainerNotMade() | ServerEnded() | OutOfMemory():
            return _container(verdict)
        case NodeRefused() | Evicted() | Preempted() | NodeLost() | Deleted():
            return _end(verdict)


def _room(
    verdict: NeverFits | NoRoomNow | NodesCordoned | NodesReserved | NoNodeComes,
    title: str,
    fitting: Sequence[Hardware],
) -> Words:
    match verdict:
        case NeverFits(counts=counts):
            return Words(
                sentence=f"{title} fits on no machine of this cluster.",
                cause=_why_not(counts),
                hint=instead(fitting, "Choose smaller hardware, or ask an administrator for a machine that it fits."),
            )
        case NoRoomNow(counts=counts, waited_seconds=waited):
            return Words(
                sentence=f"There was no room for {inside(title)} within {format_seconds(waited)}.",
                cause=_all_in_use(counts),
                hint=instead(fitting, "Try again when a workspace has ended, or choose smaller hardware."),
            )
        case NodesCordoned(counts=counts):
            return Words(
                sentence=f"No machine takes {inside(title)} at the moment.",
                cause=f"{_machines(counts.cordoned)} out of use, set so by an administrator.",
                hint=instead(fitting, "Try again later, or choose other hardware."),
            )
        case NodesReserved(counts=counts):
            return Words(
                sentence=f"No machine takes {inside(title)} at the moment.",
                cause=f"{_machines(counts.tainted)} kept for other work, or not ready.",
                hint=instead(fitting, "Choose other hardware, or tell an administrator the reference."),
            )
        case NoNodeComes(was_ordered=was_ordered, waited_seconds=waited):
            return Words(
                sentence=f"There is no machine for {inside(title)}, and none is coming.",
                cause=f"A new one was asked for {format_seconds(waited)} ago and did not come."
                if was_ordered
                else "The cluster adds no machine that it would fit.",
                hint=instead(fitting, "Choose other hardware, or tell an administrator the reference."),
            )


def _volume(verdict: VolumeMissing | VolumeNotReady) -> Words:
    match verdict:
        case VolumeMissing(claim=claim):
            return Words(
                sentence="The volume for your files does not exist.",
                cause=f'It should be called "{claim}".',
                hint=f"{ASK} Nothing was started, and no file was changed.",
            )
        case VolumeNotReady(waited_seconds=waited):
            return Words(
                sentence=f"The volume for your files was not ready within {format_seconds(waited)}.",
                cause="The storage has not made it, or no machine for this choice can reach it.",
                hint=f"{AGAIN} No file was changed.",
            )


_FAULTS: Final[Mapping[ImageFault, str]] = {
    ImageFault.PLATFORM: "Its image is made for machines with other processors.",
    ImageFault.NOT_EXECUTABLE: "The program in its image is made for machines with other processors, or is no program.",
    ImageFault.NO_PROGRAM: "The program that is to be run is not in its image.",
    ImageFault.RUNS_AS_ROOT: "Its image runs as root, which is not allowed here.",
    ImageFault.BAD_NAME: "The name of its image in the catalog cannot be read.",
}

_TROUBLES: Final[Mapping[RegistryTrouble, str]] = {
    RegistryTrouble.NO_ANSWER: "The registry of images does not answer.",
    RegistryTrouble.UNKNOWN_NAME: "The registry of images is not known by its name here.",
    RegistryTrouble.CERTIFICATE: "The connection to the registry of images cannot be trusted: see its certificate.",
    RegistryTrouble.BUSY: "The registry of images wants no more downloads for now.",
    RegistryTrouble.BROKEN: "The registry of images answers with an error of its own.",
}


def _image(verdict: ImageVerdict) -> Words:
    match verdict:
        case ImageNotFound():
            return Words(
                sentence="The software could not be fetched: its image does not exist.",
                cause="The registry of images has none of that name.",
                hint=OTHER_SOFTWARE,
            )
        case RegistryRefuses():
            return Words(
                sentence="The software could not be fetched: the registry of images refuses it.",
                cause="The cluster's credentials are missing, old or not for this image, or there is no such image.",
                hint=OTHER_SOFTWARE,
            )
        case RegistryAway(trouble=trouble):
            return Words(
                sentence="The software could not be fetched.",
                cause=_TROUBLES[trouble],
                hint=AGAIN,
            )
        case ImageUnusable(fault=fault):
            return Words(
                sentence="The software cannot run on this cluster.",
                cause=_FAULTS[fault],
                hint=OTHER_SOFTWARE,
            )
        case ImageNotFetched():
            return Words(
                sentence="The software could not be fetched, for a reason that we do not know.",
                cause="What was said of it stands in the details.",
                hint=AGAIN,
            )


def _container(verdict: ContainerVerdict) -> Words:
    match verdict:
        case SettingMissing():
            return Words(
                sentence="A setting that your workspace starts with does not exist.",
                cause=f"{_setting(verdict)} is missing.",
                hint=AGAIN,
            )
        case VolumeNotMounted(is_held_elsewhere=is_held_elsewhere, waited_seconds=waited):
            return Words(
                sentence=f"Your files could not be connected within {format_seconds(waited)}.",
                cause="Another machine still holds their volume."
                if is_held_elsewhere
                else "Their volume does not answer, or cannot be used on that machine.",
                hint=f"{AGAIN} No file was changed.",
            )
        case ContainerNotMade(waited_seconds=waited):
            return Words(
                sentence=f"The machine could not prepare your workspace within {format_seconds(waited)}.",
                cause="What it said stands in the details.",
                hint=AGAIN,
            )
        case ServerEnded(exit_code=exit_code, signal=signal, ended_at=ended_at):
            return Words(
                sentence="The server of your workspace ended before it was ready.",
                cause=describe_ending(
                    Ending(
                        kind=EndingKind.SIGNALLED if signal else EndingKind.EXITED,
                        ended_at=ended_at or _UNKNOWN_TIME,
                        exit_code=exit_code,
                        signal=signal,
                    )
                ),
                hint="The last lines of its log say more. Try again, or choose hardware with more memory.",
            )
        case OutOfMemory(limit_bytes=limit_bytes, ended_at=ended_at):
            return Words(
                sentence="The server of your workspace ran out of memory.",
                cause=describe_ending(
                    Ending(kind=EndingKind.OUT_OF_MEMORY, ended_at=ended_at or _UNKNOWN_TIME, limit_bytes=limit_bytes)
                ),
                hint="Choose hardware with more memory.",
            )


_EVICTIONS: Final[Mapping[EvictionCause, str]] = {
    EvictionCause.OWN_STORAGE: "It wrote more to the machine's own disk than it may.",
    EvictionCause.NODE_SHORT: "The machine had too little {resource} left for all that ran on it.",
    EvictionCause.DRAIN: "An administrator, or the cluster itself, takes the machine out of use.",
    EvictionCause.SHUTDOWN: "The machine is being switched off.",
    EvictionCause.TAINT: "The machine is kept for other work from now on.",
    EvictionCause.OTHER: "What was said of it stands in the details.",
}


def _end(verdict: EndVerdict) -> Words:
    match verdict:
        case NodeRefused(is_short=is_short):
            return Words(
                sentence="The machine that was chosen for your workspace did not take it.",
                cause="Its room had gone in the meantime." if is_short else "It is not of the kind that was asked for.",
                hint=AGAIN,
            )
        case Evicted(cause=cause, resource=resource):
            return Words(
                sentence="Your workspace was ended by the machine that it was on.",
                cause=_EVICTIONS[cause].format(resource=resource_title(resource)),
                hint="Keep large files in your home, and try again."
                if cause is EvictionCause.OWN_STORAGE
                else "Try again: it starts on another machine. Your files are as they were.",
            )
        case Preempted():
            return Words(
                sentence="Your workspace had to give way.",
                cause="Something more urgent needed the room.",
                hint="Try again: it starts as soon as there is room. Your files are as they were.",
            )
        case NodeLost():
            return Words(
                sentence="The machine that your workspace was on is lost.",
                cause="It does not answer any more.",
                hint="Try again: it starts on another machine. Your files are as they were.",
            )
        case Deleted():
            return Words(
                sentence="Somebody ended your workspace while it started.",
                cause="It was removed from the cluster, and nothing says why.",
                hint="Try again. Your files are as they were.",
            )


def inside(title: str) -> str:
    """The title in the middle of a sentence."""
    return title if title.startswith('"') else "your choice"


def instead(fitting: Sequence[Hardware], otherwise: str) -> str:
    """What fits instead; where nothing is known to, what to do otherwise."""
    if not fitting:
        return otherwise
    titles = [f'"{entry.title}"' for entry in fitting[:OFFERS_SHOWN]]
    return f"What fits: {listed(titles)}."


def _machines(count: int) -> str:
    """The beginning of a sentence: "1 machine is", "3 machines are"."""
    return f"{counted(count, 'machine')} {'is' if count == 1 else 'are'}"


def _why_not(counts: NodeCounts) -> str:
    reasons = [
        *(
            f"{count} {'has' if count == 1 else 'have'} too little {resource_title(name)}"
            for name, count in counts.short
        ),
        *_counted_reason(counts.of_another_kind, "of another kind"),
        *_counted_reason(counts.tainted, "kept for other work or not ready"),
    ]
    if not reasons:
        return "There is no machine at all."
    if counts.nodes == 1:
        return f"The only machine {' and '.join(reason.removeprefix('1 ') for reason in reasons)}."
    return f"Of {counted(counts.nodes, 'machine')}, {', '.join(reasons)}."


def _counted_reason(count: int, what: str) -> list[str]:
    return [f"{count} {'is' if count == 1 else 'are'} {what}"] if count else []


def _all_in_use(counts: NodeCounts) -> str:
    if not counts.short:
        return "What it needs is in use by others."
    titles = [resource_title(name) for name, _ in counts.short]
    return f"Others use the {listed(titles)} that it needs."


def _setting(verdict: SettingMissing) -> str:
    what = "The secret" if verdict.of is SettingKind.SECRET else "The configuration"
    name = f' "{verdict.name}"' if verdict.name else ""
    return f'The entry "{verdict.key}" of {what[0].lower()}{what[1:]}{name}' if verdict.key else f"{what}{name}"
