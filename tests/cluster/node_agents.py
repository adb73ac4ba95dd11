"""An agent on the real node, and warm pods for it: a small program in place of the parked server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.cluster.layout import CHECKOUT
from deploy.local.ports import free_port
from hub.credential_broker.question import BROKER_PORT
from hub.node_agent.mounts import SEAT_PATH
from spawner.identity import (
    AGENT_AUDIENCE,
    AGENT_HOST,
    AGENT_PORT,
    CLAIMED,
    ORDERS_PATH,
    PARKED,
    SEAT_LABEL,
    USER_LABEL,
    Delivered,
    HomeFolder,
    Identity,
    Order,
    Refusal,
    TeamFolder,
)
from tests.authorities import Authority
from tests.cluster.charts import LEAST, Manifest, merged, render
from tests.cluster.cluster_commands import LAYOUT, eventually, kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.kube import connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.pods import RESTRICTED

PODS = "/var/lib/kubelet/pods"
FILES = 10_000
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}
GONE_SECONDS = 3
"""In place of the 45 s that a server deleted by force has for its last words."""

WAITS = """
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
signal.signal(signal.SIGUSR1, lambda *_: os._exit(3))
os.makedirs("/home/.seat", mode=0o700, exist_ok=True)
door = socket.socket(socket.AF_UNIX)
door.bind("/home/.seat/identity.sock")
door.listen(4)
print("parked", flush=True)
line = b""
while not line.endswith(b"\\n"):
    sent, _ = door.accept()
    line = b""
    while part := sent.recv(65536):
        line += part
        if line.endswith(b"\\n"):
            break
sent.sendall(b"accepted\\n")
os.chdir("/home/jovyan")
print("claimed", flush=True)
while True:
    signal.pause()
"""
"""Takes one identity, as a parked server does, and nothing after it."""

DIES = """
import asyncio, os, sys
from hub.node_agent import __main__, actions
name, when = sys.argv[1:]
real = getattr(actions, name)
def sync(*given, **named):
    if when == "after":
        real(*given, **named)
    os._exit(9)
async def unsync(*given, **named):
    if when == "after":
        await real(*given, **named)
    os._exit(9)
