"""A start against an API server that does what real ones do: it is away, refuses, loses answers, and says so late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from spawner import cluster_follow, cluster_start
from spawner.cluster_pods import remove_pod
from spawner.cluster_resume import resume_start
from spawner.errors import StartError
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from spawner.kube import Kube, KubeAway
from spawner.pod_facts import NodeFacts
from spawner.progress import Phase, PhaseState
from spawner.stages import Stage
from spawner.verdicts.evidence import Patience
from studiolo.catalog import Catalog
from tests.fakes.fake_kubernetes import NAMESPACE
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, SCHEDULED, Cluster, refusal, run


async def test_a_server_that_answers_is_ready_and_its_token_is_in_a_secret_of_its_pod(cluster: Cluster) -> None:
    begun = await run(cluster)
    pod, secret = cluster.api.objects_for_test("pods")[NAME], cluster.api.objects_for_test("secrets")[NAME]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == pod["metadata"]["uid"]
    assert "the-token" not in str(pod)
    cluster.is_running()
    assert (await begun).startswith("http://127.0.0.1:")
    assert cluster.board.progress.of(Phase.SERVER).state is PhaseState.DONE


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("times", [1, 3])
async def test_an_api_server_that_is_busy_is_asked_again(cluster: Cluster, status: int, times: int) -> None:
    cluster.api.fail_for_test(status, times=times, verb="create")
    begun = await run(cluster)
    cluster.is_running()
    assert await begun


async def test_an_api_server_that_stays_away_is_told_in_plain_words(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_start, "API_SECONDS", 0.1)
    await cluster.api.refuse_for_test()
    with pytest.raises(StartError) as refused:
        await cluster.start().run()
    assert refused.value.code == "cluster_away"
    await cluster.api.accept_for_test()


async def test_a_quota_that_two_starts_asked_at_once_is_asked_again(cluster: Cluster) -> None:
    cluster.api.fail_for_test(
        409, times=1, verb="create", body=refusal(409, "Conflict", "the object has been modified")
    )
    begun = await run(cluster)
    cluster.is_running()
    assert await begun


async def test_a_refusal_leaves_nothing_behind_and_says_why(cluster: Cluster) -> None:
    asked = "requested: limits.memory=2Gi, used: limits.memory=7Gi, limited: limits.memory=8Gi"
    said = f'pods "x" is forbidden: exceeded quota: team, {asked}'
    cluster.api.fail_for_test(403, times=1, verb="create", body=refusal(403, "Forbidden", said))
    with pytest.raises(StartError) as refused:
        await cluster.start().run()
    assert refused.value.code == "quota_exceeded"
    assert cluster.names() == []


async def test_what_a_hub_that_died_left_behind_is_replaced(cluster: Cluster) -> None:
    """A pod without its Secret: the crash between the two."""
    left = {"metadata": {"name": NAME, "namespace": NAMESPACE, "labels": INSTALLATION.labels}, "spec": {}}
    before = cluster.api.put_for_test("pods", left)["metadata"]["uid"]
    begun = await run(cluster)
    assert cluster.api.objects_for_test("pods")[NAME]["metadata"]["uid"] != before
    cluster.is_running()
    assert await begun


@dataclass
class LosesTheAnswer:
    """A door to Kubernetes: what the nth creation made is there, and nobody is told."""

    kube: Kube
    write: int
    written: int = 0

    async def create(self, path: str, body: Any) -> Any:
        self.written += 1
        answer = await self.kube.create(path, body)
        if self.written == self.write:
            raise KubeAway("The connection was reset.")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kube, name)


@pytest.mark.parametrize("write", [1, 2], ids=["pod", "Secret"])
async def test_a_pod_whose_creation_was_answered_into_the_void_is_the_one_that_serves(
    cluster: Cluster, write: int
) -> None:
    loses = LosesTheAnswer(kube=cluster.kube, write=write)
    begun = await run(cluster, kube=loses)
    cluster.is_running()
    assert await begun
    assert cluster.api.requests_for_test["delete pods"] == 0
    pod, secret = cluster.api.objects_for_test("pods")[NAME], cluster.api.objects_for_test("secrets")[NAME]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == pod["metadata"]["uid"]


async def test_a_kubelet_that_missed_a_late_secret_is_given_time_to_look_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_start, "SECRET_SECONDS", 0.0)
    monkeypatch.setattr(cluster_start, "DEFAULT_PATIENCE", Patience(settle=0))
    begun = await run(cluster)
    waiting = {"reason": "CreateContainerConfigError", "message": f'secret "{NAME}" not found'}
    status = {**SCHEDULED, "containerStatuses": [{"name": "notebook", "state": {"waiting": waiting}}]}
    cluster.api.change_for_test("pods", NAME, {"spec": {"nodeName": "node1"}, "status": status})
    await asyncio.wait([begun], timeout=1)
    cluster.is_running()
    assert await begun


async def test_a_secret_of_a_pod_that_is_gone_is_replaced(cluster: Cluster) -> None:
    old = {"metadata": {"name": NAME, "namespace": NAMESPACE, "ownerReferences": [{"uid": "gone"}]}}
    cluster.api.put_for_test("secrets", old)
    begun = asyncio.create_task(cluster.start().run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "gone" in str(cluster.api.objects_for_test("secrets")):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    cluster.is_running()
    assert await begun


async def test_a_pod_of_somebody_else_s_that_has_the_name_is_left_alone(cluster: Cluster) -> None:
    labels = {RELEASE_LABEL: "another", KIND_LABEL: WORKSPACE}
    cluster.api.put_for_test("pods", {"metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels}, "spec": {}})
    with pytest.raises(StartError) as refused:
        await cluster.start().run()
    assert refused.value.code == "refused"
    # JupyterHub stops what did not start, and that must not be somebody else's either.
    await remove_pod(cluster.kube, cluster.pods, INSTALLATION, NAME)
    assert cluster.names() == [NAME]


async def resume(cluster: Cluster, *, seconds: float = PATIENCE_SECONDS) -> str | None:
    """What a hub does that was restarted in the middle of a start."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await resume_start(cluster.pods, INSTALLATION, NAME, probe_path="/user/alice/api", seconds=seconds)


