"""How fast one name may be tried at sign-in."""

from __future__ import annotations

from hub.throttle import LoginThrottle


def fail(throttle: LoginThrottle, name: str, *moments: float) -> None:
    for moment in moments:
        throttle.failed(name, moment)


def test_a_few_slips_cost_nothing() -> None:
    throttle = LoginThrottle()
    fail(throttle, "alice", 0, 1, 2, 3)
    assert throttle.seconds_to_wait("alice", 4) == 0


def test_after_five_failures_within_a_minute_a_name_waits_until_the_first_is_a_minute_old() -> None:
    throttle = LoginThrottle()
    fail(throttle, "alice", 0, 1, 2, 3, 4)
    assert throttle.seconds_to_wait("alice", 10) == 50
    assert throttle.seconds_to_wait("alice", 59.5) == 0.5
    assert throttle.seconds_to_wait("alice", 60) == 0


def test_one_name_never_makes_another_wait() -> None:
    throttle = LoginThrottle()
    fail(throttle, "alice", *range(5))
    assert throttle.seconds_to_wait("bob", 5) == 0


def test_slow_failures_never_add_up() -> None:
    throttle = LoginThrottle()
    fail(throttle, "alice", *range(0, 1000, 20))
    assert throttle.seconds_to_wait("alice", 1000) == 0


def test_signing_in_forgets_the_failures_before() -> None:
    throttle = LoginThrottle()
    fail(throttle, "alice", *range(4))
    throttle.succeeded("alice")
    fail(throttle, "alice", 5)
    assert throttle.seconds_to_wait("alice", 6) == 0


def test_made_up_names_do_not_fill_the_memory() -> None:
    throttle = LoginThrottle(max_names=100)
    for number in range(1000):
        throttle.failed(f"name{number}", number / 1000)
    assert len(throttle._failures) == 100
