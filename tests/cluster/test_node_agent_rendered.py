"""The agents of nodes as Helm renders them: what is root on every node stands apart, off until somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from hub.credential_broker.question import BROKER_AUDIENCE, BROKER_PORT
from hub.node_agent.settings import settings_in
from spawner.identity import AGENT_AUDIENCE, AGENT_PORT
from tests.cluster.charts import CERTIFICATES, HOMES, LEAST, WITH_AGENTS, Manifest, find, merged, pod_specs, render


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    return render(WITH_AGENTS)


@pytest.fixture(scope="module")
def agent(rendered: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered, "DaemonSet", "studiolo-agent", "lab-nodes")["spec"]["template"]["spec"]
    return spec


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ProgramFailedError) as refused:
        render(values)
    return refused.value.output


def test_without_claims_there_is_no_agent_and_nobody_has_a_right_for_one() -> None:
    text = str(render(merged(LEAST, HOMES)))
    for word in ("agent", "lab-nodes", "tokenreviews", "privileged"):
        assert word not in text, word


def test_the_agents_are_what_the_golden_file_says(rendered: list[Manifest], golden: Callable[[str, Any], None]) -> None:
    ours = [one for one in rendered if "agent" in str(one["metadata"]) or "lab-nodes" in str(one["metadata"])]
    objects = {
        " ".join((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])): one for one in ours
    }
    golden("chart_node_agent", dict(sorted(objects.items())))


def test_they_are_told_all_that_they_need(agent: dict[str, Any]) -> None:
    variables = {one["name"]: one.get("value", "node-1") for one in agent["containers"][0]["env"]}
    settings = settings_in(variables)
    assert settings.port == AGENT_PORT
    assert (settings.namespace, str(settings.homes)) == ("lab-workspaces", "/homes/people")
    assert settings.account == "system:serviceaccount:lab:studiolo-hub"
    assert settings.broker == f"https://studiolo-broker.lab.svc:{BROKER_PORT}"
    mounted = {one["name"]: one["mountPath"] for one in agent["containers"][0]["volumeMounts"]}
    assert str(settings.broker_authority) == f"{mounted['broker']}/ca.crt"
    assert str(settings.broker_token) == f"{mounted['broker']}/token"


def test_each_has_a_token_of_its_own_pod_that_opens_the_broker_alone_and_is_over_soon(agent: dict[str, Any]) -> None:
    (volume,) = (one for one in agent["volumes"] if one["name"] == "broker")
    token, authority = volume["projected"]["sources"]
    assert token["serviceAccountToken"] == {"audience": BROKER_AUDIENCE, "expirationSeconds": 600, "path": "token"}
    assert authority["secret"] == {"name": "broker-certificate", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert agent["serviceAccountName"] == "studiolo-agent"


def test_only_they_are_privileged_and_alone_in_their_namespace(rendered: list[Manifest]) -> None:
    privileged = [
        name
        for name, spec in pod_specs(rendered).items()
        if any((one.get("securityContext") or {}).get("privileged") for one in spec["containers"])
    ]
    assert privileged == ["DaemonSet studiolo-agent"]
    level = "pod-security.kubernetes.io/enforce"
    for one in rendered:
        if one["kind"] == "Namespace":
            is_theirs = one["metadata"]["name"] == "lab-nodes"
            assert (one["metadata"]["labels"][level] == "privileged") == is_theirs


def test_what_they_mount_reaches_pods_and_nothing_else_does(agent: dict[str, Any]) -> None:
    mounts = {one["name"]: one for one in agent["containers"][0]["volumeMounts"]}
    propagations = {name: one["mountPropagation"] for name, one in mounts.items() if "mountPropagation" in one}
    assert propagations == {"pods": "Bidirectional", "homes": "HostToContainer"}
    paths = [volume["hostPath"]["path"] for volume in agent["volumes"] if "hostPath" in volume]
    assert paths == ["/var/lib/kubelet/pods"]
    assert not agent.get("hostNetwork")
    assert not agent.get("hostPID")


def test_only_the_hub_reaches_them_and_they_reach_the_api_server_names_and_the_broker_alone(
    rendered: list[Manifest],
) -> None:
    deny = find(rendered, "NetworkPolicy", "studiolo-default-deny", "lab-nodes")
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (entry,) = find(rendered, "NetworkPolicy", "studiolo-agent", "lab-nodes")["spec"]["ingress"]
    (peer,) = entry["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "hub"
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "lab"}
    assert entry["ports"] == [{"port": AGENT_PORT}]
    egress = find(rendered, "NetworkPolicy", "studiolo-agent", "lab-nodes")["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in egress] == [[443, 6443], [53, 53], [BROKER_PORT]]
    workspaces = find(rendered, "NetworkPolicy", "studiolo-workspaces", "lab-workspaces")
    assert "agent" not in str(workspaces["spec"])


def test_the_hub_has_a_token_for_them_that_opens_nothing_else(rendered: list[Manifest]) -> None:
    spec = find(rendered, "Deployment", "studiolo-hub")["spec"]["template"]["spec"]
    (volume,) = (one for one in spec["volumes"] if one["name"] == "node-agent")
    token, authority = volume["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == AGENT_AUDIENCE
    assert authority["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    services = find(rendered, "Deployment", "studiolo-services")["spec"]["template"]["spec"]
    assert "node-agent" not in str(services)


def test_they_need_the_home_service_a_claim_and_a_certificate() -> None:
    claims = {"claims": {"enabled": True, **CERTIFICATES}}
    assert "homes.service.enabled" in refusal(merged(LEAST, claims))
    without_nfs = {
        "homes": {
            "existingClaim": "homes",
            "service": {"enabled": True, "existingSecret": "homes-key", "existingClaim": "whole"},
        }
    }
    assert "claims.agent.existingClaim" in refusal(merged(merged(LEAST, without_nfs), claims))
    assert "claims.agent.existingSecret" in refusal(merged(WITH_AGENTS, {"claims": {"agent": {"existingSecret": ""}}}))
