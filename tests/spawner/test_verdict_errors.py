"""Every verdict reads as what happened, why and what to do, and counts under its own name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spawner.errors import StartError, offer_again
from spawner.progress import Phase
from spawner.refusals import to_spawn_exception
from spawner.verdicts.create_refusals import Bound, LimitRange, PodSecurity, PolicyDenied, QuotaExceeded, QuotaShare
from spawner.verdicts.errors import MOST_DETAIL, ChoiceNotPossible, ClusterStartError, Verdict, error_of
from spawner.verdicts.outcomes import (
    Evicted,
    EvictionCause,
    NeverFits,
    NodeRefused,
    NodesCordoned,
    NodesReserved,
    NoRoomNow,
    OutOfMemory,
    ServerEnded,
    SettingKind,
    SettingMissing,
    VerdictKind,
)
from spawner.verdicts.resource_words import resource_title
from spawner.verdicts.scheduling_text import NodeCounts
from studiolo.catalog import Catalog
from studiolo.choice import Choice
from tests.fakes.verdict_samples import SAMPLES, Sample

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "verdicts.md"
MEASURED = CHECKOUT / "build" / "verdicts.json"
TABLE = re.compile(r"(?<=<!-- table -->\n\n).*?(?=\n\n<!-- end -->)", re.DOTALL)

JARGON = re.compile(
    r"\b(?:pods?|nodes?|namespaces?|kubelet|PVC|PodScheduled|taints?|cordon\w*|unschedulable|desc|rpc error"
    r"|ErrImage\w*|Back-?off|containerd?|webhook|SIGKILL \d|uid|[0-9a-f]{8}-[0-9a-f]{4})\b",
    re.IGNORECASE,
)

SAMPLE = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


def test_every_kind_has_a_sample() -> None:
    assert {sample.verdict.kind for sample in SAMPLES} == set(VerdictKind)


def test_every_cause_of_an_eviction_has_a_sample() -> None:
    causes = {sample.verdict.cause for sample in SAMPLES if isinstance(sample.verdict, Evicted)}
    assert causes == set(EvictionCause)


@SAMPLE
def test_a_verdict_says_what_happened_why_and_what_to_do(sample: Sample) -> None:
    error = error_of(sample.verdict)
    assert isinstance(error, StartError)
    for part in (error.sentence, error.cause, error.hint):
        assert part.endswith("."), part
        assert part[0].isupper() or part[0] in '"123', part
        assert not JARGON.search(part), part


@SAMPLE
def test_a_verdict_counts_under_its_own_name(sample: Sample) -> None:
    error = error_of(sample.verdict)
    assert error.code == sample.verdict.kind.value
    assert to_spawn_exception(error).reason == sample.verdict.kind.value


def test_no_class_s_own_code_is_changed_by_an_error() -> None:
    error_of(SAMPLES[0].verdict)
    assert ClusterStartError.code == "cluster_start_failed"


def test_what_a_person_can_change_is_of_a_class_of_its_own() -> None:
    of_choice = {sample.verdict.kind for sample in SAMPLES if isinstance(error_of(sample.verdict), ChoiceNotPossible)}
    assert VerdictKind.QUOTA_EXCEEDED in of_choice
    assert VerdictKind.NEVER_FITS in of_choice
    assert VerdictKind.IMAGE_NOT_FOUND not in of_choice


def test_kubernetes_own_words_go_behind_the_details() -> None:
    verdict = NodeRefused(is_short=True, said="OutOfcpu: Pod was rejected\nin two lines")
    error = error_of(verdict, log_tail=["the last line of its log"])
    assert error.log_tail == ("the last line of its log", "OutOfcpu: Pod was rejected", "in two lines")
    assert "OutOfcpu" not in error.text
    assert sum(map(len, error_of(NodeRefused(is_short=True, said="x" * 99_999)).log_tail)) <= MOST_DETAIL


def test_offers_are_the_caller_s(sample_catalog: Catalog) -> None:
    offers = (offer_again(Choice(environment="python", hardware="gpu")),)
    error = error_of(NeverFits(counts=NodeCounts()), asked=sample_catalog.hardware[2], offers=offers)
    assert error.offers == offers
    assert error.sentence == '"One GPU" fits on no machine of this cluster.'


GPU_SHORT = (("nvidia.com/gpu", 2),)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            NeverFits(counts=NodeCounts(nodes=5, short=(("memory", 1), *GPU_SHORT), of_another_kind=1, tainted=2)),
            (
                '"One GPU" fits on no machine of this cluster. Of 5 machines, 1 has too little memory, 2 have too '
                "little GPU, 1 is of another kind, 2 are kept for other work or not ready. "
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            NeverFits(counts=NodeCounts(nodes=1, short=(("cpu", 1), ("memory", 1)))),
            (
                '"One GPU" fits on no machine of this cluster. The only machine has too little CPU and has too little '
                'memory. What fits: "Small" and "Medium".'
            ),
        ),
        (
            NeverFits(counts=NodeCounts()),
            (
                '"One GPU" fits on no machine of this cluster. There is no machine at all. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            NoRoomNow(counts=NodeCounts(short=GPU_SHORT, full=2), waited_seconds=60),
            (
                'There was no room for "One GPU" within 1 min. Others use the GPU that it needs. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            NoRoomNow(counts=NodeCounts(other=1), waited_seconds=3),
            (
                'There was no room for "One GPU" within 3.0 s. What it needs is in use by others. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            NodesCordoned(counts=NodeCounts(cordoned=2)),
            (
                'No machine takes "One GPU" at the moment. 2 machines are out of use, set so by an administrator. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            NodesReserved(counts=NodeCounts(tainted=1)),
            (
                'No machine takes "One GPU" at the moment. 1 machine is kept for other work, or not ready. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            QuotaExceeded(
                quota="team",
                shares=(
                    QuotaShare(resource="requests.nvidia.com/gpu", asked="1", used="2", limit="2"),
                    QuotaShare(resource="limits.memory", asked="2Gi", used="0", limit="1Gi"),
                    QuotaShare(resource="requests.cpu", asked="500m", used="1", limit="1"),
                    QuotaShare(resource="pods", asked="1", used="4", limit="4"),
                ),
            ),
            (
                '"One GPU" needs more than is left of the quota "team". It allows 2 GPUs: 2 in use, 1 more needed. '
                "It allows 1 GiB of memory: 0 B in use, 2 GiB more needed. "
                "It allows 1 CPU core: 1 in use, 0.5 more needed. "
                "It allows 4 places for workspaces: 4 in use, 1 more needed. "
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            QuotaExceeded(quota="team", shares=()),
            (
                '"One GPU" needs more than is left of the quota "team". All of it is used. '
                'What fits: "Small" and "Medium".'
            ),
        ),
        (
            LimitRange(bounds=(Bound(is_most=False, resource="memory", bound="64Mi", asked=""),)),
            (
                '"One GPU" is not of a size that is allowed here. A workspace here has at least 64 MiB of memory. '
                'What fits: "Small" and "Medium".'
            ),
        ),
    ],
)
def test_numbers_are_told_as_people_read_them(verdict: Verdict, text: str, sample_catalog: Catalog) -> None:
    small, medium, asked, _ = sample_catalog.hardware
    assert error_of(verdict, asked=asked, fitting=(small, medium)).text == text


@pytest.mark.parametrize(
    ("verdict", "cause"),
    [
        (OutOfMemory(limit_bytes=4 * 1024**3), "It used all of its 4 GiB of memory and was stopped."),
        (OutOfMemory(), "It used all of its memory and was stopped."),
        (ServerEnded(exit_code=3), "It ended by itself with exit code 3."),
        (ServerEnded(exit_code=137, signal=9), "It was killed by signal 9 (SIGKILL)."),
        (SettingMissing(of=SettingKind.SECRET, name="token"), 'The secret "token" is missing.'),
        (SettingMissing(of=SettingKind.CONFIG_MAP, name=""), "The configuration is missing."),
        (
            SettingMissing(of=SettingKind.SECRET, name="token", key="value"),
            'The entry "value" of the secret "token" is missing.',
        ),
        (NodeRefused(is_short=False), "It is not of the kind that was asked for."),
        (
            Evicted(phase=Phase.SERVER, cause=EvictionCause.NODE_SHORT, resource="ephemeral-storage"),
            "The machine had too little disk space left for all that ran on it.",
        ),
        (PolicyDenied(policy="teams", text="Name your team"), 'The rule "teams" says: Name your team.'),
        (PolicyDenied(policy="teams", text="Name your team!"), 'The rule "teams" says: Name your team!'),
        (PolicyDenied(policy="teams", text=""), 'It is called "teams".'),
        (PodSecurity(level=""), ""),
    ],
)
def test_a_cause_names_its_facts(verdict: Verdict, cause: str) -> None:
    assert error_of(verdict).cause == cause


@pytest.mark.parametrize(
    ("resource", "title"),
    [
        ("requests.nvidia.com/gpu", "GPU"),
        ("nvidia.com/mig-1g.10gb", "GPU"),
        ("limits.memory", "memory"),
        ("hugepages-2Mi", "memory in huge pages"),
        ("example.org/fpga", "example.org/fpga"),
        ("", "room"),
    ],
)
def test_a_resource_is_called_what_people_call_it(resource: str, title: str) -> None:
    assert resource_title(resource) == title


def test_an_amount_that_cannot_be_read_is_told_as_it_is() -> None:
    share = QuotaShare(resource="count/jobs.batch", asked="1e3", used="", limit="1e4")
    assert error_of(QuotaExceeded(quota="q", shares=(share,))).cause == (
        "It allows 1e4 count/jobs.batch: none in use, 1e3 more needed."
    )


def _row(sample: Sample, seconds: str) -> str:
    error = error_of(sample.verdict)
    told = f"{error.sentence} {error.cause}"
    return f"| `{error.code}` | {told} | {error.hint} | {sample.how} | {seconds} |"


def _without_seconds(table: str) -> list[str]:
    return [line.rpartition(" | ")[0] for line in table.splitlines()]


def _seconds(table: str) -> dict[str, str]:
    """What the page says now, by how it was provoked."""
    rows = [line.removesuffix(" |").split(" | ") for line in table.splitlines()]
    return {row[-2]: row[-1] for row in rows if len(row) > 1}


def _rewritten(page: str) -> str:
    """The page as the code has it, with the seconds of the last run on a cluster, or else those it has."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    known = _seconds(_table(page))
    run = [one for one in SAMPLES if one.is_run]
    seconds = {one.name: str(measured.get(one.name, {}).get("seconds", known.get(one.how, ""))) for one in run}
    head = ["| Kind | What happened, and why | What to do | Provoked by | Seconds |", f"|{' --- |' * 5}"]
    rows = [_row(sample, seconds.get(sample.name, "")) for sample in SAMPLES]
    return page.replace(_table(page), "\n".join([*head, *rows]))


def _table(page: str) -> str:
    found = TABLE.search(page)
    assert found is not None, "the page has lost the marks around its table"
    return found[0]


def test_the_page_of_verdicts_says_what_the_code_says(request: pytest.FixtureRequest) -> None:
    """Its seconds are what a run on a cluster has measured: they may be older than the words."""
    if request.config.getoption("--update-data"):
        PAGE.write_text(_rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    told = _without_seconds(_table(PAGE.read_text(encoding="utf-8")))[2:]
    assert told == _without_seconds("\n".join(_row(sample, "0") for sample in SAMPLES)), "see --update-data"
