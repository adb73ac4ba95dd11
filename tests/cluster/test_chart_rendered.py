"""The chart's manifests, rendered by Helm. Golden files are all objects of an installation, read as diffs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster.errors import ProgramFailedError
from hub.settings import load_settings
from tests.cluster.charts import LEAST, Manifest, find, merged, pod_specs, render, settings_in

NFS = {"homes": {"nfs": {"server": "nfs.example.org", "path": "/homes"}, "folder": "people"}}
POSTGRESQL = {
    "hub": {"database": {"existingSecret": "hub-database"}},
    "services": {"database": {"existingSecret": "services-database", "port": 6432}},
}
HTTPS = {"proxy": {"https": {"enabled": True, "secret": {"name": "certificate"}}, "service": {"type": "LoadBalancer"}}}
INGRESS = {"ingress": {"enabled": True, "ingressClassName": "nginx", "controllerNamespace": "ingress-nginx"}}
METRICS = {
    "metrics": {
        "hubPort": 9101,
        "servicesPort": 9102,
        "proxyPort": 9103,
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
    }
}
OIDC = {
    "auth": {
        "kind": "oidc",
        "oidc": {
            "issuer": "https://identity.example.org:9443",
            "clientId": "studiolo",
            "adminTeam": "admins",
            "existingSecret": "identity",
            "caConfigMap": "authority",
            "allowedTeams": ["vision"],
        },
    },
    "domainPerPerson": True,
}
MODELS = {"models": {"registry": {"host": "registry.example.org:5000", "prefix": "lab", "existingSecret": "pushes"}}}
SLOW_BUILD = {
    "models": {
        "slowBuild": {
            "enabled": True,
            "image": "registry.example.org:5000/buildah@sha256:" + "e" * 64,
            "registrySecret": "pushes-bases",
            "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}], "ports": [{"port": 5000}]}],
        }
    }
}
CASES = {
    "least": LEAST,
    "most": merged(merged(merged(merged(LEAST, NFS), POSTGRESQL), HTTPS), MODELS),
    "slow": merged(merged(LEAST, MODELS), SLOW_BUILD),
    "ingress": merged(merged(merged(merged(LEAST, INGRESS), METRICS), OIDC), {"homes": {"storageClass": "files"}}),
}


@pytest.fixture(scope="module", params=CASES)
def rendered(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(CASES[request.param])


def refusal(values: dict[str, Any], *words: str) -> str:
    with pytest.raises(ProgramFailedError) as refused:
        render(values, *words)
    return refused.value.output


@pytest.mark.parametrize("name", CASES)
def test_an_installation_is_what_the_golden_file_says(name: str, golden: Callable[[str, Any], None]) -> None:
    objects = {}
    for one in render(CASES[name]):
        objects[" ".join((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))] = one
        if one["kind"] == "Deployment":  # a checksum tells nothing beside that of which it is one
            annotations = one["spec"]["template"]["metadata"]["annotations"]
            annotations.update(dict.fromkeys(annotations, "any"))
    golden(f"chart_{name}", dict(sorted(objects.items())))


def test_every_pod_of_ours_is_restricted_and_sees_a_read_only_image(rendered: list[Manifest]) -> None:
    specs = pod_specs(rendered)
    assert len(specs) >= 4
    for name, spec in specs.items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not spec.get("hostNetwork"), name
        assert not spec.get("hostPID"), name
        assert all("hostPath" not in volume for volume in spec.get("volumes", ())), name
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert "memory" in container["resources"]["limits"], name


def test_only_hub_and_services_have_a_token_for_kubernetes(rendered: list[Manifest]) -> None:
    with_token = {name for name, spec in pod_specs(rendered).items() if spec.get("automountServiceAccountToken", True)}
    assert with_token == {"Deployment studiolo-hub", "Deployment studiolo-services"}


def test_no_secret_s_value_stands_in_a_variable(rendered: list[Manifest]) -> None:
    """Whoever may look at pods reads variables; a key reaches a process as a file."""
    for name, spec in pod_specs(rendered).items():
        for container in spec["containers"]:
            for variable in container.get("env", ()):
                assert variable["name"] == "STUDIOLO_SETTINGS", name
                assert "valueFrom" not in variable, name


def test_the_settings_are_ones_that_the_hub_accepts(rendered: list[Manifest], tmp_path: Path) -> None:
    settings = load_settings(settings_in(rendered, tmp_path))
    assert settings.public_url == "https://studiolo.example.org"
    assert settings.kubernetes is not None
    assert settings.kubernetes.namespace == "lab-workspaces"
    assert settings.hub_connect_url == "http://studiolo-hub.lab.svc:8081"
    assert settings.kubernetes.priority_class == "studiolo-workspace"


def test_a_setting_given_as_a_value_reaches_the_hub(tmp_path: Path) -> None:
    more = {"workspaces": {"namedLimit": 3, "startTimeout": "20m"}, "kubernetes": {"stopSeconds": 45}}
    settings = load_settings(settings_in(render(merged(LEAST, more)), tmp_path))
    assert settings.workspaces.named_limit == 3
    assert settings.workspaces.start_timeout.total_seconds() == 1200
    assert settings.kubernetes is not None
    assert settings.kubernetes.stop_seconds == 45


def test_a_changed_setting_restarts_the_hub_and_a_changed_catalog_does_not() -> None:
    def pod(more: dict[str, Any]) -> Any:
        return find(render(merged(LEAST, more)), "Deployment", "studiolo-hub")["spec"]["template"]

    assert pod({"workspaces": {"namedLimit": 3}}) != pod({})
    assert pod({"catalogs": {"hardware": "hardware: {other: {}}"}}) == pod({})


def test_catalogs_reload_because_they_are_mounted_as_a_folder(rendered: list[Manifest]) -> None:
    for part in ("hub", "services"):
        spec = find(rendered, "Deployment", f"studiolo-{part}")["spec"]["template"]["spec"]
        (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "catalogs")
        assert "subPath" not in mount


def test_there_is_one_hub_and_never_two(rendered: list[Manifest]) -> None:
    spec = find(rendered, "Deployment", "studiolo-hub")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_in_both_namespaces_nothing_is_allowed_but_what_is_named(rendered: list[Manifest]) -> None:
    for namespace in (None, "lab-workspaces"):
        policy = find(rendered, "NetworkPolicy", "studiolo-default-deny", namespace)
        assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_policy_opens_the_clouds_metadata(rendered: list[Manifest]) -> None:
    for policy in (one for one in rendered if one["kind"] == "NetworkPolicy"):
        for rule in policy["spec"].get("egress", ()):
            for block in (peer["ipBlock"] for peer in rule.get("to", ()) if "ipBlock" in peer):
                wide = block["cidr"] == "0.0.0.0/0"
                assert not wide or "169.254.0.0/16" in block["except"], policy["metadata"]["name"]
                assert not block["cidr"].startswith("169.254.169"), policy["metadata"]["name"]
            assert "to" in rule, f"{policy['metadata']['name']} lets out to anywhere"


def test_a_workspace_reaches_nothing_private_but_names_hub_and_proxy(rendered: list[Manifest]) -> None:
    policy = find(rendered, "NetworkPolicy", "studiolo-workspaces", "lab-workspaces")
    for rule in policy["spec"]["egress"]:
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            if block["cidr"].startswith(("10.", "172.", "192.168", "100.64", "169.254")):
                assert {port["port"] for port in rule["ports"]} == {53}
            if block["cidr"] == "0.0.0.0/0":
                assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(block["except"])


def test_what_people_have_is_kept_when_the_release_goes(rendered: list[Manifest]) -> None:
    kept = {
        (one["kind"], one["metadata"]["name"])
        for one in rendered
        if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert ("Namespace", "lab-workspaces") in kept
    claims = {(one["kind"], one["metadata"]["name"]) for one in rendered if one["kind"].startswith("PersistentVolume")}
    assert claims <= kept
    for volume in (one for one in rendered if one["kind"] == "PersistentVolume"):
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_without_a_cluster_no_new_keys_are_made_in_secret() -> None:
    text = refusal(merged(LEAST, {"hub": {"existingSecret": ""}}))
    assert "hub.existingSecret" in text
    assert "kubectl -n lab create secret generic studiolo-keys" in text


def test_what_must_be_given_is_asked_for_by_name() -> None:
    assert "publicUrl" in refusal(merged(LEAST, {"publicUrl": ""}))
    assert "--set-file catalogs.hardware=hardware.yaml" in refusal(merged(LEAST, {"catalogs": {"hardware": None}}))
    assert "homes.nfs.path" in refusal(merged(LEAST, {"homes": {"nfs": {"server": "nfs"}}}))
    https = {"proxy": {"https": {"enabled": True}}}
    assert "proxy.https.secret.name" in refusal(merged(LEAST, https))


def test_how_people_sign_in_must_be_said() -> None:
    assert "auth.kind" in refusal({name: value for name, value in LEAST.items() if name != "auth"})
    unsaid = merged(merged(LEAST, OIDC), {"auth": {"oidc": {"existingSecret": ""}}, "hub": {"existingSecret": ""}})
    assert "auth.oidc.existingSecret" in refusal(unsaid)


def test_only_the_hub_sees_the_secret_that_it_signs_people_in_with() -> None:
    found = {
        name
        for name, spec in pod_specs(render(merged(LEAST, OIDC))).items()
        if "oidc_client_secret" in str(spec.get("volumes"))
    }
    assert found == {"Deployment studiolo-hub"}


def test_only_services_sees_the_secret_that_images_of_models_are_pushed_with_and_reaches_registries(
    tmp_path: Path,
) -> None:
    objects = render(merged(LEAST, MODELS))
    found = {name for name, spec in pod_specs(objects).items() if "pushes" in str(spec)}
    assert found == {"Deployment studiolo-services"}
    registry = load_settings(settings_in(objects, tmp_path)).models.registry
    assert str(registry.credentials_file) == "/etc/studiolo/registry/config.json"
    assert registry.ca_file is None
    assert registry.host == "registry.example.org:5000"

    def ports(values: dict[str, Any]) -> list[list[int]]:
        rules = find(render(values), "NetworkPolicy", "studiolo-services")["spec"]["egress"]
        return [[port["port"] for port in rule["ports"]] for rule in rules]

    assert ports(merged(LEAST, MODELS))[-1] == [5000, 443]
    index = {"packages": {"indexUrl": "http://packages.example.org:8080/simple"}}
    assert ports(merged(merged(LEAST, MODELS), index))[-1] == [5000, 8080, 443]
    assert ports(merged(LEAST, index)) == ports(LEAST)


def test_services_trust_the_authority_of_the_registry_that_a_config_map_holds(tmp_path: Path) -> None:
    objects = render(merged(MODELS, merged(LEAST, {"models": {"registry": {"caConfigMap": "authority"}}})))
    services = pod_specs(objects)["Deployment studiolo-services"]
    (container,) = services["containers"]
    (volume,) = (one["name"] for one in services["volumes"] if one.get("configMap", {}).get("name") == "authority")
    (folder,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == volume)
    registry = load_settings(settings_in(objects, tmp_path)).models.registry
    assert str(registry.ca_file) == f"{folder}/ca.crt"
    assert registry.credentials_file is not None


def test_one_database_for_both_is_refused() -> None:
    one = {"database": {"existingSecret": "database"}}
    assert "second database" in refusal(merged(LEAST, {"hub": one, "services": one}))


def test_during_maintenance_hub_and_services_have_all_they_need_and_run_nothing() -> None:
    still = render(merged(LEAST, {"maintenance": {"enabled": True}}))
    running = render(LEAST)
    for part in ("hub", "services"):
        (container,), (usual,) = (
            find(objects, "Deployment", f"studiolo-{part}")["spec"]["template"]["spec"]["containers"]
            for objects in (still, running)
        )
        assert container["args"] == ["sleep", "infinity"]
        probes = {"startupProbe", "readinessProbe", "livenessProbe"}
        assert usual.keys() - container.keys() == probes
        assert container["volumeMounts"] == usual["volumeMounts"]


def test_data_is_a_file_beside_the_other_catalogs_and_need_not_be_there() -> None:
    data = {"data": {"iris": {"title": "Iris", "claim": "datasets"}}}
    for given in (data, yaml.safe_dump(data)):
        catalogs = find(render(merged(LEAST, {"catalogs": {"data": given}})), "ConfigMap", "studiolo-catalogs")
        assert yaml.safe_load(catalogs["data"]["data.yaml"]) == data
    assert "data.yaml" not in find(render(LEAST), "ConfigMap", "studiolo-catalogs")["data"]


def test_folders_of_teams_need_the_service_that_makes_them() -> None:
    assert "homes.service.enabled" in refusal(merged(LEAST, {"homes": {"existingClaim": "a", "teamFolders": True}}))
    numbers = {"homes": {"existingClaim": "a"}, "auth": {"oidc": {"uidClaim": "uidNumber"}}}
    assert "homes.service.enabled" in refusal(merged(LEAST, numbers))


def test_two_volumes_for_homes_are_refused() -> None:
    assert "homes" in refusal(merged(LEAST, {"homes": {"existingClaim": "a", "storageClass": "b"}}))


def test_an_unknown_value_is_refused_before_anything_happens() -> None:
    assert "namedLimits" in refusal(merged(LEAST, {"workspaces": {"namedLimits": 3}}))


def test_two_installations_share_no_name_beyond_their_namespaces() -> None:
    def cluster_wide(release: str, namespace: str) -> set[tuple[str, str]]:
        kinds = {"ClusterRole", "ClusterRoleBinding", "PersistentVolume", "Namespace", "ValidatingAdmissionPolicy"}
        found = render(merged(LEAST, NFS), release=release, namespace=namespace)
        return {(one["kind"], one["metadata"]["name"]) for one in found if one["kind"] in kinds}

    assert cluster_wide("studiolo", "lab").isdisjoint(cluster_wide("studiolo", "other"))


def test_slow_builds_have_a_namespace_of_their_own_and_reach_what_they_are_told_alone() -> None:
    manifests = render(CASES["slow"])
    labels = find(manifests, "Namespace", "lab-builds")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    policy = find(manifests, "NetworkPolicy", "studiolo-builds", "lab-builds")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    names, told = policy["egress"]
    assert {one["port"] for one in names["ports"]} == {53}
    assert told == SLOW_BUILD["models"]["slowBuild"]["egress"][0]
    assert find(manifests, "NetworkPolicy", "studiolo-default-deny", "lab-builds")["spec"]["podSelector"] == {}
    assert find(manifests, "ResourceQuota", "studiolo-builds", "lab-builds")["spec"]["hard"]["pods"] == "2"


def test_nothing_of_slow_builds_is_there_or_allowed_where_they_are_off() -> None:
    assert "builds" not in str(render(merged(LEAST, MODELS)))
    on = find(render(CASES["slow"]), "Role", "studiolo-services", "lab-builds")
    assert [(one["resources"], one["verbs"]) for one in on["rules"]] == [
        (["jobs"], ["create", "delete", "get"]),
        (["pods"], ["list"]),
        (["pods/log"], ["get"]),
    ]


@pytest.mark.parametrize("lacking", ["image", "registrySecret", "egress"])
def test_slow_builds_that_lack_something_are_refused_by_its_name(lacking: str) -> None:
    given = {name: value for name, value in SLOW_BUILD["models"]["slowBuild"].items() if name != lacking}
    values = merged(merged(LEAST, MODELS), {"models": {"slowBuild": given}})
    assert f"models.slowBuild.{lacking}" in refusal(values)


def test_services_read_where_builds_run(tmp_path: Path) -> None:
    settings = load_settings(settings_in(render(CASES["slow"]), tmp_path))
    slow = settings.models.slow_build
    assert (slow.enabled, slow.namespace, slow.registry_secret) == (True, "lab-builds", "pushes-bases")
