"""Each verdict, provoked on a real cluster, is reached within half a minute from what the pod and its events say."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client, config

from deploy.cluster.layout import CHECKOUT, NODE_ADDRESS
from spawner.kube import Kube as Door
from spawner.kube import KubeError
from spawner.pod_facts import event_facts, node_facts, pod_facts
from spawner.verdicts.create_refusals import QuotaShare, judge_refusal
from spawner.verdicts.errors import Verdict, error_of
from spawner.verdicts.evidence import Patience
from spawner.verdicts.judge import judge
from spawner.verdicts.outcomes import (
    Evicted,
    ImageFault,
    ImageUnusable,
    Outcome,
    Preempted,
    RegistryAway,
    Running,
    SettingMissing,
    Waiting,
    WaitingKind,
)
from tests.cluster.conftest import Namespaces
from tests.cluster.kube import Kube, NeverHappenedError, RefusedError, is_ready
from tests.fakes.image_registry import Images, image_registry
from tests.fakes.verdict_samples import BY_NAME, SAMPLES

pytestmark = pytest.mark.usefixtures("on_this_machine")

PAUSE = "localhost/pause:1"
DEADLINE_SECONDS = 90.0
POLL_SECONDS = 0.1
MEASURED = CHECKOUT / "build" / "verdicts.json"
NODE = "studiolo-node1"
OURS = "studiolo.test/verdicts"
"""Label and taint of nodes that are only made up here: nobody else's pods go there."""

Record = Callable[[str, Verdict, float], None]
Provoke = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def measured() -> Iterator[dict[str, Any]]:
    """What each verdict took, for the page in the documents. A run of some tests keeps what others have measured."""
    found: dict[str, Any] = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    yield found
    MEASURED.parent.mkdir(exist_ok=True)
    kept = {name: found[name] for name in BY_NAME if name in found}
    MEASURED.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


@pytest.fixture
def record(measured: dict[str, Any]) -> Record:
    """Checks that it is the verdict that was meant, and writes down what a person reads and how long it took."""

    def keep(name: str, verdict: Verdict, seconds: float) -> None:
        wanted = BY_NAME[name].verdict
        assert type(verdict) is type(wanted), verdict
        for deciding in ("fault", "trouble", "cause", "of", "was_ordered", "is_held_elsewhere"):
            assert getattr(verdict, deciding, None) == getattr(wanted, deciding, None), verdict
        error = error_of(verdict)
        measured[name] = {
            "kind": verdict.kind.value,
            "text": error.text,
            "seconds": round(seconds, 1),
            "said": verdict.said,
        }

    return keep


@pytest.fixture
def provoked(kube: Kube, namespace: str, record: Record) -> Provoke:
    """The verdict on a pod that cannot start: `await provoked("too large", resources=…)`."""

    async def provoke(name: str, image: str = PAUSE, *, known: Mapping[str, Any] | None = None, **pod: Any) -> Verdict:
        manifest = workspace(namespace, image, **pod)
        began = await create(kube, manifest)
        verdict: Verdict = await until(kube, manifest, began, is_verdict, **(known or {}))
        record(name, verdict, time.monotonic() - began)
        return verdict

    return provoke


@pytest.fixture
def registry() -> Iterator[tuple[str, Images]]:
    """On an address where containerd speaks plain HTTP."""
    with image_registry("127.0.0.1") as found:
        yield found


@pytest.fixture
async def door(kubeconfig: Path) -> AsyncIterator[Door]:
    """The product's own door to the cluster: its errors are what is judged."""
    door = await Door.connect(kubeconfig)
    yield door
    await door.close()
    await asyncio.sleep(0)


def workspace(
    namespace: str, image: str = PAUSE, *, spec: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A pod as the product makes them, as far as it matters here. `more`: of its container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ws-alice", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "notebook", "image": image, **more}],
            **(spec or {}),
        },
    }


