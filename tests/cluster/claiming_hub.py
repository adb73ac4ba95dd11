"""A real hub, its services and an agent of the node, with pods that wait to be claimed: all in namespaces of one test.

Hub and services are processes of this machine, as in `real_hub.py`; agent and credential broker are pods that the chart
makes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from deploy.cluster.layout import layout_here
from deploy.cluster.pause import push_pause
from spawner.identity import CLAIMED, PARKED, SEAT_LABEL, USER_LABEL
from spawner.installation import KIND_LABEL, WORKSPACE
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.credential_brokers import credential_broker
from tests.cluster.kube import connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.node_agents import Agents, agents_for_test
from tests.cluster.people_at_home import NODE, PeopleAtHome
from tests.cluster.pods import RESTRICTED

Json = dict[str, Any]
PATIENCE_SECONDS = 180.0
AnyHub = TypeVar("AnyHub", bound="ClaimingHub")


class ClaimingHub(PeopleAtHome):
    """Alice is in the team vision, which has a folder. `small` has warm pods, `bare` has none."""

    def __init__(
        self,
        root: Path,
        agents: Agents,
        *,
        kubeconfig: Path,
        images: Mapping[str, str],
        capacity: str,
        pods: int,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """`capacity`: a namespace for slots; `pods`: how many wait of `minimal` on `small`."""
        self.agents = agents
        self._pods = pods
        self.priority_class = f"test-placeholder-{secrets.token_hex(3)}"
        self.door = root / "door"
        settings = {
            "claims.enabled": True,
            "claims.agentsNamespace": agents.own,
            "claims.agentDirectory": self.door,
            "capacity.namespace": capacity,
            "capacity.image": push_pause(layout_here()),
            "capacity.priorityClass": self.priority_class,
            "capacity.images.enabled": False,
            "kubernetes.homes.teamFolders": True,
            **(more or {}),
        }
        super().__init__(
            root, kubeconfig=kubeconfig, namespace=agents.namespace, images=images, more=settings, services=True
        )
        self.door.mkdir()
        self.show_token()
        (self.door / "ca.crt").write_bytes(agents.authority.file.read_bytes())

    def show_token(self) -> None:
        """What the kubelet writes for a hub that is a pod."""
        (self.door / "token").write_text(self.agents.token_of("hub"))

    def _offer(self, catalog: Path, images: Mapping[str, str]) -> None:
        super()._offer(catalog, images)
        self.change_hardware(
            lambda entries: entries.update(bare={**entries["small"], "title": "Bare", "default": False})
        )
        self.want_pods(self._pods)

    def change_hardware(self, change: Any) -> None:
        """As an operator edits the file: at once."""
        file = self.settings.catalog_directory / "hardware.yaml"
        entries = yaml.safe_load(file.read_text())
        change(entries["hardware"])
        written = file.with_suffix(".new")
        written.write_text(yaml.safe_dump(entries))
        written.replace(file)

    def want_pods(self, count: int) -> None:
        """So many wait of `minimal` on `small` from now on, and no slot beside them."""
        warm = {"slots": count, "pods": count}
        self.change_hardware(lambda entries: entries["small"].update(warm=warm, node_selector=NODE))

    def below_all(self) -> Json:
        """The priority of slots."""
        return {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": self.priority_class},
            "value": -10,
            "preemptionPolicy": "Never",
        }

    # What is there

    def pods(self, seat: str) -> list[Json]:
        """Those that wait or are about to (`parked`), or that are somebody's (`claimed`)."""
        found = self._get("pods", "-l", f"{SEAT_LABEL}={seat}")
        return [one for one in found["items"] if "deletionTimestamp" not in one["metadata"]]

    def until_parked(self, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[Json]:
        """So many wait and are ready."""
        self.until(lambda: len(self._ready()) == count, what=f"{count} pods wait", seconds=seconds)
        return self._ready()

    def _get(self, *what: str) -> Json:
        found: Json = json.loads(kubectl("-n", self.namespace, "get", *what, "-o", "json"))
        return found

    def _ready(self) -> list[Json]:
        return [one for one in self.pods(PARKED) if _is_ready(one)]

    def pod_of(self, person: str) -> Json | None:
        """Whoever is that person's workspace, claimed or made for it; one that ends only where there is no other."""
        found = self._get("pods", "-l", f"{KIND_LABEL}={WORKSPACE}")
        mine = [one for one in found["items"] if one["metadata"]["labels"].get(USER_LABEL) == person]
        alive = [one for one in mine if "deletionTimestamp" not in one["metadata"]]
        (pod,) = alive or mine or (None,)
        return pod

    def is_claimed(self, person: str) -> bool:
        """Whether the workspace was a warm pod."""
        pod = self.pod_of(person)
        assert pod is not None, f"{person} has no pod"
        return bool(pod["metadata"]["labels"].get(SEAT_LABEL) == CLAIMED)

    def inside(self, person: str, script: str, *, program: tuple[str, ...] = ("sh", "-eu")) -> str:
        """What a program printed in the person's pod, whatever its name is."""
        pod = self.pod_of(person)
        name = pod["metadata"]["name"] if pod else pod_name(person, "")
        return kubectl("-n", self.namespace, "exec", "-i", name, "--", *program, text=script).strip()


def _is_ready(pod: Json) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())


@contextmanager
def claiming_hub(
    root: Path,
    kubeconfig: Path,
    images: Mapping[str, str],
    *,
    pods: int = 1,
    more: Mapping[str, Any] | None = None,
    kind: type[AnyHub] = ClaimingHub,  # type: ignore[assignment]  # mypy takes no default of a type variable
) -> Iterator[AnyHub]:
    """Everything runs, everybody has an account, and so many pods wait. For one file of tests."""

    async def namespace() -> str:
        async with connect(kubeconfig) as kube:
            return await create_namespace(kube, f"capacity-{secrets.token_hex(3)}", labels=RESTRICTED)

    with ExitStack() as stack:
        (root / "agents").mkdir(parents=True)
        agents = stack.enter_context(agents_for_test(root / "agents", kubeconfig, images["hub"]))
        capacity = run_apart(namespace())
        hub = kind(root / "hub", agents, kubeconfig=kubeconfig, images=images, capacity=capacity, pods=pods, more=more)
        agents.homes = hub.volume / "people"
        stack.enter_context(_there(*hub.storage(), hub.below_all()))
        stack.enter_context(hub.home_service())
        agents.homes.mkdir(mode=0o711, exist_ok=True)
        stack.enter_context(credential_broker(agents, release=hub.release))
        stack.enter_context(agents.pod())
        stack.enter_context(hub)
        hub.invite()
        hub.until_parked(pods)
        yield hub


@contextmanager
def _there(*objects: Json) -> Iterator[None]:
    """For so long."""
    for one in objects:
        kubectl("create", "-f", "-", text=json.dumps(one))
    try:
        yield
    finally:
        for one in reversed(objects):
            where = ("-n", space) if (space := one["metadata"].get("namespace")) else ()
            kubectl("delete", *where, one["kind"], one["metadata"]["name"], "--wait=false")
