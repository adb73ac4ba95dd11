"""Kubernetes' names and amounts of resources as people read them: `limits.memory` 2Gi, "2 GiB of memory"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from studiolo.quantities import QuantityError, cpu_cores, format_cores, format_memory, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.verdicts.create_refusals import Bound, QuotaShare

_PREFIXES: Final = ("requests.", "limits.")

_TITLES: Final[Mapping[str, str]] = {
    "cpu": "CPU",
    "memory": "memory",
    "ephemeral-storage": "disk space",
    "storage": "storage",
    "pods": "places for workspaces",
    "persistentvolumeclaims": "places for volumes",
}
"""Where a resource is none of these, its own name says most: administrators chose it."""

_IN_BYTES: Final = frozenset({"memory", "ephemeral-storage", "storage"})


def counted(count: int, what: str) -> str:
    """A number of things: "1 machine", "3 machines"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def resource_title(resource: str) -> str:
    """What a person calls a resource: "memory", "GPU"."""
    name = _plain(resource)
    if name.endswith("/gpu") or name.partition("/")[2].startswith("mig-"):
        return "GPU"
    if name.startswith("hugepages-"):
        return "memory in huge pages"
    return _TITLES.get(name, name or "room")


def of_share(share: QuotaShare) -> str:
    """One sentence: what a quota allows, what is used of it, and what was asked for."""
    used, asked = _amount(share.resource, share.used), _amount(share.resource, share.asked)
    return f"It allows {_phrase(share.resource, share.limit)}: {used} in use, {asked} more needed."


def of_bound(bound: Bound) -> str:
    """One sentence: what a single workspace may have, and what was asked for."""
    edge = "at most" if bound.is_most else "at least"
    asked = f", and {_amount(bound.resource, bound.asked)} was asked for" if bound.asked else ""
    return f"A workspace here has {edge} {_phrase(bound.resource, bound.bound)}{asked}."


def _phrase(resource: str, text: str) -> str:
    """Amount and resource together: "2 GiB of memory", "1 CPU core", "2 GPUs"."""
    amount, title = _amount(resource, text), resource_title(resource)
    if _plain(resource) in _IN_BYTES:
        return f"{amount} of {title}"
    if title in {"CPU", "GPU"}:
        thing = "CPU core" if title == "CPU" else title
        return f"{amount} {thing}{'' if amount == '1' else 's'}"
    return f"{amount} {title}"


def _amount(resource: str, text: str) -> str:
    """The quantity for people; as it is where we cannot read it."""
    try:
        if _plain(resource) in _IN_BYTES:
            return format_memory(memory_bytes(text))
        return format_cores(cpu_cores(text))
    except QuantityError:
        return text or "none"


def _plain(resource: str) -> str:
    for prefix in _PREFIXES:
        resource = resource.removeprefix(prefix)
    return resource
