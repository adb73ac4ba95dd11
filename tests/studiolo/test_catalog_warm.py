"""Held room in hardware.yaml: numbers, days and hours. What is wrong with them: broken_catalogs/warm.txt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.catalog import check_catalog
from studiolo.catalog_model import Warm, WarmHours
from studiolo.catalog_reading import Report, Value
from studiolo.catalog_warm import _days
from studiolo.catalog_warm_keys import DAYS
from studiolo.yaml_tree import Place, Scalar

HARDWARE = "hardware:\n  small: {{title: Small, cpu: 1, memory: 2Gi, warm: {warm}}}\n"


@pytest.fixture
def warm_of(write_catalog: Callable[..., Path]) -> Callable[[str], Warm | None]:
    def read(text: str) -> Warm | None:
        write_catalog(hardware=HARDWARE.format(warm=text))
        checked = check_catalog(Path())
        assert not checked.errors
        assert checked.catalog is not None
        return checked.catalog.hardware[0].warm

    return read


def test_without_hours_the_number_always_counts_and_does_not_grow(warm_of: Callable[[str], Warm | None]) -> None:
    assert warm_of("{slots: 2}") == Warm(slots=2, at_most=2)


def test_pods_may_wait_in_as_many_places_as_are_held_at_most(warm_of: Callable[[str], Warm | None]) -> None:
    assert warm_of("{slots: 0, at_most: 2, pods: 2}") == Warm(slots=0, at_most=2, pods=2)


def test_hours_have_days_a_beginning_an_end_and_a_number(warm_of: Callable[[str], Warm | None]) -> None:
    text = '{slots: 1, at_most: 8, schedule: [{days: mon-fri, from: "08:00", to: "18:00", slots: 6}]}'
    working = WarmHours(days=frozenset(range(5)), begins=time(8), ends=time(18), slots=6)
    assert warm_of(text) == Warm(slots=1, at_most=8, schedule=(working,))


def test_hours_without_days_are_of_every_day_and_may_last_until_midnight(
    warm_of: Callable[[str], Warm | None],
) -> None:
    found = warm_of('{slots: 0, schedule: [{from: "00:00", to: "24:00", slots: 3}]}')
    assert found is not None
    assert found.at_most == 3
    assert found.schedule == (WarmHours(days=frozenset(range(7)), begins=time(0), ends=time(0), slots=3),)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon", {0}), ("sat,sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("mon, wed-thu", {0, 2, 3}), ("sun-sun", {6})],
)
def test_days_are_names_and_spans_that_may_lead_into_the_next_week(text: str, days: set[int]) -> None:
    assert read_days(text) == (days, 0)


@given(st.text(alphabet="mondaytuewfrisu,- ", max_size=20))
def test_any_text_is_days_or_one_problem(text: str) -> None:
    days, problems = read_days(text)
    assert (days is None) == (problems == 1)
    assert days is None or days <= set(range(len(DAYS)))


def read_days(text: str) -> tuple[set[int] | None, int]:
    report = Report("hardware.yaml")
    place = Place(line=1, column=1)
    found = _days(Value(node=Scalar(place=place, text=text, is_plain=False), path="days", report=report))
    return (None if found is None else set(found), report.error_count)
