"""The picture of the pods stays true, or at least as true as before, whatever the API server does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, ClassVar, Protocol

import pytest

from spawner.kube import KubeAway, KubeError, KubeRefused
from spawner.kube_feed import Pauses, Persistence
from spawner.pod_facts import PodFacts
from spawner.pod_watch import MOST_QUESTIONS, PodWatch
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes, event, pod
from tests.fakes.kubernetes_objects import Json

LABELS = {"component": "server"}
QUICK = Persistence(
    log=logging.getLogger("test"),
    pauses=Pauses(first_seconds=0.01, most_seconds=0.02, most_asked_seconds=0.02),
    chance=lambda: 0.5,
)
Eventually = Callable[[Callable[[], bool]], Any]


def server_pod(name: str, **status: Any) -> Json:
    return pod(name, labels=LABELS, **status)


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes(bookmark_seconds=0.1) as fake:
        yield fake


@pytest.fixture
async def watch(kubernetes: FakeKubernetes) -> AsyncIterator[PodWatch]:
    """A watch that does not run yet: a test puts its pods first."""
    async with kubernetes.kube(silence_seconds=0.5) as kube:
        yield PodWatch(kube, namespace="lab", labels=LABELS, persistence=QUICK)


@contextlib.asynccontextmanager
async def running(watch: PodWatch, kubernetes: FakeKubernetes) -> AsyncIterator[None]:
    """The watch at work, listening to both streams."""
    task = asyncio.create_task(watch.run())
    try:
        assert await watch.wait_synced(PATIENCE_SECONDS)
        await kubernetes.watched_for_test("pods")
        await kubernetes.watched_for_test("events")
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(watch: PodWatch, name: str, holds: Callable[[PodFacts | None], bool]) -> PodFacts | None:
    """The pod once this holds, heard of as everybody hears of it."""
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(watch.changes(name)) as changes:
        async for facts in changes:
            if holds(facts):
                return facts
    raise AssertionError("changes end only when they are closed")


def has_phase(phase: str) -> Callable[[PodFacts | None], bool]:
    return lambda facts: facts is not None and facts.phase == phase


def is_known(facts: PodFacts | None) -> bool:
    return facts is not None


def is_gone(facts: PodFacts | None) -> bool:
    return facts is None


def names(watch: PodWatch) -> set[str]:
    return {one.name for one in watch.pods()}


# What is seen when all is well


async def test_pods_that_are_there_are_known_after_the_first_list(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    kubernetes.page_for_test = 3
    for number in range(10):
        kubernetes.put_for_test("pods", server_pod(f"pod-{number}"))
    kubernetes.put_for_test("pods", pod("of-somebody-else"))
    assert not watch.is_synced
    async with running(watch, kubernetes):
        assert watch.is_synced
        assert names(watch) == {f"pod-{number}" for number in range(10)}
        assert watch.get("of-somebody-else") is None


async def test_a_server_that_does_not_answer_leaves_it_unsynced(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    await kubernetes.refuse_for_test()
    task = asyncio.create_task(watch.run())
    assert not await watch.wait_synced(0.05)
    await kubernetes.accept_for_test()
    assert await watch.wait_synced(PATIENCE_SECONDS)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_pods_life_is_seen_as_it_happens(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    async with running(watch, kubernetes):
        kubernetes.put_for_test("pods", server_pod("alice"))
        await until(watch, "alice", has_phase("Pending"))
        kubernetes.change_for_test("pods", "alice", {"status": {"phase": "Running", "podIP": "10.0.0.1"}})
        running_pod = await until(watch, "alice", has_phase("Running"))
        assert running_pod is not None
        assert running_pod.ip == "10.0.0.1"
        kubernetes.remove_for_test("pods", "alice")
        await until(watch, "alice", is_gone)
        assert watch.pods() == ()
    assert kubernetes.requests_for_test["list pods"] == 1


async def test_a_name_used_again_is_the_new_pod(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    first = kubernetes.put_for_test("pods", server_pod("alice"))["metadata"]["uid"]
    async with running(watch, kubernetes):
        kubernetes.remove_for_test("pods", "alice")
        second = kubernetes.put_for_test("pods", server_pod("alice"))["metadata"]["uid"]
        await until(watch, "alice", lambda facts: facts is not None and facts.uid == second)
        assert first != second


async def test_what_a_post_answered_is_known_before_its_watch_tells(
    watch: PodWatch, kubernetes: FakeKubernetes
) -> None:
    answer = kubernetes.put_for_test("pods", server_pod("alice"))
    assert watch.learn(answer).name == "alice"
    assert names(watch) == {"alice"}


async def test_a_late_answer_does_not_overwrite_what_came_since(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    created = kubernetes.put_for_test("pods", server_pod("alice"))
    async with running(watch, kubernetes):
        kubernetes.change_for_test("pods", "alice", {"status": {"phase": "Running"}})
        await until(watch, "alice", has_phase("Running"))
        watch.learn(created)
        assert has_phase("Running")(watch.get("alice"))
        kubernetes.remove_for_test("pods", "alice")
        await until(watch, "alice", is_gone)
        watch.learn(created)
        assert watch.get("alice") is None


# Events


async def test_events_of_a_pod_are_heard_and_wake_who_waits_for_it(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    alice = kubernetes.put_for_test("pods", server_pod("alice"))
    uid = alice["metadata"]["uid"]
    async with running(watch, kubernetes):
        kubernetes.put_for_test("events", event("one", about=alice, reason="Pulling", message="Pulling image"))
        await until(watch, "alice", lambda _: bool(watch.events_of(uid)))
        kubernetes.put_for_test("events", event("two", about=alice, reason="BackOff", kind="Warning"))
        await until(watch, "alice", lambda _: len(watch.events_of(uid)) == 2)
        kubernetes.change_for_test("events", "one", {"count": 5})
        await until(watch, "alice", lambda _: watch.events_of(uid)[-1].count == 5)
        assert [(one.reason, one.is_warning) for one in watch.events_of(uid)] == [("BackOff", True), ("Pulling", False)]
        kubernetes.remove_for_test("pods", "alice")
        await until(watch, "alice", is_gone)
        assert watch.events_of(uid) == ()


async def test_an_event_may_come_before_its_pod(watch: PodWatch, kubernetes: FakeKubernetes, eventually: Any) -> None:
    async with running(watch, kubernetes):
        kubernetes.mute_watches_for_test("pods")
        alice = kubernetes.put_for_test("pods", server_pod("alice"))
        bert = kubernetes.put_for_test("pods", server_pod("bert"))
        kubernetes.put_for_test("events", event("one", about=alice, reason="Scheduled"))
        watch.learn(bert)
        kubernetes.put_for_test("events", event("two", about=bert, reason="Scheduled"))
        await until(watch, "bert", lambda _: bool(watch.events_of(bert["metadata"]["uid"])))
        assert watch.get("alice") is None
        watch.learn(alice)
        assert [one.reason for one in watch.events_of(alice["metadata"]["uid"])] == ["Scheduled"]


async def test_the_history_of_events_is_never_listed(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    alice = kubernetes.put_for_test("pods", server_pod("alice"))
    for number in range(5):
        kubernetes.put_for_test("events", event(f"old-{number}", about=alice, reason="Old"))
    async with running(watch, kubernetes):
        kubernetes.forget_versions_for_test()
        await kubernetes.watched_for_test("events", count=0)
        await kubernetes.watched_for_test("events")
        kubernetes.put_for_test("events", event("new", about=alice, reason="New"))
        uid = alice["metadata"]["uid"]
        await until(watch, "alice", lambda _: bool(watch.events_of(uid)))
        assert [one.reason for one in watch.events_of(uid)] == ["New"]


# Who waits


async def test_the_first_thing_told_is_the_state_as_it_is(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    watch.learn(kubernetes.put_for_test("pods", server_pod("alice")))
    for name, expected in (("alice", "alice"), ("nobody", None)):
        async with aclosing(watch.changes(name)) as changes:
            facts = await anext(changes)
            assert (facts and facts.name) == expected


async def test_who_is_slow_sees_the_latest_and_misses_nothing_after_it(
    watch: PodWatch, kubernetes: FakeKubernetes
) -> None:
    watch.learn(kubernetes.put_for_test("pods", server_pod("alice")))
    async with aclosing(watch.changes("alice")) as changes:
        await anext(changes)
        for phase in ("Running", "Failed"):
            watch.learn(kubernetes.change_for_test("pods", "alice", {"status": {"phase": phase}}))
        assert has_phase("Failed")(await anext(changes))
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert not waiting.done()
        watch.learn(kubernetes.change_for_test("pods", "alice", {"status": {"phase": "Succeeded"}}))
        assert has_phase("Succeeded")(await waiting)


async def test_only_those_who_wait_for_that_pod_are_woken(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    woken: list[str] = []

    async def wait_for(name: str) -> None:
        async with aclosing(watch.changes(name)) as changes:
            async for _ in changes:
                woken.append(name)  # noqa: PERF401 - it never ends

    waiters = [asyncio.create_task(wait_for(f"pod-{number}")) for number in range(1000)]
    await asyncio.sleep(0)
    woken.clear()
    watch.learn(kubernetes.put_for_test("pods", server_pod("pod-7")))
    watch.learn(kubernetes.put_for_test("pods", server_pod("not-waited-for")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert woken == ["pod-7"]
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    assert not watch._topics


# Asking for one pod


async def test_a_look_is_the_truth_and_is_kept(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    kubernetes.put_for_test("pods", server_pod("alice"))
    seen = await watch.look("alice")
    assert seen is not None
    assert watch.get("alice") == seen
    kubernetes.remove_for_test("pods", "alice")
    assert await watch.look("alice") is None
    assert watch.get("alice") is None


async def test_a_look_shows_a_pod_of_somebody_else_and_does_not_keep_it(
    watch: PodWatch, kubernetes: FakeKubernetes
) -> None:
    """No watch of ours would tell of its end."""
    kubernetes.put_for_test("pods", pod("alice", phase="Running"))
    assert has_phase("Running")(await watch.look("alice"))
    assert watch.get("alice") is None


async def test_a_refused_look_says_why(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    kubernetes.fail_for_test(403, verb="get", body=b'{"message": "pods is forbidden", "reason": "Forbidden"}')
    with pytest.raises(KubeRefused, match="pods is forbidden"):
        await watch.look("alice")


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_look_without_an_answer_changes_nothing(
    watch: PodWatch, kubernetes: FakeKubernetes, status: int
) -> None:
    known = watch.learn(kubernetes.put_for_test("pods", server_pod("alice")))
    kubernetes.fail_for_test(status, verb="get")
    with pytest.raises(KubeError):
        await watch.look("alice")
    assert watch.get("alice") == known


async def test_a_404_that_kubernetes_did_not_write_says_nothing_of_a_pod(
    watch: PodWatch, kubernetes: FakeKubernetes
) -> None:
    """As of a proxy that has no server behind it."""
    known = watch.learn(kubernetes.put_for_test("pods", server_pod("alice")))
    kubernetes.fail_for_test(404, verb="get", body=b"404 page not found")
    with pytest.raises(KubeAway):
        await watch.look("alice")
    assert watch.get("alice") == known


async def test_a_pod_made_while_it_was_asked_for_stays(watch: PodWatch, kubernetes: FakeKubernetes) -> None:
    kubernetes.answer_seconds_for_test = 0.05
    kubernetes.fail_for_test(404, verb="get", body=b'{"message": "not found", "reason": "NotFound"}')
    looking = asyncio.create_task(watch.look("alice"))
    await asyncio.sleep(0)
    made = watch.learn(kubernetes.put_for_test("pods", server_pod("alice")))
    assert await looking == made == watch.get("alice")


# Failure


class Failure(Protocol):
    """What happens to the API server, and how it is over. `alice` changes while it lasts."""

    async def begins(self, kubernetes: FakeKubernetes) -> None: ...

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheWatchEnds:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.end_watches_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheWatchFallsSilent:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.mute_watches_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class NobodyListens:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        await kubernetes.refuse_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None:
        await kubernetes.accept_for_test()


class TheServerIsBusy:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.fail_for_test(429, times=6, retry_after=3600)
        kubernetes.end_watches_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheServerIsBroken:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        for status in (500, 502, 503, 504, 401, 403, 200):
            kubernetes.fail_for_test(status, body=b"<html>")
        kubernetes.end_watches_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheWatchTellsNonsense:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.say_for_test(b'{"type": "MODIFIED", "object": {"metadata": null}}\n', b"\xff\xff\n")

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheListIsNoList:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        for body in (b"{}", b'{"items": []}', b'{"items": [], "metadata": {"resourceVersion": "0"}}', b"[]"):
            kubernetes.fail_for_test(200, verb="list", body=body)
        kubernetes.forget_versions_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class VersionsAreForgotten:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.forget_versions_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheRestOfAListIsForgotten:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.page_for_test = 2
        kubernetes.fail_for_test(410, verb="list pods", times=2)
        kubernetes.forget_versions_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None: ...


class TheListIsEmpty:
    async def begins(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.lists_are_empty_for_test = True
        kubernetes.forget_versions_for_test()

    async def ends(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.lists_are_empty_for_test = False


CONTINUED = (
    TheWatchEnds,
    TheWatchFallsSilent,
    NobodyListens,
    TheServerIsBusy,
    TheServerIsBroken,
    TheWatchTellsNonsense,
)
LISTED_ANEW = (VersionsAreForgotten, TheRestOfAListIsForgotten, TheListIsNoList, TheListIsEmpty)


@pytest.mark.parametrize("kind", [*CONTINUED, *LISTED_ANEW], ids=lambda kind: kind.__name__)
async def test_all_goes_on_by_itself_and_nobody_is_lost(
    watch: PodWatch, kubernetes: FakeKubernetes, kind: type[Failure]
) -> None:
    kubernetes.put_for_test("pods", server_pod("alice"))
    bert = kubernetes.put_for_test("pods", server_pod("bert"))
    lost: list[str] = []

    async def never_gone(name: str) -> None:
        async with aclosing(watch.changes(name)) as changes:
            async for facts in changes:
                if facts is None:
                    lost.append(name)  # noqa: PERF401 - it never ends

    async with running(watch, kubernetes):
        guards = [asyncio.create_task(never_gone(name)) for name in ("alice", "bert")]
        await asyncio.sleep(0)
        failure = kind()
        await failure.begins(kubernetes)
        kubernetes.change_for_test("pods", "alice", {"status": {"phase": "Running"}})
        await failure.ends(kubernetes)
        await until(watch, "alice", has_phase("Running"))
        kubernetes.put_for_test("pods", server_pod("carol"))
        await until(watch, "carol", is_known)
        uid = bert["metadata"]["uid"]
        kubernetes.put_for_test("events", event("late", about=bert, reason="Killing"))
        if kind in LISTED_ANEW:
            # Nobody lists events anew, so one that came in between may be lost, and another is not.
            await kubernetes.watched_for_test("events")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not watch.events_of(uid):
                kubernetes.change_for_test("events", "late", {"count": 2})
                await asyncio.sleep(0.02)
        assert names(watch) == {"alice", "bert", "carol"}
        for guard in guards:
            guard.cancel()
        await asyncio.gather(*guards, return_exceptions=True)
    assert lost == []
    assert (kubernetes.requests_for_test["list pods"] == 1) == (kind in CONTINUED)


class TestAnEmptyList:
    """Answered 200, while 500 pods run: as a server does that lost its memory, or a proxy before it."""

    POD_COUNT: ClassVar = 500

    @contextlib.asynccontextmanager
    async def shown(self, watch: PodWatch, kubernetes: FakeKubernetes) -> AsyncIterator[None]:
        for number in range(self.POD_COUNT):
            kubernetes.put_for_test("pods", server_pod(f"pod-{number}"))
        async with running(watch, kubernetes):
            kubernetes.lists_are_empty_for_test = True
            kubernetes.forget_versions_for_test()
            await kubernetes.watched_for_test("pods", count=0)
            await kubernetes.watched_for_test("pods")
            assert kubernetes.requests_for_test["list pods"] == 2
            yield

    async def test_makes_nobody_gone(self, watch: PodWatch, kubernetes: FakeKubernetes, eventually: Eventually) -> None:
        kubernetes.answer_seconds_for_test = 0.002
        async with self.shown(watch, kubernetes):
            assert len(watch.pods()) == self.POD_COUNT
            await eventually(lambda: kubernetes.requests_for_test["get pods"] == self.POD_COUNT)
            await eventually(lambda: not watch._cache.unconfirmed(1))
            assert len(watch.pods()) == self.POD_COUNT
        assert 1 < kubernetes.most_at_once_for_test["get"] <= MOST_QUESTIONS

    async def test_makes_only_those_gone_that_are_gone(self, watch: PodWatch, kubernetes: FakeKubernetes) -> None:
        kubernetes.fail_for_test(503, times=25, verb="get")
        kubernetes.fail_for_test(403, times=25, verb="get")
        async with self.shown(watch, kubernetes):
            for number in range(0, self.POD_COUNT, 100):
                kubernetes.remove_for_test("pods", f"pod-{number}", is_seen=False)
            for number in range(0, self.POD_COUNT, 100):
                await until(watch, f"pod-{number}", is_gone)
            assert len(watch.pods()) == self.POD_COUNT - 5

    async def test_with_nobody_to_ask_leaves_all_as_it_was(
        self, watch: PodWatch, kubernetes: FakeKubernetes, eventually: Eventually
    ) -> None:
        kubernetes.fail_for_test(403, times=1_000_000, verb="get")
        async with self.shown(watch, kubernetes):
            await eventually(lambda: kubernetes.requests_for_test["get pods"] > 3 * MOST_QUESTIONS)
            assert len(watch.pods()) == self.POD_COUNT


async def test_a_pod_that_went_while_nobody_watched_is_asked_for_and_gone(
    watch: PodWatch, kubernetes: FakeKubernetes
) -> None:
    for name in ("alice", "bert"):
        kubernetes.put_for_test("pods", server_pod(name))
    async with running(watch, kubernetes):
        kubernetes.remove_for_test("pods", "alice", is_seen=False)
        kubernetes.forget_versions_for_test()
        await until(watch, "alice", is_gone)
        assert names(watch) == {"bert"}


async def test_a_bug_in_taking_one_event_does_not_end_the_watch(
    watch: PodWatch, kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put = watch._cache.put

    def fails_for_alice(facts: PodFacts) -> bool:
        if facts.name == "alice":
            raise LookupError("a fault")
        return put(facts)

    monkeypatch.setattr(watch._cache, "put", fails_for_alice)
    async with running(watch, kubernetes):
        kubernetes.put_for_test("pods", server_pod("alice"))
        kubernetes.put_for_test("pods", server_pod("bert"))
        await until(watch, "bert", is_known)
    assert "This is a bug" in caplog.text
    assert "a fault" in caplog.text
    assert kubernetes.requests_for_test["list pods"] == 1


async def test_silence_is_counted_from_the_last_thing_told(kubernetes: FakeKubernetes) -> None:
    now = 100.0
    persistence = Persistence(log=QUICK.log, pauses=QUICK.pauses, clock=lambda: now)
    async with kubernetes.kube() as kube:
        watch = PodWatch(kube, namespace="lab", labels=LABELS, persistence=persistence)
        assert watch.seconds_silent(130.0) == 30.0
        async with running(watch, kubernetes):
            now = 200.0
            kubernetes.put_for_test("pods", server_pod("alice"))
            await until(watch, "alice", is_known)
            assert watch.seconds_silent(210.0) == 10.0
