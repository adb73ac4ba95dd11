"""The control groups in which a node's pods live: made before the kubelet, emptied and removed after it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.cluster.layout import NodeLayout

_CGROUPS: Final = Path("/sys/fs/cgroup")

KILL_SECONDS: Final = 10.0
"""For processes that were sent SIGKILL to be gone."""


def make_cgroup(node: NodeLayout) -> None:
    """Make the node's control group in every hierarchy: the kubelet wants it to be there."""
    for hierarchy in hierarchies():
        group = hierarchy / node.cgroup.lstrip("/")
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 starts a group without any processor, and then nothing can run in it.
            if (group / name).exists() and hierarchy != _CGROUPS:
                (group / name).write_text((hierarchy / name).read_text())


def remove_cgroup(node: NodeLayout) -> None:
    """Kill what still runs in it and remove it, in every hierarchy. Raises ClusterError where a process will not go."""
    deadline = time.monotonic() + KILL_SECONDS
    tops = [hierarchy / node.cgroup.lstrip("/") for hierarchy in hierarchies()]
    while pids := {pid for top in tops for pid in _pids_below(top)}:
        if time.monotonic() > deadline:
            raise ClusterError(f"Processes of pods do not end, even when killed: {sorted(pids)}.")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            _remove(Path(folder), deadline)


def hierarchies() -> tuple[Path, ...]:
    """Where control groups are made: one place with cgroup v2, one for each controller with v1 (and v2 beside it)."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return (_CGROUPS,)
    return tuple(path for path in sorted(_CGROUPS.iterdir()) if path.is_dir() and not path.is_symlink())


def _remove(group: Path, deadline: float) -> None:
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # busy until the kernel has collected the last process
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _pids_below(top: Path) -> Iterator[int]:
    for folder, _, _ in os.walk(top):
        with contextlib.suppress(OSError):
            yield from map(int, (Path(folder) / "cgroup.procs").read_text().split())
