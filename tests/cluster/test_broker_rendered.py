"""The credential broker as Helm renders it: it alone reads Secrets, and agents alone reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from hub.credential_broker.question import BROKER_PORT
from hub.credential_broker.rules import NAME_ANNOTATION
from hub.credential_broker.settings import settings_in
from hub.node_agent.pods import MARKS
from tests.cluster.charts import HOMES, LEAST, WITH_AGENTS, Manifest, find, merged, render


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    return render(WITH_AGENTS)


@pytest.fixture(scope="module")
def broker(rendered: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered, "Deployment", "studiolo-broker", None)["spec"]["template"]["spec"]
    return spec


def test_without_claims_there_is_none_and_nobody_reads_a_secret() -> None:
    text = str(render(merged(LEAST, HOMES)))
    assert "broker" not in text


def test_it_is_what_the_golden_file_says(rendered: list[Manifest], golden: Callable[[str, Any], None]) -> None:
    ours = [one for one in rendered if any(word in one["metadata"]["name"] for word in ("-broker", "-claimed"))]
    objects = {
        " ".join((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])): one for one in ours
    }
    golden("chart_broker", dict(sorted(objects.items())))


def test_it_is_told_all_that_it_needs(broker: dict[str, Any]) -> None:
    settings = settings_in({one["name"]: one["value"] for one in broker["containers"][0]["env"]})
    assert (settings.namespace, settings.release, settings.port) == ("lab-workspaces", "studiolo", BROKER_PORT)
    assert settings.agents == "system:serviceaccount:lab-nodes:studiolo-agent"
    assert broker["serviceAccountName"] == "studiolo-broker"
    mounted = {one["name"]: one["mountPath"] for one in broker["containers"][0]["volumeMounts"]}
    assert str(settings.certificate) == mounted["certificate"]
    assert str(settings.authority) == f"{mounted['agents']}/ca.crt"
    (agents,) = (one for one in broker["volumes"] if one["name"] == "agents")
    assert agents["secret"]["secretName"] == "agent-certificate"
    assert [one["key"] for one in agents["secret"]["items"]] == ["ca.crt"]


def test_only_its_account_reads_secrets(rendered: list[Manifest]) -> None:
    reading = [
        (one["metadata"].get("namespace"), one["metadata"]["name"], rule["verbs"])
        for one in rendered
        if one["kind"] in {"Role", "ClusterRole"}
        for rule in one["rules"]
        if "secrets" in rule["resources"] and {"get", "list", "watch", "patch"} & set(rule["verbs"])
    ]
    assert reading == [("lab-workspaces", "studiolo-broker", ["get"])]
    (subject,) = find(rendered, "RoleBinding", "studiolo-broker", "lab-workspaces")["subjects"]
    assert (subject["name"], subject["namespace"]) == ("studiolo-broker", "lab")


def test_all_that_the_broker_believes_of_a_pod_and_is_no_label_is_kept_from_who_writes_its_status(
    rendered: list[Manifest],
) -> None:
    """Kubernetes itself keeps a node from changing labels."""
    policy = find(rendered, "ValidatingAdmissionPolicy", "studiolo-lab-claimed-marks")
    (validation,) = policy["spec"]["validations"]
    for mark in (NAME_ANNOTATION, *MARKS):
        assert f'"{mark}"' in validation["expression"]


def test_only_agents_reach_it_and_it_reaches_the_api_server_alone(rendered: list[Manifest]) -> None:
    spec = find(rendered, "NetworkPolicy", "studiolo-broker", None)["spec"]
    (entry,) = spec["ingress"]
    (peer,) = entry["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "lab-nodes"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "agent"
    assert entry["ports"] == [{"port": BROKER_PORT}]
    (egress,) = spec["egress"]
    assert all("ipBlock" in peer for peer in egress["to"])
    for name in ("studiolo-hub", "studiolo-services"):
        assert str(BROKER_PORT) not in str(find(rendered, "NetworkPolicy", name, None)["spec"])


def test_it_needs_a_certificate() -> None:
    with pytest.raises(ProgramFailedError) as refused:
        render(merged(WITH_AGENTS, {"claims": {"broker": {"existingSecret": ""}}}))
    assert "claims.broker.existingSecret" in refused.value.output
