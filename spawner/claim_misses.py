"""Why a start claims no warm pod, for the log of the hub: one line, and nothing of a person in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.claim_rules import Miss

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS: Final[Mapping[Miss, str]] = {
    Miss.NO_HOME: "its home is an empty one, or kept by no home service",
    Miss.DATA: "it was started with data",
    Miss.SCRATCH: "its hardware has a disk for scratch",
    Miss.MODEL: "it was started with a model package",
    Miss.CREDENTIALS: "it has credentials, and the credential broker could not be reached or gave none",
    Miss.OTHER_USER: "its home has another user number, and no node with a warm pod shows it as the pod's",
    Miss.EARLY_VARIABLE: "a variable of it is read before an identity comes",
    Miss.SHAPE: "settings of KubeSpawner give its pod something that no warm pod has",
    Miss.NO_POD: "none waits",
    Miss.FOREIGN: "those that wait are made otherwise than this hub would make them",
    Miss.AGENT: "the agent of the node could not be reached, or refused",
    Miss.LOST: "other starts were faster",
    Miss.LATE: "it took longer than a start may lose",
    Miss.POD: "the pod ended, or its server did not answer",
}


def why_none(miss: Miss) -> str:
    """The line. `miss` is in it as metrics have it."""
    return f"This start claims no warm pod ({miss}): {TEXTS[miss]}. It goes the normal way"
