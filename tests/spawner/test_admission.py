"""A choice starts when it fits into what nobody holds, and the refusal says what is short."""

from __future__ import annotations

from typing import Any

import pytest

from spawner.admission import (
    Capacity,
    DoesNotFit,
    Fits,
    Held,
    MachineState,
    admit,
    alternatives,
    choose_gpus,
    what_fits,
)
from studiolo.catalog import Catalog, CpuShare, Gpu, Hardware

GIB = 1024**3
CARDS = tuple(f"GPU-{index}" for index in range(4))
SLICES = ("MIG-a", "MIG-b", "MIG-c")


def machine(
    *, gib: float = 16, cores: float = 8, gpus: tuple[str, ...] = CARDS, overcommit: float = 1, held: Any = ()
) -> MachineState:
    capacity = Capacity(memory_bytes=int(gib * GIB), cpu_cores=cores, gpus=gpus)
    return MachineState(capacity=capacity, held=held, cpu_overcommit=overcommit)


def held(*, gib: float = 0, cores: float = 0, gpus: tuple[str, ...] = ()) -> tuple[Held, ...]:
    return (Held(key="ada--default", memory_bytes=int(gib * GIB), cpu_cores=cores, gpus=gpus),)


def asking(*, gib: float = 0, cores: float = 0, gpus: int = 0, name: str = "asked") -> Hardware:
    return Hardware(
        name=name,
        title=name.title(),
        cpu=CpuShare(request=cores, limit=cores),
        memory_bytes=int(gib * GIB),
        gpu=Gpu(resource="nvidia.com/gpu", count=gpus) if gpus else None,
    )


def test_free_is_what_nobody_holds() -> None:
    state = machine(held=(*held(gib=4, cores=0.1, gpus=("GPU-1",)), *held(gib=2, cores=0.2)))
    assert state.free == Capacity(memory_bytes=10 * GIB, cpu_cores=7.7, gpus=("GPU-0", "GPU-2", "GPU-3"))


def test_free_is_never_below_zero_on_a_machine_that_shrank() -> None:
    state = machine(gib=1, cores=1, gpus=(), held=held(gib=4, cores=4, gpus=("GPU-9",)))
    assert state.free == Capacity(memory_bytes=0, cpu_cores=0, gpus=())


def test_what_fits_exactly_fits() -> None:
    state = machine(held=held(gib=8, cores=4, gpus=CARDS[:2]))
    assert admit(asking(gib=8, cores=4, gpus=2), state) == Fits(free=state.free)


def test_tenths_of_a_core_add_up_without_a_rest() -> None:
    state = machine(cores=1, held=tuple(entry for _ in range(7) for entry in held(cores=0.1)))
    assert isinstance(admit(asking(cores=0.3), state), Fits)


@pytest.mark.parametrize(
    ("asked", "state", "short"),
    [
        pytest.param(
            asking(gib=8),
            machine(held=held(gib=12.8)),
            ("needs 8 GiB of memory, 3.2 GiB is free",),
            id="memory",
        ),
        pytest.param(
            asking(gib=4),
            machine(held=held(gib=12.001)),
            ("needs 4 GiB of memory, 3.9 GiB is free",),
            id="memory that is almost enough is not rounded up to enough",
        ),
        pytest.param(
            asking(gib=1),
            machine(gib=1, held=held(gib=1)),
            ("needs 1 GiB of memory, 0 B is free",),
            id="no memory at all",
        ),
        pytest.param(
            asking(cores=4),
            machine(cores=4, held=held(cores=2.5)),
            ("needs 4 CPU cores, 1.5 are free (of 4 CPU cores)",),
            id="cores",
        ),
        pytest.param(
            asking(cores=1),
            machine(cores=4, held=held(cores=4)),
            ("needs 1 CPU core, none is free (of 4 CPU cores)",),
            id="no core at all",
        ),
        pytest.param(
            asking(cores=1),
            machine(cores=2, overcommit=2, held=held(cores=3.5)),
            ("needs 1 CPU core, 0.5 is free (of 2 CPU cores, each promised up to 2 times)",),
            id="the overcommit of cores is stated",
        ),
        pytest.param(
            asking(gpus=1), machine(held=held(gpus=CARDS)), ("needs 1 GPU, none of 4 is free",), id="no GPU free"
        ),
        pytest.param(
            asking(gpus=2), machine(held=held(gpus=CARDS[1:])), ("needs 2 GPUs, 1 of 4 is free",), id="one GPU free"
        ),
        pytest.param(
            asking(gpus=3), machine(held=held(gpus=CARDS[2:])), ("needs 3 GPUs, 2 of 4 are free",), id="two GPUs free"
        ),
        pytest.param(
            asking(gib=16, cores=8, gpus=4),
            machine(held=held(gib=8, cores=4, gpus=CARDS)),
            (
                "needs 16 GiB of memory, 8 GiB is free",
                "needs 8 CPU cores, 4 are free (of 8 CPU cores)",
                "needs 4 GPUs, none of 4 is free",
            ),
            id="everything that is short is said",
        ),
    ],
)
def test_what_does_not_fit_now_says_what_is_short_and_fits_later(
    asked: Hardware, state: MachineState, short: tuple[str, ...]
) -> None:
    assert admit(asked, state) == DoesNotFit(short=short, free=state.free, later=True)


