"""What workspaces may still use of what they may use all together, as ResourceQuotas of their namespace say it. Pure.

Kubernetes is the judge: it refuses a pod that is too much. This says so before anybody clicks, by the same rule, of
what every workspace asks for: cores, memory, devices, pods, and one Secret each. What else a quota counts, such as
ephemeral storage, is left to Kubernetes' refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from spawner.amounts import Amount, needs_of
from studiolo.quantities import QuantityError, cpu_cores, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from studiolo.catalog_model import Hardware

UNLIMITED: Final = 1 << 62
"""In the place of what a quota does not speak of."""

_ASKED: Final = "requests."
_CORES: Final = frozenset({"cpu", "requests.cpu"})
_MEMORY: Final = frozenset({"memory", "requests.memory", "limits.memory"})
"""All three: what a workspace asks for is its limit too."""

_EACH_ONE: Final = frozenset({"pods", "count/pods", "secrets", "count/secrets"})
"""A workspace is one pod, and has one Secret."""

HOLDS_FOR_WORKSPACES: Final = frozenset({"NotTerminating", "NotBestEffort"})
"""Scopes: workspaces ask for something, and no deadline stands in their pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """For pods of which priority classes a quota holds."""

    operator: str
    names: frozenset[str] = frozenset()

    def holds_for(self, name: str) -> bool:
        """`name`: "" for none. As Kubernetes compares it."""
        match self.operator:
            case "In":
                return name in self.names
            case "NotIn":
                return name not in self.names
            case "Exists":
                return name != ""
            case _:
                return name == ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What may still be used, of all that somebody may use."""

    title: str
    """Whose it is: "your team's quota"."""
    left: Amount
    cpu_limit_millis: int = UNLIMITED
    """What is left of the cores that pods may take at most, which is more than they ask for."""
    start_cores: float = 0.0
    """A server starts with so many, however few its hardware has."""
    priority_class: str = ""
    """Of hardware that names none."""
    classes: tuple[ClassRule, ...] = ()

    def allows(self, hardware: Hardware, asked: Amount) -> bool:
        """Whether so much may be used. What the quota does not speak of, it does not limit."""
        name = hardware.priority_class or self.priority_class
        if not all(rule.holds_for(name) for rule in self.classes):
            return True
        left = dict(self.left.devices)
        return (
            asked.cpu_millis <= self.left.cpu_millis
            and asked.memory_bytes <= self.left.memory_bytes
            and asked.pods <= self.left.pods
            and max(hardware.cpu.limit, self.start_cores) * 1000 <= self.cpu_limit_millis
            and all(count <= left.get(name, count) for name, count in asked.devices)
        )

    def given_back(self, hardware: Hardware, needs: Amount) -> Quota:
        """Once a pod of this hardware is gone."""
        name = hardware.priority_class or self.priority_class
        if not all(rule.holds_for(name) for rule in self.classes):
            return self
        left = Amount(
            cpu_millis=self.left.cpu_millis + needs.cpu_millis,
            memory_bytes=self.left.memory_bytes + needs.memory_bytes,
            devices=tuple((device, count + needs.count_of(device)) for device, count in self.left.devices),
            pods=self.left.pods + needs.pods,
        )
        cores = round(max(hardware.cpu.limit, self.start_cores) * 1000)
        return replace(self, left=left, cpu_limit_millis=self.cpu_limit_millis + cores)


def without(quotas: Iterable[Quota], hardware: Sequence[Hardware]) -> tuple[Quota, ...]:
    """Once pods of these are gone: warm pods go where a quota would refuse a start for their sake."""
    found = []
    for quota in quotas:
        for entry in hardware:
            quota = quota.given_back(entry, needs_of(entry))  # noqa: PLW2901 - one after the other
        found.append(quota)
    return tuple(found)


def quota_of(raw: Mapping[str, Any], *, priority_class: str, start_cores: float) -> Quota | None:
    """From Kubernetes' JSON; None where it holds for no workspace, or says nothing yet."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    rules = _rules(spec)
    if rules is None:
        return None
    used = status.get("used") or {}
    cores = memory = each_one = cpu_limit = UNLIMITED
    devices: dict[str, int] = {}
    for name, text in (status.get("hard") or {}).items():
        if (hard := _thousandths(text)) is None:
            continue
        left = hard - (_thousandths(used.get(name, "0")) or 0)
        if name in _CORES:
            cores = min(cores, left)
        elif name in _MEMORY:
            memory = min(memory, left // 1000)
        elif name in _EACH_ONE:
            each_one = min(each_one, left // 1000)
        elif name == "limits.cpu":
            cpu_limit = left
        elif name.startswith(_ASKED) and "/" in name:
            devices[name.removeprefix(_ASKED)] = left // 1000
    return Quota(
        title=f'the quota "{raw["metadata"]["name"]}"',
        left=Amount(cpu_millis=cores, memory_bytes=memory, devices=tuple(devices.items()), pods=each_one),
        cpu_limit_millis=cpu_limit,
        start_cores=start_cores,
        priority_class=priority_class,
        classes=rules,
    )


def _rules(spec: Mapping[str, Any]) -> tuple[ClassRule, ...] | None:
    """What of its scopes depends on the hardware; None where a scope leaves every workspace out."""
    selected = [*((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]
    selected += [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    rules = []
    for one in selected:
        if one.get("scopeName") == "PriorityClass":
            rules.append(ClassRule(operator=one.get("operator", ""), names=frozenset(one.get("values") or ())))
        elif one.get("scopeName") not in HOLDS_FOR_WORKSPACES:
            return None
    return tuple(rules)


def _thousandths(text: object) -> int | None:
    """Of whatever unit: Kubernetes writes a thousand pods as "1k". None where it cannot be read."""
    try:
        return round(cpu_cores(str(text)) * 1000)
    except QuantityError:
        pass
    try:
        return memory_bytes(str(text)) * 1000
    except QuantityError:
        return None
