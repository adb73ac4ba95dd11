"""Every value of a table survives being JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, Integer, LargeBinary, String
from sqlalchemy.types import JSON, TypeEngine

from hub.backup.cells import cell_of, value_of

PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def after_json(value: object, kind: TypeEngine[Any]) -> Any:
    return value_of(json.loads(json.dumps(cell_of(value))), kind)


@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text())
def test_plain_values_come_back(value: object) -> None:
    assert after_json(value, String()) == value


@given(st.binary())
def test_bytes_come_back(value: bytes) -> None:
    assert after_json(value, LargeBinary()) == value


@given(PLAIN_JSON.filter(lambda value: isinstance(value, dict | list)))
def test_json_comes_back_even_where_it_looks_like_a_value_of_another_kind(value: object) -> None:
    assert after_json(value, JSON()) == value
    assert after_json(["bytes", "AAAA"], JSON()) == ["bytes", "AAAA"]


@given(st.datetimes())
def test_a_time_without_a_zone_comes_back_and_is_utc_where_the_column_has_zones(value: datetime) -> None:
    assert after_json(value, DateTime()) == value
    assert after_json(value, DateTime(timezone=True)) == value.replace(tzinfo=UTC)


def test_a_time_with_a_zone_is_the_same_moment_in_a_column_without() -> None:
    noon_in_kathmandu = datetime(2026, 11, 26, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert after_json(noon_in_kathmandu, DateTime()) == datetime(2026, 11, 26, 6, 15)  # noqa: DTZ001 - as SQLite has it
    assert after_json(noon_in_kathmandu, DateTime(timezone=True)) == noon_in_kathmandu


@pytest.mark.parametrize("cell", [{}, [], ["bytes"], ["bytes", "?"], ["time", "yesterday"], ["what", "x"], ["time", 1]])
def test_what_is_no_cell_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        value_of(cell, Integer())


def test_a_kind_that_no_table_has_is_a_bug_and_says_so() -> None:
    with pytest.raises(TypeError, match="timedelta"):
        cell_of(timedelta(1))