@pytest.mark.parametrize(
    ("asked", "state", "short"),
    [
        pytest.param(
            asking(gib=64),
            machine(gib=15.6),
            "needs 64 GiB of memory, workspaces on this machine share 15.6 GiB",
            id="memory",
        ),
        pytest.param(
            asking(gib=2048), machine(gib=1536), "needs 2 TiB of memory, workspaces on this machine share 1.5 TiB"
        ),
        pytest.param(asking(cores=4), machine(cores=2), "needs 4 CPU cores, this machine has 2 CPU cores", id="cores"),
        pytest.param(
            asking(cores=4),
            machine(cores=1, overcommit=1.5),
            "needs 4 CPU cores, this machine has 1 CPU core, each promised up to 1.5 times",
            id="cores with overcommit",
        ),
        pytest.param(asking(gpus=1), machine(gpus=()), "needs 1 GPU, this machine has no GPU", id="no GPU"),
        pytest.param(asking(gpus=8), machine(), "needs 8 GPUs, this machine has 4 GPUs", id="too few GPUs"),
        pytest.param(
            asking(gpus=2), machine(gpus=SLICES), "needs 2 GPUs, this machine has no whole GPU", id="slices only"
        ),
        pytest.param(
            asking(gpus=2),
            machine(gpus=("GPU-0", *SLICES)),
            "needs 2 GPUs, this machine has 1 whole GPU",
            id="one card beside slices",
        ),
    ],
)
def test_what_would_not_fit_the_empty_machine_never_fits(asked: Hardware, state: MachineState, short: str) -> None:
    verdict = admit(asked, state)
    assert isinstance(verdict, DoesNotFit)
    assert verdict.short == (short,)
    assert not verdict.later


def test_the_reasons_stand_on_one_line() -> None:
    verdict = admit(asking(gib=64, gpus=1), machine(gpus=()))
    assert isinstance(verdict, DoesNotFit)
    assert verdict.reason == (
        "needs 64 GiB of memory, workspaces on this machine share 16 GiB; needs 1 GPU, this machine has no GPU"
    )


def test_every_hardware_gets_its_answer_by_name(sample_catalog: Catalog) -> None:
    answers = what_fits(sample_catalog.hardware, machine(gib=8, gpus=()))
    assert {name: isinstance(answer, Fits) for name, answer in answers.items()} == {
        "small": True,
        "medium": True,
        "gpu": False,
        "huge": False,
    }


def test_alternatives_fit_and_the_nearest_in_size_comes_first() -> None:
    asked = asking(gib=16, gpus=2)
    offered = (
        asking(name="tiny", gib=1),
        asking(name="plain", gib=8),
        asking(name="one-gpu", gib=4, gpus=1),
        asking(name="one-gpu-more", gib=8, gpus=1),
        asking(name="does-not-fit", gib=64, gpus=2),
        asked,
    )
    state = machine(held=held(gib=8, gpus=CARDS[1:]))
    names = [entry.name for entry in alternatives(offered, state, asked)]
    assert names == ["one-gpu-more", "one-gpu", "plain", "tiny"]


def test_what_was_asked_for_is_no_alternative_to_itself() -> None:
    asked = asking(gib=1)
    assert alternatives((asked,), machine(), asked) == ()


def test_gpus_are_whole_devices_that_nobody_holds_in_the_machines_order() -> None:
    state = machine(held=held(gpus=("GPU-0", "GPU-2")))
    assert choose_gpus(state, 1) == ("GPU-1",)
    assert choose_gpus(state, 2) == ("GPU-1", "GPU-3")
    assert choose_gpus(state, 0) == ()


def test_slices_are_given_out_one_at_a_time_since_cuda_joins_none() -> None:
    state = machine(gpus=(*SLICES, "GPU-0", "GPU-1"))
    assert choose_gpus(state, 1) == ("MIG-a",)
    assert choose_gpus(state, 2) == ("GPU-0", "GPU-1")


def test_choosing_more_gpus_than_are_free_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="3 GPUs were asked for and 2 are free"):
        choose_gpus(machine(held=held(gpus=CARDS[:2])), 3)
