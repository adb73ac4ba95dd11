"""The ledger of one machine: nothing is promised twice, and what ended gives back what it held."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner import machine as machines
from spawner.admission import Capacity, Held
from spawner.data_directory import DataDirectory
from spawner.errors import DoesNotFitError
from spawner.gpus import GpuInfo
from spawner.limits import Scope
from spawner.machine import Machine, ThisMachine, running_records
from spawner.processes import ProcessIdentity, identify
from spawner.record import WorkspaceRecord, write_atomically
from studiolo.catalog import CpuShare, Gpu, Hardware

GIB = 1024**3
CAPACITY = Capacity(memory_bytes=16 * GIB, cpu_cores=8, gpus=("GPU-a", "GPU-b", "GPU-c"))


def shape(name: str = "shape", *, gib: int = 1, cores: float = 1, gpus: int = 0) -> Hardware:
    return Hardware(
        name=name,
        title=name,
        cpu=CpuShare(request=cores, limit=2 * cores),
        memory_bytes=gib * GIB,
        gpu=Gpu(resource="nvidia.com/gpu", count=gpus) if gpus else None,
    )


@pytest.fixture
def machine() -> Machine:
    return Machine(lambda: CAPACITY)


def test_claim_takes_what_the_hardware_promises(machine: Machine) -> None:
    held = machine.claim("alice--default", shape(gib=4, cores=0.5, gpus=2))
    assert held == Held(key="alice--default", memory_bytes=4 * GIB, cpu_cores=0.5, gpus=("GPU-a", "GPU-b"))
    assert machine.state().free == Capacity(memory_bytes=12 * GIB, cpu_cores=7.5, gpus=("GPU-c",))


def test_two_starts_at_the_same_moment_never_share_a_gpu(machine: Machine) -> None:
    first, second = (machine.claim(key, shape(gpus=1)) for key in ("alice--default", "bob--default"))
    assert set(first.gpus).isdisjoint(second.gpus)


def test_release_gives_everything_back_and_may_be_said_twice(machine: Machine) -> None:
    machine.claim("alice--default", shape(gib=4, gpus=3))
    machine.release("alice--default")
    machine.release("alice--default")
    assert machine.state().free == CAPACITY


def test_workspace_that_starts_anew_gives_back_what_it_held_before(machine: Machine) -> None:
    machine.claim("alice--default", shape(gib=10, gpus=2))
    assert machine.claim("alice--default", shape(gib=12, gpus=3)).gpus == CAPACITY.gpus


def test_refusal_changes_nothing_and_names_what_fits(machine: Machine) -> None:
    machine.claim("alice--default", shape(gib=14))
    before = machine.state()
    offered = (shape("small", gib=1), shape("medium", gib=2), shape("large", gib=8))
    with pytest.raises(DoesNotFitError) as refused:
        machine.claim("bob--default", offered[2], offered=offered)
    assert [entry.name for entry in refused.value.alternatives] == ["medium", "small"]
    assert machine.state() == before


def test_cores_are_promised_as_often_as_the_operator_says() -> None:
    machine = Machine(lambda: CAPACITY, cpu_overcommit=2)
    for number in range(4):
        machine.claim(f"user{number}--default", shape(cores=4))
    with pytest.raises(DoesNotFitError):
        machine.claim("one-more--default", shape(cores=0.1))


def test_gpu_that_was_lost_is_not_given_out() -> None:
    gpus = [GpuInfo(uuid=uuid, name="H200", memory_bytes=GIB) for uuid in ("GPU-a", "GPU-b")]
    machine = Machine(ThisMachine(_inventory(gpus), memory_reserve_bytes=0))
    gpus[0] = replace(gpus[0], is_healthy=False)
    assert machine.claim("alice--default", shape(gib=0, gpus=1)).gpus == ("GPU-b",)


def test_workspaces_share_the_memory_less_the_reserve() -> None:
    capacity = ThisMachine(_inventory([]), memory_reserve_bytes=GIB)()
    assert capacity.memory_bytes <= psutil.virtual_memory().total - GIB
    assert 1 <= capacity.cpu_cores <= (os.cpu_count() or 1)


def test_reserve_above_all_memory_leaves_nothing() -> None:
    assert ThisMachine(_inventory([]), memory_reserve_bytes=2**60)().memory_bytes == 0


@pytest.mark.parametrize(("text", "counts"), [("1073741824", True), ("max", False), ("", False), (str(2**62), False)])
def test_container_may_have_less_memory_than_the_machine(tmp_path: Path, text: str, counts: bool) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(text)
    total = psutil.virtual_memory().total
    assert machines.memory_bytes((limit, tmp_path / "missing")) == (GIB if counts else total)


@pytest.mark.parametrize(("memory", "cpu"), [(True, True), (True, False), (False, True)])
def test_card_says_what_the_kernel_holds(memory: bool, cpu: bool) -> None:
    scope = Scope(program="systemd-run", manager_env=(), limits_memory=memory, limits_cpu=cpu, survives_kills=True)
    machine = Machine(lambda: CAPACITY, scope=scope)
    assert (machine.memory_is_enforced, machine.cpu_is_enforced) == (memory, cpu)


def test_without_a_scope_nothing_is_enforced(machine: Machine) -> None:
    assert not machine.memory_is_enforced
    assert not machine.cpu_is_enforced


# After a restart


def test_ledger_is_rebuilt_from_what_still_runs(tmp_path: Path, machine: Machine) -> None:
    data = DataDirectory(root=tmp_path)
    me = identify(os.getpid())
    gone = ProcessIdentity(pid=os.getpid(), start="a boot long ago:1")
    _record(data, "kept", keeper=me)
    _record(data, "orphaned", keeper=gone, server=me)
    _record(data, "ended", keeper=gone, server=gone)
    _record(data, "never-came-to-be")
    (data.workspace("damaged", "").root).mkdir(parents=True)
    data.workspace("damaged", "").record.write_text("{")
    machine.restore(record.held for record in running_records(data))
    assert {held.key for held in machine.state().held} == {"kept--default", "orphaned--default"}


def test_what_still_runs_holds_its_gpus_also_when_the_machine_shrank() -> None:
    machine = Machine(lambda: replace(CAPACITY, memory_bytes=GIB, gpus=("GPU-b",)))
    machine.restore([Held(key="alice--default", memory_bytes=8 * GIB, cpu_cores=1, gpus=("GPU-a", "GPU-b"))])
    assert machine.state().free.gpus == ()
    assert machine.state().free.memory_bytes == 0


# Any order of events

KEYS = st.sampled_from(["alice", "bob", "carol", "dave"])
SHAPES = st.builds(
    shape,
    gib=st.integers(min_value=0, max_value=9),
    cores=st.sampled_from([0.1, 0.5, 1, 3, 8]),
    gpus=st.integers(min_value=0, max_value=3),
)


@given(st.lists(st.tuples(KEYS, st.one_of(st.none(), SHAPES)), max_size=30), st.sampled_from([1.0, 1.5, 4.0]))
def test_no_sequence_of_claims_and_releases_promises_anything_twice(
    events: list[tuple[str, Hardware | None]], overcommit: float
) -> None:
    machine = Machine(lambda: CAPACITY, cpu_overcommit=overcommit)
    for key, hardware in events:
        before = machine.state()
        if hardware is None:
            machine.release(key)
        else:
            try:
                machine.claim(key, hardware)
            except DoesNotFitError:
                assert machine.state() == before
        held = machine.state().held
        devices = [uuid for entry in held for uuid in entry.gpus]
        assert len(devices) == len(set(devices))
        assert set(devices) <= set(CAPACITY.gpus)
        assert sum(entry.memory_bytes for entry in held) <= CAPACITY.memory_bytes
        assert sum(entry.cpu_cores for entry in held) <= CAPACITY.cpu_cores * overcommit + 1e-6


def _inventory(gpus: list[GpuInfo]) -> Any:
    return SimpleNamespace(gpus=lambda: tuple(gpus), problem=None)


def _record(
    data: DataDirectory, user: str, *, keeper: ProcessIdentity | None = None, server: ProcessIdentity | None = None
) -> None:
    files = data.workspace(user, "")
    files.root.mkdir(parents=True)
    record = WorkspaceRecord(
        start_id=f"start-of-{user}",
        held=Held(key=f"{user}--default", memory_bytes=GIB, cpu_cores=1),
        url="http://127.0.0.1:1",
        environment_digest="d",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        keeper=keeper,
        server_process=server,
    )
    write_atomically(files.record, record.to_json())
