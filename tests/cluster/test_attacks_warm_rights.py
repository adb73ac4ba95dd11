"""Attack group 23, with claims on: what the right to make warm pods, and the right to claim them, is no good for.

The policies are the chart's own, and Kubernetes says no: most of it in a dry run, which asks them like the real thing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from spawner.identity import CLAIMED, CREDENTIALS_ANNOTATION, HOME_ANNOTATION, ORDER_ANNOTATION, SEAT_LABEL, USER_LABEL
from spawner.installation import KIND_LABEL, RELEASE_LABEL, HomesVolume, Installation
from spawner.plan import Shape
from spawner.warm_pod import warm_pod
from studiolo.catalog import CpuShare, Environment, Hardware
from tests.cluster.charts import WITH_AGENTS
from tests.cluster.cluster_commands import eventually, kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.granted import Installed, as_account, installed_rights, may
from tests.cluster.kube import Kube
from tests.cluster.test_attacks_rights import NEVER_ANYWHERE

Json = dict[str, Any]
NOBODY_SCHEDULES = "nobody"
"""So a pod stays what it was made as, and no node has to do with it."""


@pytest.fixture(scope="module")
def installed(kubeconfig: Path, images: Mapping[str, str], _remove_namespaces: None) -> Iterator[Installed]:
    """Kubernetes takes a moment until it asks a policy that is new."""
    with installed_rights(kubeconfig, WITH_AGENTS) as found:
        nobody_s = made(found, images)
        nobody_s["metadata"]["labels"] = {}
        eventually("the policies hold", lambda: not run_apart(is_made(found, nobody_s)), seconds=60)
        yield found


@pytest.fixture
def warm(installed: Installed, images: Mapping[str, str]) -> Json:
    """What the services process makes."""
    return made(installed, images)


def made(installed: Installed, images: Mapping[str, str]) -> Json:
    installation = Installation(namespace=installed.theirs, release=installed.release, homes=HomesVolume(claim="homes"))
    environment = Environment(name="minimal", title="Minimal", image=images["minimal"])
    hardware = Hardware(name="small", title="Small", cpu=CpuShare(request=0.1, limit=1), memory_bytes=1 << 28)
    pod = warm_pod(f"warm-{secrets.token_hex(3)}", Shape(environment=environment, hardware=hardware), installation)
    pod["spec"]["schedulerName"] = NOBODY_SCHEDULES
    return pod


def workspace(warm: Json) -> Json:
    """Somebody's, as the hub makes one."""
    made = deepcopy(warm)
    made["metadata"]["name"] = f"ws-{secrets.token_hex(3)}"
    labels = made["metadata"]["labels"]
    del labels[SEAT_LABEL]
    labels |= {KIND_LABEL: "workspace", USER_LABEL: "alice"}
    return made


async def by_services(installed: Installed, pod: Json, *, verb: str = "create", dry: bool = True) -> str:
    words = ("--dry-run=server",) if dry else ()
    return await as_account(installed, "services", verb, "-f", "-", *words, manifest=pod)


async def is_made(installed: Installed, pod: Json) -> bool:
    try:
        await by_services(installed, pod)
    except ProgramFailedError:
        return False
    return True


Change = Callable[[Json, Json, Json], Any]
SECRET = {"secretKeyRef": {"name": "ws-alice", "key": "token"}}
PROBE = {"httpGet": {"port": 80}}

