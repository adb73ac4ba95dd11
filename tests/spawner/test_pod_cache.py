"""The cache only goes forward, and holds no more than so much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from spawner.pod_cache import MOST_EVENT_TEXT, MOST_EVENTS, MOST_GONE, MOST_STRANGER_EVENTS, MOST_STRANGERS, PodCache
from spawner.pod_facts import EventFacts, PodFacts

LABELS = {"component": "server"}


def facts(name: str = "alice", uid: str = "1", version: str = "1", **more: Any) -> PodFacts:
    labels = more.pop("labels", tuple(LABELS.items()))
    return PodFacts(name=name, namespace="lab", uid=uid, resource_version=version, labels=labels, **more)


def cache_of(*pods: PodFacts) -> PodCache:
    cache = PodCache(LABELS)
    for one in pods:
        assert cache.put(one)
    return cache


def about(uid: str, reason: str = "Pulling", message: str = "") -> EventFacts:
    return EventFacts(pod_uid=uid, reason=reason, message=message, is_warning=False)


@pytest.mark.parametrize(
    ("known", "told", "is_taken"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("10", "10", False),
        ("abc", "abd", True),
        ("abc", "abc", False),
        ("10", "abc", True),
    ],
)
def test_only_a_newer_version_is_taken_and_the_later_one_where_nobody_can_tell(
    known: str, told: str, is_taken: bool
) -> None:
    cache = cache_of(facts(version=known, phase="Pending"))
    assert cache.put(facts(version=told, phase="Running")) == is_taken


def test_an_end_told_late_does_not_end_the_next_pod_of_that_name() -> None:
    cache = cache_of(facts(uid="1", version="1"), facts(uid="2", version="5"))
    assert not cache.delete(facts(uid="1", version="4"))
    found = cache.get("alice")
    assert found is not None
    assert found.uid == "2"
    assert not cache.put(facts(uid="1", version="4"))


def test_an_end_of_a_later_pod_is_the_end_of_the_one_before() -> None:
    cache = cache_of(facts(uid="1", version="1"))
    assert cache.delete(facts(uid="2", version="9"))
    assert cache.get("alice") is None


def test_an_end_that_nobody_can_place_is_asked_for() -> None:
    cache = cache_of(facts(uid="1", version="a"))
    assert not cache.delete(facts(uid="2", version="b"))
    assert cache.get("alice") is not None
    assert cache.unconfirmed(10) == ("alice",)


def test_a_label_that_comes_back_brings_its_pod_back() -> None:
    """Who loses the label is deleted for the watch, and the same pod is added later."""
    cache = cache_of(facts(version="1"))
    assert cache.delete(facts(version="2"))
    assert not cache.put(facts(version="1"))
    assert cache.put(facts(version="3"))
    assert not cache.delete(facts(version="2"))


def test_a_pod_that_is_gone_for_good_never_comes_back() -> None:
    cache = cache_of(facts(version="1"))
    assert not cache.remove("alice", uid="another")
    assert cache.remove("alice", uid="1")
    assert not cache.put(facts(version="7"))
    cache.delete(facts(version="8"))
    assert not cache.put(facts(version="9"))


def test_a_pod_of_somebody_else_that_took_the_name_ends_ours() -> None:
    cache = cache_of(facts(uid="1", version="1"))
    assert cache.put(facts(uid="2", version="2", labels=()))
    assert cache.get("alice") is None


def test_a_pod_of_ours_without_its_label_stays_until_its_end_is_told() -> None:
    cache = cache_of(facts(version="1"))
    assert cache.put(facts(version="2", labels=()))
    assert cache.get("alice") is not None


@pytest.mark.parametrize("empty", [{"name": ""}, {"uid": ""}], ids=["no name", "no uid"])
def test_what_has_no_name_or_uid_is_no_pod(empty: dict[str, str]) -> None:
    assert not PodCache(LABELS).put(facts(**empty))


def test_a_list_raises_doubts_of_those_known_before_that_it_did_not_have() -> None:
    before = [facts(name, uid=name) for name in ("alice", "bert", "carol")]
    cache = cache_of(*before, facts("dora", uid="dora"))
    cache.delete(facts("carol", uid="carol", version="2"))
    cache.doubt(before, listed={"bert"})
    assert cache.unconfirmed(10) == ("alice",)
    cache.doubt(before, listed={"alice"})
    assert cache.unconfirmed(10) == ("bert",)
    doubt = cache.doubt_of("bert")
    cache.doubt(before, listed=set())
    cache.confirm("bert", doubt)
    assert "bert" in cache.unconfirmed(10)
    cache.confirm("bert", cache.doubt_of("bert"))
    cache.confirm("alice", cache.doubt_of("alice"))
    assert cache.unconfirmed(10) == ()


def test_who_was_asked_for_in_vain_waits_behind_the_others() -> None:
    before = [facts(name, uid=name) for name in ("alice", "bert")]
    cache = cache_of(*before)
    cache.doubt(before, listed=set())
    cache.postpone("alice")
    assert cache.unconfirmed(10) == ("bert", "alice")
    assert cache.unconfirmed(1) == ("bert",)


def events_kept(cache: PodCache, uid: str) -> Iterable[str]:
    return [one.reason for one in cache.events_of(uid)]


def test_the_latest_events_of_a_pod_are_kept() -> None:
    cache = cache_of(facts())
    for number in range(MOST_EVENTS + 10):
        assert cache.hear(f"event-{number}", about("1", reason=str(number))) == "alice"
    assert events_kept(cache, "1") == [str(number) for number in range(10, MOST_EVENTS + 10)]


def test_a_long_message_is_cut() -> None:
    cache = cache_of(facts())
    cache.hear("event", about("1", message="x" * 1_000_000))
    (kept,) = cache.events_of("1")
    assert len(kept.message) == MOST_EVENT_TEXT


def test_events_of_pods_that_nobody_knows_are_few_and_the_oldest_go_first() -> None:
    cache = PodCache(LABELS)
    for number in range(MOST_STRANGERS + 1):
        for count in range(MOST_STRANGER_EVENTS + 1):
            assert cache.hear(f"event-{number}-{count}", about(f"uid-{number}", reason=str(count))) == ""
    assert len(cache._strangers) == MOST_STRANGERS
    cache.put(facts("first", uid="uid-0"))
    cache.put(facts("last", uid=f"uid-{MOST_STRANGERS}"))
    assert not events_kept(cache, "uid-0")
    assert events_kept(cache, f"uid-{MOST_STRANGERS}") == [str(n) for n in range(1, MOST_STRANGER_EVENTS + 1)]


def test_events_of_a_pod_that_is_gone_and_of_nobody_are_not_kept() -> None:
    cache = cache_of(facts())
    cache.hear("event", about("1"))
    cache.delete(facts(version="2"))
    assert cache.hear("late", about("1")) == ""
    assert cache.hear("nobody", about("")) == ""
    assert not cache._events
    assert not cache._strangers


def test_the_dead_are_remembered_but_not_all_of_them() -> None:
    cache = PodCache(LABELS)
    for number in range(MOST_GONE + 5):
        cache.put(facts("alice", uid=str(number), version=str(number)))
    assert len(cache._gone) == MOST_GONE
    assert len(cache._names) == len(cache.pods()) == 1
