"""Studiolo on the development cluster: the chart, with the images and the site of this machine. `make deploy`.

The volumes that a cloud would make are folders of the machine here, and the certificate is by the cluster's authority.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from deploy.charting.generated import CHART
from deploy.cluster.addons import JOVYAN_GROUP, apply
from deploy.cluster.errors import ClusterError, NotHealthyInTimeError, ProgramFailedError
from deploy.cluster.identity.record import load_identity
from deploy.cluster.layout import NODE_ADDRESS, SITE
from deploy.cluster.pause import push_pause
from deploy.cluster.programs import run_program
from deploy.cluster.site_values import IDENTITY, OF_NODES, STORAGE_CLASS, WHOLE, registry_login, values_of
from deploy.cluster.waiting import wait_until
from hub.roles import SERVICE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from deploy.cluster.layout import Layout

HOMES: Final = "homes"
"""The home service, and the volume that pods have."""

AGENT: Final = "agent"
"""Of nodes: it brings homes into warm pods."""

PARTS: Final = ("hub", "proxy", "services", "broker", HOMES, AGENT)

VOLUMES: Final = ("hub", "services", HOMES, WHOLE, OF_NODES)
"""What lies in folders of this machine."""

READY_SECONDS: Final = 300
"""From the last word of Helm to the first answer. Ten are usual; a cold machine pulls three images first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One installation on the development cluster."""

    release: str = "studiolo"
    namespace: str = "studiolo"
    host: str = SITE
    values: Mapping[str, Any] = field(default_factory=dict)
    """On top of those that every deployment here has."""
    has_site: bool = True
    """Whether port 443 of the node is its own; there is one of those."""

    @property
    def workspaces(self) -> str:
        """The namespace of workspaces, as the chart names it."""
        return f"{self.namespace}-workspaces"

    @property
    def storage(self) -> str:
        """The namespace of the home service, as the chart names it."""
        return f"{self.namespace}-storage"

    @property
    def capacity(self) -> str:
        """The namespace of pods that hold room, as the chart names it."""
        return f"{self.namespace}-capacity"

    @property
    def nodes(self) -> str:
        """The namespace of the agents of nodes, as the chart names it."""
        return f"{self.namespace}-nodes"

    def namespace_of(self, part: str) -> str:
        """Where a part runs."""
        return {HOMES: self.storage, AGENT: self.nodes}.get(part, self.namespace)

    @property
    def url(self) -> str:
        """Where people open it."""
        return f"https://{self.host}"


def deploy(layout: Layout, deployment: Deployment, *, say: Callable[[str], None]) -> None:
    """Install it, or bring it to this state; returns once people can open it.

    Raises ClusterError with what its pods say where that does not come.
    """
    images = images_of(layout)
    say("Preparing namespace, certificate and volumes…")
    apply(layout, *preparation(layout, deployment))
    free_volumes(layout, deployment)
    say("Installing the chart…")
    helm_upgrade(layout, deployment, values_of(layout, deployment, images))
    say("Waiting until it answers; a cold machine pulls its images first…")
    try:
        wait_until_rolled_out(layout, deployment)
        if deployment.has_site:
            wait_until(deployment.url, lambda: site_trouble(layout, deployment), seconds=READY_SECONDS)
    except (NotHealthyInTimeError, ProgramFailedError) as error:
        raise ClusterError(
            f"{error}\n\n{picture_of(layout, deployment)}", hint="Correct that, then: make deploy"
        ) from None


def how_to_open(layout: Layout, deployment: Deployment) -> str:
    """For people: the address, and how a browser of this machine reaches it."""
    names = f"MAP {deployment.host} {NODE_ADDRESS}, MAP *.{deployment.host} {NODE_ADDRESS}"
    return (
        f"Studiolo answers at {deployment.url}, which is {NODE_ADDRESS} here.\n"
        f"  In a browser of this machine: let it trust {layout.ca}, then\n"
        f'    chromium --host-resolver-rules="{names}" {deployment.url}\n'
        f"  People and their passwords: {layout.identity_record}\n"
        f"  On the command line:\n"
        f"    curl --cacert {layout.ca} --resolve {deployment.host}:443:{NODE_ADDRESS} {deployment.url}/hub/health"
    )


def images_of(layout: Layout) -> dict[str, str]:
    """Everything that the chart needs, by digest. Raises ClusterError where hub or proxy are missing."""
    return {**pushed_images(layout), "pause": push_pause(layout)}


def pushed_images(layout: Layout) -> dict[str, str]:
    """References by name, each with its digest. Raises ClusterError where hub or proxy are missing."""
    path = layout.state / "catalog" / "images.json"
    found: dict[str, str] = json.loads(path.read_bytes()) if path.is_file() else {}
    if missing := [name for name in ("hub", "proxy") if name not in found]:
        raise ClusterError(f"The images {' and '.join(missing)} were not pushed here.", hint="Build them: make images")
    return found


def preparation(layout: Layout, deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What is there before the chart is: its namespace, its certificate, and volumes that a cloud would make."""
    certificate = layout.site_certificate
    yield {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": deployment.namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    for namespace in (deployment.storage, deployment.nodes):
        yield namespace_of_the_chart(deployment, namespace)
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "site-certificate", "namespace": deployment.namespace},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": base64.b64encode(certificate.read_bytes()).decode("ascii"),
            "tls.key": base64.b64encode(certificate.with_suffix(".key").read_bytes()).decode("ascii"),
        },
    }
    yield registry_login(deployment)
    if deployment.has_site and layout.identity_record.is_file():
        metadata = {"name": IDENTITY, "namespace": deployment.namespace}
        secret = load_identity(layout.identity_record).client_secret
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"oidc_client_secret": secret},
        }
        authority = layout.ca.read_text(encoding="utf-8")
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": authority}}
    others = {HOMES: deployment.workspaces, WHOLE: deployment.storage, OF_NODES: deployment.nodes}
    for part in VOLUMES:
        yield _volume(layout, deployment, part, namespace=others.get(part, deployment.namespace))
    # Before their pods: a scheduler that looks for a claim in vain may not look again for five minutes.
    for part in (WHOLE, OF_NODES):
        yield claim_of_all_homes(deployment, part, namespace=others[part])


