from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.quantities import (
    QuantityError,
    cpu_cores,
    duration,
    format_cores,
    format_duration,
    format_memory,
    memory_bytes,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1024", 1024),
        (2048, 2048),
        ("1Ki", 2**10),
        ("512Mi", 512 * 2**20),
        ("16Gi", 17_179_869_184),
        ("16 Gi", 17_179_869_184),
        ("1.5Gi", 3 * 2**29),
        ("2Ti", 2**41),
        ("1Pi", 2**50),
        ("5k", 5_000),
        ("500M", 500_000_000),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("0.3", 1),
    ],
)
def test_memory_is_read_as_kubernetes_reads_it(text: str | int, expected: int) -> None:
    assert memory_bytes(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("500m", 0.5), ("2", 2.0), (2, 2.0), (0.25, 0.25), ("0.001", 0.001), ("1500m", 1.5), (0, 0.0)],
)
def test_cores_are_numbers_or_thousandths(value: str | float, expected: float) -> None:
    assert cpu_cores(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("0s", timedelta()),
    ],
)
def test_a_length_of_time_names_its_units(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (memory_bytes, "16GB", 'unknown unit "GB"'),
        (memory_bytes, "gi", "is not an amount of memory"),
        (memory_bytes, "", "is not an amount of memory"),
        (memory_bytes, "-1Gi", "is not an amount of memory"),
        (memory_bytes, "1e3", "is not an amount of memory"),
        (memory_bytes, "१Gi", "is not an amount of memory"),
        (memory_bytes, "9999999Pi", "more memory than any machine has"),
        (memory_bytes, True, "is not an amount of memory"),
        (memory_bytes, None, "is not an amount of memory"),
        (memory_bytes, -1, "not an amount of memory"),
        pytest.param(memory_bytes, 10**5000, "not an amount of memory", id="a number too long to be repeated"),
        (cpu_cores, "two", "is not a number of CPU cores"),
        (cpu_cores, "2x", 'unknown unit "x"'),
        (cpu_cores, "0.5m", "finer than a thousandth"),
        (cpu_cores, "100001", "more cores than any machine has"),
        (cpu_cores, float("nan"), "not a number of CPU cores"),
        (cpu_cores, float("inf"), "not a number of CPU cores"),
        (cpu_cores, [2], "is not a number of CPU cores"),
        (duration, "", "is not a length of time"),
        (duration, "90", "is not a length of time"),
        (duration, "30m1h", "is not a length of time"),
        (duration, "-1h", "is not a length of time"),
        (duration, "40000d", "longer than a hundred years"),
    ],
)
def test_what_is_no_amount_is_refused_with_a_way_out(
    read: Callable[[object], object], value: object, said: str
) -> None:
    with pytest.raises(QuantityError, match=said) as refused:
        read(value)
    assert "Write " in str(refused.value)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (2**20, "1 MiB"),
        (4 * 2**30, "4 GiB"),
        (3 * 2**29, "1.5 GiB"),
        (1023.99 * 2**20, "1 GiB"),
        (5 * 2**40, "5 TiB"),
        (2**52, "4 PiB"),
    ],
)
def test_memory_is_shown_with_at_most_one_decimal(amount: float, expected: str) -> None:
    assert format_memory(amount) == expected


@pytest.mark.parametrize(("cores", "expected"), [(2.0, "2"), (0.5, "0.5"), (0.125, "0.125"), (10.0, "10"), (0, "0")])
def test_cores_are_shown_without_needless_zeros(cores: float, expected: str) -> None:
    assert format_cores(cores) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.04, "0 s"),
        (0.44, "0.4 s"),
        (0.96, "1 s"),
        (3.2, "3 s"),
        (60, "1 min"),
        (75, "1 min 15 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h"),
        (7_829, "2 h 10 min"),
        (7_199, "2 h"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
        (86_700, "1 d"),
        (timedelta(minutes=5), "5 min"),
    ],
)
def test_a_length_of_time_is_shown_in_two_units_at_most(length: timedelta | float, expected: str) -> None:
    assert format_duration(length) == expected


@given(amount=st.integers(0, 2**50))
def test_bytes_survive_being_written_and_read(amount: int) -> None:
    assert memory_bytes(amount) == memory_bytes(str(amount)) == amount
    assert memory_bytes(f"{amount}Ki") == amount * 1024


@given(thousandths=st.integers(0, 100_000_000))
def test_thousandths_of_cores_survive_being_written_and_read(thousandths: int) -> None:
    assert cpu_cores(f"{thousandths}m") == thousandths / 1000


@given(seconds=st.integers(0, 36_500 * 86_400))
def test_seconds_survive_being_written_and_read(seconds: int) -> None:
    assert duration(f"{seconds}s") == timedelta(seconds=seconds)


@given(value=st.text() | st.floats() | st.integers() | st.booleans() | st.none())
def test_any_value_is_an_amount_or_a_quantity_error(value: object) -> None:
    for read in (memory_bytes, cpu_cores):
        with contextlib.suppress(QuantityError):
            assert read(value) >= 0  # type: ignore[arg-type]  # any value, on purpose


@given(text=st.text(alphabet="0123456789dhms ", max_size=30))
def test_any_text_is_a_length_of_time_or_a_quantity_error(text: str) -> None:
    with contextlib.suppress(QuantityError):
        assert duration(text) >= timedelta()


@given(amount=st.floats(0, 2**62))
def test_memory_never_shows_a_thousand_of_a_unit_that_has_a_next_one(amount: float) -> None:
    number, unit = format_memory(amount).split()
    assert float(number) < 1024 or unit == "PiB"
