"""The end of the cluster: every process, mount, link, route, table, control group and setting it made, nothing else."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.cgroups import remove_cgroup
from deploy.cluster.layout import KEPT, layout_of
from deploy.cluster.mounts import remove_folder, unmount_below
from deploy.cluster.network import remove_network
from deploy.cluster.record import ClusterRecord, forget_record, load_record
from deploy.cluster.state import load_plan, supervisor_process
from deploy.cluster.supervisor import STOP_SECONDS, RunFile
from spawner.processes import is_running, kill_all, send_signal, started_as

if TYPE_CHECKING:
    from deploy.cluster.layout import Layout

SUPERVISOR_STOP_SECONDS: Final = 15.0
"""It gives its components five to end by themselves, and five more once they are killed."""

MOST_NODES: Final = 2
"""Both are looked for, whatever the record says: a machine may have been killed before it was written."""


def take_down(record: ClusterRecord | None, layout: Layout) -> None:
    """End the cluster of this state folder. Safe to repeat, and right after a machine was killed."""
    _stop_supervisor(layout)
    _stop_in_order(layout)
    _kill_marked(layout)
    nodes = tuple(layout.node(number) for number in range(1, MOST_NODES + 1))
    for node in nodes:
        remove_cgroup(node)
    _kill_marked(layout)  # a shim that outlived its containers
    unmount_below(layout.run / "namespaces")
    remove_network(nodes, record.sysctls if record else {})
    _remove_state(layout)
    for folder in record.folders if record else ():
        with contextlib.suppress(OSError):  # somebody else uses it by now
            Path(folder).rmdir()
    forget_record()


def take_down_recorded(layout: Layout) -> bool:
    """End whichever cluster this machine has, or what is left of this checkout's; False where there was none."""
    record = load_record()
    owner = layout_of(Path(record.state)) if record else layout
    had_one = record is not None or owner.run.exists()
    take_down(record, owner)
    return had_one


def _stop_supervisor(layout: Layout) -> None:
    process = supervisor_process(layout)
    if process is None:
        return
    send_signal(process, signal.SIGTERM)
    deadline = time.monotonic() + SUPERVISOR_STOP_SECONDS
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.05)


def _stop_in_order(layout: Layout) -> None:
    """End what must not be killed, where the supervisor did not come to it: PostgreSQL would leave shared memory."""
    running = tuple(
        (run_file.process, signal.Signals[component.stop_signal])
        for component in load_plan(layout)
        if (run_file := RunFile.load(layout.run / f"{component.name}.json")) and is_running(run_file.process)
    )
    for process, signum in running:
        send_signal(process, signum)
    deadline = time.monotonic() + STOP_SECONDS
    while any(is_running(process) for process, _ in running) and time.monotonic() < deadline:
        time.sleep(0.02)


def _kill_marked(layout: Layout) -> None:
    while left := started_as(layout.start_id):
        kill_all(left)
        time.sleep(0.02)


def _remove_state(layout: Layout) -> None:
    if not layout.state.is_dir():
        return
    for path in sorted(layout.state.iterdir()):
        if path.name not in KEPT:
            remove_folder(path)