async def test_a_pod_that_was_starting_while_the_hub_restarted_is_waited_for(cluster: Cluster) -> None:
    begun = await run(cluster)
    resumed = asyncio.create_task(resume(cluster))
    await asyncio.sleep(0)
    assert not resumed.done()
    cluster.is_running()
    assert await resumed == await begun


async def test_a_pod_that_ended_while_the_hub_restarted_is_given_up(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.has_ended(3)
    with pytest.raises(StartError):
        await begun
    assert await resume(cluster) is None


async def test_a_server_that_ends_ends_the_start_at_once_and_its_pod_goes(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.has_ended(3)
    with pytest.raises(StartError) as failed:
        await begun
    assert failed.value.code == "server_exited"
    assert cluster.names() == []
    assert cluster.board.progress.failed_phase is not None


async def test_a_pod_that_somebody_deletes_ends_the_start(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.api.remove_for_test("pods", NAME)
    with pytest.raises(StartError) as failed:
        await begun
    assert failed.value.code == "deleted"


async def test_hardware_that_fits_nowhere_names_what_does(cluster: Cluster, sample_catalog: Catalog) -> None:
    smaller = sample_catalog.hardware[0]
    begun = await run(cluster, instead=lambda _: (smaller,))
    cluster.fits_nowhere()
    with pytest.raises(StartError) as refused:
        await begun
    assert refused.value.code == "never_fits"
    assert [offer.label for offer in refused.value.offers] == [f"Start on {smaller.title}"]
    assert f'"{smaller.title}"' in refused.value.hint


async def test_hardware_that_fits_nowhere_may_be_tried_again_where_nobody_knows_the_nodes(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.fits_nowhere()
    with pytest.raises(StartError) as refused:
        await begun
    assert [offer.label for offer in refused.value.offers] == ["Try again"]


async def test_a_machine_that_does_not_answer_is_told_while_its_pod_starts(cluster: Cluster) -> None:
    silent = NodeFacts(name="node1", is_ready=False)
    begun = await run(cluster, node_of={"node1": silent}.get)
    cluster.api.change_for_test("pods", NAME, {"spec": {"nodeName": "node1"}, "status": SCHEDULED})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "does not answer" not in cluster.board.progress.of(Phase.SOFTWARE).detail:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)


async def test_a_watch_that_is_cut_while_a_pod_starts_hides_nothing(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.api.end_watches_for_test()
    cluster.api.forget_versions_for_test()
    cluster.is_running()
    assert await begun


async def test_a_start_goes_on_where_watches_fall_silent(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_follow, "ASK_AGAIN_SECONDS", 0.05)
    begun = await run(cluster)
    cluster.api.mute_watches_for_test()
    cluster.is_running()
    assert await begun


async def test_a_start_that_takes_too_long_is_ended_and_leaves_no_pod(cluster: Cluster) -> None:
    begun = await run(cluster, seconds=0.5)
    with pytest.raises(StartError) as late:
        await begun
    assert late.value.code == "server_never_ready"
    assert cluster.names() == []


async def test_a_start_that_is_cancelled_leaves_no_pod(cluster: Cluster) -> None:
    begun = await run(cluster)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert cluster.names() == []


async def test_a_pod_is_gone_only_when_the_server_says_so(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.api.lists_are_empty_for_test = True
    cluster.api.forget_versions_for_test()
    cluster.api.end_watches_for_test()
    cluster.is_running()
    assert await begun


def test_no_two_installations_share_a_label() -> None:
    assert replace(INSTALLATION, release="other").labels != INSTALLATION.labels


async def test_each_stage_of_a_start_is_measured(cluster: Cluster) -> None:
    begun = await run(cluster)
    cluster.is_running()
    await begun
    assert {Stage.SCHEDULING, Stage.SERVER} <= set(cluster.board.stage_seconds())