setattr(actions, name, unsync if asyncio.iscoroutinefunction(real) else sync)
sys.exit(__main__.main())
"""
"""The agent, which is killed at a step."""


@dataclass
class Agents:
    """The folder with homes, the namespaces, the hub's account, and what is needed to start an agent."""

    folder: Path
    homes: Path
    namespace: str
    """Of warm pods."""
    own: str
    """Of the agent and of the hub's account."""
    of_broker: str
    """Of the credential broker, where a test has one."""
    image: str
    node: int = 1

    def __post_init__(self) -> None:
        self.authority = Authority(self.folder)
        self.certificate = self.authority.certificate_folder(self.folder / "certificate", AGENT_HOST)
        self.brokers = Authority(self.folder / "brokers")
        """By which agents know the credential broker, where a test has one (`credential_brokers.py`)."""
        for account in ("hub", "agent", "somebody"):
            kubectl("-n", self.own, "create", "serviceaccount", account)
        self.token = self.token_of("hub")
        self.url = ""

    @property
    def node_name(self) -> str:
        return f"studiolo-node{self.node}"

    @property
    def account(self) -> str:
        return f"system:serviceaccount:{self.own}:hub"

    def token_of(self, account: str, audience: str = AGENT_AUDIENCE) -> str:
        audiences = (f"--audience={audience}",) if audience else ()
        return kubectl("-n", self.own, "create", "token", account, *audiences).strip()

    def make_home(self, name: str, files: int = FILES) -> str:
        """A home full of files; gives what `digest` gives of it."""
        home = self.homes / name
        for number in range(files):
            path = home / f"{number % 100:02}" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(secrets.token_hex(16))
        (home / "shared" / "vision").mkdir(parents=True)
        (home / "link").symlink_to("/etc/hostname")
        subprocess.run(["chown", "-hR", "1000:1000", home], check=True)
        home.chmod(0o700)
        return self.digest(name)

    def digest(self, name: str) -> str:
        """Of all names, owners, modes and contents."""
        summed = hashlib.sha256()
        for folder, below, names in os.walk(self.homes / name):
            below.sort()
            for one in sorted((*below, *names)):
                path = Path(folder) / one
                found = path.lstat()
                summed.update(f"{path} {found.st_uid} {found.st_gid} {found.st_mode}\n".encode())
                if path.is_symlink():
                    summed.update(str(path.readlink()).encode())
                elif path.is_file():
                    summed.update(path.read_bytes())
        return summed.hexdigest()

    def make_pod(self, name: str) -> dict[str, Any]:
        """A warm pod, as its namespace's Pod Security restricted allows it; it is parked."""
        kubectl(
            "create",
            "-f",
            "-",
            text=json.dumps(warm_pod(name, namespace=self.namespace, image=self.image, node=self.node_name)),
        )
        eventually(f"{name} is parked", lambda: "parked" in self.log(name), seconds=120)
        found: dict[str, Any] = json.loads(kubectl("-n", self.namespace, "get", "pod", name, "-o", "json"))
        return found

    def claim(self, pod: dict[str, Any], home: str, **change: Any) -> Order:
        """One patch, as the hub's; gives the order that goes with it."""
        order = Order(
            **{
                "id": secrets.token_hex(16),
                "at": datetime.now(UTC),
                "namespace": self.namespace,
                "pod": pod["metadata"]["name"],
                "pod_uid": pod["metadata"]["uid"],
                "user": home,
                "home": HomeFolder(name=home, uid=1000, gid=1000),
                "teams": (TeamFolder(name="vision"),),
                "identity": Identity(env={"HOME": "/home/jovyan"}, cwd="/home/jovyan"),
                **change,
            }
        )
        labels = {SEAT_LABEL: CLAIMED, USER_LABEL: order.user}
        patch = {"metadata": {"uid": order.pod_uid, "labels": labels, "annotations": order.marks()}}
        kubectl("-n", self.namespace, "patch", "pod", order.pod, "--type=merge", "-p", json.dumps(patch))
        return order

    def give(self, order: Order | bytes, *, token: str | None = None) -> httpx.Response:
        """An order to the agent that runs."""
        trusted = ssl.create_default_context(cafile=str(self.authority.file))
        with httpx.Client(verify=trusted, trust_env=False, timeout=30) as client:
            return client.post(
                self.url + ORDERS_PATH,
                content=order if isinstance(order, bytes) else order.model_dump_json(),
                headers={"Authorization": f"Bearer {self.token if token is None else token}"},
                extensions={"sni_hostname": AGENT_HOST},
            )

    def delivered(self, order: Order) -> Delivered:
        answer = self.give(order)
        assert answer.status_code == 200, answer.text
        return Delivered.model_validate_json(answer.content)

    def refused(self, order: Order) -> str:
        answer = self.give(order)
        assert answer.status_code == 409, answer.text
        return Refusal.model_validate_json(answer.content).why.value

    def log(self, pod: str) -> str:
        return kubectl("-n", self.namespace, "logs", pod, "--pod-running-timeout=60s", "--ignore-errors=true")

    def inside(self, pod: str, *argv: str) -> str:
        return kubectl("-n", self.namespace, "exec", pod, "--", *argv)

    def mounts(self, uid: str) -> list[str]:
        """Where a home is mounted in that pod's seat, as the node sees it."""
        told = self.on_node("cat", "/proc/self/mountinfo")
        return [at for line in told.splitlines() if (at := line.split()[4]).startswith(f"{PODS}/{uid}/{SEAT_PATH}/")]

    def on_node(self, *argv: str) -> str:
        """What a program of the node prints, among its mounts."""
        words = ("nsenter", f"--mount={LAYOUT.node(self.node).mount_namespace}", *argv)
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    def until_gone(self, pod: dict[str, Any]) -> None:
        """The object, its mounts and its folder on the node."""
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        words = ("-n", self.namespace, "get", "pod", name, "--ignore-not-found", "-o", "name")
        eventually(f"{name} is gone", lambda: not kubectl(*words).strip(), seconds=120)
        eventually("nothing is mounted in it", lambda: not self.mounts(uid), seconds=60)
        eventually("its folder is gone", lambda: uid not in self.on_node("ls", PODS).split(), seconds=120)

    def end_pods(self) -> None:
        """All that a failed test may have left."""
        kubectl("-n", self.namespace, "delete", "pods", "--all", "--timeout=120s")

    @contextmanager
    def process(self, *dies: str) -> Iterator[subprocess.Popen[bytes]]:
        """An agent as a process of the node, which is killed at a step where one is named (`DIES`)."""
        port = free_port()
        env = {
            **os.environ,
            **{f"STUDIOLO_AGENT_{name}": value for name, value in self._settings().items()},
            "STUDIOLO_AGENT_CERTIFICATE": str(self.certificate),
            "STUDIOLO_AGENT_HOMES": str(self.homes),
            "STUDIOLO_AGENT_PORT": str(port),
            "STUDIOLO_AGENT_KUBECONFIG": str(LAYOUT.kubeconfig),
        }
        program = ("-c", DIES, *dies) if dies else ("-m", "hub.node_agent")
        with (self.folder / "agent.log").open("ab") as log:
            argv = ("nsenter", f"--mount={LAYOUT.node(self.node).mount_namespace}", sys.executable, "-P", *program)
            process = subprocess.Popen(argv, env=env, cwd=CHECKOUT, stdout=log, stderr=log)
        self.url = f"https://127.0.0.1:{port}"
        try:
            eventually("the agent answers", self._is_up, seconds=60)
            yield process
        finally:
            process.kill()
            process.wait()

    def _settings(self) -> dict[str, str]:
        return {
            "NODE": self.node_name,
            "NAMESPACE": self.namespace,
            "ACCOUNT": self.account,
            "PODS": PODS,
            "GONE_SECONDS": str(GONE_SECONDS),
        }

    def _is_up(self) -> bool:
        trusted = ssl.create_default_context(cafile=str(self.authority.file))
        try:
            with httpx.Client(verify=trusted, trust_env=False, timeout=5) as client:
                return client.get(f"{self.url}/health", extensions={"sni_hostname": AGENT_HOST}).is_success
        except httpx.HTTPError:
            return False

    @contextmanager
    def pod(self) -> Iterator[None]:
        """An agent as the chart runs it: its pod and its policies, in a namespace of its own, with the least rights."""
        for one in self._objects():
            kubectl("apply", "-f", "-", text=json.dumps(one))
        try:
            words = ("-n", self.own, "get", "pod", "agent", "-o", "jsonpath={.status.podIP}")
            eventually("the agent has an address", lambda: bool(kubectl(*words).strip()), seconds=60)
            self.url = f"https://{kubectl(*words).strip()}:{AGENT_PORT}"
            eventually("the agent answers", self._is_up, seconds=60)
            yield
        finally:
            self.end_pods()  # while somebody takes their homes away
            kubectl("-n", self.own, "delete", "pod", "agent", "--grace-period=1")
            kubectl("delete", "clusterrole,clusterrolebinding", self.own)

    def _objects(self) -> list[dict[str, Any]]:
        rendered = chart_objects(self)
        rbac = "rbac.authorization.k8s.io"
        agent = [{"kind": "ServiceAccount", "name": "agent", "namespace": self.own}]
        reviews = {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
        pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
        files = {
            name: base64.b64encode((self.certificate / name).read_bytes()).decode() for name in ("tls.crt", "tls.key")
        }
        known_by = {"ca.crt": base64.b64encode(self.brokers.file.read_bytes()).decode()}
        cluster, inside = {"name": self.own}, {"name": "agent", "namespace": self.namespace}
        return [
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": cluster, "rules": [reviews]},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": cluster,
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": self.own},
                "subjects": agent,
            },
            {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": inside, "rules": [pods]},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": inside,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "agent"},
                "subjects": agent,
            },
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "certificate", "namespace": self.own},
                "data": files,
            },
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "broker-certificate", "namespace": self.own},
                "data": known_by,
            },
            *(
                one | {"metadata": one["metadata"] | {"namespace": self.own}}
                for one in rendered
                if one["kind"] == "NetworkPolicy"
            ),
            agent_pod(self, rendered),
        ]


