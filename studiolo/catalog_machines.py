"""What the keys about machines may say: cores, memory, GPUs, prices, the currency and the time zone.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
import zoneinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from studiolo.catalog_model import CpuShare, Gpu
from studiolo.catalog_schema import (
    CPU_KEYS,
    GPU_KEYS,
    GPU_RESOURCE_PATTERN,
    HIGHEST_PRICE,
    LEAST_MEMORY_BYTES,
    LONGEST_RESOURCE,
    LONGEST_VALUE,
    MOST_GPUS,
)
from studiolo.problems import nearest, perhaps, quoted
from studiolo.quantities import QuantityError, cpu_cores, format_cores, memory_bytes

if TYPE_CHECKING:
    from studiolo.catalog_reading import Value

_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{0,12})?", re.ASCII)

_CURRENCIES: Final = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a list of 156 quoted words is harder to read
)
"""ISO 4217: the money that people are paid in."""


def cpu(value: Value) -> CpuShare | None:
    """Cores: one amount, or a request and a limit."""
    if not value.is_block:
        cores = _cores(value)
        return CpuShare(request=cores, limit=cores) if cores is not None else None
    if value.is_empty_block:
        value.error("This block is empty. Write a number of cores such as 2, or {request: 1, limit: 4}.")
        return None
    parts: dict[str, float | None] = {}
    limit: Value | None = None
    for name, part in value.fields(CPU_KEYS, example="{request: 1, limit: 4}"):
        parts[name] = _cores(part)
        limit = part if name == "limit" else limit
    request_cores = parts.get("request", parts.get("limit"))
    limit_cores = parts.get("limit", request_cores)
    if request_cores is None or limit_cores is None:
        return None
    if limit is not None and limit_cores < request_cores:
        limit.error(
            f"The limit, {format_cores(limit_cores)}, is under the request, {format_cores(request_cores)}: what is "
            "kept for a workspace could not be used. Raise the limit or lower the request."
        )
        return None
    return CpuShare(request=request_cores, limit=limit_cores)


def memory(value: Value, *, what: str = "memory") -> int | None:
    """Bytes of memory, or of a disk."""
    text = value.amount(f'{what} such as "16Gi"')
    if text is None:
        return None
    try:
        amount = memory_bytes(text)
    except QuantityError as error:
        value.error(str(error))
        return None
    if amount < LEAST_MEMORY_BYTES:
        value.error(
            f"{quoted(text)} is too little {what} to start anything: is its unit missing? Write Gi or Mi, such as 16Gi."
        )
        return None
    return amount


def gpu(value: Value) -> Gpu | None:
    """Whole devices under the name of a Kubernetes resource."""
    if not value.is_block:
        value.wrong_kind("the device and how many, such as {resource: nvidia.com/gpu, count: 1}")
        return None
    resource: str | None = None
    count: int | None = 1
    for name, part in value.fields(GPU_KEYS, example="{resource: nvidia.com/gpu, count: 1}"):
        if name == "resource":
            resource = _gpu_resource(part)
        else:
            count = _gpu_count(part)
    return Gpu(resource=resource, count=count) if resource is not None and count is not None else None


def price(value: Value) -> Decimal | None:
    """An hour's price, exact."""
    text = value.number("a price such as 1.20")
    if text is None:
        return None
    if text.startswith("-"):
        value.error(f"The price {quoted(text)} is below zero: nobody is paid for a workspace. Write 0 or more.")
    elif not _PRICE.fullmatch(text) or Decimal(text) >= HIGHEST_PRICE:
        value.error(f"The price {quoted(text)} is not the price of an hour. Write an ordinary number such as 1.20.")
    else:
        return Decimal(text)
    return None


def currency(value: Value) -> str | None:
    """Three letters of ISO 4217."""
    text = value.text(longest=LONGEST_VALUE, example="EUR")
    if text is None or text in _CURRENCIES:
        return text
    hint = perhaps(text, _CURRENCIES) or " Write its three letters, such as EUR or USD."
    value.error(f"{quoted(text)} is not a currency of ISO 4217.{hint}")
    return None


def timezone(value: Value) -> str | None:
    """A name of the IANA time zone database."""
    text = value.text(longest=LONGEST_VALUE, example="Europe/Rome")
    if text is None:
        return None
    known = zoneinfo.available_timezones()
    # A system without the database (some containers) cannot tell a wrong name from a right one.
    if text in known or not known:
        return text
    ends = {name.rpartition("/")[2]: name for name in sorted(known)}
    near = nearest(text, known) or ends.get(nearest(text.rpartition("/")[2], ends) or "")
    hint = f' Perhaps you meant "{near}"?' if near else " Write a region and a city, such as Europe/Rome, or UTC."
    value.error(f"There is no time zone {quoted(text)}.{hint}")
    return None


def _cores(value: Value) -> float | None:
    text = value.amount("a number of cores such as 2")
    if text is None:
        return None
    try:
        cores = cpu_cores(text)
    except QuantityError as error:
        value.error(str(error))
        return None
    if cores == 0:
        value.error("Nothing runs on no core at all. Write a number above zero, such as 0.5.")
        return None
    return cores


def _gpu_resource(value: Value) -> str | None:
    text = value.text(longest=LONGEST_RESOURCE, example="nvidia.com/gpu")
    if text is None or re.fullmatch(GPU_RESOURCE_PATTERN, text):
        return text
    value.error(f"{quoted(text)} is not the name of a device in Kubernetes. Write vendor and device: nvidia.com/gpu.")
    return None


def _gpu_count(value: Value) -> int | None:
    text = value.number("a whole number such as 1")
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,4}", text, re.ASCII) and 1 <= int(text) <= MOST_GPUS:
        return int(text)
    value.error(f"{quoted(text)} is not a number of devices from 1 to {MOST_GPUS}. Without a GPU, remove the key gpu.")
    return None
