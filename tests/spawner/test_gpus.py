"""Finding whole cards, slices, lost cards and none at all: the code that runs on iron, over a simulated NVML."""

from __future__ import annotations

import pynvml
import pytest

from spawner.gpus import GpuInfo, NvmlGpus, SimulatedGpus
from spawner.simulated_nvml import SimulatedDevice, SimulatedNvml, SimulatedSlice

GIB = 1024**3


def uuids(gpus: NvmlGpus) -> list[str]:
    return [gpu.uuid for gpu in gpus.gpus()]


def healthy(gpus: NvmlGpus) -> list[str]:
    return [gpu.uuid for gpu in gpus.gpus() if gpu.is_healthy]


def test_whole_cards_are_found_in_their_order() -> None:
    gpus = NvmlGpus(
        SimulatedNvml(
            SimulatedDevice(uuid="GPU-a", name="NVIDIA A100", memory_bytes=40 * GIB), SimulatedDevice(uuid="GPU-b")
        )
    )
    assert gpus.gpus() == (
        GpuInfo(uuid="GPU-a", name="NVIDIA A100", memory_bytes=40 * GIB),
        GpuInfo(uuid="GPU-b", name="Simulated GPU", memory_bytes=80 * GIB),
    )
    assert gpus.problem is None


def test_a_card_that_is_cut_is_offered_by_its_slices_alone() -> None:
    slices = (SimulatedSlice(uuid="MIG-1"), None, SimulatedSlice(uuid="MIG-2"))
    gpus = NvmlGpus(SimulatedNvml(SimulatedDevice(uuid="GPU-a", slices=slices), SimulatedDevice(uuid="GPU-b")))
    assert [(gpu.uuid, gpu.is_mig) for gpu in gpus.gpus()] == [("MIG-1", True), ("MIG-2", True), ("GPU-b", False)]
    assert gpus.problem is None


def test_a_card_that_is_cut_and_has_no_slice_yet_offers_nothing() -> None:
    assert uuids(NvmlGpus(SimulatedNvml(SimulatedDevice(uuid="GPU-a", slices=())))) == []


def test_cards_that_know_nothing_of_slices_are_whole() -> None:
    assert uuids(NvmlGpus(SimulatedNvml(SimulatedDevice(uuid="GPU-a", mig_is_supported=False)))) == ["GPU-a"]


def test_a_chip_without_memory_of_its_own_is_found_all_the_same() -> None:
    (gpu,) = NvmlGpus(SimulatedNvml(SimulatedDevice(uuid="GPU-a", memory_is_supported=False))).gpus()
    assert gpu.memory_bytes == 0
    assert gpu.is_healthy


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_a_machine_without_a_driver_has_no_gpu_and_no_problem(code: int) -> None:
    gpus = NvmlGpus(SimulatedNvml(init_error=code))
    assert gpus.gpus() == ()
    assert gpus.problem is None


def test_a_driver_that_does_not_answer_is_a_problem() -> None:
    gpus = NvmlGpus(SimulatedNvml(init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    assert gpus.gpus() == ()
    assert gpus.problem is not None
    assert gpus.problem.startswith("The GPUs of this machine do not answer: ")


@pytest.mark.parametrize("how", ["lost_at_handle", "lost_at_call"])
def test_a_card_that_is_lost_is_unhealthy_and_the_others_go_on(how: str) -> None:
    nvml = SimulatedNvml.with_whole_cards(3)
    gpus = NvmlGpus(nvml)
    first, second, third = uuids(gpus)
    setattr(nvml.device(second), how, True)
    assert uuids(gpus) == [first, second, third]
    assert healthy(gpus) == [first, third]
    assert gpus.problem is not None
    assert gpus.problem.startswith("GPU 1 of this machine does not answer: ")


def test_a_card_that_comes_back_is_healthy_again() -> None:
    nvml = SimulatedNvml.with_whole_cards(2)
    gpus = NvmlGpus(nvml)
    both = uuids(gpus)
    nvml.device(both[0]).lost_at_call = True
    assert healthy(gpus) == both[1:]
    nvml.device(both[0]).lost_at_call = False
    assert healthy(gpus) == both
    assert gpus.problem is None


def test_a_card_that_was_lost_from_the_beginning_is_not_offered() -> None:
    nvml = SimulatedNvml(SimulatedDevice(uuid="GPU-a", lost_at_handle=True), SimulatedDevice(uuid="GPU-b"))
    gpus = NvmlGpus(nvml)
    assert uuids(gpus) == ["GPU-b"]
    assert gpus.problem is not None


def test_a_driver_that_goes_away_makes_every_card_unhealthy_until_it_is_back() -> None:
    nvml = SimulatedNvml.with_whole_cards(2)
    gpus = NvmlGpus(nvml)
    both = uuids(gpus)
    nvml.is_open, nvml.init_error = False, pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    assert (uuids(gpus), healthy(gpus)) == (both, [])
    assert gpus.problem is not None
    nvml.init_error = None
    assert healthy(gpus) == both


def test_a_card_that_an_operator_cuts_is_not_taken_for_a_lost_one() -> None:
    nvml = SimulatedNvml.with_whole_cards(1)
    gpus = NvmlGpus(nvml)
    (card,) = uuids(gpus)
    nvml.device(card).slices = (SimulatedSlice(uuid="MIG-1"),)
    assert uuids(gpus) == ["MIG-1"]


@pytest.mark.parametrize("call", ["nvmlDeviceGetMigMode", "nvmlDeviceGetMigDeviceHandleByIndex"])
def test_any_other_answer_of_nvml_takes_that_card_alone_away(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = SimulatedNvml(SimulatedDevice(uuid="GPU-a", slices=(SimulatedSlice(uuid="MIG-1"),)))

    def fails(*_arguments: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)

    monkeypatch.setattr(nvml, call, fails)
    gpus = NvmlGpus(nvml)
    assert gpus.gpus() == ()
    assert gpus.problem is not None


def test_a_machine_can_be_made_up_and_is_the_same_after_a_restart() -> None:
    assert len(SimulatedGpus(4).gpus()) == 4
    assert SimulatedGpus(4).gpus() == SimulatedGpus(4).gpus()
    assert SimulatedGpus(0).gpus() == ()


def test_the_simulation_has_the_functions_of_the_real_module() -> None:
    ours = [name for name in vars(SimulatedNvml) if name.startswith("nvml")]
    assert ours
    assert all(callable(getattr(pynvml, name)) for name in ours)


def test_on_this_machine_looking_for_gpus_raises_nothing() -> None:
    assert all(gpu.uuid for gpu in NvmlGpus().gpus())