@contextmanager
def agents_for_test(folder: Path, kubeconfig: Path, image: str, *, node: int = 1) -> Iterator[Agents]:
    """For one file of tests. At the end no home is mounted anywhere: only then the folder with them is removed."""

    async def make() -> list[str]:
        async with connect(kubeconfig) as kube:
            name = secrets.token_hex(3)
            wanted = {f"warm-{name}": RESTRICTED, f"nodes-{name}": PRIVILEGED, f"broker-{name}": PRIVILEGED}
            return [await create_namespace(kube, one, labels=labels) for one, labels in wanted.items()]

    warm, own, of_broker = run_apart(make())
    homes = LAYOUT.homes.resolve() / f"test-agent-{secrets.token_hex(3)}"
    homes.mkdir(mode=0o711)
    (homes / ".teams" / "vision").mkdir(parents=True)
    (homes / ".teams" / "vision" / "plan.txt").write_text("of vision")
    made = Agents(folder=folder, homes=homes, namespace=warm, own=own, of_broker=of_broker, image=image, node=node)
    yield made
    with made.process():
        made.end_pods()
    left = [line for line in made.on_node("cat", "/proc/self/mountinfo").splitlines() if homes.name in line]
    assert not left
    shutil.rmtree(homes)


def chart_objects(agents: Agents) -> list[Manifest]:
    """What the chart makes of agents, with the release in the namespace of warm pods."""
    theirs = f"{agents.namespace}-nodes"
    return [one for one in chart_with_claims(agents.namespace) if one["metadata"].get("namespace") == theirs]


