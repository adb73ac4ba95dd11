"""What the other tests here stand on: namespaces, waiting, refusals, and what is kept of a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.conftest import Namespaces
from tests.cluster.failures import keep
from tests.cluster.kube import Kube, NeverHappenedError, RefusedError, is_ready
from tests.cluster.namespaces import RUN, RUN_LABEL


def pod(namespace: str, *, image: str = "localhost/pause:1") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": namespace},
        "spec": {"containers": [{"name": "pause", "image": image, "imagePullPolicy": "Never"}]},
    }


def configuration(namespace: str, name: str = "one") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"key": "value"},
    }


async def test_a_namespace_is_labelled_with_the_run_and_ready_for_pods(kube: Kube, new_namespace: Namespaces) -> None:
    name = await new_namespace(labels={"team": "red"})
    found = await kube.get({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    assert name.startswith(f"{RUN}-")
    assert found["metadata"]["labels"].items() >= {RUN_LABEL: RUN, "team": "red"}.items()
    await kube.create(pod(name))


async def test_an_object_is_created_changed_listed_and_deleted(kube: Kube, namespace: str) -> None:
    one = configuration(namespace)
    await kube.create({**one, "metadata": {**one["metadata"], "labels": {"color": "red"}}})
    await kube.create(configuration(namespace, "two"))
    changed = await kube.patch(one, {"data": {"key": "other", "more": "yes"}})
    assert changed["data"] == {"key": "other", "more": "yes"}
    listed = await kube.list_all("v1", "ConfigMap", namespace=namespace, labels="color=red")
    assert [(each["kind"], each["metadata"]["name"]) for each in listed] == [("ConfigMap", "one")]
    await kube.delete(one)
    await kube.until_gone(one)
    await kube.delete(one)


async def test_a_refusal_says_what_the_api_server_said(kube: Kube, new_namespace: Namespaces) -> None:
    """Pod Security is enforced here as it is for workspaces."""
    name = await new_namespace(labels={"pod-security.kubernetes.io/enforce": "restricted"})
    with pytest.raises(RefusedError, match="allowPrivilegeEscalation") as refused:
        await kube.create(pod(name))
    assert refused.value.status == 403


async def test_what_never_happens_is_shown_as_it_was(kube: Kube, namespace: str) -> None:
    await kube.create(configuration(namespace))
    with pytest.raises(NeverHappenedError, match='"key": "value"'):
        await kube.until(configuration(namespace), lambda found: "other" in found["data"], seconds=0.5)
    with pytest.raises(NeverHappenedError, match="is still there"):
        await kube.until_gone(configuration(namespace), seconds=0.5)


@pytest.mark.usefixtures("on_this_machine")  # another cluster has no such image
async def test_objects_events_and_logs_are_kept_of_a_failure_and_secrets_are_not(
    kube: Kube, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": namespace}}
    await kube.create({**secret, "stringData": {"password": "correct-horse"}})
    await kube.create(pod(namespace))
    await kube.until(pod(namespace), is_ready)
    assert await keep(kubeconfig, tmp_path) > 1
    kept = tmp_path / namespace
    (found,) = yaml.safe_load_all((kept / "pods.yaml").read_text())
    assert found["metadata"]["name"] == "one"
    assert "Scheduled" in {event["reason"] for event in yaml.safe_load_all((kept / "events.yaml").read_text())}
    assert (kept / "one.pause.log").is_file()
    assert "correct-horse" not in "".join(path.read_text() for path in kept.iterdir())
