"""Warm pods on a real cluster when what they are made of changes, when no room is left, when their node is emptied.

What is scarce is a device of this test's own: whatever else runs on the node takes none. The node that is emptied is
one that nobody runs: an object alone, to which a scheduler sends what is meant for it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.plans import HUB, SERVICES
from spawner.identity import PARKED
from spawner.kube import Json
from spawner.warm_pod import ENVIRONMENT_LABEL, HARDWARE_LABEL
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.cluster_commands import kubectl
from tests.cluster.held_room import has_no_room, new_digest
from tests.cluster.people_at_home import NODE

pytestmark = pytest.mark.usefixtures("on_this_machine")

SERVED = "The catalog was changed and is served from now on."
GONE_SECONDS = 30.0
"""Of a pod that waits: a second's grace, and more for a busy node. Far less than an eviction may take."""


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    with claiming_hub(tmp_path_factory.mktemp("claims-pool"), kubeconfig, images) as made:
        yield made


def names(pods: list[Json]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def image_of(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def of(hub: ClaimingHub, hardware: str, *, ready: bool = True) -> list[Json]:
    """Warm pods of one hardware."""
    mine = [pod for pod in hub.pods(PARKED) if pod["metadata"]["labels"][HARDWARE_LABEL] == hardware]
    return [pod for pod in mine if not ready or is_ready(pod)]


def is_ready(pod: Json) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def change_environments(hub: ClaimingHub, change: Any) -> None:
    """As an operator edits the file."""
    file = hub.settings.catalog_directory / "environments.yaml"
    entries = yaml.safe_load(file.read_text())
    change(entries["environments"])
    written = file.with_suffix(".new")
    written.write_text(yaml.safe_dump(entries))
    written.replace(file)


@contextmanager
def stopped(hub: ClaimingHub, name: str) -> Iterator[None]:
    """A process that does nothing for so long."""
    os.kill(hub.pid(name), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(hub.pid(name), signal.SIGCONT)


def test_a_pod_of_an_older_image_is_never_claimed_and_one_of_the_new_image_comes(hub: ClaimingHub) -> None:
    (old,) = hub.until_parked(1)
    told = hub.log(HUB).count(SERVED)
    new = new_digest(image_of(old))
    with stopped(hub, SERVICES):  # nobody replaces it: the hub alone knows better
        change_environments(hub, lambda entries: entries["minimal"].update(image=new))
        hub.until(lambda: hub.log(HUB).count(SERVED) > told, what="the hub serves the new image")
        hub.start_for("bob")
        assert not hub.is_claimed("bob")
        pod = hub.pod_of("bob")
        assert pod is not None
        assert image_of(pod) == new
        assert names(hub.pods(PARKED)) == names([old])
    hub.until(lambda: old["metadata"]["name"] not in names(hub.pods(PARKED)), what="the older pod is given up")
    (waiting,) = hub.until_parked(1)
    assert image_of(waiting) == new
    hub.stop_for("bob")


def test_pods_of_an_environment_that_is_gone_go_and_those_of_what_is_left_come(hub: ClaimingHub) -> None:
    (old,) = hub.until_parked(1)
    kept: dict[str, Any] = {}
    change_environments(hub, lambda entries: kept.update(entries.pop("minimal")))
    hub.until(lambda: names(hub.until_parked(1)).isdisjoint(names([old])), what="another waits", seconds=180)
    (other,) = hub.until_parked(1)
    assert other["metadata"]["labels"][ENVIRONMENT_LABEL] == "python"
    change_environments(hub, lambda entries: entries.update(minimal=kept))
    hub.until(lambda: names(hub.pods(PARKED)).isdisjoint(names([other])), what="it is of no use any more")
    hub.until_parked(1)


def test_an_evicted_pod_ends_at_once_and_another_comes(hub: ClaimingHub) -> None:
    (old,) = hub.until_parked(1)
    name = old["metadata"]["name"]
    evict(hub, name)
    hub.until(lambda: not exists(hub, name), what="it is gone", seconds=GONE_SECONDS)
    hub.until_parked(1)


def evict(hub: ClaimingHub, name: str) -> None:
    """What `kubectl drain` asks for; refused where a budget forbids it."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": hub.namespace},
    }
    kubectl(
        "create",
        "--raw",
        f"/api/v1/namespaces/{hub.namespace}/pods/{name}/eviction",
        "-f",
        "-",
        text=json.dumps(eviction),
    )


def exists(hub: ClaimingHub, name: str) -> bool:
    return bool(kubectl("-n", hub.namespace, "get", "pod", name, "--ignore-not-found", "-o", "name").strip())


def test_a_start_that_a_quota_refuses_gets_what_a_warm_pod_has_of_it(hub: ClaimingHub) -> None:
    (old,) = hub.until_parked(1)
    name = {"name": "memory", "namespace": hub.namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": name}
    kubectl("create", "-f", "-", text=json.dumps(quota | {"spec": {"hard": {"requests.memory": "1536Mi"}}}))
    words = ("-n", hub.namespace, "get", "resourcequota", "memory", "-o", "jsonpath={.status.used.requests\\.memory}")
    hub.until(lambda: kubectl(*words) == str(2**30), what="what the warm pod has is counted")
    hub.start_for("bob", hardware="bare")
    assert old["metadata"]["name"] not in names(hub.pods(PARKED))
    hub.until(lambda: "Not all warm pods can be made" in hub.log(SERVICES), what="no other may be made")
    hub.stop_for("bob")
    hub.until_parked(1)
    kubectl("-n", hub.namespace, "delete", "resourcequota", "memory")


@pytest.fixture
def seats(hub: ClaimingHub) -> Iterator[str]:
    """A device of which the node has two, and hardware with one each; its owner lets one of them wait."""
    device = f"studiolo.test/seats-{secrets.token_hex(3)}"
    node, place = NODE["kubernetes.io/hostname"], f"/status/capacity/{device.replace('/', '~1')}"
    patch_node(node, [{"op": "add", "path": place, "value": "2"}])
    hub.change_hardware(
        lambda entries: entries.update(
            seat={
                **{key: value for key, value in entries["small"].items() if key != "default"},
                "title": "Seat",
                "cpu": {"request": "10m", "limit": "200m"},
                "gpu": {"resource": device, "count": 1},
                "warm": {"slots": 2, "pods": 1},
            }
        )
    )
    yield device
    hub.change_hardware(lambda entries: entries.pop("seat"))
    hub.until(lambda: not of(hub, "seat", ready=False), what="no warm pod of it is left")
    patch_node(node, [{"op": "remove", "path": place}])


def patch_node(name: str, change: list[Json]) -> None:
    kubectl("patch", "node", name, "--subresource=status", "--type=json", f"--patch={json.dumps(change)}")


@pytest.mark.usefixtures("seats")
def test_on_a_full_node_slots_make_room_for_warm_pods_and_those_for_starts(hub: ClaimingHub) -> None:
    hub.until(lambda: len(of(hub, "seat")) == 1, what="a pod waits on a device", seconds=180)
    (first,) = of(hub, "seat")
    hub.start_for("alice", hardware="seat")
    assert hub.is_claimed("alice")
    hub.until(lambda: len(of(hub, "seat")) == 1, what="one waits in the place of the slot", seconds=180)
    (second,) = of(hub, "seat")
    # There are two devices: alice's and the one that waits. Bob's software waits nowhere.
    hub.start_for("bob", environment="python", hardware="seat")
    assert not hub.is_claimed("bob")
    assert second["metadata"]["name"] not in names(hub.pods(PARKED))
    assert hub.is_claimed("alice")
    assert hub.pod_of("alice")["metadata"]["uid"] == first["metadata"]["uid"]  # type: ignore[index]  # she has one
    hub.until(lambda: any(has_no_room(pod) for pod in of(hub, "seat", ready=False)), what="one waits for room itself")
    hub.stop_for("bob")
    hub.until(lambda: len(of(hub, "seat")) == 1, what="it has the room that bob had", seconds=180)
    hub.stop_for("alice")


@pytest.fixture
def nobodys_node(hub: ClaimingHub) -> Iterator[str]:
    """A node without a machine, for hardware that goes nowhere else and of which two wait."""
    name = f"zz-nobodys-{secrets.token_hex(3)}"
    mark = {"key": "studiolo.test/node", "value": name, "effect": "NoSchedule"}
    resources = {"cpu": "4", "memory": "16Gi", "pods": "20", "ephemeral-storage": "1Ti"}
    made = {
        "apiVersion": "v1",
        "kind": "Node",
        # As a simulated one is known: other tests look past it.
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"studiolo.test/node": name},
        },
        "spec": {"taints": [mark]},
    }
    kubectl("create", "-f", "-", text=json.dumps(made))
    patch_node(
        name, [{"op": "add", "path": f"/status/{what}", "value": resources} for what in ("capacity", "allocatable")]
    )
    tell_of(name)
    hub.change_hardware(
        lambda entries: entries.update(
            far={
                "title": "Far",
                "cpu": {"request": "200m", "limit": "200m"},
                "memory": "1Gi",
                "node_selector": {"studiolo.test/node": name},
                "tolerations": [mark | {"operator": "Equal"}],
                "warm": {"slots": 2, "pods": 2},
            }
        )
    )
    yield name
    hub.change_hardware(lambda entries: entries.pop("far"))
    kubectl("delete", "node", name)
    kubectl("-n", hub.namespace, "delete", "pod", "-l", f"{HARDWARE_LABEL}=far", "--grace-period=0", "--force")


def tell_of(node: str, *conditions: str) -> None:
    """What a kubelet says now and then: that it is ready, and what holds besides."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = [{"type": one, "status": "True", "lastHeartbeatTime": now} for one in ("Ready", *conditions)]
    patch_node(node, [{"op": "add", "path": "/status/conditions", "value": told}])


def test_pods_leave_a_node_that_is_cordoned_or_short_of_disk(hub: ClaimingHub, nobodys_node: str) -> None:
    def there() -> set[str]:
        return {
            pod["metadata"]["name"]
            for pod in of(hub, "far", ready=False)
            if pod["spec"].get("nodeName") == nobodys_node
        }

    hub.until(lambda: len(there()) == 2, what="two wait there")
    kubectl("cordon", nobodys_node)
    hub.until(lambda: not there(), what="they leave a node that is cordoned")
    hub.until(lambda: len(of(hub, "far", ready=False)) == 2, what="they come again, and wait for room")
    assert not there()
    tell_of(nobodys_node)
    kubectl("uncordon", nobodys_node)
    hub.until(lambda: len(there()) == 2, what="two wait there again")
    tell_of(nobodys_node, "DiskPressure")
    hub.until(lambda: not there(), what="they leave a node that is short of disk")
