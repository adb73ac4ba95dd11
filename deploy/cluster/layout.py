"""Where everything of the development cluster lies: names, addresses and folders, in this one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]

KUBERNETES_VERSION: Final = "v1.34.4"

NODE_BRIDGE: Final = "studiolo0"
"""Carries the nodes' addresses. Its own bridge: one for nodes and pods together confuses addresses."""

NODE_NETWORK: Final = "10.199.0.0/24"
NODE_ADDRESS: Final = "10.199.0.1"
"""The first node, and every service that runs beside it: API server, DNS, registry, package index, PostgreSQL."""

POD_BRIDGES: Final = "studiolo-p"
"""How the bridges of pods are called; each node's ends with its number."""

POD_NETWORK: Final = "10.244.0.0/16"
SERVICE_NETWORK: Final = "10.96.0.0/16"
KWOK_NETWORK: Final = "10.250.0.0/16"
"""Addresses of simulated pods; one process answers for all of them (simulated_pods.py)."""

SIMULATED_LABEL: Final = "studiolo.test/simulated"
"""On every simulated node, as a label and as a taint: a pod must say that it wants one."""

SIMULATED_LINK: Final = "studiolo-s"
"""Leads from the machine to that process."""

SIMULATED_ADDRESS: Final = "10.250.255.254"
"""That process's own; a connection to any other of these addresses is led to it. No node's pods have it."""

SITE: Final = "studiolo.test"
"""What an installation on this cluster is called, with all names below it. `.test` is nobody's (RFC 2606)."""

IDENTITY_HOST: Final = f"identity.{SITE}"
IDENTITY_PORT: Final = 9443
"""The identity provider; not 443, which is the installation's on this address."""

DNS_ADDRESS: Final = "10.96.0.10"
METADATA_ADDRESSES: Final = ("169.254.169.254", "fd00:ec2::254")
"""Where clouds hand out their machines' credentials: nothing here may ever reach it."""

API_PORT: Final = 6443
ETCD_PORT: Final = 12379
"""Not etcd's usual 2379, which another etcd of the machine may have."""

REGISTRY: Final = f"{NODE_ADDRESS}:5000"
PACKAGE_INDEX_PORT: Final = 3141
PACKAGE_INDEX: Final = f"http://{NODE_ADDRESS}:{PACKAGE_INDEX_PORT}/simple/"
METRICS_PORT: Final = 4443
SIMULATED_POD_PORT: Final = 8888
POSTGRESQL_PORT: Final = 5432
DNS_HEALTH_PORT: Final = 18080

ROUTE_PROTOCOL: Final = "199"
"""The mark of our routes in the kernel's table, by which exactly they are removed again."""

NFT_TABLE: Final = ("inet", "studiolo_cluster")
NETWORK_POLICY_TABLE: Final = ("inet", "studiolo_netpol")
NFT_TABLES: Final = (NFT_TABLE, NETWORK_POLICY_TABLE, ("ip", "kube-proxy"), ("ip6", "kube-proxy"))
"""Ours, kube-proxy's and the NetworkPolicy enforcer's: all go when the cluster goes."""

RECORD: Final = Path("/run/studiolo-cluster.json")
"""Who owns the machine's one cluster and what to undo. Outside the checkout: that may vanish before it."""

