"""What the cluster has beyond Kubernetes: names, a registry, PostgreSQL, a volume for homes. Texts first."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

import yaml

from deploy.cluster.components import POSTGRESQL_HOME
from deploy.cluster.debian import postgresql_programs
from deploy.cluster.layout import (
    DNS_ADDRESS,
    DNS_HEALTH_PORT,
    METRICS_PORT,
    NODE_ADDRESS,
    PACKAGE_INDEX,
    POSTGRESQL_PORT,
    REGISTRY,
    SITE,
)
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deploy.cluster.layout import Layout

DATABASE: Final = "studiolo"
"""PostgreSQL's database and its owner."""

JOVYAN_GROUP: Final = 1000
"""The group of people's processes in pods: folders below the homes' volume belong to it."""


def dns_configuration(layout: Layout) -> str:
    """CoreDNS: the cluster's names and its site's, and for every other at once "there is no such name"."""
    zones = "cluster.local in-addr.arpa ip6.arpa"
    return f"""\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {NODE_ADDRESS}
    errors
    health 127.0.0.1:{DNS_HEALTH_PORT}
    kubernetes {zones} {{
        kubeconfig {layout.conf / "super-admin.conf"}
        pods insecure
        ttl 5
    }}
    cache 5
}}
.:53 {{
    bind {NODE_ADDRESS}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
{SITE}:53 {{
    bind {NODE_ADDRESS}
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A {NODE_ADDRESS}"
    }}
    template ANY ANY {{
        rcode NOERROR
    }}
}}
"""


def registry_configuration(layout: Layout) -> str:
    """docker-registry: images in a folder, which outlives the cluster."""
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(layout.state / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": REGISTRY},
    }
    return yaml.safe_dump(settings, sort_keys=False)


def objects(layout: Layout, *, authority: bytes) -> tuple[dict[str, object], ...]:
    """What is put into Kubernetes when it is new. `authority`: the cluster's certificate authority, as PEM."""
    dns = ({"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"})
    return (
        *service_on_the_node("kube-dns", dns, address=DNS_ADDRESS),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "kubeadm:cluster-admins"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"},
            ],
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "studiolo-homes"},
            "provisioner": "kubernetes.io/no-provisioner",
            "reclaimPolicy": "Retain",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "studiolo-homes"},
            "spec": {
                "capacity": {"storage": "100Gi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "studiolo-homes",
                "hostPath": {"path": str(layout.homes), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "studiolo-development-cluster", "namespace": "kube-public"},
            "data": {
                "registry": REGISTRY,
                "packageIndexUrl": PACKAGE_INDEX,
                "site": SITE,
            },
        },
        *metrics_objects(authority),
    )


def metrics_objects(authority: bytes) -> tuple[dict[str, object], ...]:
    """What makes `kubectl top` work: the API server passes questions about use on to the metrics server."""
    port = {"name": "https", "port": 443, "protocol": "TCP"}
    return (
        *service_on_the_node("metrics-server", (port,), target_port=METRICS_PORT),
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "service": {"name": "metrics-server", "namespace": "kube-system"},
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "caBundle": base64.b64encode(authority).decode("ascii"),
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    )


def service_on_the_node(
    name: str, ports: Iterable[Mapping[str, object]], *, address: str = "", target_port: int | None = None
) -> tuple[dict[str, object], ...]:
    """A service of kube-system whose one backend is a process of this machine: no selector, and its own slice."""
    listed = [dict(port) for port in ports]
    behind = [port | ({"port": target_port} if target_port else {}) for port in listed]
    spec: dict[str, object] = {"ports": listed} | ({"clusterIP": address} if address else {})
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": spec,
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-node",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "ports": behind,
            "endpoints": [{"addresses": [NODE_ADDRESS]}],
        },
    )


def node_object(name: str, *, pod_network: str) -> dict[str, object]:
    """A node before its kubelet is there: with the network its pods will have."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"podCIDR": pod_network, "podCIDRs": [pod_network]},
    }


def configure_addons(layout: Layout) -> None:
    """Write what they read, and make their folders."""
    (layout.conf / "Corefile").write_text(dns_configuration(layout))
    (layout.conf / "registry.yml").write_text(registry_configuration(layout))
    # Pods that ask for the node's own resolver get one that knows nothing, like all others.
    (layout.conf / "resolv.conf").write_text(f"nameserver {NODE_ADDRESS}\n")
    (layout.state / "registry").mkdir(exist_ok=True)
    layout.homes.mkdir(exist_ok=True)
    os.chown(layout.homes, 0, JOVYAN_GROUP)
    # The kubelet makes sub-folders with the mode of the top one: so the group can write in each of them.
    layout.homes.chmod(0o2770)


def apply(layout: Layout, *manifests: dict[str, object], kubeconfig: Path | None = None) -> None:
    """Put objects into Kubernetes, or change them to this."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    config = kubeconfig or layout.conf / "super-admin.conf"
    run_program(layout.program("kubectl"), "--kubeconfig", config, "apply", "-f", "-", text=text)


def database_folder(layout: Layout) -> Path:
    """What stands in the place of PostgreSQL's home folder in the first node's mount namespace."""
    folder = layout.state / "postgresql"
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, "postgres", "postgres")
    return folder


def make_database(layout: Layout) -> None:
    """Files of a new PostgreSQL, and the file with its address and password. Needs the first node's mounts."""
    password = secrets.token_urlsafe(24)
    folder = database_folder(layout)
    password_file = folder / "password"
    password_file.write_text(f"{password}\n")
    shutil.chown(password_file, "postgres", "postgres")
    password_file.chmod(0o600)
    data = f"{POSTGRESQL_HOME}/data"
    own = (f"--username={DATABASE}", f"--pwfile={POSTGRESQL_HOME}/password", "--auth=scram-sha-256", "--no-sync")
    inside = ("nsenter", f"--mount={layout.node(1).mount_namespace}", f"--wd={POSTGRESQL_HOME}")
    as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    initdb = postgresql_programs() / "initdb"
    run_program(*inside, *as_postgres, initdb, "-D", data, *own, "--encoding=UTF8", "--locale=C.UTF-8")
    password_file.unlink()
    with (folder / "data" / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.0.0.0/8 scram-sha-256\n")
    # The superuser has a database of no name of its own: initdb makes only "postgres".
    layout.database_url.touch(mode=0o600)
    layout.database_url.write_text(f"postgresql://{DATABASE}:{password}@{NODE_ADDRESS}:{POSTGRESQL_PORT}/postgres\n")


def create_database(layout: Layout) -> None:
    """The database itself, once PostgreSQL answers; the address file names it then."""
    url = layout.database_url.read_text().strip()
    psql = postgresql_programs() / "psql"
    run_program(psql, url, "-qc", f"CREATE DATABASE {DATABASE}")
    layout.database_url.write_text(url.rpartition("/")[0] + f"/{DATABASE}\n")
