"""The fake API server does what a real one does, as far as our code can tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import pytest

from spawner.kube import Kube, KubeAway, KubeConflict, KubeExpired, KubeNotFound, KubeRefused
from tests.fakes.fake_kubernetes import FakeKubernetes, event, pod
from tests.fakes.kubernetes_objects import Json

PODS = "/api/v1/namespaces/lab/pods"
EVENTS = "/api/v1/namespaces/lab/events"
SECRETS = "/api/v1/namespaces/lab/secrets"


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes(bookmark_seconds=0.05) as fake:
        yield fake


@pytest.fixture
async def kube(kubernetes: FakeKubernetes) -> AsyncIterator[Kube]:
    async with kubernetes.kube() as door:
        yield door


async def told(kube: Kube, path: str, version: str, until: str, **query: str) -> list[tuple[str, str]]:
    """What a watch tells, type and name, up to the object called `until`."""
    seen: list[tuple[str, str]] = []
    async with aclosing(kube.watch(path, {"resourceVersion": version, **query})) as events:
        async for one in events:
            if one["type"] != "BOOKMARK":
                seen.append((one["type"], one["object"]["metadata"]["name"]))
                if one["object"]["metadata"]["name"] == until:
                    break
    return seen


async def version_now(kube: Kube) -> str:
    return str((await kube.get(PODS, {"limit": "1"}))["metadata"]["resourceVersion"])


async def test_a_created_object_has_a_uid_a_version_and_a_beginning(kube: Kube) -> None:
    made = await kube.create(PODS, pod("alice", phase="Running"))
    assert made["metadata"]["uid"]
    assert made["metadata"]["resourceVersion"].isdecimal()
    assert made["metadata"]["namespace"] == "lab"
    assert made["status"] == {"phase": "Pending"}
    assert await kube.get(f"{PODS}/alice") == made
    with pytest.raises(KubeConflict) as caught:
        await kube.create(PODS, pod("alice"))
    assert caught.value.reason == "AlreadyExists"


async def test_a_name_used_again_is_another_object(kube: Kube) -> None:
    first = await kube.create(PODS, pod("alice"))
    await kube.delete(f"{PODS}/alice")
    again = await kube.create(PODS, pod("alice"))
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert int(again["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])


async def test_only_the_pod_that_was_meant_is_deleted(kubernetes: FakeKubernetes, kube: Kube) -> None:
    made = kubernetes.put_for_test("pods", pod("alice"))
    with pytest.raises(KubeConflict):
        await kube.delete(f"{PODS}/alice", uid="another")
    await kube.delete(f"{PODS}/alice", uid=made["metadata"]["uid"])
    with pytest.raises(KubeNotFound):
        await kube.delete(f"{PODS}/alice")


async def test_a_pod_on_a_node_is_there_until_its_kubelet_has_ended_it(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("alice") | {"spec": {"nodeName": "node-1"}})
    await kube.delete(f"{PODS}/alice")
    assert "deletionTimestamp" in (await kube.get(f"{PODS}/alice"))["metadata"]
    kubernetes.remove_for_test("pods", "alice")
    with pytest.raises(KubeNotFound):
        await kube.get(f"{PODS}/alice")


async def test_no_grace_ends_a_pod_at_once(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("alice") | {"spec": {"nodeName": "node-1"}})
    await kube.delete(f"{PODS}/alice", grace_seconds=0)
    assert not kubernetes.objects_for_test("pods")


@pytest.mark.parametrize("condition", ["resourceVersion", "uid"])
async def test_a_patch_holds_for_what_it_names(kubernetes: FakeKubernetes, kube: Kube, condition: str) -> None:
    made = kubernetes.put_for_test("pods", pod("alice", labels={"old": "1", "kept": "1"}))
    changes: Json = {"labels": {"new": "1", "old": None}}
    with pytest.raises(KubeConflict):
        await kube.merge(f"{PODS}/alice", {"metadata": changes | {condition: "other"}})
    patched = await kube.merge(f"{PODS}/alice", {"metadata": changes | {condition: made["metadata"][condition]}})
    assert patched["metadata"]["labels"] == {"new": "1", "kept": "1"}


async def test_secrets_go_in_and_never_come_out(kubernetes: FakeKubernetes, kube: Kube) -> None:
    made = await kube.create(SECRETS, {"metadata": {"name": "token"}, "stringData": {"token": "hush"}, "data": {}})
    assert "hush" not in str(made)
    for path in (SECRETS, f"{SECRETS}/token"):
        with pytest.raises(KubeRefused):
            await kube.get(path)
    assert "hush" not in str(kubernetes.objects_for_test("secrets"))
    await kube.delete(f"{SECRETS}/token")
    assert not kubernetes.objects_for_test("secrets")


async def test_a_list_comes_in_pages_of_one_moment(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.page_for_test = 2
    for name in "abcde":
        kubernetes.put_for_test("pods", pod(name))
    names, versions = [], set()
    async with aclosing(kube.pages(PODS)) as pages:
        async for page in pages:
            names += [one["metadata"]["name"] for one in page["items"]]
            versions.add(page["metadata"]["resourceVersion"])
            kubernetes.put_for_test("pods", pod(f"later-{len(names)}"))
    assert names == list("abcde")
    assert len(versions) == 1


async def test_selectors_choose(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("ours", labels={"app": "lab", "user": "alice"}))
    kubernetes.put_for_test("pods", pod("theirs", labels={"app": "web"}))

    async def names(**query: str) -> list[str]:
        return [one["metadata"]["name"] for one in (await kube.get(PODS, query))["items"]]

    assert await names(labelSelector="app=lab,user") == ["ours"]
    assert await names(labelSelector="app!=lab") == ["theirs"]
    assert await names(labelSelector="!user") == ["theirs"]
    assert await names(fieldSelector="metadata.name=theirs,status.phase=Pending") == ["theirs"]


async def test_a_watch_tells_what_came_after_a_version(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("before"))
    version = await version_now(kube)
    kubernetes.put_for_test("pods", pod("alice"))
    kubernetes.change_for_test("pods", "alice", {"status": {"phase": "Running"}})
    kubernetes.remove_for_test("pods", "alice")
    kubernetes.put_for_test("pods", pod("last"))
    assert await told(kube, PODS, version, until="last") == [
        ("ADDED", "alice"),
        ("MODIFIED", "alice"),
        ("DELETED", "alice"),
        ("ADDED", "last"),
    ]


async def test_who_loses_the_label_is_deleted_for_the_watch(kubernetes: FakeKubernetes, kube: Kube) -> None:
    version = await version_now(kube)
    kubernetes.put_for_test("pods", pod("alice", labels={"app": "lab"}))
    kubernetes.put_for_test("pods", pod("theirs"))
    kubernetes.change_for_test("pods", "alice", {"metadata": {"labels": {"app": "other"}}})
    kubernetes.put_for_test("pods", pod("last", labels={"app": "lab"}))
    assert await told(kube, PODS, version, until="last", labelSelector="app=lab") == [
        ("ADDED", "alice"),
        ("DELETED", "alice"),
        ("ADDED", "last"),
    ]


async def test_events_are_chosen_by_what_they_are_about(kubernetes: FakeKubernetes, kube: Kube) -> None:
    version = await version_now(kube)
    alice = kubernetes.put_for_test("pods", pod("alice"))
    about_node = event("of-node", about=alice, reason="Ready")
    about_node["involvedObject"]["kind"] = "Node"
    kubernetes.put_for_test("events", about_node)
    kubernetes.put_for_test("events", event("of-pod", about=alice, reason="Pulling"))
    query = {"fieldSelector": "involvedObject.kind=Pod"}
    assert await told(kube, EVENTS, version, until="of-pod", **query) == [("ADDED", "of-pod")]


async def test_a_bookmark_names_the_version_up_to_which_all_was_told(kubernetes: FakeKubernetes, kube: Kube) -> None:
    version = await version_now(kube)
    kubernetes.put_for_test("events", event("other", about=kubernetes.put_for_test("pods", pod("a")), reason="x"))
    async with aclosing(kube.watch(PODS, {"resourceVersion": version, "labelSelector": "app=lab"})) as events:
        async for one in events:
            assert one["type"] == "BOOKMARK"
            assert one["object"]["metadata"]["resourceVersion"] == await version_now(kube)
            break


async def test_forgotten_versions_can_be_continued_nowhere(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.page_for_test = 1
    for name in "ab":
        kubernetes.put_for_test("pods", pod(name))
    version = await version_now(kube)
    async with aclosing(kube.pages(PODS)) as pages:
        await anext(pages)
        kubernetes.forget_versions_for_test()
        with pytest.raises(KubeExpired):
            await anext(pages)
    with pytest.raises(KubeExpired):
        await told(kube, PODS, version, until="never")
    kubernetes.put_for_test("pods", pod("c"))


async def test_failures_come_as_often_as_asked_for(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.fail_for_test(429, times=2, verb="list", retry_after=7)
    with pytest.raises(KubeNotFound):
        await kube.get(f"{PODS}/alice")
    for _ in range(2):
        with pytest.raises(KubeAway) as caught:
            await kube.get(PODS)
        assert caught.value.retry_after == 7
    assert (await kube.get(PODS))["items"] == []


async def test_a_refused_connection_and_one_accepted_again(kubernetes: FakeKubernetes, kube: Kube) -> None:
    await kube.get(PODS)
    await kubernetes.refuse_for_test()
    with pytest.raises(KubeAway):
        await kube.get(PODS)
    await kubernetes.accept_for_test()
    assert await kube.get(PODS)


async def test_an_empty_list_hides_what_is_there(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("alice"))
    kubernetes.lists_are_empty_for_test = True
    assert (await kube.get(PODS))["items"] == []
    assert await kube.get(f"{PODS}/alice")


async def test_what_is_not_there_answers_as_a_web_server_would(kubernetes: FakeKubernetes) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{kubernetes.url}/apis/none") as response:
        assert response.status == 404