LOCK: Final = Path("/run/studiolo-cluster.lock")
"""Held while a command changes the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLayout:
    """One real node of the cluster: a containerd and a kubelet that share a mount namespace."""

    number: int
    state: Path

    @property
    def name(self) -> str:
        """The node's name in Kubernetes."""
        return f"studiolo-node{self.number}"

    @property
    def address(self) -> str:
        """Its address on the node bridge."""
        return f"10.199.0.{self.number}"

    @property
    def pod_network(self) -> str:
        """The addresses of its pods. Given, not allocated, so that the pods' network exists before the node does."""
        return f"10.244.{self.number - 1}.0/24"

    @property
    def pod_bridge(self) -> str:
        """The bridge its pods hang on."""
        return f"{POD_BRIDGES}{self.number}"

    @property
    def suffix(self) -> str:
        """Ends the names of its components: none for the first node."""
        return "" if self.number == 1 else f"-node{self.number}"

    @property
    def cgroup(self) -> str:
        """All of its pods live below this control group, in each hierarchy."""
        return f"/{self.name}"

    @property
    def mount_namespace(self) -> Path:
        """The file that holds its mount namespace; `nsenter --mount=FILE` enters it."""
        return self.state / "run" / "namespaces" / self.name

    @property
    def folder(self) -> Path:
        """Everything it writes."""
        return self.state / f"node{self.number}"

    @property
    def conf(self) -> Path:
        """Its configuration files."""
        return self.folder / "conf"

    @property
    def containerd_socket(self) -> Path:
        """Its containerd, as seen from outside its mount namespace."""
        return self.folder / "run-containerd" / "containerd.sock"

    @property
    def binds(self) -> tuple[tuple[Path, str], ...]:
        """What stands in the place of constant paths inside its mount namespace: (our folder, the path).

        So a second node does not meet the first, the usual paths hold in it, and nothing of the machine is touched.
        """
        return (
            (self.folder / "kubelet", "/var/lib/kubelet"),
            (self.folder / "containerd", "/var/lib/containerd"),
            (self.folder / "run-containerd", "/run/containerd"),
            (self.folder / "cni", "/var/lib/cni"),
            (self.folder / "pod-logs", "/var/log/pods"),
            (self.folder / "container-logs", "/var/log/containers"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders of one checkout's cluster."""

    state: Path
    cache: Path
    """Outlives clusters and checkouts; what CI should keep."""

    @property
    def kubeconfig(self) -> Path:
        """For people and tests: cluster-admin."""
        return self.state / "kubeconfig"

    @property
    def ca(self) -> Path:
        """The cluster's certificate authority."""
        return self.state / "ca.crt"

    @property
    def bin(self) -> Path:
        """Links to the built binaries."""
        return self.state / "bin"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def conf(self) -> Path:
        """Configuration of what runs once."""
        return self.state / "conf"

    @property
    def logs(self) -> Path:
        """One log for each component."""
        return self.state / "log"

    @property
    def run(self) -> Path:
        """What the supervisor and the commands tell each other."""
        return self.state / "run"

    @property
    def homes(self) -> Path:
        """The folder behind the volume that every node can write: homes."""
        return self.state / "homes"

    @property
    def database_url(self) -> Path:
        """The file with PostgreSQL's address and password."""
        return self.state / "postgresql.url"

    @property
    def site_certificate(self) -> Path:
        """The certificate of `SITE` and all names below it; its key lies beside it, as `.key`."""
        return self.state / "pki" / f"{SITE}.crt"

    @property
    def identity(self) -> Path:
        """The identity provider's folder."""
        return self.state / "identity"

    @property
    def identity_record(self) -> Path:
        """Its people with their passwords, and what Studiolo is to it."""
        return self.identity / "identity.json"

    @property
    def simulated_network(self) -> Path:
        """The file that holds the network namespace of the process that answers for simulated pods."""
        return self.run / "namespaces" / "simulated-pods"

    @property
    def built(self) -> Path:
        """Built binaries, in a folder for each set of inputs."""
        return self.cache / "bin"

    @property
    def start_id(self) -> str:
        """The mark in the environment of each process of this cluster (spawner.processes.started_as)."""
        return f"cluster:{self.state}"

    def node(self, number: int) -> NodeLayout:
        """The first or the second real node."""
        return NodeLayout(number=number, state=self.state)

    def program(self, name: str) -> str:
        """The path of a built binary."""
        return str(self.bin / name)


KEPT: Final = frozenset({"registry", "catalog"})
"""What `make cluster-down` leaves in the state folder: pushed images and their digests cost minutes, not seconds."""


def cache_directory() -> Path:
    """Where built things are kept for every checkout of this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "studiolo"


def layout_here() -> Layout:
    """The cluster of the checkout that this code lies in."""
    return layout_of(CHECKOUT / ".cluster")


def layout_of(state: Path) -> Layout:
    """The cluster whose state folder this is."""
    return Layout(state=state, cache=cache_directory())