def namespace_of_the_chart(deployment: Deployment, name: str) -> dict[str, Any]:
    """One of the chart's own namespaces, made before it with the marks by which Helm takes it over."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                "meta.helm.sh/release-name": deployment.release,
                "meta.helm.sh/release-namespace": deployment.namespace,
            },
        },
    }


def claim_of_all_homes(deployment: Deployment, part: str, *, namespace: str) -> dict[str, Any]:
    """What an administrator makes for home service and agents where the volume is none that the chart knows twice."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"{deployment.release}-{part}", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": STORAGE_CLASS,
            "volumeName": volume_name(deployment, part),
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def free_volumes(layout: Layout, deployment: Deployment) -> None:
    """Let volumes be claimed again whose claim was deleted, as with its namespace. What lies in them stays."""
    volumes = json.loads(_kubectl(layout, deployment, "get", "persistentvolumes", "--output", "json"))["items"]
    ours = {volume_name(deployment, part) for part in VOLUMES}
    for volume in volumes:
        name = volume["metadata"]["name"]
        if name in ours and volume.get("status", {}).get("phase") == "Released":
            unbound = '{"spec": {"claimRef": {"uid": null, "resourceVersion": null}}}'
            _kubectl(layout, deployment, "patch", "persistentvolume", name, "--type", "merge", "--patch", unbound)


def volume_name(deployment: Deployment, part: str) -> str:
    """What the volume of a part, or of homes, is called in the whole cluster."""
    return f"deployed-{deployment.namespace}-{part}"