async def observe(
    kube: Kube, manifest: Mapping[str, Any], began: float, *, has_log: bool = False, **known: Any
) -> Outcome:
    """What the pod and its events say at this moment."""
    metadata = manifest["metadata"]
    pod = await kube.get(manifest)
    events = await kube.list_all("v1", "Event", namespace=metadata["namespace"])
    if has_log and (pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}):
        known["log_tail"] = (await kube.log(metadata["namespace"], metadata["name"], "notebook")).splitlines()
    return judge(pod_facts(pod), [event_facts(one) for one in events], waited_seconds=time.monotonic() - began, **known)


async def until(
    kube: Kube, manifest: Mapping[str, Any], began: float, holds: Callable[[Outcome], bool], **known: Any
) -> Any:
    """The first outcome that is so."""
    last: Outcome | None = None
    while time.monotonic() - began < DEADLINE_SECONDS:
        last = await observe(kube, manifest, began, **known)
        if holds(last):
            return last
        await asyncio.sleep(POLL_SECONDS)
    raise NeverHappenedError(f"after {DEADLINE_SECONDS:.0f} s: {last}")


def is_verdict(outcome: Outcome) -> bool:
    return not isinstance(outcome, Waiting | Running)


async def create(kube: Kube, manifest: Mapping[str, Any]) -> float:
    await kube.create(manifest)
    return time.monotonic()


