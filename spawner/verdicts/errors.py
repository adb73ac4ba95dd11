"""A verdict as the error that a start ends with: its words, its offers, and its kind as the code that metrics count.

Kubernetes' own text goes behind "details"; only what an administrator wrote into a rule for people to read is quoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.ending import tail
from spawner.errors import StartError
from spawner.verdicts.create_refusals import RefusalVerdict
from spawner.verdicts.outcomes import PodVerdict, VerdictKind
from spawner.verdicts.refusal_words import words_of_refusal
from spawner.verdicts.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.errors import Offer
    from spawner.verdicts.words import Words
    from studiolo.catalog import Hardware

Verdict = PodVerdict | RefusalVerdict

MOST_DETAIL: Final = 4_000
"""Characters of Kubernetes' own text that are kept behind "details"."""


class ClusterStartError(StartError):
    """The cluster did not start it. Its code is the verdict's kind, so that metrics tell one cause from another."""

    code = "cluster_start_failed"

    def __init__(
        self, verdict: Verdict, words: Words, *, offers: Sequence[Offer] = (), log_tail: Sequence[str] = ()
    ) -> None:
        super().__init__(words.sentence, cause=words.cause, hint=words.hint, offers=offers, log_tail=log_tail)
        self.verdict = verdict
        # One class says it for all kinds: a class for each would be thirty times the same.
        self.__dict__["code"] = verdict.kind.value


class ChoiceNotPossible(ClusterStartError):
    """The same on the cluster, where another choice, or ending another workspace, is the way out."""


_OF_CHOICE: Final = frozenset(
    {
        VerdictKind.NEVER_FITS,
        VerdictKind.NO_ROOM_NOW,
        VerdictKind.NODES_CORDONED,
        VerdictKind.NODES_RESERVED,
        VerdictKind.NO_NODE_COMES,
        VerdictKind.QUOTA_EXCEEDED,
        VerdictKind.LIMIT_RANGE,
        VerdictKind.POLICY_DENIED,
        VerdictKind.DELETED,
    }
)
"""What the person or the people around can change. All else is for whoever watches the errors of the installation."""


def error_of(
    verdict: Verdict,
    *,
    asked: Hardware | None = None,
    fitting: Sequence[Hardware] = (),
    offers: Sequence[Offer] = (),
    log_tail: Sequence[str] = (),
) -> ClusterStartError:
    """The error that a failed start ends with. `asked`: the hardware that was chosen; `fitting`: others that fit."""
    title = f'"{asked.title}"' if asked else "Your choice"
    if isinstance(verdict, RefusalVerdict):
        words = words_of_refusal(verdict, title, fitting)
    else:
        words = words_of(verdict, title, fitting)
    kind = ChoiceNotPossible if verdict.kind in _OF_CHOICE else ClusterStartError
    details = tail((*log_tail, *verdict.said[:MOST_DETAIL].splitlines()))
    return kind(verdict, words, offers=offers, log_tail=details)
