"""The home service as Helm renders it: what sees everybody's homes stands apart and reaches nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster.errors import ProgramFailedError
from hub.homes.__main__ import disk_of
from hub.settings import load_settings
from tests.cluster.charts import LEAST, Manifest, find, merged, pod_specs, render, settings_in

NFS = {"homes": {"nfs": {"server": "nfs.example.org", "path": "/homes"}, "folder": "people"}}
SERVICE = {"homes": {"service": {"enabled": True, "existingSecret": "homes-key"}}}
WITH_SERVICE = merged(merged(LEAST, NFS), SERVICE)


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    return render(WITH_SERVICE)


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ProgramFailedError) as refused:
        render(values)
    return refused.value.output


def test_the_home_service_is_what_the_golden_file_says(
    rendered: list[Manifest], golden: Callable[[str, Any], None]
) -> None:
    objects = {}
    for one in rendered:
        if one["metadata"].get("namespace") == "lab-storage" or one["metadata"]["name"] in {
            "lab-storage",
            "studiolo-lab-homes-whole",
        }:
            objects[" ".join((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))] = one
        if one["kind"] == "Deployment":
            annotations = one["spec"]["template"]["metadata"]["annotations"]
            annotations.update(dict.fromkeys(annotations, "any"))
    golden("chart_homes", dict(sorted(objects.items())))


@pytest.mark.parametrize("data", [{"data": {"a": {"title": "A", "claim": "a"}}}, "data: {a: {title: A, claim: a}}\n"])
def test_it_reads_the_same_data_catalog_as_the_hub(data: object) -> None:
    found = [
        one["data"]
        for one in render(merged(WITH_SERVICE, {"catalogs": {"data": data}}))
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "studiolo-catalogs"
    ]
    hub, homes = sorted(found, key=len, reverse=True)
    assert list(homes) == ["data.yaml"]
    assert yaml.safe_load(homes["data.yaml"]) == {"data": {"a": {"title": "A", "claim": "a"}}}
    assert hub["data.yaml"] == homes["data.yaml"]


def test_without_it_nothing_of_it_is_there() -> None:
    for one in render(merged(LEAST, NFS)):
        assert "storage" not in one["metadata"].get("namespace", "")
        assert "lab-storage" not in str(one)


def test_it_is_root_with_three_capabilities_and_without_a_token(rendered: list[Manifest]) -> None:
    spec = pod_specs(rendered)["Deployment studiolo-homes"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "FOWNER", "DAC_OVERRIDE"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert find(rendered, "ServiceAccount", "studiolo-homes", "lab-storage")["automountServiceAccountToken"] is False
    assert not [
        one for one in rendered if one["kind"].endswith("Binding") and "studiolo-homes" in str(one.get("subjects"))
    ]


def test_it_alone_mounts_the_whole_volume(rendered: list[Manifest]) -> None:
    with_homes = {name for name, spec in pod_specs(rendered).items() if "studiolo-homes" in claims_of(spec)}
    assert with_homes == {"Deployment studiolo-homes"}


def claims_of(spec: Manifest) -> set[str]:
    volumes = (volume.get("persistentVolumeClaim", {}) for volume in spec.get("volumes", ()))
    return {volume["claimName"] for volume in volumes if volume}


def test_only_the_hub_reaches_it_and_it_reaches_nothing(rendered: list[Manifest]) -> None:
    deny = find(rendered, "NetworkPolicy", "studiolo-default-deny", "lab-storage")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policy = find(rendered, "NetworkPolicy", "studiolo-homes", "lab-storage")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "hub"
    reaching = [
        one["metadata"]["name"]
        for one in rendered
        if one["kind"] == "NetworkPolicy" and "lab-storage" in str(one["spec"].get("egress"))
    ]
    assert reaching == ["studiolo-hub"]


def test_its_namespace_keeps_out_what_baseline_refuses(rendered: list[Manifest]) -> None:
    labels = find(rendered, "Namespace", "lab-storage")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    workspaces = find(rendered, "Namespace", "lab-workspaces")["metadata"]["labels"]
    assert workspaces["pod-security.kubernetes.io/enforce"] == "restricted"


def test_both_claims_lead_to_one_folder_of_the_server_and_are_kept(rendered: list[Manifest]) -> None:
    volumes = [one for one in rendered if one["kind"] == "PersistentVolume"]
    assert [one["spec"]["nfs"] for one in volumes] == [{"server": "nfs.example.org", "path": "/homes"}] * 2
    assert {one["spec"]["claimRef"]["namespace"] for one in volumes} == {"lab-workspaces", "lab-storage"}
    for one in (*volumes, find(rendered, "PersistentVolumeClaim", "studiolo-homes", "lab-storage")):
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_hub_and_service_read_the_same_settings_and_the_same_key(rendered: list[Manifest], tmp_path: Path) -> None:
    settings = load_settings(settings_in(rendered, tmp_path))
    assert settings.homes.service.url == "http://studiolo-homes.lab-storage.svc:8084"
    disk = disk_of(settings)
    assert (str(disk.root), disk.folder, disk.uid, disk.gid) == ("/homes", "people", 1000, 1000)
    first, second = (
        find(rendered, "ConfigMap", "studiolo-settings", namespace)["data"] for namespace in (None, "lab-storage")
    )
    assert first == second
    with_key = {name for name, spec in pod_specs(rendered).items() if "homes_token" in str(spec.get("volumes"))}
    assert with_key == {"Deployment studiolo-hub", "Deployment studiolo-homes"}


def test_what_is_missing_is_asked_for_by_name() -> None:
    assert "there is no volume with homes" in refusal(merged(LEAST, SERVICE))
    classes = merged(merged(LEAST, {"homes": {"storageClass": "files"}}), SERVICE)
    assert "homes.service.existingClaim: which claim in namespace lab-storage" in refusal(classes)
    without_key = refusal(merged(WITH_SERVICE, {"homes": {"service": {"existingSecret": ""}}}))
    assert "for namespace in lab lab-storage" in without_key
    for namespace in ("lab", "lab-workspaces"):
        ours = refusal(merged(WITH_SERVICE, {"homes": {"service": {"namespace": namespace}}}))
        assert "a namespace of its own" in ours


def test_a_claim_of_one_s_own_is_taken_as_it_is() -> None:
    own = merged(merged(LEAST, {"homes": {"existingClaim": "ours"}}), SERVICE)
    found = render(merged(own, {"homes": {"service": {"existingClaim": "ours-too"}}}))
    assert claims_of(pod_specs(found)["Deployment studiolo-homes"]) == {"ours-too"}
    assert not [one for one in found if one["kind"] == "PersistentVolume"]
