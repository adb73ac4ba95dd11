"""The door to Kubernetes: whatever the API server does, what comes out is JSON or one of our errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from spawner.kube import (
    Kube,
    KubeAway,
    KubeConflict,
    KubeError,
    KubeExpired,
    KubeNotFound,
    KubeRefused,
    error_of,
)
from tests.fakes.fake_kubernetes import FakeKubernetes, pod
from tests.fakes.kubernetes_objects import Json

PODS = "/api/v1/namespaces/lab/pods"


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as fake:
        yield fake


@pytest.fixture
async def kube(kubernetes: FakeKubernetes) -> AsyncIterator[Kube]:
    async with kubernetes.kube() as door:
        yield door


async def watched(kube: Kube, kubernetes: FakeKubernetes, *raw: bytes) -> list[Json]:
    """What a watch gives out of these pieces, which the server then ends."""

    async def speak() -> None:
        await kubernetes.watched_for_test("pods")
        kubernetes.say_for_test(*raw)
        kubernetes.end_watches_for_test()

    async def listen() -> list[Json]:
        async with aclosing(kube.watch(PODS, {"resourceVersion": "1000"})) as events:
            return [one async for one in events]

    speaking = asyncio.create_task(speak())
    try:
        return await listen()
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


def line(kind: str, found: object) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, KubeRefused),
        (401, KubeRefused),
        (403, KubeRefused),
        (404, KubeNotFound),
        (408, KubeAway),
        (409, KubeConflict),
        (410, KubeExpired),
        (422, KubeRefused),
        (429, KubeAway),
        (500, KubeAway),
        (502, KubeAway),
        (503, KubeAway),
        (504, KubeAway),
    ],
)
async def test_each_status_is_one_of_our_errors(
    kubernetes: FakeKubernetes, kube: Kube, status: int, expected: type[KubeError]
) -> None:
    kubernetes.fail_for_test(status)
    with pytest.raises(KubeError) as caught:
        await kube.get(PODS)
    assert type(caught.value) is expected
    assert (caught.value.status, caught.value.reason) == (status, "Failing")
    assert str(caught.value) == f"failing with {status}"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b"null", b'"no"', b'{"message": null}', b"\xff"]
)
async def test_an_error_that_kubernetes_did_not_write_is_one_of_ours_too(
    kubernetes: FakeKubernetes, kube: Kube, body: bytes
) -> None:
    kubernetes.fail_for_test(502, body=body)
    with pytest.raises(KubeAway) as caught:
        await kube.get(PODS)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("0", 0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_the_server_says_how_long_to_stay_away(header: str | None, seconds: float | None) -> None:
    error = error_of(429, "", retry_after=header)
    assert isinstance(error, KubeAway)
    assert error.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"<html>OK</html>", b'{"a": "\xff"}'])
async def test_an_answer_that_is_no_object_is_none(kubernetes: FakeKubernetes, kube: Kube, body: bytes) -> None:
    kubernetes.fail_for_test(200, body=body)
    with pytest.raises(KubeAway):
        await kube.get(PODS)


async def test_something_else_than_a_list_is_not_an_empty_list(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.fail_for_test(200, body=b'{"kind": "Status", "metadata": {}, "status": "Failure"}')
    async with aclosing(kube.pages(PODS)) as pages:
        with pytest.raises(KubeAway):
            await anext(pages)


async def test_nobody_there_is_away(kubernetes: FakeKubernetes, kube: Kube) -> None:
    await kubernetes.refuse_for_test()
    with pytest.raises(KubeAway) as caught:
        await kube.get(PODS)
    assert caught.value.status == 0


async def test_a_list_is_read_to_its_end(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.page_for_test = 3
    for number in range(10):
        kubernetes.put_for_test("pods", pod(f"pod-{number}"))
    async with aclosing(kube.pages(PODS)) as pages:
        sizes = [len(page["items"]) async for page in pages]
    assert sizes == [3, 3, 3, 1]


async def test_a_list_whose_rest_is_forgotten_is_expired(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.page_for_test = 1
    for name in ("a", "b"):
        kubernetes.put_for_test("pods", pod(name))
    async with aclosing(kube.pages(PODS)) as pages:
        await anext(pages)
        kubernetes.forget_versions_for_test()
        with pytest.raises(KubeExpired):
            await anext(pages)


async def test_another_pod_of_that_name_is_not_deleted(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("alice"))
    with pytest.raises(KubeConflict):
        await kube.delete(f"{PODS}/alice", uid="of-yesterday")
    assert kubernetes.objects_for_test("pods")


async def test_a_line_may_be_as_long_as_an_object_of_etcd(kubernetes: FakeKubernetes, kube: Kube) -> None:
    long = {"metadata": {"name": "alice", "annotations": {"long": "x" * 1_500_000}}}
    assert await watched(kube, kubernetes, line("ADDED", long)) == [{"type": "ADDED", "object": long}]


async def test_chunks_end_anywhere(kubernetes: FakeKubernetes, kube: Kube) -> None:
    told = line("ADDED", {"metadata": {"name": "ä"}}) + line("MODIFIED", {"metadata": {"name": "b"}})
    whole = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "ä"}}}, ensure_ascii=False).encode() + b"\n"
    pieces = [whole[:3], whole[3:44], whole[44:-1], b"\n" + told[:50], told[50:]]
    seen = await watched(kube, kubernetes, *pieces)
    assert [(one["type"], one["object"]["metadata"]["name"]) for one in seen] == [
        ("ADDED", "ä"),
        ("ADDED", "ä"),
        ("MODIFIED", "b"),
    ]


async def test_a_line_cut_off_by_the_end_is_nothing(kubernetes: FakeKubernetes, kube: Kube) -> None:
    told = line("ADDED", {"metadata": {"name": "a"}})
    assert len(await watched(kube, kubernetes, told, told[:20])) == 1


@pytest.mark.parametrize(
    "told",
    [
        b"not json\n",
        b"\xff\xfe\n",
        b"\n",
        b"null\n",
        b"[]\n",
        b'{"kind": "Status"}\n',
        b'{"type": "ADDED", "object": null}\n',
        b'{"type": 1, "object": {}}\n',
        b'{"type": "ERROR", "object": {"code": null}}\n',
        b'{"type": "ERROR", "object": {"code": 500, "message": "etcd"}}\n',
    ],
)
async def test_a_watch_that_tells_nonsense_is_one_of_our_errors(
    kubernetes: FakeKubernetes, kube: Kube, told: bytes
) -> None:
    with pytest.raises(KubeError) as caught:
        await watched(kube, kubernetes, told)
    assert not isinstance(caught.value, KubeExpired)


@pytest.mark.parametrize(
    "status",
    [
        {"code": 410, "reason": "Expired", "message": "too old resource version"},
        {"code": 410, "reason": "Gone", "message": "too old resource version"},
        {"reason": "Expired", "message": "too old resource version"},
    ],
)
async def test_a_version_forgotten_while_it_is_watched_is_expired(
    kubernetes: FakeKubernetes, kube: Kube, status: Json
) -> None:
    with pytest.raises(KubeExpired):
        await watched(kube, kubernetes, line("ERROR", status))


async def test_a_version_that_was_forgotten_before_is_expired(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.forget_versions_for_test()
    with pytest.raises(KubeExpired):
        await watched(kube, kubernetes)


async def test_a_watch_in_silence_is_away(kubernetes: FakeKubernetes) -> None:
    async with (
        kubernetes.kube(silence_seconds=0.1) as kube,
        aclosing(kube.watch(PODS, {"resourceVersion": "1000"})) as events,
    ):
        with pytest.raises(KubeAway):
            await anext(events)


async def test_a_watch_that_is_reset_is_away(kubernetes: FakeKubernetes, kube: Kube) -> None:
    async with aclosing(kube.watch(PODS, {"resourceVersion": "1000"})) as events:
        waiting = asyncio.ensure_future(anext(events))
        await kubernetes.watched_for_test("pods")
        await kubernetes.refuse_for_test()
        with pytest.raises(KubeAway):
            await waiting


async def test_a_line_without_an_end_is_not_kept(
    kubernetes: FakeKubernetes, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spawner.kube.MOST_WATCH_LINE", 10_000)
    with pytest.raises(KubeAway, match="without an end"):
        await watched(kube, kubernetes, b"x" * 20_000)


async def test_many_watches_leave_room_for_questions(kubernetes: FakeKubernetes, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [{"name": "fake", "cluster": {"server": kubernetes.url}}],
                "users": [{"name": "hub", "user": {}}],
                "contexts": [{"name": "here", "context": {"cluster": "fake", "user": "hub"}}],
                "current-context": "here",
            }
        )
    )
    kube = await Kube.connect(kubeconfig)

    async def listen() -> None:
        async with aclosing(kube.watch(PODS, {"resourceVersion": "1000"})) as events:
            await anext(events)

    listening = [asyncio.create_task(listen()) for _ in range(120)]
    await kubernetes.watched_for_test("pods", count=120)
    assert (await kube.get(PODS))["items"] == []
    kubernetes.put_for_test("pods", pod("alice"))
    await asyncio.gather(*listening)
    await kube.close()


async def test_a_watch_left_early_is_over_for_the_server_too(kubernetes: FakeKubernetes, kube: Kube) -> None:
    kubernetes.put_for_test("pods", pod("alice"))
    async with aclosing(kube.watch(PODS, {"resourceVersion": "1000"})) as events:
        async for _ in events:
            break
    await kubernetes.watched_for_test("pods", count=0)
