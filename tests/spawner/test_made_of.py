"""What a pod is made of: the same word before and after Kubernetes has filled it in, and another for any other pod."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from spawner.installation import HomesVolume, Installation
from spawner.made_of import Make, made_of
from spawner.plan import Shape
from spawner.warm_pod import make, template, warm_pod
from tests.spawner.test_manifest import ENVIRONMENT, HARDWARE

INSTALLATION = Installation(namespace="default", release="studiolo", homes=HomesVolume(claim="homes"))
MADE = warm_pod("warm-1", Shape(environment=ENVIRONMENT, hardware=HARDWARE["small"]), INSTALLATION)["spec"]


def filled_in() -> dict[str, Any]:
    """As Kubernetes 1.34 gives it back: `kubectl create --dry-run=server`, and the scheduler's part."""
    spec = deepcopy(MADE)
    del spec["imagePullSecrets"]
    seconds = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    spec |= {
        "dnsPolicy": "ClusterFirst",
        "nodeName": "node-1",
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "schedulerName": "default-scheduler",
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "tolerations": [{"key": f"node.kubernetes.io/{name}", **seconds} for name in ("not-ready", "unreachable")],
    }
    [container] = spec["containers"]
    container |= {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
    container["ports"][0]["protocol"] = "TCP"
    container["resources"]["requests"]["cpu"] = "500m"
    container["startupProbe"]["successThreshold"] = 1
    for volume in spec["volumes"]:
        if "sizeLimit" in volume["emptyDir"]:
            volume["emptyDir"]["sizeLimit"] = "4Mi"
    return spec


def test_what_kubernetes_fills_in_changes_nothing() -> None:
    assert made_of(filled_in()) == made_of(MADE)


def test_nor_where_people_have_user_numbers_of_their_own() -> None:
    numbered = replace(INSTALLATION, has_own_numbers=True, has_own_groups=True)
    spec = warm_pod("warm-1", Shape(environment=ENVIRONMENT, hardware=HARDWARE["small"]), numbered)["spec"]
    kept = deepcopy(spec)
    [accounts] = [volume["downwardAPI"] for volume in kept["volumes"] if "downwardAPI" in volume]
    accounts.setdefault("defaultMode", 0o644)
    for item in accounts["items"]:
        item["fieldRef"].setdefault("apiVersion", "v1")
    assert made_of(kept) == made_of(spec)


def test_a_pod_without_anything_is_made_of_something_else() -> None:
    assert made_of({}) != made_of(MADE)


ELSE: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "another image": lambda spec, one: one.update(image="example.org/evil@sha256:" + "6" * 64),
    "another program": lambda spec, one: one.update(command=["/bin/sh"]),
    "other arguments": lambda spec, one: one["args"].append("x"),
    "a variable more": lambda spec, one: one["env"].append({"name": "LD_PRELOAD", "value": "/tmp/x.so"}),
    "a Secret in a variable": lambda spec, one: one["env"].append(
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    ),
    "all of a Secret": lambda spec, one: one.update(envFrom=[{"secretRef": {"name": "a"}}]),
    "a second container": lambda spec, one: spec["containers"].append(deepcopy(one)),
    "an init container": lambda spec, one: spec.update(initContainers=[deepcopy(one)]),
    "one for debugging": lambda spec, one: spec.update(ephemeralContainers=[deepcopy(one)]),
    "a hook": lambda spec, one: one.update(lifecycle={"postStart": {"exec": {"command": ["/bin/sh"]}}}),
    "another probe": lambda spec, one: one["startupProbe"].update(exec={"command": ["/bin/sh"]}),
    "no probe": lambda spec, one: one.pop("startupProbe"),
    "a probe more": lambda spec, one: one.update(livenessProbe={"httpGet": {"port": 80, "host": "169.254.169.254"}}),
    "names that lead elsewhere": lambda spec, one: spec.update(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["hub"]}]),
    "another server of names": lambda spec, one: spec.update(dnsPolicy="None", dnsConfig={"nameservers": ["10.0.0.1"]}),
    "the node's names": lambda spec, one: spec.update(dnsPolicy="Default"),
    "the token of an account": lambda spec, one: spec.update(automountServiceAccountToken=True),
    "nothing said of a token": lambda spec, one: spec.pop("automountServiceAccountToken"),
    "more volumes": lambda spec, one: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "another volume of that name": lambda spec, one: spec["volumes"][0].update(emptyDir=None, hostPath={"path": "/"}),
    "a seat on a disk": lambda spec, one: spec["volumes"][0].update(emptyDir={}),
    "another place of a volume": lambda spec, one: one["volumeMounts"][1].update(mountPath="/opt/environment"),
    "processes that see each other": lambda spec, one: spec.update(shareProcessNamespace=True),
    "the node's network": lambda spec, one: spec.update(hostNetwork=True),
    "more rights": lambda spec, one: one["securityContext"].update(allowPrivilegeEscalation=True),
    "fewer limits": lambda spec, one: spec["securityContext"].pop("seccompProfile"),
    "another user": lambda spec, one: one["securityContext"].update(runAsUser=0),
    "one that starts again": lambda spec, one: spec.update(restartPolicy="Always"),
    "another runtime": lambda spec, one: spec.update(runtimeClassName="other"),
    "what only a later Kubernetes knows": lambda spec, one: spec.update(newKey={"a": 1}),
}


@pytest.mark.parametrize("change", ELSE.values(), ids=ELSE)
def test_whatever_makes_its_processes_files_or_rights_others_is_told(
    change: Callable[[dict[str, Any], dict[str, Any]], Any],
) -> None:
    spec = filled_in()
    change(spec, spec["containers"][0])
    assert made_of(spec) != made_of(MADE)


OF_NO_MATTER: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "another node": lambda spec, one: spec.update(nodeName="node-2"),
    "less of the machine": lambda spec, one: one.update(resources={"requests": {"cpu": "10m"}}),
    "another patience": lambda spec, one: one["startupProbe"].update(failureThreshold=7),
    "pulled each time": lambda spec, one: one.update(imagePullPolicy="Always"),
    "a priority": lambda spec, one: spec.update(priority=5, priorityClassName="usual"),
}


@pytest.mark.parametrize("change", OF_NO_MATTER.values(), ids=OF_NO_MATTER)
def test_where_it_runs_and_how_much_it_gets_does_not_matter(
    change: Callable[[dict[str, Any], dict[str, Any]], Any],
) -> None:
    spec = filled_in()
    change(spec, spec["containers"][0])
    assert made_of(spec) == made_of(MADE)


def test_how_a_pod_of_a_shape_is_made_is_told_by_its_label_and_by_its_spec() -> None:
    shape = Shape(environment=ENVIRONMENT, hardware=HARDWARE["small"])
    assert make(shape, INSTALLATION) == Make(template=template(shape, INSTALLATION), of=made_of(MADE))
