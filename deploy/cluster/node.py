"""One real node: its mount namespace, and the configuration of its containerd, its pods' network and its kubelet."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from deploy.cluster.layout import DNS_ADDRESS, REGISTRY
from deploy.cluster.mounts import is_mount_point
from deploy.cluster.pause import PAUSE_IMAGE
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from deploy.cluster.layout import Layout, NodeLayout


def containerd_configuration(node: NodeLayout) -> str:
    """The text of containerd's configuration."""
    return f"""\
version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE a pod could not be given the score that the kubelet asks for, and would not start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        # runc by its path: crun, where it comes first, refuses mixed control groups.
        BinaryName = "/usr/sbin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = {json.dumps(str(node.conf / "cni"))}
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {json.dumps(str(node.conf / "certs.d"))}
"""


def pod_network_configuration(node: NodeLayout) -> str:
    """How a pod gets its address. Nothing is translated: outside there is nobody to talk to."""
    bridge = {
        "type": "bridge",
        "bridge": node.pod_bridge,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": node.pod_network}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "0.4.0", "name": node.pod_bridge, "plugins": [bridge]}, indent=2)


def kubelet_configuration(layout: Layout, node: NodeLayout, *, reserved_memory: str = "") -> str:
    """The text of the kubelet's configuration."""
    settings: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248 if node.number == 1 else 10258,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(node.conf / "kubelet.crt"),
        "tlsPrivateKeyFile": str(node.conf / "kubelet.key"),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.conf / "resolv.conf"),
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 98,
        "imageGCLowThresholdPercent": 97,
    }
    if reserved_memory:
        settings["systemReserved"] = {"memory": reserved_memory}
    return yaml.safe_dump(settings, sort_keys=False)


def reserved_memory() -> str:
    """What a second node leaves to the first: both see the whole machine's memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    return f"{kilobytes // 2}Ki"


def configure_node(layout: Layout, node: NodeLayout) -> None:
    """Write everything a node reads, and make the folders that it writes to."""
    registry = node.conf / "certs.d" / REGISTRY
    for folder in (node.conf / "cni", registry, *(folder for folder, _ in node.binds)):
        folder.mkdir(parents=True, exist_ok=True)
    (node.conf / "containerd.toml").write_text(containerd_configuration(node))
    (node.conf / "cni" / "10-bridge.conflist").write_text(pod_network_configuration(node))
    (registry / "hosts.toml").write_text(
        f'server = "http://{REGISTRY}"\n[host."http://{REGISTRY}"]\n  capabilities = ["pull", "resolve"]\n'
    )
    reserved = "" if node.number == 1 else reserved_memory()
    (node.conf / "kubelet.yaml").write_text(kubelet_configuration(layout, node, reserved_memory=reserved))


def make_mount_namespace(node: NodeLayout, *, more_binds: tuple[tuple[Path, str], ...] = ()) -> None:
    """Give the node its own view of the machine's files, held by a file. Safe to repeat.

    Every mount that its pods bring lives in there and goes with it. Inside, all is shared, as on a machine with
    systemd: volumes that ask for mount propagation want that.
    """
    holder = node.mount_namespace
    holder.parent.mkdir(parents=True, exist_ok=True)
    if not is_mount_point(holder.parent):
        # The file that holds a namespace must lie on a private mount; below systemd everything is shared.
        run_program("mount", "--bind", holder.parent, holder.parent)
        run_program("mount", "--make-private", holder.parent)
    if is_mount_point(holder):
        return
    holder.touch()
    binds = (f"mount --bind {shlex.quote(str(ours))} {theirs}" for ours, theirs in (*node.binds, *more_binds))
    script = " && ".join(("mount --make-rshared /", *binds))
    run_program("unshare", f"--mount={holder}", "--propagation", "private", "sh", "-ec", script)


def mount_points(*, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Folders of the machine that a node's mounts need to be there, outer ones first."""
    wanted = ("/var/lib/kubelet", "/var/lib/containerd", "/run/containerd", "/var/lib/cni", "/var/log/pods")
    return (*wanted, "/var/log/containers", *more)