@asynccontextmanager
async def node_made_up(kube: Kube, namespace: str) -> AsyncIterator[Any]:
    """A node that nobody runs, for the pods of one namespace: the scheduler believes in it for most of a minute."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"verdicts-{namespace}", "labels": {OURS: namespace}},
        "spec": {"taints": [{"key": OURS, "value": namespace, "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "10"},
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
        },
    }
    await kube.create(manifest)
    try:
        await kube.until(manifest, lambda one: not any("not-ready" in x["key"] for x in one["spec"].get("taints", [])))
        yield manifest
    finally:
        for pod in await kube.list_all("v1", "Pod", namespace=namespace):
            await kube.delete(pod, grace_seconds=0)  # no kubelet is there to say that it has ended
        await kube.delete(manifest)


def there(namespace: str, **spec: Any) -> dict[str, Any]:
    """A pod for the node that is only made up for this namespace. Two of them are too much for it."""
    tolerations = [{"key": OURS, "operator": "Exists"}, *spec.pop("tolerations", [])]
    placed = {"nodeSelector": {OURS: namespace}, "tolerations": tolerations, **spec}
    return workspace(namespace, spec=placed, resources={"requests": {"cpu": "3"}})


def renamed(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return manifest | {"metadata": manifest["metadata"] | {"name": name}}


async def bound(kube: Kube, manifest: Mapping[str, Any]) -> None:
    await kube.until(manifest, lambda one: bool(one["spec"].get("nodeName")))


# ── room


@pytest.mark.parametrize(
    ("name", "spec", "container"),
    [
        ("too large", {}, {"resources": {"requests": {"memory": "900Gi"}}}),
        ("no such node", {"nodeSelector": {OURS: "nowhere"}}, {}),
        ("no claim", {"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "home-alice"}}]}, {}),
        ("no room on the node", {"nodeName": NODE}, {"resources": {"requests": {"cpu": "200"}}}),
    ],
)
async def test_a_pod_that_finds_no_node_is_told_why(
    provoked: Provoke, name: str, spec: dict[str, Any], container: dict[str, Any]
) -> None:
    await provoked(name, spec=spec, **container)


async def test_a_full_node_is_waited_for_and_then_told(kube: Kube, namespace: str, record: Record) -> None:
    async with node_made_up(kube, namespace):
        first = renamed(there(namespace), "ws-first")
        await kube.create(first)
        await bound(kube, first)
        manifest, patience = there(namespace), Patience(room=3)
        began = await create(kube, manifest)
        waiting = await until(kube, manifest, began, lambda one: getattr(one, "kind", "") != WaitingKind.SCHEDULER)
        assert waiting.kind is WaitingKind.ROOM
        verdict = await until(kube, manifest, began, is_verdict, patience=patience)
        record("full", verdict, time.monotonic() - began)


async def test_a_cordoned_node_is_told_as_such(kube: Kube, namespace: str, record: Record) -> None:
    async with node_made_up(kube, namespace) as node:
        await kube.patch(node, {"spec": {"unschedulable": True}})
        manifest = there(namespace)
        began = await create(kube, manifest)
        record("cordoned", await until(kube, manifest, began, is_verdict), time.monotonic() - began)


async def test_taints_alone_are_told_as_such(kube: Kube, provoked: Provoke) -> None:
    """For a moment only: pods of others wait for as long."""
    nodes = await kube.list_all("v1", "Node")
    ours = {"key": OURS, "value": "1", "effect": "NoSchedule"}
    try:
        for node in nodes:
            await kube.patch(node, {"spec": {"taints": [*node["spec"].get("taints", []), ours]}})
        await asyncio.sleep(0.3)  # until the scheduler has heard of it
        await provoked("only tainted", known={"patience": Patience(settle=0)})
    finally:
        for node in nodes:
            await kube.patch(node, {"spec": {"taints": node["spec"].get("taints")}})


def autoscaler_event(pod: Mapping[str, Any], reason: str, message: str) -> dict[str, Any]:
    metadata = pod["metadata"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{reason.lower()}", "namespace": metadata["namespace"]},
        "involvedObject": {key: metadata[key] for key in ("name", "namespace", "uid")}
        | {"kind": "Pod", "apiVersion": "v1"},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "cluster-autoscaler"},
    }


async def test_an_autoscaler_s_no_is_final(kube: Kube, namespace: str, record: Record) -> None:
    manifest = workspace(namespace, spec={"nodeSelector": {OURS: "nowhere"}})
    created = await kube.create(manifest)
    began = time.monotonic()
    waiting = await until(
        kube,
        manifest,
        began,
        lambda one: is_verdict(one) or one.kind is WaitingKind.AUTOSCALER,
        is_autoscaled=True,
    )
    assert not is_verdict(waiting)
    text = "pod didn't trigger scale-up: 2 node(s) didn't match Pod's node affinity/selector"
    await kube.create(autoscaler_event(created, "NotTriggerScaleUp", text))
    verdict = await until(kube, manifest, began, is_verdict, is_autoscaled=True)
    record("no scale-up", verdict, time.monotonic() - began)


async def test_a_node_that_an_autoscaler_has_ordered_is_waited_for(kube: Kube, namespace: str, record: Record) -> None:
    manifest = workspace(namespace, spec={"nodeSelector": {OURS: "nowhere"}})
    created = await kube.create(manifest)
    began = time.monotonic()
    await kube.create(autoscaler_event(created, "TriggeredScaleUp", "pod triggered scale-up: [{gpu 0->1 (max: 4)}]"))
    coming = await until(kube, manifest, began, lambda one: getattr(one, "kind", "") == WaitingKind.NODE)
    assert coming.detail.startswith("A new machine is on its way")
    verdict = await until(kube, manifest, began, is_verdict, patience=Patience(node=3))
    record("node ordered, never there", verdict, time.monotonic() - began)


async def test_a_claim_that_nobody_serves_is_waited_for_and_then_told(
    kube: Kube, namespace: str, provoked: Provoke
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "home-alice", "namespace": namespace},
        "spec": {
            "storageClassName": "",
            "volumeName": f"none-{namespace}",
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    await kube.create(claim)
    spec = {"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "home-alice"}}]}
    await provoked("claim without a volume", spec=spec, known={"patience": Patience(volume=3)})


async def test_who_gives_way_is_told_so_and_who_takes_the_room_only_waits(
    kube: Kube, namespace: str, record: Record
) -> None:
    """The scheduler calls the winner unschedulable at first: that must never be read as a failure."""
    more = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": namespace},
        "value": 10,
    }
    await kube.create(more)
    try:
        async with node_made_up(kube, namespace):
            victim = renamed(there(namespace, terminationGracePeriodSeconds=20), "ws-victim")
            await kube.create(victim)
            await bound(kube, victim)
            winner = renamed(there(namespace, priorityClassName=namespace), "ws-winner")
            uid = (await kube.create(winner))["metadata"]["uid"]
            began = time.monotonic()
            while (seen := await observe(kube, winner, began)).kind is not WaitingKind.PREEMPTION:
                assert isinstance(seen, Waiting)
                assert time.monotonic() - began < DEADLINE_SECONDS
            verdict = await until(kube, victim, began, lambda one: isinstance(one, Preempted) and bool(one.winner_uid))
            assert verdict.winner_uid == uid
            record("preempted", verdict, time.monotonic() - began)
    finally:
        await kube.delete(more)


# ── image


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("no image", "missing"),
        ("registry wants a password", "private"),
        ("registry forbids", "forbidden"),
        ("other platform", "elsewhere"),
    ],
)
async def test_an_image_that_no_second_try_would_bring_is_told_at_once(
    provoked: Provoke, registry: tuple[str, Images], name: str, repository: str
) -> None:
    await provoked(name, f"{registry[0]}/{repository}:1")


async def test_a_program_for_other_processors_is_known_by_its_log(
    kube: Kube, namespace: str, record: Record, registry: tuple[str, Images]
) -> None:
    manifest = workspace(namespace, f"{registry[0]}/no-program:1")
    began = await create(kube, manifest)
    await kube.until(manifest, lambda one: one["status"].get("phase") == "Failed")
    verdict = await until(kube, manifest, began, is_verdict, has_log=True)
    assert isinstance(verdict, ImageUnusable)
    assert verdict.fault is ImageFault.NOT_EXECUTABLE
    record("not a program", verdict, time.monotonic() - began)


@pytest.mark.parametrize(
    ("name", "repository"),
    [("registry busy", "busy"), ("registry broken", "broken"), ("corrupt layer", "corrupt")],
)
async def test_a_registry_that_may_recover_is_tried_again_and_then_told(
    provoked: Provoke, registry: tuple[str, Images], name: str, repository: str
) -> None:
    await provoked(name, f"{registry[0]}/{repository}:1", known={"patience": Patience(registry=3)})


@pytest.mark.parametrize(
    ("name", "host", "patience"),
    [
        ("registry down", f"{NODE_ADDRESS}:1", Patience()),
        ("registry out of reach", "10.199.0.77:5000", Patience(registry=3)),
        ("registry unknown", "registry.nowhere.test", Patience(registry=3)),
    ],
)
async def test_a_registry_that_does_not_answer_is_tried_again_and_then_told(
    provoked: Provoke, name: str, host: str, patience: Patience
) -> None:
    verdict = await provoked(name, f"{host}/x:1", known={"patience": patience})
    assert isinstance(verdict, RegistryAway)
    assert verdict.image == f"{host}/x:1"


async def test_a_registry_without_the_encryption_that_is_expected_is_told(provoked: Provoke) -> None:
    with image_registry(NODE_ADDRESS) as (host, _):
        await provoked("registry not trusted", f"{host}/x:1", known={"patience": Patience(registry=3)})


async def test_a_slow_download_is_waited_for_and_a_deletion_meanwhile_is_told(
    kube: Kube, namespace: str, record: Record, registry: tuple[str, Images]
) -> None:
    host, images = registry
    manifest = workspace(namespace, f"{host}/slow:1")
    began = await create(kube, manifest)
    fetching = await until(kube, manifest, began, lambda one: one.kind is WaitingKind.IMAGE)
    assert fetching.detail.startswith("Fetching the image, ")
    await kube.delete(manifest, grace_seconds=20)
    deleted = time.monotonic()
    verdict = await until(kube, manifest, began, is_verdict)
    record("deleted", verdict, time.monotonic() - deleted)
    images.release.set()


@pytest.mark.parametrize(
    ("name", "image", "more"),
    [
        ("bad name", "UPPER::case", {}),
        ("image only if there", "localhost/none:1", {"imagePullPolicy": "Never"}),
        ("no such program", PAUSE, {"command": ["/nowhere"]}),
    ],
)
async def test_an_image_that_cannot_run_is_told_at_once(
    provoked: Provoke, name: str, image: str, more: dict[str, Any]
) -> None:
    await provoked(name, image, **more)


async def test_an_image_of_root_is_told_where_root_may_not_run(provoked: Provoke, images: Mapping[str, str]) -> None:
    await provoked("root", images["debian"], securityContext={"runAsNonRoot": True})


# ── settings, volumes, container


@pytest.mark.parametrize(
    ("name", "pod"),
    [
        ("no secret", {"envFrom": [{"secretRef": {"name": "token"}}]}),
        ("no config map", {"envFrom": [{"configMapRef": {"name": "settings"}}]}),
        ("no key", {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "there", "key": "value"}}}]}),
        (
            "no secret to mount",
            {
                "spec": {"volumes": [{"name": "v", "secret": {"secretName": "token"}}]},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            },
        ),
    ],
)
async def test_a_setting_that_is_missing_is_named(
    kube: Kube, namespace: str, provoked: Provoke, name: str, pod: dict[str, Any]
) -> None:
    await kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there", "namespace": namespace}})
    verdict = await provoked(name, **pod)
    assert isinstance(verdict, SettingMissing)
    assert verdict.name in {"token", "settings", "there"}


async def test_a_volume_that_cannot_be_mounted_is_waited_for_and_then_told(provoked: Provoke) -> None:
    spec = {"volumes": [{"name": "home", "hostPath": {"path": "/nowhere/at/all", "type": "Directory"}}]}
    mounts = [{"name": "home", "mountPath": "/home"}]
    await provoked("volume not there", spec=spec, volumeMounts=mounts, known={"patience": Patience(volume=3)})


async def test_a_container_that_cannot_be_made_is_waited_for_and_then_told(
    kube: Kube, namespace: str, provoked: Provoke
) -> None:
    runtime = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": namespace},
        "handler": "nowhere",
    }
    await kube.create(runtime)
    try:
        await asyncio.sleep(1)  # the API server's own list of runtime classes is a moment late
        await provoked("no runtime", spec={"runtimeClassName": namespace}, known={"patience": Patience(container=3)})
    finally:
        await kube.delete(runtime)


async def test_a_server_that_ends_is_told_with_its_code(provoked: Provoke, images: Mapping[str, str]) -> None:
    assert (await provoked("exits", images["debian"], command=["sh", "-c", "exit 3"])).exit_code == 3


@pytest.mark.parametrize(
    ("name", "restarts"), [("out of memory", "Never"), ("out of memory, again and again", "OnFailure")]
)
async def test_a_server_out_of_memory_is_told_with_its_limit(
    provoked: Provoke, images: Mapping[str, str], name: str, restarts: str
) -> None:
    verdict = await provoked(
        name,
        images["debian"],
        spec={"restartPolicy": restarts},
        command=["tail", "/dev/zero"],
        resources={"limits": {"memory": "32Mi"}},
        known={"memory_limit_bytes": 32 * 1024**2},
    )
    assert verdict.limit_bytes == 32 * 1024**2


async def test_a_crash_loop_still_knows_how_the_server_ended(
    kube: Kube, namespace: str, images: Mapping[str, str]
) -> None:
    """Whoever looks late finds a container that waits to be started again."""
    manifest = workspace(
        namespace, images["debian"], spec={"restartPolicy": "OnFailure"}, command=["sh", "-c", "exit 3"]
    )
    began = await create(kube, manifest)
    await kube.until(manifest, is_in_crash_loop)
    assert (await observe(kube, manifest, began)).exit_code == 3  # type: ignore[union-attr] - other outcomes fail


def is_in_crash_loop(manifest: Mapping[str, Any]) -> bool:
    statuses = manifest["status"].get("containerStatuses", [])
    return any(one["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for one in statuses)


# ── ended by others


async def test_a_pod_that_fills_its_disk_is_told_so(provoked: Provoke, images: Mapping[str, str]) -> None:
    verdict = await provoked(
        "disk",
        images["debian"],
        command=["sh", "-c", "head -c 20M /dev/zero >/x; exec sleep 1000"],
        resources={"limits": {"ephemeral-storage": "1Mi"}},
    )
    assert isinstance(verdict, Evicted)


async def test_a_drained_pod_is_told_so(kube: Kube, door: Door, namespace: str, record: Record) -> None:
    manifest = workspace(namespace, spec={"terminationGracePeriodSeconds": 5})
    began = await create(kube, manifest)
    await until(kube, manifest, began, lambda one: isinstance(one, Running))
    path = f"/api/v1/namespaces/{namespace}/pods/ws-alice"
    # A finalizer keeps what is left of it to be looked at: pause ends at once.
    await kube.patch(manifest, {"metadata": {"finalizers": [OURS]}})
    try:
        began = time.monotonic()
        await door.create(
            f"{path}/eviction",
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "ws-alice", "namespace": namespace}},
        )
        verdict = await until(kube, manifest, began, is_verdict)
        record("drained", verdict, time.monotonic() - began)
    finally:
        await kube.patch(manifest, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("name", "key"), [("tainted away", "studiolo.test/reserved"), ("node lost", "node.kubernetes.io/unreachable")]
)
async def test_a_pod_that_a_taint_ends_is_told_whether_its_node_is_lost(
    kube: Kube, namespace: str, record: Record, name: str, key: str
) -> None:
    async with node_made_up(kube, namespace) as node:
        unreachable = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
        at_once = [{**unreachable, "tolerationSeconds": 0}]
        manifest = there(namespace, tolerations=at_once, terminationGracePeriodSeconds=20)
        await kube.create(manifest)
        await bound(kube, manifest)
        taints = (await kube.get(node))["spec"]["taints"]
        tainted = {"spec": {"taints": [*taints, {"key": key, "effect": "NoExecute"}]}}

        async def taint() -> None:
            # The nodes' controller believes in a new node for some seconds, and takes that taint away each time.
            while True:
                await kube.patch(node, tainted)
                await asyncio.sleep(POLL_SECONDS)

        began = time.monotonic()
        seen = node_facts(await kube.patch(node, tainted))
        tainting = asyncio.create_task(taint())
        try:
            verdict = await until(kube, manifest, began, is_verdict, node=seen)
        finally:
            tainting.cancel()
            await asyncio.gather(tainting, return_exceptions=True)
        record(name, verdict, time.monotonic() - began)


# ── refused


async def refuse(door: Door, record: Record, name: str, manifest: Mapping[str, Any]) -> Any:
    """The verdict on a pod that is not even created. Rules of admission hold a moment after they were made."""
    path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        began = time.monotonic()
        try:
            await door.create(path, {**manifest})
        except KubeError as error:
            verdict = judge_refusal(error.status, error.reason, str(error))
            record(name, verdict, time.monotonic() - began)
            return verdict
        await door.delete(f"{path}/{manifest['metadata']['name']}", grace_seconds=0)
        await asyncio.sleep(POLL_SECONDS)
    raise NeverHappenedError(f"{name}: the pod was created")


async def test_a_quota_is_told_with_its_numbers(kube: Kube, door: Door, namespace: str, record: Record) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": namespace},
        "spec": {"hard": {"requests.cpu": "1"}},
    }
    await kube.create(quota)
    await kube.until(quota, lambda one: "used" in one.get("status", {}))
    manifest = workspace(namespace, resources={"requests": {"cpu": "2"}})
    verdict = await refuse(door, record, "quota", manifest)
    assert verdict.shares == (QuotaShare(resource="requests.cpu", asked="2", used="0", limit="1"),)


async def test_a_pod_with_too_many_rights_is_told_so(door: Door, restricted: str, record: Record) -> None:
    assert (await refuse(door, record, "pod security", workspace(restricted))).level == "restricted"


async def test_a_limit_range_is_told_with_its_bound(kube: Kube, door: Door, namespace: str, record: Record) -> None:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "sizes", "namespace": namespace},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
    }
    await kube.create(limits)
    manifest = workspace(namespace, resources={"limits": {"memory": "4Gi"}})
    (bound_passed,) = (await refuse(door, record, "limit range", manifest)).bounds
    assert (bound_passed.bound, bound_passed.asked) == ("1Gi", "4Gi")


async def test_a_policy_is_quoted(kube: Kube, door: Door, namespace: str, record: Record) -> None:
    rules = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    only_here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    validation = {"expression": "has(object.metadata.labels)", "message": "Every workspace names its team."}
    policy = {
        **api,
        "kind": "ValidatingAdmissionPolicy",
        "spec": {"matchConstraints": {"resourceRules": [rules], **only_here}, "validations": [validation]},
    }
    binding = {
        **api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"policyName": namespace, "validationActions": ["Deny"], "matchResources": only_here},
    }
    try:
        await kube.create(policy)
        await kube.create(binding)
        verdict = await refuse(door, record, "policy", workspace(namespace))
        assert (verdict.policy, verdict.text) == (namespace, "Every workspace names its team.")
    finally:
        await kube.delete(binding)
        await kube.delete(policy)


async def test_a_webhook_that_does_not_answer_is_told_so(
    kube: Kube, door: Door, namespace: str, record: Record
) -> None:
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "images.example.org",
                "sideEffects": "None",
                "timeoutSeconds": 1,
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
                "clientConfig": {"url": f"https://{NODE_ADDRESS}:1/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    }
    try:
        await kube.create(webhook)
        assert (await refuse(door, record, "silent webhook", workspace(namespace))).policy == "images.example.org"
    finally:
        await kube.delete(webhook)


async def test_a_request_without_rights_is_told_so(kubeconfig: Path, namespace: str, record: Record) -> None:
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    nobody = Door(client.ApiClient(settings, header_name="Impersonate-User", header_value="nobody"))
    await refuse(nobody, record, "no rights", workspace(namespace))
    await nobody.close()
    await asyncio.sleep(0)


async def test_an_invalid_pod_is_told_so(door: Door, namespace: str, record: Record) -> None:
    await refuse(door, record, "invalid", renamed(workspace(namespace), "Upper_Case"))


async def test_a_namespace_that_is_being_deleted_refuses(
    kube: Kube, door: Door, new_namespace: Namespaces, record: Record
) -> None:
    name = await new_namespace()
    first = renamed(workspace(name, spec={"terminationGracePeriodSeconds": 3}), "ws-first")
    await kube.create(first)
    await kube.until(first, is_ready)
    with suppress(RefusedError):
        await kube.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await refuse(door, record, "namespace ends", workspace(name))


def test_every_way_to_fail_was_provoked_or_says_why_not(measured: dict[str, Any]) -> None:
    """Last: what the others have measured, in this run or an earlier one."""
    assert [one.name for one in SAMPLES if one.is_run and one.name not in measured] == []
    assert all(one.how.startswith("not run: ") for one in SAMPLES if not one.is_run)
