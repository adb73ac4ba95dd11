"""The files about accounts of a pod: its person is written into what its programs have open already."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hub.node_agent.accounts import write_accounts
from hub.node_agent.mounts import BadSeat
from hub.node_agent.pods import SeatPod
from tests.hub.node_agent.conftest import POD, Node, checked, libc

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

PASSWD = "volume-subpaths/account/notebook/5"
ALICE = SeatPod(namespace="lab", name="warm-1", uid=POD, accounts=((PASSWD, "alice:x:1000:100:alice::\n"),))


def kubelets(node: Node, *, in_memory: bool = True) -> Path:
    """The file as the kubelet mounts it; gives it."""
    folder = node.folder / "pods" / POD / "volumes"
    folder.mkdir(parents=True)
    if in_memory:
        checked(libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, None))
    file = folder / "passwd"
    file.write_text("jovyan:x:1000:100:somebody with a rather long name:/home/jovyan:/bin/bash\n")
    file.chmod(0o444)
    mounted = node.folder / "pods" / POD / PASSWD
    mounted.parent.mkdir(parents=True)
    mounted.touch()
    checked(libc.mount(bytes(file), bytes(mounted), None, 0x1000, None))
    return file


def test_who_has_a_file_open_or_mounted_finds_the_person_in_it(node: Node) -> None:
    file = node.inside(kubelets, node)
    mounted = node.folder / "pods" / POD / PASSWD

    def write_and_read() -> tuple[str, str]:
        with mounted.open() as reading:
            file.unlink()  # the kubelet makes others when their text changes, and takes these away
            write_accounts(node.places(), ALICE)
            return reading.read(), mounted.read_text()

    assert node.inside(write_and_read) == ("alice:x:1000:100:alice::\n",) * 2


def test_a_pod_without_such_files_needs_none(node: Node) -> None:
    node.inside(lambda: write_accounts(node.places(), replace(ALICE, accounts=())))


def test_what_is_not_the_kubelets_is_not_written(node: Node) -> None:
    file = node.inside(lambda: kubelets(node, in_memory=False))
    before = file.read_text()
    with pytest.raises(BadSeat, match="are not the kubelet's"):
        node.inside(lambda: write_accounts(node.places(), ALICE))
    assert file.read_text() == before
    with pytest.raises(BadSeat, match="cannot be written"):
        node.inside(lambda: write_accounts(node.places(), replace(ALICE, accounts=(("volume-subpaths/other", ""),))))
