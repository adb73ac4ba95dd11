"""NVML without a GPU: the functions of `pynvml` that we call, over devices that a test or an operator makes up.

It raises pynvml's own errors with NVML's own codes, so that `NvmlGpus` runs through the code it would run on iron.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pynvml

GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSlice:
    """One MIG slice of a card."""

    uuid: str
    name: str = "Simulated GPU MIG 1g.10gb"
    memory_bytes: int = 10 * GIB


@dataclass(slots=True, kw_only=True)
class SimulatedDevice:
    """One card, in any of the states in which cards are found."""

    uuid: str
    name: str = "Simulated GPU"
    memory_bytes: int = 80 * GIB
    slices: tuple[SimulatedSlice | None, ...] | None = None
    """None: MIG is off. A None inside is an index without a slice, as NVML has them between others."""
    mig_is_supported: bool = True
    """Most cards know nothing of MIG and say so with "not supported"."""
    memory_is_supported: bool = True
    """Chips that share the machine's memory have none of their own to tell of."""
    lost_at_handle: bool = False
    """Fell off the bus: NVML gives no handle any more."""
    lost_at_call: bool = False
    """Fell off the bus while NVML was open: the handle is there, and every call with it fails."""


class SimulatedNvml:
    """A stand-in for the module `pynvml`."""

    NVMLError = pynvml.NVMLError

    def __init__(self, *devices: SimulatedDevice, init_error: int | None = None) -> None:
        """`init_error` is NVML's code where the driver cannot be opened: NVML_ERROR_DRIVER_NOT_LOADED and others."""
        self.devices = list(devices)
        self.init_error = init_error
        self.is_open = False

    @classmethod
    def with_whole_cards(cls, count: int) -> SimulatedNvml:
        """So many cards. Their UUIDs are the same in every process: records outlive the hub."""
        return cls(*(SimulatedDevice(uuid=f"GPU-51c0de00-0000-0000-0000-{index:012x}") for index in range(count)))

    def device(self, uuid: str) -> SimulatedDevice:
        """One of the cards, to break or mend it."""
        return next(device for device in self.devices if device.uuid == uuid)

    def nvmlInit(self) -> None:  # noqa: N802 - pynvml's own name
        """Open NVML."""
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)
        self.is_open = True

    def nvmlShutdown(self) -> None:  # noqa: N802 - pynvml's own name
        """Close NVML."""
        self._check_open()
        self.is_open = False

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - pynvml's own name
        """How many cards there are, lost ones counted."""
        self._check_open()
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> SimulatedDevice:  # noqa: N802 - pynvml's own name
        """A handle for the other calls."""
        self._check_open()
        if self.devices[index].lost_at_handle:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.devices[index]

    def nvmlDeviceGetUUID(self, handle: SimulatedDevice | SimulatedSlice) -> str:  # noqa: N802 - pynvml's own name
        """The name that stays with a card or slice."""
        self._check(handle)
        return handle.uuid

    def nvmlDeviceGetName(self, handle: SimulatedDevice | SimulatedSlice) -> str:  # noqa: N802 - pynvml's own name
        """What the vendor calls it."""
        self._check(handle)
        return handle.name

    def nvmlDeviceGetMemoryInfo(  # noqa: N802 - pynvml's own name
        self, handle: SimulatedDevice | SimulatedSlice
    ) -> SimpleNamespace:
        """Its memory in bytes."""
        self._check(handle)
        if isinstance(handle, SimulatedDevice) and not handle.memory_is_supported:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(total=handle.memory_bytes, free=handle.memory_bytes, used=0)

    def nvmlDeviceGetMigMode(self, handle: SimulatedDevice) -> list[int]:  # noqa: N802 - pynvml's own name
        """Whether it is cut into slices: now, and after the next reset."""
        self._check(handle)
        if not handle.mig_is_supported:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        mode = int(handle.slices is not None)
        return [mode, mode]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: SimulatedDevice) -> int:  # noqa: N802 - pynvml's own name
        """How many slices there could be: indices up to it may be asked for."""
        self._check(handle)
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(  # noqa: N802 - pynvml's own name
        self, handle: SimulatedDevice, index: int
    ) -> SimulatedSlice:
        """A handle of one slice."""
        self._check(handle)
        slices = handle.slices or ()
        found = slices[index] if index < len(slices) else None
        if found is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return found

    def _check(self, handle: SimulatedDevice | SimulatedSlice) -> None:
        self._check_open()
        if isinstance(handle, SimulatedDevice) and (handle.lost_at_call or handle.lost_at_handle):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    def _check_open(self) -> None:
        if not self.is_open:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
