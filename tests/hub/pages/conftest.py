"""The catalog of the tests on a machine with two GPUs, as facts for the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.pages.cards import MachineFacts, SoftwareFacts
from hub.pages.spawn_view import Offer, Target
from spawner.admission import Capacity, Held, MachineState, what_fits
from studiolo.catalog import Catalog

GIB = 1024**3
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def machine() -> Callable[..., MachineState]:
    """A machine of 12 GiB, 8 cores and two GPUs, of which the given number is held."""

    def state(*, held_gib: int = 0, held_gpus: int = 0) -> MachineState:
        held = Held(key="x", memory_bytes=held_gib * GIB, cpu_cores=0, gpus=("GPU-a", "GPU-b")[:held_gpus])
        return MachineState(
            capacity=Capacity(memory_bytes=12 * GIB, cpu_cores=8, gpus=("GPU-a", "GPU-b")), held=(held,)
        )

    return state


@pytest.fixture
def offer(sample_catalog: Catalog, machine: Callable[..., MachineState]) -> Callable[..., Offer]:
    """What is on offer to somebody without a team; `software` overrides facts by name."""

    def make(*, state: MachineState | None = None, software: dict[str, dict[str, Any]] | None = None) -> Offer:
        state = state or machine()
        hardware = sample_catalog.offered_hardware(())
        return Offer(
            software=tuple(
                SoftwareFacts(environment=entry, **{"is_ready": True, **(software or {}).get(entry.name, {})})
                for entry in sample_catalog.offered_environments(())
            ),
            hardware=hardware,
            machine=MachineFacts(state=state, verdicts=what_fits(hardware, state)),
            currency=sample_catalog.currency,
            default=sample_catalog.default_choice(()),
            data=sample_catalog.offered_data(()),
        )

    return make


@pytest.fixture
def new_workspace() -> Target:
    return Target(owner="ada", viewer="ada", server="", title="", action="/hub/spawn", is_new=True)
