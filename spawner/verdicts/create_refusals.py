"""Why the API server would not create a pod: its answer, told apart, with the numbers that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from spawner.progress import Phase
from spawner.verdicts.outcomes import VerdictKind

MOST_POLICY_TEXT: Final = 300
"""Characters of a rule's own words that a person is shown. Some rules answer with pages."""

MOST_ANSWER: Final = 20_000
"""Characters of an answer that are read at all: it may repeat an object of megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaShare:
    """One resource of a quota, in Kubernetes' quantities."""

    resource: str
    """`requests.nvidia.com/gpu`, `limits.memory`, `pods`"""
    asked: str
    used: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExceeded:
    """The namespace's quota has less left than was asked for."""

    kind: ClassVar = VerdictKind.QUOTA_EXCEEDED
    phase: ClassVar = Phase.ROOM
    quota: str
    shares: tuple[QuotaShare, ...]
    """Only what is exceeded."""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSecurity:
    """The pod asks for more rights than the namespace's Pod Security level allows."""

    kind: ClassVar = VerdictKind.POD_SECURITY
    phase: ClassVar = Phase.ROOM
    level: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One bound of a LimitRange that was passed."""

    is_most: bool
    """The most that is allowed, else the least."""
    resource: str
    bound: str
    asked: str
    """A Kubernetes quantity; "" where nothing was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRange:
    """A single pod of the namespace may not be as large, or as small, as asked."""

    kind: ClassVar = VerdictKind.LIMIT_RANGE
    phase: ClassVar = Phase.ROOM
    bounds: tuple[Bound, ...]
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDenied:
    """A rule that the cluster's administrators made said no."""

    kind: ClassVar = VerdictKind.POLICY_DENIED
    phase: ClassVar = Phase.ROOM
    policy: str
    text: str
    """Its own words, on one line. Written for people, so a person may read them."""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySilent:
    """A rule has to be asked, and does not answer."""

    kind: ClassVar = VerdictKind.POLICY_SILENT
    phase: ClassVar = Phase.ROOM
    policy: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRights:
    """We may not create pods there."""

    kind: ClassVar = VerdictKind.NO_RIGHTS
    phase: ClassVar = Phase.ROOM
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidObject:
    """What we sent is not a valid pod."""

    kind: ClassVar = VerdictKind.INVALID_OBJECT
    phase: ClassVar = Phase.ROOM
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The API server said no, for a reason that we do not know."""

    kind: ClassVar = VerdictKind.REFUSED
    phase: ClassVar = Phase.ROOM
    said: str = ""


RefusalVerdict = (
    QuotaExceeded | PodSecurity | LimitRange | PolicyDenied | PolicySilent | NoRights | InvalidObject | Refused
)

_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+), requested: (?P<asked>\S*), used: (?P<used>\S*), limited: (?P<limit>\S*)"
)
_UNSPECIFIED = re.compile(r"failed quota: \S+: must specify ")
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^":]*)')
_BOUND = re.compile(
    r"(?P<which>maximum|minimum) (?P<resource>\S+) usage per (?:Container|Pod) is (?P<bound>[^\s,]*[^\s,.])"
    r"(?:, but (?:request|limit) is (?P<asked>[^\s,\]]+)|\.)"
)
_POLICIES: Final = (
    re.compile(
        r"(?s)ValidatingAdmissionPolicy '(?P<name>[^']*)'(?: with binding '[^']*')? denied request: (?P<text>.*)"
    ),
    re.compile(
        r'admission webhook "(?P<name>[^"]*)" denied the request(?:: (?P<text>.*)| without explanation)', re.DOTALL
    ),
)
_SILENT_POLICY = re.compile(r'failed calling webhook "(?P<name>[^"]*)"')
_NO_RIGHTS = re.compile(r'User "[^"]*" cannot \w+ resource|^Unauthorized$')
_OF_OURS = re.compile(r"no PriorityClass with name|error looking up service account|runtimeclass", re.IGNORECASE)

_UNPROCESSABLE: Final = 422
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401


def judge_refusal(status: int, reason: str, message: str) -> RefusalVerdict:
    """Why a pod was not created. `status`: of HTTP; `reason` and `message`: of Kubernetes' Status object.

    Quotas come first: they are what a person can do something about.
    """
    text = message[:MOST_ANSWER]
    for read in (_quota, _pod_security, _policy, _silent_policy, _limit_range):
        if (verdict := read(text)) is not None:
            return verdict
    if status == _UNAUTHORIZED or _NO_RIGHTS.search(text):
        return NoRights(said=text)
    return InvalidObject(said=text) if _is_invalid(status, reason, text) else Refused(said=text)


def _quota(text: str) -> QuotaExceeded | None:
    found = _QUOTA.search(text)
    return QuotaExceeded(quota=found["name"], shares=_shares(found), said=text) if found else None


def _pod_security(text: str) -> PodSecurity | None:
    found = _POD_SECURITY.search(text)
    return PodSecurity(level=found["level"], said=text) if found else None


def _policy(text: str) -> PolicyDenied | None:
    found = next((found for pattern in _POLICIES if (found := pattern.search(text))), None)
    return PolicyDenied(policy=found["name"], text=_own_words(found["text"] or ""), said=text) if found else None


def _silent_policy(text: str) -> PolicySilent | None:
    found = _SILENT_POLICY.search(text)
    return PolicySilent(policy=found["name"], said=text) if found else None


def _limit_range(text: str) -> LimitRange | None:
    bounds = tuple(_bound(found) for found in _BOUND.finditer(text))
    return LimitRange(bounds=bounds, said=text) if bounds else None


def _is_invalid(status: int, reason: str, text: str) -> bool:
    if status in {_BAD_REQUEST, _UNPROCESSABLE} or reason in {"Invalid", "BadRequest"}:
        return True
    return bool(_UNSPECIFIED.search(text) or _OF_OURS.search(text))


def _shares(found: re.Match[str]) -> tuple[QuotaShare, ...]:
    asked, used, limit = (_amounts(found[part]) for part in ("asked", "used", "limit"))
    return tuple(
        QuotaShare(resource=resource, asked=amount, used=used.get(resource, ""), limit=limit.get(resource, ""))
        for resource, amount in asked.items()
    )


def _amounts(text: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(","))
    return {resource: amount for resource, equals, amount in pairs if equals}


def _bound(found: re.Match[str]) -> Bound:
    return Bound(
        is_most=found["which"] == "maximum",
        resource=found["resource"],
        bound=found["bound"],
        asked=found["asked"] or "",
    )


def _own_words(text: str) -> str:
    """On one line, printable, and no longer than a person reads."""
    line = "".join(one if one.isprintable() else " " for one in " ".join(text.split()))
    return line if len(line) <= MOST_POLICY_TEXT else f"{line[: MOST_POLICY_TEXT - 1]}…"
