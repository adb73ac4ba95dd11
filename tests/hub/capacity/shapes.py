"""Hardware, nodes and pods for tests about capacity, small enough to be counted in the head."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub.capacity.view import NodeRoom, Placed, room_on
from spawner.amounts import Amount
from spawner.pod_facts import NodeFacts
from studiolo.catalog import CpuShare, Hardware
from studiolo.catalog_model import Gpu

GIB = 1024**3
GPU = "nvidia.com/gpu"
NOW = datetime(2026, 11, 27, 13, 0, tzinfo=UTC)
IMAGE = "registry.test/python@sha256:aa"


def hardware(name: str = "small", *, cpu: float = 1, memory: int = 4, gpus: int = 0, **more: Any) -> Hardware:
    gpu = Gpu(resource=GPU, count=gpus) if gpus else None
    shape = {"cpu": CpuShare(request=cpu, limit=cpu), "memory_bytes": memory * GIB, "gpu": gpu, **more}
    return Hardware(name=name, title=name.title(), **shape)


SMALL = hardware()
LARGE = hardware("large", cpu=4, memory=16)
ONE_GPU = hardware("gpu", cpu=1, memory=4, gpus=1)
FOUR_GPUS = hardware("gpus", cpu=1, memory=4, gpus=4)


def amount(*, cpu: float = 1, memory: int = 4, gpus: int = 0) -> Amount:
    return Amount(
        cpu_millis=round(cpu * 1000), memory_bytes=memory * GIB, devices=((GPU, gpus),) if gpus else (), pods=1
    )


def pod(*, cpu: float = 1, memory: int = 4, gpus: int = 0, **more: Any) -> Placed:
    return Placed(asks=amount(cpu=cpu, memory=memory, gpus=gpus), **more)


def placeholder(**more: Any) -> Placed:
    return pod(priority=-10, **more)


def facts(name: str = "a", *, cpu: int = 4, memory: int = 16, gpus: int = 0, **more: Any) -> NodeFacts:
    devices = ((GPU, str(gpus)),) if gpus else ()
    allocatable = (("cpu", str(cpu)), ("memory", f"{memory}Gi"), ("pods", "110"), *devices)
    return NodeFacts(**{"name": name, "allocatable": allocatable, "is_ready": True, **more})


def node(name: str = "a", *placed: Placed, cpu: int = 4, memory: int = 16, gpus: int = 0, **more: Any) -> NodeRoom:
    return room_on(facts(name, cpu=cpu, memory=memory, gpus=gpus, **more), placed)
