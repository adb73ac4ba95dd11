"""Our own picture of the pods in a namespace: listed once, watched from then on, and never emptied by a wrong answer.

KubeSpawner lists all pods anew every ten seconds and gives up after a minute without an answer. Here a list is made
once and again only where the server has forgotten what came since; a pod is gone when the server said so of that very
pod; and no error ends the work.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from spawner.kube import KubeAway, KubeNotFound
from spawner.kube_feed import Feed, list_version
from spawner.pod_cache import PodCache
from spawner.pod_facts import event_facts, pod_facts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from typing import NoReturn

    from spawner.kube import Json
    from spawner.kube_feed import KubeReader, Persistence
    from spawner.pod_facts import EventFacts, PodFacts

EVENT_ROUND_SECONDS: Final = 20
"""How long the server keeps one watch of events. It sends no bookmarks there, because it keeps events out of its
watch cache; so the watch ends before its silence would be taken for a cut connection."""

MOST_QUESTIONS: Final = 10
"""Pods asked for at once when a list did not have them. All 5,000 at once would look like an attack."""


@dataclass(slots=True)
class _Topic:
    """Those who wait for news of one pod."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    readers: int = 0


class PodWatch:
    """The pods of one namespace that carry the given labels, and the events about them, as they are now."""

    def __init__(
        self,
        kube: KubeReader,
        *,
        namespace: str,
        labels: Mapping[str, str],
        persistence: Persistence,
        event_round_seconds: int = EVENT_ROUND_SECONDS,
        with_events: bool = True,
    ) -> None:
        """Knows nothing until `run` runs. `with_events`: else only the pods are watched."""
        self._with_events = with_events
        self.namespace = namespace
        self._kube = kube
        self._clock = persistence.clock
        self._pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self._events_path = f"/api/v1/namespaces/{namespace}/events"
        self._selector = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        self._about_pods = {"fieldSelector": "involvedObject.kind=Pod"}
        self._event_round = {"timeoutSeconds": str(event_round_seconds)}
        self._pod_feed = Feed("pods", persistence)
        self._event_feed = Feed("events", persistence)
        self._doubt_feed = Feed("pods that a list did not have", persistence)
        self._cache = PodCache(labels)
        self._topics: dict[str, _Topic] = {}
        self._synced = asyncio.Event()
        self._has_doubts = asyncio.Event()
        self._heard_at = self._clock()

    async def run(self) -> NoReturn:
        """Keeps the picture up to date for ever; end it by cancelling. Nothing else ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pod_feed.forever(self._follow_pods))
            if self._with_events:
                group.create_task(self._event_feed.forever(self._follow_events))
            group.create_task(self._doubt_feed.forever(self._settle_doubts))
        raise AssertionError("This is a bug: work that never ends has ended.")

    @property
    def is_synced(self) -> bool:
        """Whether a whole list was read once. Stays true: an old picture is better than none."""
        return self._synced.is_set()

    async def wait_synced(self, seconds: float | None) -> bool:
        """Waits at most so long for the first list to be read, for ever with None; gives `is_synced`."""
        try:
            async with asyncio.timeout(seconds):
                await self._synced.wait()
        except TimeoutError:
            pass
        return self.is_synced

    def seconds_silent(self, now: float) -> float:
        """Since the API server last told something of the pods, if only a bookmark, which comes each minute.

        `now`: of the same clock. Counts from the start where nothing was told yet.
        """
        return max(0.0, now - self._heard_at)

    def get(self, name: str) -> PodFacts | None:
        """The pod as it was last heard of, None where it is not known."""
        return self._cache.get(name)

    def pods(self) -> tuple[PodFacts, ...]:
        """All that are known."""
        return self._cache.pods()

    def events_of(self, uid: str) -> tuple[EventFacts, ...]:
        """The latest about a pod that is known, the last one last."""
        return self._cache.events_of(uid)

    def learn(self, raw: Json) -> PodFacts:
        """Takes the server's answer to a question about a pod (POST, PATCH, GET) at once, before its watch tells."""
        facts = pod_facts(raw)
        self._put(facts)
        return facts

    async def look(self, name: str) -> PodFacts | None:
        """The truth: asks for that pod, whatever labels it carries. None where it is gone, else raises KubeError."""
        before, doubt = self._cache.get(name), self._cache.doubt_of(name)
        try:
            facts = self.learn(await self._kube.get(f"{self._pods_path}/{name}"))
        except KubeNotFound as error:
            if error.reason != "NotFound":
                # A proxy with no server behind it says 404 of everything; only Kubernetes gives this reason.
                raise KubeAway(f"The answer is not of Kubernetes: {error}", status=error.status) from error
            if before is not None and self._cache.remove(name, uid=before.uid):
                self._wake(name)
            # What came between the question and its answer is newer than the answer.
            return self._cache.get(name)
        self._cache.confirm(name, doubt)
        return self._cache.get(name) or (None if self._cache.is_past(facts) else facts)

    async def changes(self, name: str) -> AsyncGenerator[PodFacts | None]:
        """The pod as it is, at once, and again at each change of it and each event about it; None while not known.

        Who is slow sees the latest state and none of those before. Close it (`aclosing`) when done. Before the first
        list is read (`wait_synced`), None says nothing.
        """
        topic = self._topics.setdefault(name, _Topic())
        topic.readers += 1
        try:
            while True:
                changed = topic.changed
                yield self._cache.get(name)
                await changed.wait()
        finally:
            topic.readers -= 1
            if not topic.readers:
                del self._topics[name]

    def _wake(self, name: str) -> None:
        if topic := self._topics.get(name):
            topic.changed.set()
            topic.changed = asyncio.Event()

    def _put(self, facts: PodFacts) -> None:
        if self._cache.put(facts):
            self._wake(facts.name)

    async def _follow_pods(self) -> None:
        if not self._pod_feed.version:
            self._pod_feed.version = await self._list_pods()
        await self._pod_feed.follow(self._kube, self._pods_path, self._selector, self._take_pod)

    async def _list_pods(self) -> str:
        """Reads all pods and gives the version to watch from."""
        before = self._cache.pods()
        listed: set[str] = set()
        version = ""
        async with aclosing(self._kube.pages(self._pods_path, self._selector)) as pages:
            async for page in pages:
                self._heard_at = self._clock()
                # The first page's: where a later one is of another time, the watch tells the difference.
                version = version or list_version(page)
                for raw in page["items"] or ():
                    facts = pod_facts(raw)
                    listed.add(facts.uid)
                    self._put(facts)
        self._cache.doubt(before, listed=listed)
        self._note_doubts()
        self._synced.set()
        return version

    def _take_pod(self, kind: str, raw: Json) -> None:
        self._heard_at = self._clock()
        match kind:
            case "ADDED" | "MODIFIED":
                self._put(pod_facts(raw))
            case "DELETED":
                last = pod_facts(raw)
                if self._cache.delete(last):
                    self._wake(last.name)
                self._note_doubts()

    async def _follow_events(self) -> None:
        if not self._event_feed.version:
            # Not the history: tens of thousands in a busy namespace. One event, for the list's own version. What came
            # while nobody watched is not heard: events are hints, and the pod itself says how it is.
            page = await self._kube.get(self._events_path, {**self._about_pods, "limit": "1"})
            self._event_feed.version = list_version(page)
        query = {**self._about_pods, **self._event_round}
        await self._event_feed.follow(self._kube, self._events_path, query, self._take_event)

    def _take_event(self, kind: str, raw: Json) -> None:
        # One that is deleted has only become too old for the server.
        if kind in {"ADDED", "MODIFIED"}:
            key = str((raw.get("metadata") or {}).get("uid"))
            if name := self._cache.hear(key, event_facts(raw)):
                self._wake(name)

    def _note_doubts(self) -> None:
        if self._cache.unconfirmed(1):
            self._has_doubts.set()

    async def _settle_doubts(self) -> None:
        """Asks for each pod that a list did not have: gone where the server says 404 of it, else it stays."""
        while True:
            await self._has_doubts.wait()
            while names := self._cache.unconfirmed(MOST_QUESTIONS):
                answers = await asyncio.gather(*(self.look(name) for name in names), return_exceptions=True)
                failures = [(name, one) for name, one in zip(names, answers, strict=True) if isinstance(one, Exception)]
                for name, _ in failures:
                    self._cache.postpone(name)
                if failures:
                    raise failures[0][1]
                self._doubt_feed.hear()
            self._has_doubts.clear()
