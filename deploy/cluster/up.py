"""Bringing the cluster up, step by step; doing little when it is up already."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from deploy.cluster.addons import (
    apply,
    configure_addons,
    create_database,
    database_folder,
    make_database,
    node_object,
    objects,
)
from deploy.cluster.binaries import provide_binaries
from deploy.cluster.certificates import make_certificates, make_node_certificates, make_site_certificates
from deploy.cluster.cgroups import make_cgroup
from deploy.cluster.components import POSTGRESQL_HOME, components
from deploy.cluster.debian import postgresql_programs, provide_packages
from deploy.cluster.down import MOST_NODES, take_down
from deploy.cluster.errors import ClusterError, NotThisMachineError, OwnedElsewhereError
from deploy.cluster.go_toolchain import provide_go
from deploy.cluster.identity.record import ensure_identity
from deploy.cluster.layout import LOCK, layout_of
from deploy.cluster.modules import BINARIES
from deploy.cluster.network import QUIET_SYSCTLS, make_network, read_sysctls, write_sysctls
from deploy.cluster.node import configure_node, make_mount_namespace, mount_points
from deploy.cluster.pause import build_pause, pause_archive
from deploy.cluster.program_image import import_image
from deploy.cluster.programs import run_program
from deploy.cluster.record import ClusterRecord, load_record, save_record
from deploy.cluster.state import load_plan, save_plan, start_supervisor, supervisor_process
from deploy.cluster.status import component_trouble, first_trouble, namespace_trouble, nodes_trouble
from deploy.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.cluster.layout import Layout

GPU_RESOURCE: Final = "nvidia.com/gpu"

HEALTHY_SECONDS: Final = 60.0
"""From the start of the processes; 7 are usual on two idle cores."""


@contextmanager
def changing_the_cluster(say: Callable[[str], None]) -> Iterator[None]:
    """One command at a time changes the machine's cluster; the next waits. Raises where there can be none."""
    if sys.platform != "linux":
        raise NotThisMachineError(
            "The development cluster needs Linux.", hint="Set STUDIOLO_KUBECONFIG to test on another Kubernetes."
        )
    if os.geteuid() != 0:
        raise NotThisMachineError(
            "The development cluster makes bridges, mounts and control groups: it needs root.",
            hint="Run it as root on a machine that is yours, or set STUDIOLO_KUBECONFIG to another Kubernetes.",
        )
    lock = FileLock(LOCK)
    try:
        lock.acquire(blocking=False)
    except TimeoutError:
        say("Another command changes the cluster; waiting for it…")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def bring_up(layout: Layout, *, node_count: int | None, gpus: int | None, say: Callable[[str], None]) -> None:
    """See that the cluster is up with that many real nodes; None: as many as there are, or one."""
    if node_count is not None and not 1 <= node_count <= MOST_NODES:
        raise ClusterError(f"NODES={node_count}: there can be 1 or 2 real nodes.", hint="More: make cluster-nodes N=20")
    began = time.monotonic()
    record = _ours_or_none(layout, say)
    provide_packages(say)
    is_up = record is not None and supervisor_process(layout) is not None
    if not is_up and (record is not None or layout.run.exists()):
        say("Clearing away what is left of an earlier cluster…")
        take_down(record, layout)
    go = provide_go(layout.cache, say)
    provide_binaries(layout, go, BINARIES, say)
    build_pause(layout, go)
    if record is not None and is_up:
        how = "is up"
        record = _add_what_is_new(layout, record)
    else:
        began = time.monotonic()
        record = _create(layout, say)
        how = f"came up in {time.monotonic() - began:.1f} s"
    while record.node_count < (node_count or 1):
        record = _add_node(layout, record, say)
        how = f"has {record.node_count} nodes after {time.monotonic() - began:.1f} s"
    wait_until("The cluster", lambda: first_trouble(layout), seconds=HEALTHY_SECONDS)
    wait_until("A node", lambda: nodes_trouble(layout, expected=record.node_count), seconds=HEALTHY_SECONDS)
    wait_until("The namespace default", lambda: namespace_trouble(layout), seconds=HEALTHY_SECONDS)
    if gpus is not None:
        set_gpus(layout, gpus)
    say(f"The cluster {how}. It is for development and tests only: its data go with it, its keys lie on this machine.")
    say(f"  export KUBECONFIG={layout.kubeconfig} PATH={layout.bin}:$PATH")


