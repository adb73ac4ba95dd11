"""Attack groups 20 and 22: a workspace's pod gives its person nothing of the node, and no pod gives more beside it."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.kube import Kube, RefusedError, is_ready
from tests.cluster.pods import PATIENCE_SECONDS, pod
from tests.cluster.workspaces import SMALL, ClusterHub, catalog, cluster_hub

INSIDE = Path(__file__).with_name("inside_a_workspace.py")
TYPED = {"TYPED_A": "$(JUPYTERHUB_API_TOKEN) $$ ${HOME} `id` {username}", "TYPED_B": '"}, {"name": "LD_PRELOAD'}


@pytest.fixture(autouse=True)
def _kubespawner_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: None)


@pytest.fixture
async def hub(kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> AsyncIterator[ClusterHub]:
    async with cluster_hub(kubeconfig, restricted, catalog(images)) as found:
        yield found


async def test_from_within_a_workspace_nothing_of_the_node_or_the_cluster_is_reached(
    hub: ClusterHub, kube: Kube
) -> None:
    spawner = await hub.start({**SMALL, "env": TYPED})
    name, namespace = pod_name("alice", ""), hub.installation.namespace
    words = ("-n", namespace, "exec", "-i", name, "--", "python3", "-")
    found = json.loads(await asyncio.to_thread(kubectl, *words, text=INSIDE.read_text()))
    assert found["let_through"] == []
    assert found["written"] == []
    assert found["not_written"] == []
    assert (found["user"], found["groups"]) == (1000, [1000])
    assert set(found["capabilities"].values()) == {"0" * 16}
    assert (found["no_new_privileges"], found["seccomp"]) == ("1", "2")
    assert found["account_token"] is False
    assert found["devices"] == []
    assert found["host_mounts"] == []
    assert found["interfaces"] == ["eth0", "lo"]
    assert found["hostname"] == name
    assert len(found["processes"]) < 20  # the node has hundreds: its processes are not seen
    variables = found["variables"]
    assert {key: variables[key] for key in TYPED} == TYPED
    assert variables["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert variables["JUPYTERHUB_API_TOKEN"] == spawner.api_token
    listed = await kube.list_all("v1", "Pod", namespace=namespace) + await kube.list_all(
        "v1", "Event", namespace=namespace
    )
    assert spawner.api_token not in json.dumps(listed)


ADDED: dict[str, dict[str, Any]] = {
    "the node's files": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    "the store of homes itself": {"volumes": [{"name": "x", "nfs": {"server": "127.0.0.1", "path": "/"}}]},
    "the node's network": {"hostNetwork": True},
    "the node's processes": {"hostPID": True},
    "the node's memory between processes": {"hostIPC": True},
    "root": {"securityContext": {"runAsUser": 0, "runAsNonRoot": False, "seccompProfile": {"type": "RuntimeDefault"}}},
    "no filter for calls of the kernel": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "Unconfined"}}
    },
    "settings of the kernel": {
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "kernel.msgmax", "value": "65536"}],
        }
    },
}

ADDED_TO_THE_CONTAINER: dict[str, dict[str, Any]] = {
    "all of the node": {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}},
    "more rights by setuid": {"securityContext": {"allowPrivilegeEscalation": True, "capabilities": {"drop": ["ALL"]}}},
    "a right of root": {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
        }
    },
    "rights that nobody dropped": {"securityContext": {"allowPrivilegeEscalation": False}},
    "a port of the node": {"ports": [{"containerPort": 8888, "hostPort": 8888}]},
    "a /proc without masks": {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "procMount": "Unmasked",
        }
    },
}


async def test_the_pod_that_the_others_differ_from_is_let_in(
    kube: Kube, restricted: str, images: Mapping[str, str]
) -> None:
    """Or their refusals would prove nothing."""
    await kube.create(pod("plain", images["pause"], namespace=restricted))


@pytest.mark.parametrize("what", [*ADDED, *ADDED_TO_THE_CONTAINER])
async def test_where_workspaces_run_no_pod_gets_more(
    what: str, kube: Kube, restricted: str, images: Mapping[str, str]
) -> None:
    asked = pod("more", images["pause"], namespace=restricted)
    spec = asked["spec"]
    more = ADDED.get(what, {})
    spec["volumes"] = [*spec["volumes"], *more.get("volumes", ())]
    spec.update({key: value for key, value in more.items() if key != "volumes"})
    spec["containers"][0].update(copy.deepcopy(ADDED_TO_THE_CONTAINER.get(what, {})))
    with pytest.raises(RefusedError) as refused:
        await kube.create(asked)
    assert refused.value.status in {403, 422}
    assert "restricted" in refused.value.message or "Unmasked" in refused.value.message


async def test_a_container_that_is_added_later_gets_no_more_either(
    kube: Kube, restricted: str, images: Mapping[str, str]
) -> None:
    running = pod("running", images["pause"], namespace=restricted)
    await kube.create(running)
    await kube.until(running, is_ready, seconds=PATIENCE_SECONDS)
    added = {"name": "debug", "image": images["pause"], "securityContext": {"privileged": True}}
    change = json.dumps({"spec": {"ephemeralContainers": [added]}})
    words = ("-n", restricted, "patch", "pod", "running", "--subresource", "ephemeralcontainers", "-p", change)
    with pytest.raises(ProgramFailedError) as refused:
        await asyncio.to_thread(kubectl, *words)
    assert "restricted" in refused.value.output
