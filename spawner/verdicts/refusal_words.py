"""The API server's refusal to create a pod, in words for the person who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spawner.verdicts.create_refusals import (
    InvalidObject,
    LimitRange,
    NoRights,
    PodSecurity,
    PolicyDenied,
    PolicySilent,
    QuotaExceeded,
    Refused,
)
from spawner.verdicts.resource_words import of_bound, of_share
from spawner.verdicts.words import AGAIN, ASK, Words, instead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.verdicts.create_refusals import RefusalVerdict
    from studiolo.catalog import Hardware


def words_of_refusal(verdict: RefusalVerdict, title: str, fitting: Sequence[Hardware]) -> Words:
    """What a person reads of it. `title`: of the hardware that was asked for; `fitting`: others that fit."""
    match verdict:
        case QuotaExceeded(quota=quota, shares=shares):
            return Words(
                sentence=f'{title} needs more than is left of the quota "{quota}".',
                cause=" ".join(of_share(share) for share in shares) or "All of it is used.",
                hint=instead(fitting, "Stop a workspace that you do not need, or choose smaller hardware."),
            )
        case LimitRange(bounds=bounds):
            return Words(
                sentence=f"{title} is not of a size that is allowed here.",
                cause=" ".join(of_bound(bound) for bound in bounds),
                hint=instead(fitting, "Choose other hardware, or tell an administrator the reference."),
            )
        case PolicyDenied(policy=policy, text=text):
            return Words(
                sentence="A rule of this cluster does not allow your workspace.",
                cause=f'The rule "{policy}" says: {_ended_with_a_stop(text)}' if text else f'It is called "{policy}".',
                hint="Choose differently, or tell an administrator the reference.",
            )
        case PodSecurity() | PolicySilent() | NoRights() | InvalidObject() | Refused():
            return _of_the_installation(verdict)


def _of_the_installation(verdict: PodSecurity | PolicySilent | NoRights | InvalidObject | Refused) -> Words:
    match verdict:
        case PodSecurity(level=level):
            return Words(
                sentence="The security rules of this cluster do not allow your workspace.",
                cause=f'Their level is "{level}", and it asks for more rights than that.' if level else "",
                hint=f"{ASK} This is a fault of the installation, not of your choice.",
            )
        case PolicySilent(policy=policy):
            return Words(
                sentence="A rule of this cluster could not be asked about your workspace.",
                cause=f'The service behind the rule "{policy}" does not answer.',
                hint=AGAIN,
            )
        case NoRights():
            return Words(
                sentence="This installation may not start workspaces on its cluster.",
                cause="The rights it was given do not reach so far.",
                hint=f"{ASK} This is a fault of the installation, not of your choice.",
            )
        case InvalidObject():
            return Words(
                sentence="The cluster could not read what was asked of it.",
                cause="Something in the catalog or in the configuration does not go together.",
                hint=f"{ASK} This is a fault of the installation, not of your choice.",
            )
        case Refused():
            return Words(
                sentence="The cluster refused to start your workspace.",
                cause="What it said stands in the details.",
                hint=AGAIN,
            )


def _ended_with_a_stop(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