def helm_upgrade(layout: Layout, deployment: Deployment, values: Mapping[str, Any]) -> None:
    """Let Helm bring the release to these values."""
    words = ("upgrade", "--install", deployment.release, CHART, "--namespace", deployment.namespace, "--values", "-")
    helm(layout, *words, text=json.dumps(values))


def helm(layout: Layout, *words: str | Path, text: str | None = None) -> str:
    """Run Helm as the cluster's administrator. What it printed."""
    env = {**os.environ, "HELM_CACHE_HOME": str(layout.run / "helm"), "HELM_CONFIG_HOME": str(layout.run / "helm")}
    return run_program(layout.program("helm"), "--kubeconfig", layout.kubeconfig, *words, text=text, env=env)


def kind_of(part: str) -> str:
    """What kubectl calls the object that a part is."""
    return "daemonset" if part == AGENT else "deployment"


def wait_until_rolled_out(layout: Layout, deployment: Deployment, *, parts: tuple[str, ...] = PARTS) -> None:
    """Return once each part runs as it was last described, and only so."""
    deadline = time.monotonic() + READY_SECONDS
    for part in parts:
        name = f"{kind_of(part)}/{deployment.release}-{part}"
        left = max(1, round(deadline - time.monotonic()))
        words = ("rollout", "status", name, f"--timeout={left}s")
        _kubectl(layout, deployment, *words, namespace=deployment.namespace_of(part))


def site_trouble(layout: Layout, deployment: Deployment) -> str:
    """Why people cannot open it yet; "" once hub and services answer at the address that browsers use."""
    context = ssl.create_default_context(cafile=str(layout.ca))
    try:
        with httpx.Client(verify=context, trust_env=False, timeout=10) as client:
            for path in ("/hub/health", "/hub/login", f"{SERVICE_PREFIX}api/health"):
                answer = client.get(
                    f"https://{NODE_ADDRESS}{path}",
                    headers={"Host": deployment.host},
                    extensions={"sni_hostname": deployment.host},
                )
                if answer.status_code != httpx.codes.OK:
                    return f"{path} answers {answer.status_code}"
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def picture_of(layout: Layout, deployment: Deployment) -> str:
    """Its pods, events and last lines, for whoever has to find out why it does not run."""
    about_all = (("get", "pods", "--output", "wide"), ("get", "events", "--sort-by", "lastTimestamp"))
    questions = (
        *((question, deployment.namespace_of(part)) for part in ("hub", HOMES, AGENT) for question in about_all),
        *(
            (("logs", f"{kind_of(part)}/{deployment.release}-{part}", "--tail", "15"), deployment.namespace_of(part))
            for part in PARTS
        ),
    )
    return "\n\n".join(_answer(layout, deployment, question, namespace) for question, namespace in questions)


def _answer(layout: Layout, deployment: Deployment, question: tuple[str, ...], namespace: str) -> str:
    try:
        text = _kubectl(layout, deployment, *question, namespace=namespace)
    except ProgramFailedError as error:
        text = str(error)
    return f"kubectl {' '.join(question)}\n{text[-3000:]}"


def _kubectl(layout: Layout, deployment: Deployment, *words: str, namespace: str = "") -> str:
    kubectl, namespace = layout.program("kubectl"), namespace or deployment.namespace
    return run_program(kubectl, "--kubeconfig", layout.kubeconfig, "--namespace", namespace, *words)


def _volume(layout: Layout, deployment: Deployment, part: str, *, namespace: str) -> dict[str, Any]:
    name = f"{deployment.release}-{part}"
    is_shared = part in {HOMES, WHOLE, OF_NODES}
    folder = layout.state.resolve() / "volumes" / deployment.namespace / (HOMES if is_shared else part)
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, 0, JOVYAN_GROUP)
    folder.chmod(0o2770)  # the kubelet gives no group to such a volume, and makes folders in it as its top one is
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(deployment, part)},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany" if is_shared else "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name},
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }
