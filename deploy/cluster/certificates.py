"""Certificates and kubeconfigs: kubeadm makes nearly all, openssl those of servers that it does not know."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import yaml

from deploy.cluster.layout import API_PORT, KUBERNETES_VERSION, NODE_ADDRESS, POD_NETWORK, SERVICE_NETWORK, SITE
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.cluster.layout import Layout, NodeLayout

SERVING_DAYS: Final = 365
"""A development cluster does not live as long as its certificates."""


def kubeadm_configuration(layout: Layout) -> str:
    """The text that names our addresses and folders to kubeadm."""
    node = layout.node(1)
    documents = (
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": NODE_ADDRESS, "bindPort": API_PORT},
            "nodeRegistration": {"name": node.name, "criSocket": "unix:///run/containerd/containerd.sock"},
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "clusterName": "studiolo",
            "kubernetesVersion": KUBERNETES_VERSION,
            "certificatesDir": str(layout.pki),
            "networking": {"serviceSubnet": SERVICE_NETWORK, "podSubnet": POD_NETWORK},
            "apiServer": {"certSANs": ["127.0.0.1", "localhost", NODE_ADDRESS]},
        },
    )
    return yaml.safe_dump_all(documents, sort_keys=False)


def make_certificates(layout: Layout) -> None:
    """Certificates and kubeconfigs of everything that runs once. No other kubeadm phase is needed."""
    config = layout.conf / "kubeadm.yaml"
    config.write_text(kubeadm_configuration(layout))
    kubeadm = layout.program("kubeadm")
    run_program(kubeadm, "init", "phase", "certs", "all", "--config", config)
    run_program(kubeadm, "init", "phase", "kubeconfig", "all", "--config", config, "--kubeconfig-dir", layout.conf)
    shutil.copy(layout.pki / "ca.crt", layout.ca)


def make_site_certificates(layout: Layout) -> None:
    """What browsers are shown at the cluster's own site, and what the API server is shown by the metrics server."""
    sign_certificate(layout, layout.site_certificate, subject=f"/CN={SITE}", names=(f"DNS:{SITE}", f"DNS:*.{SITE}"))
    host = "metrics-server.kube-system.svc"
    sign_certificate(layout, layout.pki / "metrics-server.crt", subject=f"/CN={host}", names=(f"DNS:{host}",))


def make_node_certificates(layout: Layout, node: NodeLayout) -> None:
    """What one kubelet shows and is known by.

    Its self-made serving certificate has only its name, and `kubectl logs` and `exec` ask by address.
    """
    client = node.conf / "kubelet.conf"
    config = layout.conf / "kubeadm.yaml"
    name = f"system:node:{node.name}"
    kubeadm = layout.program("kubeadm")
    text = run_program(
        kubeadm, "kubeconfig", "user", "--config", config, "--client-name", name, "--org", "system:nodes"
    )
    client.write_text(text)
    client.chmod(0o600)
    names = (f"IP:{node.address}", f"DNS:{node.name}")
    sign_certificate(layout, node.conf / "kubelet.crt", subject=f"/O=system:nodes/CN={name}", names=names)


def sign_certificate(layout: Layout, certificate: Path, *, subject: str, names: tuple[str, ...]) -> None:
    """A server's certificate by the cluster's authority; its key lies beside it. `names`: `DNS:…`, `IP:…`."""
    key, request, extensions = (certificate.with_suffix(suffix) for suffix in (".key", ".csr", ".ext"))
    extensions.write_text(
        f"subjectAltName={','.join(names)}\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature,keyEncipherment\n"
    )
    new = ("-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key)
    run_program("openssl", "req", *new, "-subj", subject, "-out", request)
    authority = ("-CA", layout.pki / "ca.crt", "-CAkey", layout.pki / "ca.key", "-CAcreateserial")
    lasts = ("-days", str(SERVING_DAYS), "-extfile", extensions, "-out", certificate)
    run_program("openssl", "x509", "-req", "-in", request, *authority, *lasts)