def set_gpus(layout: Layout, count: int) -> None:
    """Let the first node say that it has so many GPUs. Pods that ask for one are scheduled; there is no device."""
    name = layout.node(1).name
    # The kubelet keeps a capacity that it does not know, and would copy it to `allocatable` ten seconds later.
    patch = json.dumps({"status": {part: {GPU_RESOURCE: str(count)} for part in ("capacity", "allocatable")}})
    kubectl = (layout.program("kubectl"), "--kubeconfig", layout.kubeconfig)
    run_program(*kubectl, "patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)


def may_take_over(record: ClusterRecord, *, ci: str) -> bool:
    """Whether another checkout's cluster may be ended: in CI, or when that checkout has gone."""
    return ci.lower() in {"1", "true", "yes"} or not record.checkout.is_dir()


def _ours_or_none(layout: Layout, say: Callable[[str], None]) -> ClusterRecord | None:
    record = load_record()
    if record is None or Path(record.state) == layout.state:
        return record
    if not may_take_over(record, ci=os.environ.get("CI", "")):
        raise OwnedElsewhereError(record.checkout)
    say(f"Ending the cluster of {record.checkout} first…")
    take_down(record, layout_of(Path(record.state)))
    return None


def _create(layout: Layout, say: Callable[[str], None]) -> ClusterRecord:
    say("Starting the cluster…")
    record = _make_mount_points(ClusterRecord(state=str(layout.state), sysctls=read_sysctls()))
    node = layout.node(1)
    for folder in (layout.conf, layout.pki, layout.logs, layout.run / "held", node.conf):
        folder.mkdir(parents=True, exist_ok=True)
    make_certificates(layout)
    make_site_certificates(layout)
    ensure_identity(layout)
    make_node_certificates(layout, node)
    configure_addons(layout)
    configure_node(layout, node)
    make_network((node,))
    make_cgroup(node)
    make_mount_namespace(node, more_binds=((database_folder(layout), POSTGRESQL_HOME),))
    make_database(layout)
    shutil.copy(layout.conf / "admin.conf", layout.kubeconfig)
    save_plan(layout, components(layout, node_count=1, postgresql=postgresql_programs()))
    start_supervisor(layout)
    _wait_for(layout, "containerd", "kube-apiserver")
    import_image(pause_archive(layout), node)
    apply(
        layout, *objects(layout, authority=layout.ca.read_bytes()), node_object(node.name, pod_network=node.pod_network)
    )
    _wait_for(layout, "postgresql")
    create_database(layout)
    return record


def _add_what_is_new(layout: Layout, record: ClusterRecord) -> ClusterRecord:
    """Bring a cluster that runs to what the code has learnt since it came up."""
    ensure_identity(layout)
    there = {component.name for component in load_plan(layout)}
    plan = components(layout, node_count=record.node_count, postgresql=postgresql_programs(), with_kwok="kwok" in there)
    if not {component.name for component in plan} <= there:
        save_plan(layout, plan)
    record = replace(record, sysctls=read_sysctls() | dict(record.sysctls))
    save_record(record)
    write_sysctls(QUIET_SYSCTLS)
    return record


def _add_node(layout: Layout, record: ClusterRecord, say: Callable[[str], None]) -> ClusterRecord:
    number = record.node_count + 1
    node = layout.node(number)
    say(f"Adding {node.name}…")
    record = replace(record, node_count=number)
    save_record(record)
    node.conf.mkdir(parents=True, exist_ok=True)
    make_node_certificates(layout, node)
    configure_node(layout, node)
    make_network(tuple(layout.node(one) for one in range(1, number + 1)))
    make_cgroup(node)
    make_mount_namespace(node)
    apply(layout, node_object(node.name, pod_network=node.pod_network))
    with_kwok = any(component.name == "kwok" for component in load_plan(layout))
    plan = components(layout, node_count=number, postgresql=postgresql_programs(), with_kwok=with_kwok)
    save_plan(layout, plan)
    _wait_for(layout, f"containerd{node.suffix}")
    import_image(pause_archive(layout), node)
    return record


def _make_mount_points(record: ClusterRecord) -> ClusterRecord:
    """Make the folders that nodes mount over, and remember which were not there. The record is written before each."""
    for path in map(Path, mount_points()):
        missing = [str(folder) for folder in (path, *path.parents) if not folder.exists()]
        record = record.with_folders(missing)
        save_record(record)
        path.mkdir(parents=True, exist_ok=True)
    return record


def _wait_for(layout: Layout, *names: str) -> None:
    for name in names:
        wait_until(name, partial(component_trouble, layout, name), seconds=HEALTHY_SECONDS)
