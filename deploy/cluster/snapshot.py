"""What a machine looks like where the cluster touches it: taken before and after, the two must be the same."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from deploy.cluster.cgroups import hierarchies
from deploy.cluster.layout import cache_directory
from deploy.cluster.mounts import current_mount_points, mounts_below
from deploy.cluster.network import read_sysctls
from deploy.cluster.node import mount_points
from deploy.cluster.programs import run_program

PROGRAMS: Final = frozenset(
    {
        *("containerd", "containerd-shim-runc-v2", "runc", "pause", "nsenter", "coredns", "docker-registry", "etcd"),
        *("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "kwok", "postgres"),
    }
)
"""What the cluster runs, by name: other people's processes come and go meanwhile."""

_COUNTS: Final = re.compile(r"\[\d+:\d+\]|^#.*$|(?:counter )?packets \d+ bytes \d+", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Each part as sorted lines."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    links: tuple[str, ...]
    routes: tuple[str, ...]
    nft_tables: tuple[str, ...]
    iptables: tuple[str, ...]
    cgroups: tuple[str, ...]
    sysctls: tuple[str, ...]
    folders: tuple[str, ...]
    shared_memory: tuple[str, ...]

    def differences(self, after: Snapshot) -> tuple[str, ...]:
        """What is there `after` and was not, and what is gone: `links: + studiolo0`. Nothing when equal."""
        found: list[str] = []
        for part in fields(self):
            old, new = set(getattr(self, part.name)), set(getattr(after, part.name))
            found.extend(f"{part.name}: - {line}" for line in sorted(old - new))
            found.extend(f"{part.name}: + {line}" for line in sorted(new - old))
        return tuple(found)


def take_snapshot() -> Snapshot:
    """The machine as it is now. Needs root."""
    return Snapshot(
        processes=tuple(sorted(_processes())),
        mounts=tuple(sorted(_mounts())),
        links=tuple(sorted(_lines(run_program("ip", "-br", "link")))),
        routes=tuple(sorted(_lines(_routes()))),
        nft_tables=tuple(sorted(_lines(run_program("nft", "list", "tables")))),
        iptables=tuple(sorted(_lines(_iptables()))),
        cgroups=tuple(sorted(_cgroups())),
        sysctls=tuple(f"{name} = {value}" for name, value in sorted(read_sysctls().items())),
        folders=tuple(path for path in mount_points() if Path(path).exists()),
        shared_memory=tuple(sorted(_shared_memory())),
    )


def without_counts(text: str) -> str:
    """Rules without the packets they have counted, and without comments that hold a date."""
    return _COUNTS.sub("", text)


def _mounts() -> set[str]:
    # Image builds mount layers in the cache, the cluster never does: they may run at the same time.
    points = current_mount_points()
    return set(points) - set(mounts_below(cache_directory(), points))


def _processes() -> set[str]:
    names = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                program = (entry / "exe").readlink().name
            except OSError:  # a thread of the kernel, or gone
                continue
            if program in PROGRAMS:
                names.add(f"{program} ({entry.name})")
    return names


def _routes() -> str:
    return "".join(run_program("ip", family, "route", "show", "table", "all") for family in ("-4", "-6"))


def _iptables() -> str:
    return run_program("iptables-save") + run_program("ip6tables-save")


def _shared_memory() -> set[str]:
    named = {path.name for path in Path("/dev/shm").iterdir() if path.name.startswith("PostgreSQL.")}  # noqa: S108 - read only
    return named | {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def _cgroups() -> set[str]:
    return {folder for top in hierarchies() for folder, _, _ in os.walk(top)}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in without_counts(text).splitlines() if line.strip())