WRONG: dict[str, tuple[str, Change]] = {
    # what its spec holds
    "a Secret as files": (
        "no volume but empty ones",
        lambda meta, spec, one: spec["volumes"].append({"name": "x", "secret": {"secretName": "ws-alice"}}),
    ),
    "a Secret in a variable": (
        "no volume but empty ones",
        lambda meta, spec, one: one["env"].append({"name": "X", "valueFrom": SECRET}),
    ),
    "all of a Secret as variables": (
        "no volume but empty ones",
        lambda meta, spec, one: one.update(envFrom=[{"secretRef": {"name": "ws-alice"}}]),
    ),
    "everybody's homes": (
        "no volume but empty ones",
        lambda meta, spec, one: spec["volumes"].append({"name": "x", "persistentVolumeClaim": {"claimName": "homes"}}),
    ),
    "a folder of the node": (
        "violates PodSecurity",
        lambda meta, spec, one: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ),
    "the token of an account as a volume": (
        "no volume but empty ones",
        lambda meta, spec, one: spec["volumes"].append(
            {"name": "x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
        ),
    ),
    "a volume of its own kind": (
        "no volume but empty ones",
        lambda meta, spec, one: spec["volumes"].append({"name": "x", "csi": {"driver": "secrets-store.csi.k8s.io"}}),
    ),
    "the token of an account": (
        "no volume but empty ones",
        lambda meta, spec, one: spec.update(automountServiceAccountToken=True),
    ),
    "nothing said of a token": (
        "no volume but empty ones",
        lambda meta, spec, one: spec.pop("automountServiceAccountToken"),
    ),
    "a second container": (
        "no volume but empty ones",
        lambda meta, spec, one: spec["containers"].append({**deepcopy(one), "name": "beside"}),
    ),
    "an init container": (
        "no volume but empty ones",
        lambda meta, spec, one: spec.update(initContainers=[{**deepcopy(one), "name": "before", "startupProbe": None}]),
    ),
    "names that lead elsewhere": (
        "finds names as all others do",
        lambda meta, spec, one: spec.update(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["hub"]}]),
    ),
    "another server of names": (
        "finds names as all others do",
        lambda meta, spec, one: spec.update(dnsPolicy="None", dnsConfig={"nameservers": ["10.0.0.1"]}),
    ),
    "questions that the kubelet asks for it": (
        "no hooks",
        lambda meta, spec, one: one.update(readinessProbe=PROBE),
    ),
    "a first question of that kind": ("no hooks", lambda meta, spec, one: one.update(startupProbe=PROBE)),
    "a hook": ("no hooks", lambda meta, spec, one: one.update(lifecycle={"postStart": PROBE})),
    "more urgency than all others": (
        "no more urgent",
        lambda meta, spec, one: spec.update(priorityClassName="system-node-critical"),
    ),
    # what it says of itself
    "another kind": (
        "is a warm one of its own release",
        lambda meta, spec, one: meta["labels"].update({KIND_LABEL: "workspace"}),
    ),
    "no labels": ("is a warm one of its own release", lambda meta, spec, one: meta.pop("labels")),
    "another release": (
        "is a warm one of its own release",
        lambda meta, spec, one: meta["labels"].update({RELEASE_LABEL: "another"}),
    ),
    "somebody's from birth": (
        "nobody's",
        lambda meta, spec, one: meta["labels"].update({SEAT_LABEL: CLAIMED}),
    ),
    "the name of a person": ("nobody's", lambda meta, spec, one: meta["labels"].update({USER_LABEL: "alice"})),
    "the mark of an order": (
        "nobody's",
        lambda meta, spec, one: meta.update(annotations={ORDER_ANNOTATION: "a" * 32}),
    ),
    "the mark of a home": (
        "nobody's",
        lambda meta, spec, one: meta.update(annotations={HOME_ANNOTATION: "alice 1000 1000"}),
    ),
}


async def test_the_services_account_makes_a_warm_pod(installed: Installed, warm: Json) -> None:
    """Or the refusals below would prove nothing."""
    assert await is_made(installed, warm)


@pytest.mark.parametrize(("said", "change"), WRONG.values(), ids=WRONG)
async def test_the_services_account_makes_no_pod_with(
    said: str, change: Change, installed: Installed, warm: Json
) -> None:
    change(warm["metadata"], warm["spec"], warm["spec"]["containers"][0])
    with pytest.raises(ProgramFailedError) as refused:
        await by_services(installed, warm)
    assert said in refused.value.output


async def test_the_services_account_ends_pods_of_nobody_and_changes_none(installed: Installed, warm: Json) -> None:
    theirs, mine = workspace(warm), warm["metadata"]["name"]
    await by_services(installed, warm, dry=False)
    kubectl("create", "-f", "-", text=json.dumps(theirs))
    where = ("-n", installed.theirs, "--wait=false")
    with pytest.raises(ProgramFailedError, match="nobody's workspace"):
        await as_account(installed, "services", "delete", "pod", theirs["metadata"]["name"], *where)
    for words in (
        ("label", "pod", mine, f"{USER_LABEL}=alice"),
        ("label", "pod", theirs["metadata"]["name"], "--overwrite", f"{KIND_LABEL}=warm"),
        ("debug", mine, "--image=busybox"),
        ("exec", mine, "--", "true"),
        ("logs", mine),
        ("get", "pod", mine),
    ):
        with pytest.raises(ProgramFailedError):
            await as_account(installed, "services", *words, "-n", installed.theirs)
    # One that the hub has claimed meanwhile is somebody's workspace, whoever made it.
    await by_hub(installed, mine, "alice")
    with pytest.raises(ProgramFailedError, match="nobody's workspace"):
        await as_account(installed, "services", "delete", "pod", mine, *where)
    another = {**warm, "metadata": {**warm["metadata"], "name": f"{mine}-2"}}
    await by_services(installed, another, dry=False)
    await as_account(installed, "services", "delete", "pod", f"{mine}-2", *where)


