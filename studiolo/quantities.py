"""Amounts as people write them ("16Gi", "500m", "1h30m") to numbers, and numbers to what people read ("4 GiB")."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from studiolo.problems import perhaps, quoted


class QuantityError(ValueError):
    """An amount that cannot be read. The text says what was written and what can be written instead."""


_BINARY: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL: Final = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_MEMORY_UNITS: Final = {"": 1, **_DECIMAL, **_BINARY}

MOST_MEMORY: Final = 2**63 - 1
"""Kubernetes keeps quantities in 64 bits with a sign."""

MOST_CORES: Final = 100_000
"""More is a slip of the pen: no machine is near."""

MOST_DAYS: Final = 36_500
"""A hundred years; timedelta itself ends soon after."""

_AMOUNT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)\s?([A-Za-z]{0,12})", re.ASCII)
_DURATION_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:([0-9]{1,12})d)?(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m)?(?:([0-9]{1,12})s)?", re.ASCII)

_MEMORY_HELP: Final = 'Write a number with Ki, Mi, Gi or Ti (or k, M, G, T), such as "16Gi".'
_CPU_HELP: Final = 'Write a number of cores such as 2 or 0.5, or thousandths such as "500m".'
_DURATION_HELP: Final = 'Write days, hours, minutes and seconds, such as "2h", "1h30m" or "45s".'


def memory_bytes(text: str | int) -> int:
    """Bytes in a Kubernetes quantity: "16Gi" -> 17_179_869_184; a plain number is bytes already.

    Raises QuantityError naming the known units. Parts of a byte are rounded up, as Kubernetes does.
    Source: Kubernetes reference, "Quantity".
    """
    number, unit = _amount(text, what="an amount of memory", way_out=_MEMORY_HELP)
    if unit not in _MEMORY_UNITS:
        raise QuantityError(
            f"{quoted(str(text))} has the unknown unit {quoted(unit)}.{perhaps(unit, _MEMORY_UNITS)} {_MEMORY_HELP}"
        )
    amount = (number * _MEMORY_UNITS[unit]).to_integral_value(rounding=ROUND_CEILING)
    if amount > MOST_MEMORY:
        raise QuantityError(f"{quoted(str(text))} is more memory than any machine has. {_MEMORY_HELP}")
    return int(amount)


def cpu_cores(value: str | float) -> float:
    """Cores in a Kubernetes quantity: "500m" -> 0.5, 2 -> 2.0.

    Raises QuantityError. Kubernetes knows nothing finer than a thousandth of a core.
    """
    number, unit = _amount(value, what="a number of CPU cores", way_out=_CPU_HELP)
    if unit not in {"", "m"}:
        raise QuantityError(f"{quoted(str(value))} has the unknown unit {quoted(unit)}. {_CPU_HELP}")
    cores = number / 1000 if unit == "m" else number
    if cores > MOST_CORES:
        raise QuantityError(f"{quoted(str(value))} is more cores than any machine has. {_CPU_HELP}")
    if cores * 1000 % 1:
        raise QuantityError(f"{quoted(str(value))} is finer than a thousandth of a core. {_CPU_HELP}")
    return float(cores)


def duration(text: str) -> timedelta:
    """A length of time: "2h", "1h30m", "1d12h", "45s"; the largest unit first, each at most once.

    Raises QuantityError. A bare number is refused: nobody can see its unit.
    """
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise QuantityError(f"{quoted(text)} is not a length of time. {_DURATION_HELP}")
    seconds = sum(int(count or 0) * size for count, size in zip(found.groups(), _DURATION_UNITS.values(), strict=True))
    if seconds > MOST_DAYS * 86_400:
        raise QuantityError(f"{quoted(text)} is longer than a hundred years. {_DURATION_HELP}")
    return timedelta(seconds=seconds)


def format_memory(amount: float) -> str:
    """Bytes as people read them: 4_294_967_296 -> "4 GiB", 1_610_612_736 -> "1.5 GiB"."""
    size = float(amount)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        # Compared after rounding, or 1023.99 MiB would be shown as "1024 MiB".
        if round(size, 1) < 1024:  # noqa: PLR2004 - the step between binary units
            return f"{_short(size)} {unit}"
        size /= 1024
    return f"{_short(size)} PiB"


def format_cores(cores: float) -> str:
    """Cores as people read them: 2.0 -> "2", 0.5 -> "0.5"."""
    return f"{cores:.3f}".rstrip("0").rstrip(".")


def format_duration(length: timedelta | float) -> str:
    """A length of time as people read it, in at most two units: "0.4 s", "3 s", "2 h 10 min", "3 d 4 h".

    Takes a timedelta or seconds; less than nothing is nothing.
    """
    exact = max(0.0, length.total_seconds() if isinstance(length, timedelta) else float(length))
    if 0 < round(exact, 1) < 1:
        return f"{exact:.1f} s"
    seconds = round(exact)
    if seconds >= 3_600:  # noqa: PLR2004 - from an hour on, seconds are noise and would carry into minutes wrongly
        seconds = round(seconds / 60) * 60
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [parts[first], *((count, unit) for count, unit in parts[first + 1 : first + 2] if count)]
    return " ".join(f"{count} {unit}" for count, unit in shown)


def _amount(value: object, *, what: str, way_out: str) -> tuple[Decimal, str]:
    """The number and the unit of what somebody wrote. Signs, exponents, NaN and infinity are refused."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"{quoted(str(value))} is not {what}. {way_out}")
    if isinstance(value, str):
        found = _AMOUNT.fullmatch(value.strip())
        if found is None:
            raise QuantityError(f"{quoted(value)} is not {what}. {way_out}")
        return Decimal(found[1]), found[2]
    if not 0 <= value <= MOST_MEMORY:  # also NaN, infinity, and numbers too long to be repeated
        raise QuantityError(f"This number is not {what}. {way_out}")
    return Decimal(repr(value)), ""


def _short(size: float) -> str:
    return f"{size:.1f}".removesuffix(".0")
