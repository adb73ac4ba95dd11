"""The API server's refusal of a pod is told apart, with the numbers that it names. The texts are Kubernetes' own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.progress import Phase
from spawner.verdicts.create_refusals import (
    MOST_POLICY_TEXT,
    Bound,
    InvalidObject,
    LimitRange,
    NoRights,
    PodSecurity,
    PolicyDenied,
    PolicySilent,
    QuotaExceeded,
    QuotaShare,
    Refused,
    judge_refusal,
)

QUOTA = (
    'pods "g3" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, '
    "used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2"
)
TWO_QUOTAS = (
    'pods "q" is forbidden: exceeded quota: team, requested: limits.memory=2Gi,requests.cpu=2, '
    "used: limits.memory=0,requests.cpu=0, limited: limits.memory=1Gi,requests.cpu=1"
)
TWO_LIMITS = (
    'pods "l1" is forbidden: [maximum cpu usage per Container is 1, but limit is 8, '
    "maximum memory usage per Container is 1Gi, but limit is 4Gi]"
)
SILENT = (
    'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: Post '
    '"https://10.199.0.1:1/x?timeout=1s": dial tcp 10.199.0.1:1: connect: connection refused'
)
PLAIN = (
    'pods "plain" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "plain" must set securityContext.allowPrivilegeEscalation=false)'
)
POLICY = (
    "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'teams' with binding 'teams-all' denied request: "
    "Every workspace\nnames its team."
)


@pytest.mark.parametrize(
    ("status", "reason", "message", "verdict"),
    [
        (
            403,
            "Forbidden",
            QUOTA,
            QuotaExceeded(
                quota="gpus",
                shares=(QuotaShare(resource="requests.nvidia.com/gpu", asked="1", used="2", limit="2"),),
            ),
        ),
        (
            403,
            "Forbidden",
            TWO_QUOTAS,
            QuotaExceeded(
                quota="team",
                shares=(
                    QuotaShare(resource="limits.memory", asked="2Gi", used="0", limit="1Gi"),
                    QuotaShare(resource="requests.cpu", asked="2", used="0", limit="1"),
                ),
            ),
        ),
        (403, "Forbidden", PLAIN, PodSecurity(level="restricted")),
        (
            403,
            "Forbidden",
            TWO_LIMITS,
            LimitRange(
                bounds=(
                    Bound(is_most=True, resource="cpu", bound="1", asked="8"),
                    Bound(is_most=True, resource="memory", bound="1Gi", asked="4Gi"),
                )
            ),
        ),
        (
            403,
            "Forbidden",
            'pods "l2" is forbidden: minimum memory usage per Container is 64Mi.  No request is specified',
            LimitRange(bounds=(Bound(is_most=False, resource="memory", bound="64Mi", asked=""),)),
        ),
        (422, "Invalid", POLICY, PolicyDenied(policy="teams", text="Every workspace names its team.")),
        (
            400,
            "",
            'admission webhook "images.example.org" denied the request: only signed images',
            PolicyDenied(policy="images.example.org", text="only signed images"),
        ),
        (
            400,
            "",
            'admission webhook "images.example.org" denied the request without explanation',
            PolicyDenied(policy="images.example.org", text=""),
        ),
        (
            500,
            "InternalError",
            SILENT,
            PolicySilent(policy="w.example.com"),
        ),
        (
            403,
            "Forbidden",
            'pods is forbidden: User "system:serviceaccount:x:y" cannot create resource "pods" in API group ""',
            NoRights(),
        ),
        (401, "Unauthorized", "Unauthorized", NoRights()),
        (422, "Invalid", 'Pod "B" is invalid: metadata.name: Invalid value: "B"', InvalidObject()),
        (403, "Forbidden", 'pods "p" is forbidden: no PriorityClass with name gone was found', InvalidObject()),
        (
            403,
            "Forbidden",
            'pods "q2" is forbidden: failed quota: team: must specify limits.memory for: notebook',
            InvalidObject(),
        ),
        (
            403,
            "Forbidden",
            'pods "t" is forbidden: unable to create new content in namespace x because it is being terminated',
            Refused(),
        ),
    ],
)
def test_the_answer_to_a_request_is_told_apart(status: int, reason: str, message: str, verdict: Any) -> None:
    assert judge_refusal(status, reason, message) == replace(verdict, said=message)


def test_a_rule_s_own_words_are_cut_where_nobody_reads_on() -> None:
    verdict = judge_refusal(400, "", f'admission webhook "w" denied the request: {"word " * 999}')
    assert isinstance(verdict, PolicyDenied)
    assert len(verdict.text) == MOST_POLICY_TEXT
    assert verdict.text.endswith("…")


@given(
    text=st.sampled_from([QUOTA, TWO_QUOTAS, TWO_LIMITS, PLAIN, POLICY, SILENT]) | st.text(max_size=80),
    cut=st.integers(0, 300),
    more=st.text(max_size=20),
    status=st.integers(0, 599),
    reason=st.sampled_from(["", "Forbidden", "Invalid"]),
)
def test_reading_a_refusal_never_fails(text: str, cut: int, more: str, status: int, reason: str) -> None:
    verdict = judge_refusal(status, reason, text[:cut] + more)
    assert verdict.kind
    assert verdict.phase is Phase.ROOM
