"""What is known of pods and of the events about them: a cache that only ever goes forward.

Nothing here asks or waits. What changes a pod returns whether there is something new to see.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spawner.pod_facts import EventFacts, PodFacts

Value = TypeVar("Value")

MOST_EVENTS: Final = 50
"""Events kept of one pod. A start has about ten; a pod that fails for days must not fill the memory."""

MOST_EVENT_TEXT: Final = 1024
"""Characters kept of an event's message: what the newer API of events allows, and more than a page shows."""

MOST_STRANGERS: Final = 500
"""Pods we do not know and keep events of. An event can arrive before its pod, which comes on another connection; other
pods of the namespace have events too, and push each other out."""

MOST_STRANGER_EVENTS: Final = 10
"""Events kept of each of those."""

MOST_GONE: Final = 10_000
"""Pods that are gone and remembered, so that an answer from before their end does not bring them back."""


def compare_versions(one: str, other: str) -> int | None:
    """Below 0 where `one` is older, 0 where equal, above 0 where newer; None where nobody can tell.

    Kubernetes' resourceVersions were opaque for long, and are numbers in every API server there is.
    """
    if one == other:
        return 0
    if one.isdecimal() and other.isdecimal():
        return int(one) - int(other)
    return None


class PodCache:
    """The pods that carry `labels`, by name, and the latest events about each."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """`labels`: a pod without them is somebody else's: no watch would ever tell us of its end."""
        self._labels = frozenset(labels.items())
        self._pods: dict[str, PodFacts] = {}
        self._names: dict[str, str] = {}
        """uid to name"""
        self._events: dict[str, dict[str, EventFacts]] = {}
        """By the pod's uid, then the event's own key; the latest last."""
        self._strangers: dict[str, dict[str, EventFacts]] = {}
        """As above, of pods that are not known; the pod heard of last comes last."""
        self._gone: dict[str, str | None] = {}
        """uid to the version at which it was gone; None where no later version can exist."""
        self._unconfirmed: dict[str, int] = {}
        """Names, and the number of the doubt."""
        self._doubts = 0

    def get(self, name: str) -> PodFacts | None:
        """The pod as it was last heard of, None where it is not known."""
        return self._pods.get(name)

    def pods(self) -> tuple[PodFacts, ...]:
        """All that are known."""
        return tuple(self._pods.values())

    def events_of(self, uid: str) -> tuple[EventFacts, ...]:
        """What was heard about a pod that is known, the latest last."""
        return tuple(self._events.get(uid, {}).values())

    def put(self, facts: PodFacts) -> bool:
        """Takes what somebody says of a pod, unless more recent things are known. True where something is new."""
        if not facts.name or not facts.uid or self.is_past(facts):
            return False
        known = self._pods.get(facts.name)
        if known is not None:
            order = compare_versions(facts.resource_version, known.resource_version)
            if order is not None and order <= 0:
                return False
            if known.uid != facts.uid:
                # A name has one pod at a time: whoever had it before is no more.
                self._forget(known)
                self._bury(known.uid, None)
        if known is None or known.uid != facts.uid:
            if not self._labels <= set(facts.labels):
                return known is not None
            self._names[facts.uid] = facts.name
            if heard := self._strangers.pop(facts.uid, None):
                self._events[facts.uid] = heard
        self._pods[facts.name] = facts
        return True

    def is_past(self, facts: PodFacts) -> bool:
        """Whether these are facts from before the end of a pod."""
        if facts.uid not in self._gone:
            return False
        ended = self._gone[facts.uid]
        if ended is None:
            return True
        # One whose labels were taken away and given back was never gone: it comes with a newer version.
        order = compare_versions(facts.resource_version, ended)
        return order is None or order <= 0

    def delete(self, last: PodFacts) -> bool:
        """The watch says that it is gone. True where it was known."""
        known = self._pods.get(last.name)
        order = None if known is None else compare_versions(last.resource_version, known.resource_version)
        if known is not None and known.uid == last.uid and order is not None and order < 0:
            return False
        self._bury(last.uid, last.resource_version)
        if known is None:
            return False
        if known.uid != last.uid:
            if order is None:
                self._doubts += 1
                self._unconfirmed[known.name] = self._doubts
            if order is None or order < 0:
                return False
        self._forget(known)
        return True

    def remove(self, name: str, *, uid: str) -> bool:
        """There is no pod of that name, the server says to somebody who knew this one. True where it was known."""
        known = self._pods.get(name)
        if known is None or known.uid != uid:
            return False
        self._forget(known)
        self._bury(uid, None)
        return True

    def doubt(self, pods: Iterable[PodFacts], *, listed: set[str]) -> None:
        """Those of `pods`, known before a list began, that it (`listed`: uids) did not have. Not gone: to be asked for.

        An API server that has lost its memory, or a proxy before it, answers 200 with an empty list.
        """
        known = [pod for pod in pods if pod.uid in self._names]
        self._doubts += 1
        self._unconfirmed = {pod.name: self._doubts for pod in known if pod.uid not in listed}

    def unconfirmed(self, most: int) -> tuple[str, ...]:
        """Names to ask for one by one."""
        return tuple(self._unconfirmed)[:most]

    def doubt_of(self, name: str) -> int | None:
        """The doubt that a question about it would settle, None where there is none."""
        return self._unconfirmed.get(name)

    def confirm(self, name: str, doubt: int | None) -> None:
        """It was asked for after that doubt came up, and it is there. A doubt of since then stays."""
        if self._unconfirmed.get(name) == doubt:
            self._unconfirmed.pop(name, None)

    def postpone(self, name: str) -> None:
        """It was asked for in vain: others come first."""
        if name in self._unconfirmed:
            self._unconfirmed[name] = self._unconfirmed.pop(name)

    def hear(self, key: str, facts: EventFacts) -> str:
        """Takes an event and gives the name of its pod, or "". `key`: its own uid; one that comes again is the same."""
        uid = facts.pod_uid
        if not uid or uid in self._gone:
            return ""
        if len(facts.message) > MOST_EVENT_TEXT:
            facts = replace(facts, message=facts.message[: MOST_EVENT_TEXT - 1] + "…")
        name = self._names.get(uid, "")
        if name:
            _add(self._events.setdefault(uid, {}), key, facts, most=MOST_EVENTS)
        else:
            heard = self._strangers.pop(uid, {})
            _add(heard, key, facts, most=MOST_STRANGER_EVENTS)
            _add(self._strangers, uid, heard, most=MOST_STRANGERS)
        return name

    def _forget(self, pod: PodFacts) -> None:
        self._pods.pop(pod.name, None)
        self._names.pop(pod.uid, None)
        self._events.pop(pod.uid, None)
        self._unconfirmed.pop(pod.name, None)

    def _bury(self, uid: str, version: str | None) -> None:
        self._strangers.pop(uid, None)
        _add(self._gone, uid, None if self._gone.get(uid, "") is None else version, most=MOST_GONE)


def _add(kept: dict[str, Value], key: str, value: Value, *, most: int) -> None:
    """As the latest; the oldest makes room."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
