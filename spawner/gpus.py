"""Which GPUs this machine has: the one door to NVML, and machines that are made up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import pynvml

from spawner.simulated_nvml import SimulatedNvml

NO_DRIVER_CODES: Final = frozenset({pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED})
"""A machine without NVIDIA's driver has no GPU for us, and nothing is wrong with it."""

NO_SLICE_CODES: Final = frozenset({pynvml.NVML_ERROR_NOT_FOUND, pynvml.NVML_ERROR_INVALID_ARGUMENT})
"""What NVML answers for an index of a card that holds no slice; which of the two depends on the driver."""

MIG_ENABLED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInfo:
    """One device that a workspace can hold: a whole card or a MIG slice."""

    uuid: str
    name: str
    memory_bytes: int
    """0 where the driver does not tell, as with chips that share the machine's memory."""
    is_mig: bool = False
    is_healthy: bool = True
    """False for a device that was there and no longer answers: nobody new gets it, and the page says so."""


class GpuInventory(Protocol):
    """What finds the GPUs of a machine."""

    def gpus(self) -> tuple[GpuInfo, ...]:
        """The devices, in the machine's order; never raises."""

    @property
    def problem(self) -> str | None:
        """Why the last answer may be less than the truth, as a sentence; None when all is well."""


class NvmlGpus:
    """The GPUs that NVIDIA's driver tells of, through `pynvml`."""

    def __init__(self, nvml: Any = pynvml) -> None:
        """`nvml` is the module pynvml, or what behaves like it."""
        self._nvml = nvml
        self._is_open = False
        self._seen: dict[str, GpuInfo] = {}
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last answer may be less than the truth, as a sentence; None when all is well."""
        return self._problem

    def gpus(self) -> tuple[GpuInfo, ...]:
        """The devices in NVML's order, then those that were there before and no longer answer, as unhealthy."""
        self._problem = None
        try:
            self._open()
            found = {gpu.uuid: gpu for gpu in self._find()}
        except pynvml.NVMLError as error:
            # Opened anew at the next call: after a driver's restart the old handles are worth nothing.
            self._close()
            found = {}
            if error.value not in NO_DRIVER_CODES or self._seen:
                self._problem = f"The GPUs of this machine do not answer: {error}."
        # What is not listed while NVML is well was taken away on purpose (a card was cut into slices): it is forgotten.
        self._seen = found if self._problem is None else self._seen | found
        return tuple(found.get(uuid) or replace(gpu, is_healthy=False) for uuid, gpu in self._seen.items())

    def _open(self) -> None:
        if not self._is_open:
            self._nvml.nvmlInit()
            self._is_open = True

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            try:
                self._nvml.nvmlShutdown()
            except pynvml.NVMLError:
                return  # it was not open any more, which is what we wanted

    def _find(self) -> list[GpuInfo]:
        found: list[GpuInfo] = []
        for index in range(self._nvml.nvmlDeviceGetCount()):
            try:
                card = self._nvml.nvmlDeviceGetHandleByIndex(index)
                slices = self._slices(card)
                found.extend([self._info(card, is_mig=False)] if slices is None else slices)
            except pynvml.NVMLError as error:
                # One lost card must not hide the others.
                self._problem = f"GPU {index} of this machine does not answer: {error}."
        return found

    def _slices(self, card: Any) -> list[GpuInfo] | None:
        """The MIG slices of a card, or None where it is not cut. A card that is cut can be used by its slices alone."""
        try:
            mode, _after_reset = self._nvml.nvmlDeviceGetMigMode(card)
        except pynvml.NVMLError as error:
            if error.value != pynvml.NVML_ERROR_NOT_SUPPORTED:
                raise
            return None
        if mode != MIG_ENABLED:
            return None
        handles = (self._slice(card, index) for index in range(self._nvml.nvmlDeviceGetMaxMigDeviceCount(card)))
        return [self._info(handle, is_mig=True) for handle in handles if handle is not None]

    def _slice(self, card: Any, index: int) -> Any | None:
        try:
            return self._nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, index)
        except pynvml.NVMLError as error:
            if error.value not in NO_SLICE_CODES:
                raise
            return None

    def _info(self, handle: Any, *, is_mig: bool) -> GpuInfo:
        return GpuInfo(
            uuid=self._nvml.nvmlDeviceGetUUID(handle),
            name=self._nvml.nvmlDeviceGetName(handle),
            memory_bytes=self._memory_bytes(handle),
            is_mig=is_mig,
        )

    def _memory_bytes(self, handle: Any) -> int:
        try:
            return int(self._nvml.nvmlDeviceGetMemoryInfo(handle).total)
        except pynvml.NVMLError as error:
            if error.value != pynvml.NVML_ERROR_NOT_SUPPORTED:
                raise
            return 0


class SimulatedGpus(NvmlGpus):
    """A machine with so many made-up cards (`studiolo up --simulate-gpus 4`), found by the same code as real ones."""

    def __init__(self, count: int) -> None:
        self.nvml = SimulatedNvml.with_whole_cards(count)
        super().__init__(self.nvml)