async def by_hub(installed: Installed, pod: str, person: str, **more: Any) -> str:
    """A claim, as its patch has it."""
    labels = {SEAT_LABEL: CLAIMED, KIND_LABEL: "workspace", USER_LABEL: person}
    annotations = {ORDER_ANNOTATION: "a" * 32, HOME_ANNOTATION: f"{person} 1000 1000"}
    patch = {"metadata": {"labels": labels, "annotations": annotations}, **more}
    words = ("patch", "pod", pod, "-n", installed.theirs, "--type=merge", "-p", json.dumps(patch))
    return await as_account(installed, "hub", *words)


async def test_the_hub_says_once_whose_a_pod_is_and_changes_nothing_else(installed: Installed, warm: Json) -> None:
    """What agents believe stands on pods. A hub that somebody has taken over gives nobody's pod to another."""
    theirs, mine = workspace(warm), warm["metadata"]["name"]
    for one in (warm, theirs):
        kubectl("create", "-f", "-", text=json.dumps(one))
    evil = {"spec": {"containers": [{**warm["spec"]["containers"][0], "image": "example.org/evil"}]}}
    with pytest.raises(ProgramFailedError, match="nothing of what runs in it"):
        await by_hub(installed, mine, "alice", **evil)
    assert "patched" in await by_hub(installed, mine, "alice")
    for pod in (mine, theirs["metadata"]["name"]):
        with pytest.raises(ProgramFailedError, match="The hub changes a pod once"):
            await by_hub(installed, pod, "bob")


async def test_what_a_claim_wrote_on_a_pod_does_not_change_with_its_status(installed: Installed, warm: Json) -> None:
    """A node writes the status of its pods, and whatever is in the same object. The policy is for everybody."""
    kubectl("create", "-f", "-", text=json.dumps(warm))
    where = ("pod", warm["metadata"]["name"], "-n", installed.theirs, "--subresource=status", "--type=merge")

    def written(**annotations: str) -> str:
        patch = {"metadata": {"annotations": annotations}, "status": {"message": "written"}}
        try:
            return kubectl("patch", *where, "--dry-run=server", "-p", json.dumps(patch))
        except ProgramFailedError as refused:
            return refused.output

    for mark in (CREDENTIALS_ANNOTATION, HOME_ANNOTATION, "hub.jupyter.org/username"):
        eventually("the policy holds", lambda mark=mark: "no part of its status" in written(**{mark: "x"}), seconds=60)
    assert "patched" in written(**{"cni.example.org/address": "10.0.0.1"})


CLAIMS_NEED = {("hub", "patch", "pods")}


@pytest.mark.parametrize("account", ["hub", "services", "agent"])
async def test_nobody_may_more_than_that_among_workspaces_or_beside_agents(
    account: str, installed: Installed, kube: Kube
) -> None:
    who = installed.account(account)
    for verb, what in (*NEVER_ANYWHERE, ("create", "pods/eviction"), ("create", "pods/binding")):
        for namespace in (installed.theirs, installed.nodes, installed.held, installed.ours, "kube-system", ""):
            allowed = namespace == installed.theirs and (account, verb, what) in CLAIMS_NEED
            assert await may(kube, who, verb, what, namespace) == allowed, (verb, what, namespace)
    for verb in ("create", "delete"):
        for namespace in (installed.nodes, installed.ours, ""):
            assert not await may(kube, who, verb, "pods", namespace), (verb, namespace)


async def test_an_agent_reads_pods_of_workspaces_and_asks_whose_a_token_is(installed: Installed, kube: Kube) -> None:
    agent = installed.account("agent")
    for verb in ("get", "list", "watch"):
        assert await may(kube, agent, verb, "pods", installed.theirs), verb
        for elsewhere in (installed.nodes, installed.held, installed.ours, "kube-system", ""):
            assert not await may(kube, agent, verb, "pods", elsewhere), (verb, elsewhere)
    assert await may(kube, agent, "create", "tokenreviews.authentication.k8s.io", "")
    for verb, what in (
        *(("create", "pods"), ("delete", "pods"), ("get", "pods/log"), ("create", "secrets"), ("update", "secrets")),
        *(("get", "nodes"), ("list", "events"), ("create", "subjectaccessreviews.authorization.k8s.io")),
    ):
        for namespace in (installed.theirs, installed.nodes, installed.ours, ""):
            assert not await may(kube, agent, verb, what, namespace), (verb, what, namespace)
