"""What a node has and a pod asks for, as numbers that can be compared: cores, memory, devices and a place as a pod."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from studiolo.quantities import QuantityError, cpu_cores, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studiolo.catalog_model import Hardware

NO_LIMIT: Final = 1_000_000
"""Pods, on a node that does not say how many it takes."""

_OTHERS: Final = frozenset({"cpu", "memory", "pods", "ephemeral-storage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of node: all of it, what a pod asks for, or what is left."""

    cpu_millis: int = 0
    """Thousandths of a core: sums of them are exact."""
    memory_bytes: int = 0
    devices: tuple[tuple[str, int], ...] = ()
    """Kubernetes' resource and how many: `("nvidia.com/gpu", 8)`."""
    pods: int = 0

    def holds(self, asked: Amount) -> bool:
        """Whether all of `asked` is in it."""
        if asked.cpu_millis > self.cpu_millis or asked.memory_bytes > self.memory_bytes or asked.pods > self.pods:
            return False
        # Most ask for no device; this runs for each node and hardware.
        return not asked.devices or all(count <= self.count_of(name) for name, count in asked.devices)

    def count_of(self, device: str) -> int:
        """How many of one kind of device."""
        return next((count for name, count in self.devices if name == device), 0)

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return self._with(other, 1)

    def minus(self, other: Amount) -> Amount:
        """What is left of it without `other`; below zero where more was promised than there is."""
        return self._with(other, -1)

    def _with(self, other: Amount, sign: int) -> Amount:
        devices = dict(self.devices)
        for name, count in other.devices:
            devices[name] = devices.get(name, 0) + sign * count
        return Amount(
            cpu_millis=self.cpu_millis + sign * other.cpu_millis,
            memory_bytes=self.memory_bytes + sign * other.memory_bytes,
            devices=tuple(devices.items()),
            pods=self.pods + sign * other.pods,
        )


def amount_of(resources: Iterable[tuple[str, str]], *, pods: int = NO_LIMIT) -> Amount:
    """An amount in Kubernetes' quantities. What cannot be read is none; `pods` where it says nothing of them."""
    has = dict(resources)
    return Amount(
        cpu_millis=_millis(has.get("cpu", "")),
        memory_bytes=_memory(has.get("memory", "")),
        devices=tuple((name, _count(text)) for name, text in has.items() if name not in _OTHERS and "/" in name),
        pods=_count(has["pods"]) if "pods" in has else pods,
    )


@lru_cache(maxsize=16_384)
def amount_of_node(allocatable: tuple[tuple[str, str], ...]) -> Amount:
    """What a node has. Read once for all that have the same: nodes tell of themselves again and again."""
    return amount_of(allocatable)


def needs_of(hardware: Hardware) -> Amount:
    """What a pod of this hardware asks for. What it may take beyond that, nobody promised."""
    return Amount(
        cpu_millis=round(hardware.cpu.request * 1000),
        memory_bytes=hardware.memory_bytes,
        devices=((hardware.gpu.resource, hardware.gpu.count),) if hardware.gpu else (),
        pods=1,
    )


def _memory(text: str) -> int:
    try:
        return memory_bytes(text)
    except QuantityError:
        return 0


def _millis(text: str) -> int:
    try:
        return round(cpu_cores(text) * 1000)
    except QuantityError:
        return 0


def _count(text: str) -> int:
    return _millis(text) // 1000