def chart_with_claims(namespace: str) -> list[Manifest]:
    """The whole chart with claims, with the release in that namespace."""
    values = {
        "homes": {
            "nfs": {"server": "nfs.example.org", "path": "/homes"},
            "service": {"enabled": True, "existingSecret": "homes-key"},
        },
        "claims": {
            "enabled": True,
            "agent": {"existingSecret": "certificate"},
            "broker": {"existingSecret": "broker-certificate"},
        },
    }
    return render(merged(LEAST, values), namespace=namespace)


def agent_pod(agents: Agents, rendered: list[Manifest]) -> dict[str, Any]:
    """A pod of the chart's DaemonSet, with a folder of the node as homes and this checkout's code in the image."""
    (template,) = (one["spec"]["template"] for one in rendered if one["kind"] == "DaemonSet")
    spec: dict[str, Any] = template["spec"]
    (container,) = spec["containers"]
    changed = {
        "NAMESPACE": agents.namespace,
        "ACCOUNT": agents.account,
        "HOMES": "/homes",
        "BROKER": f"https://studiolo-broker.{agents.of_broker}.svc:{BROKER_PORT}",
        "GONE_SECONDS": str(GONE_SECONDS),
    }
    variables = {f"STUDIOLO_AGENT_{name}": value for name, value in changed.items()}
    homes = {"name": "homes", "hostPath": {"path": str(agents.homes)}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "agent", "namespace": agents.own, "labels": template["metadata"]["labels"]},
        "spec": {
            **spec,
            "nodeName": agents.node_name,
            "serviceAccountName": "agent",
            "containers": [
                {
                    **container,
                    "image": agents.image,
                    "env": [
                        *(one for one in container["env"] if one["name"] not in variables),
                        *({"name": name, "value": value} for name, value in variables.items()),
                    ],
                    "volumeMounts": [*container["volumeMounts"], *CODE_MOUNTS],
                }
            ],
            "volumes": [*(one for one in spec["volumes"] if one["name"] != "homes"), homes, *CODE_VOLUMES],
        },
    }


CODE = ("hub", "spawner", "studiolo")
CODE_VOLUMES = [{"name": name, "hostPath": {"path": str(CHECKOUT / name), "type": "Directory"}} for name in CODE]
"""This checkout's code, for a pod of the hub's image."""
CODE_MOUNTS = [{"name": name, "mountPath": f"/srv/studiolo/{name}"} for name in CODE]


def asking_pod(name: str, *, namespace: str, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A pod that waits to be used by `Agents.inside`."""
    asking = warm_pod(name, namespace=namespace, image=image)
    asking["metadata"]["labels"] = dict(labels)
    asking["spec"]["containers"][0]["command"] = ["sleep", "infinity"]
    return asking


def warm_pod(name: str, *, namespace: str, image: str, node: str = "studiolo-node1") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {SEAT_LABEL: PARKED}},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "notebook",
                    "image": image,
                    "command": ["python", "-c", WAITS],
                    "workingDir": "/",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "seat", "mountPath": "/home", "mountPropagation": "HostToContainer"}],
                }
            ],
            "volumes": [{"name": "seat", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}],
        },
    }
