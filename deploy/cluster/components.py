"""Every process of the cluster: its command, its log, how it is seen to work. The supervisor starts them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.health import HealthCheck, unix
from deploy.cluster.layout import (
    API_PORT,
    DNS_HEALTH_PORT,
    ETCD_PORT,
    IDENTITY_PORT,
    METRICS_PORT,
    NETWORK_POLICY_TABLE,
    NODE_ADDRESS,
    PACKAGE_INDEX_PORT,
    POD_BRIDGES,
    POD_NETWORK,
    POSTGRESQL_PORT,
    REGISTRY,
    SERVICE_NETWORK,
    SIMULATED_ADDRESS,
    SIMULATED_LABEL,
    SIMULATED_POD_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.cluster.layout import Layout, NodeLayout

POSTGRESQL_HOME: Final = "/var/lib/postgresql"
"""As the first node's mount namespace shows it: the user `postgres` may not be able to walk to the checkout."""

NETWORK_POLICY: Final = Path(__file__).parent / "network_policy" / "__main__.py"

IDENTITY_PROVIDER: Final = Path(__file__).parent / "identity" / "provider.mjs"

_SECOND_HEALTH_PORT: Final = 10258


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process that is kept running."""

    name: str
    argv: tuple[str, ...]
    log: str
    health: HealthCheck
    needs: tuple[str, ...] = ()
    """Components that must have worked once before this one is first started."""
    stop_signal: str = "SIGKILL"
    """How it is ended with the cluster. What a component knows goes too: an orderly end would save nothing."""


def components(layout: Layout, *, node_count: int, postgresql: Path, with_kwok: bool = False) -> tuple[Component, ...]:
    """The whole cluster, in the order of its start. `postgresql`: the folder of its programs."""
    nodes = tuple(layout.node(number) for number in range(1, node_count + 1))
    first = (
        _etcd(layout),
        _containerd(layout, nodes[0]),
        _registry(layout),
        _package_index(layout),
        _postgresql(layout, nodes[0], postgresql),
        _api_server(layout),
        _controller_manager(layout),
        _scheduler(layout),
        _kubelet(layout, nodes[0]),
        _kube_proxy(layout),
        _dns(layout),
        _metrics_server(layout),
        _identity(layout),
    )
    further = tuple(
        component for node in nodes[1:] for component in (_containerd(layout, node), _kubelet(layout, node))
    )
    policy = (_network_policy(layout),) if NETWORK_POLICY.is_file() else ()
    simulated = (_kwok(layout), _simulated_pods(layout)) if with_kwok else ()
    return (*first, *policy, *further, *simulated)


def render_components(plan: Iterable[Component]) -> str:
    """As text that `parse_components` reads."""
    return json.dumps([asdict(component) for component in plan], indent=2) + "\n"


def parse_components(text: str) -> tuple[Component, ...]:
    """What `render_components` wrote."""
    return tuple(
        Component(
            **facts
            | {
                "argv": tuple(facts["argv"]),
                "needs": tuple(facts["needs"]),
                "health": HealthCheck(**facts["health"]),
            }
        )
        for facts in json.loads(text)
    )


def _component(
    layout: Layout,
    name: str,
    *argv: str | Path,
    health: HealthCheck,
    needs: tuple[str, ...] = (),
    stop_signal: str = "SIGKILL",
) -> Component:
    words = tuple(map(str, argv))
    log = str(layout.logs / f"{name}.log")
    return Component(name=name, argv=words, log=log, health=health, needs=needs, stop_signal=stop_signal)


def _inside(node: NodeLayout) -> tuple[str, ...]:
    return ("nsenter", f"--mount={node.mount_namespace}")


def _etcd(layout: Layout) -> Component:
    client = f"http://127.0.0.1:{ETCD_PORT}"
    return _component(
        layout,
        "etcd",
        layout.program("etcd"),
        f"--data-dir={layout.state / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls=http://127.0.0.1:{ETCD_PORT + 1}",
        "--log-level=warn",
        health=HealthCheck(url=f"{client}/health"),
    )


def _containerd(layout: Layout, node: NodeLayout) -> Component:
    name = f"containerd{node.suffix}"
    argv = ("containerd", "--config", node.conf / "containerd.toml")
    return _component(layout, name, *_inside(node), *argv, health=unix(node.containerd_socket))


def _registry(layout: Layout) -> Component:
    argv = ("docker-registry", "serve", layout.conf / "registry.yml")
    return _component(layout, "registry", *argv, health=HealthCheck(url=f"http://{REGISTRY}/v2/"))


def _package_index(layout: Layout) -> Component:
    listen = ("--host", NODE_ADDRESS, "--port", str(PACKAGE_INDEX_PORT))
    argv = (sys.executable, "-P", "-m", "deploy.cluster.package_index", *listen)
    health = HealthCheck(url=f"http://{NODE_ADDRESS}:{PACKAGE_INDEX_PORT}/health")
    return _component(layout, "package-index", *argv, health=health)


def _postgresql(layout: Layout, node: NodeLayout, programs: Path) -> Component:
    as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    settings = (
        f"listen_addresses={NODE_ADDRESS}",
        f"port={POSTGRESQL_PORT}",
        f"unix_socket_directories={POSTGRESQL_HOME}",
        "fsync=off",
        "log_min_messages=warning",
    )
    options = tuple(word for setting in settings for word in ("-c", setting))
    return _component(
        layout,
        "postgresql",
        *_inside(node),
        *as_postgres,
        programs / "postgres",
        *("-D", f"{POSTGRESQL_HOME}/data"),
        *options,
        health=HealthCheck(url=f"tcp://{NODE_ADDRESS}:{POSTGRESQL_PORT}"),
        stop_signal="SIGINT",  # killed, it would leave shared memory; SIGTERM waits until every client has gone
    )


def _api_server(layout: Layout) -> Component:
    pki = layout.pki
    return _component(
        layout,
        "kube-apiserver",
        layout.program("kube-apiserver"),
        f"--bind-address={NODE_ADDRESS}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--enable-admission-plugins=NodeRestriction",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        health=HealthCheck(url=f"https://{NODE_ADDRESS}:{API_PORT}/readyz", ca=str(pki / "ca.crt")),
        needs=("etcd",),
    )


def _controller_manager(layout: Layout) -> Component:
    pki = layout.pki
    return _component(
        layout,
        "kube-controller-manager",
        layout.program("kube-controller-manager"),
        f"--kubeconfig={layout.conf / 'controller-manager.conf'}",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        health=HealthCheck(url="https://127.0.0.1:10257/healthz"),
        needs=("kube-apiserver",),
    )


def _scheduler(layout: Layout) -> Component:
    return _component(
        layout,
        "kube-scheduler",
        layout.program("kube-scheduler"),
        f"--kubeconfig={layout.conf / 'scheduler.conf'}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        health=HealthCheck(url="https://127.0.0.1:10259/healthz"),
        needs=("kube-apiserver",),
    )


def _kubelet(layout: Layout, node: NodeLayout) -> Component:
    port = 10248 if node.number == 1 else _SECOND_HEALTH_PORT
    return _component(
        layout,
        f"kubelet{node.suffix}",
        *_inside(node),
        layout.program("kubelet"),
        f"--config={node.conf / 'kubelet.yaml'}",
        f"--kubeconfig={node.conf / 'kubelet.conf'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        health=HealthCheck(url=f"http://127.0.0.1:{port}/healthz"),
        needs=(f"containerd{node.suffix}", "kube-apiserver"),
    )


def _kube_proxy(layout: Layout) -> Component:
    return _component(
        layout,
        "kube-proxy",
        layout.program("kube-proxy"),
        f"--kubeconfig={layout.conf / 'super-admin.conf'}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={POD_NETWORK}",
        f"--hostname-override={layout.node(1).name}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--metrics-bind-address=127.0.0.1:10249",
        "--healthz-bind-address=127.0.0.1:10256",
        health=HealthCheck(url="http://127.0.0.1:10256/livez"),
        needs=("kube-apiserver",),
    )


def _dns(layout: Layout) -> Component:
    return _component(
        layout,
        "coredns",
        layout.program("coredns"),
        "-conf",
        layout.conf / "Corefile",
        health=HealthCheck(url=f"http://127.0.0.1:{DNS_HEALTH_PORT}/health"),
        needs=("kube-apiserver",),
    )


def _metrics_server(layout: Layout) -> Component:
    config, pki = layout.conf / "super-admin.conf", layout.pki
    return _component(
        layout,
        "metrics-server",
        layout.program("metrics-server"),
        *(f"--{name}kubeconfig={config}" for name in ("", "authentication-", "authorization-")),
        f"--bind-address={NODE_ADDRESS}",
        f"--secure-port={METRICS_PORT}",
        f"--tls-cert-file={pki / 'metrics-server.crt'}",
        f"--tls-private-key-file={pki / 'metrics-server.key'}",
        f"--kubelet-certificate-authority={layout.ca}",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        f"--node-selector=!{SIMULATED_LABEL}",
        "--metric-resolution=15s",
        health=HealthCheck(url=f"https://{NODE_ADDRESS}:{METRICS_PORT}/livez"),
        needs=("kube-apiserver",),
    )


def _identity(layout: Layout) -> Component:
    return _component(
        layout,
        "identity",
        "node",
        IDENTITY_PROVIDER,
        layout.identity_record,
        health=HealthCheck(
            url=f"https://{NODE_ADDRESS}:{IDENTITY_PORT}/.well-known/openid-configuration", ca=str(layout.ca)
        ),
    )


def _network_policy(layout: Layout) -> Component:
    family, table = NETWORK_POLICY_TABLE
    return _component(
        layout,
        "network-policy",
        *(sys.executable, "-P", "-m", "deploy.cluster.network_policy", "run"),
        *("--kubeconfig", layout.conf / "super-admin.conf", "--pod-range", POD_NETWORK),
        *("--bridge", f"{POD_BRIDGES}*"),
        health=HealthCheck(url=f"nft://{family}/{table}"),
        needs=("kube-apiserver",),
        stop_signal="SIGTERM",  # it takes its rules away
    )


def _kwok(layout: Layout) -> Component:
    return _component(
        layout,
        "kwok",
        layout.program("kwok"),
        f"--kubeconfig={layout.conf / 'super-admin.conf'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--node-ip=10.250.255.250",
        "--cidr=10.250.0.0/16",
        "--server-address=127.0.0.1:10247",
        health=HealthCheck(url="http://127.0.0.1:10247/healthz"),
        needs=("kube-apiserver",),
    )


def _simulated_pods(layout: Layout) -> Component:
    return _component(
        layout,
        "simulated-pods",
        *("nsenter", f"--net={layout.simulated_network}"),
        *(sys.executable, "-P", "-m", "deploy.cluster.simulated_pods", "--port", str(SIMULATED_POD_PORT)),
        health=HealthCheck(url=f"http://{SIMULATED_ADDRESS}:{SIMULATED_POD_PORT}/"),
    )
