"""What `make deploy` gives the chart: valid values, of this cluster, and only what is pushed by digest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft7Validator

from deploy.charting.schema import values_schema
from deploy.cluster.deployment import (
    PARTS,
    Deployment,
    how_to_open,
    preparation,
    pushed_images,
)
from deploy.cluster.errors import ClusterError
from deploy.cluster.identity.record import new_record, save
from deploy.cluster.layout import CHECKOUT, NODE_ADDRESS, Layout
from deploy.cluster.site_values import hardware_here, values_of

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = {name: f"{NODE_ADDRESS}:5000/studiolo/{name}:tag@{DIGEST}" for name in ("hub", "proxy", "pause")}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A cluster with catalogs, images, a certificate and an identity provider, as files."""
    layout = Layout(state=tmp_path, cache=tmp_path / "cache")
    for folder in (layout.state / "catalog", layout.pki, layout.identity):
        folder.mkdir(parents=True)
    (layout.state / "catalog" / "images.json").write_text(json.dumps(IMAGES))
    for name in ("environments.yaml", "hardware.yaml"):
        (layout.state / "catalog" / name).write_text((CHECKOUT / name).read_text())
    for file in (layout.ca, layout.site_certificate, layout.site_certificate.with_suffix(".key")):
        file.write_text("PEM")
    save(layout.identity_record, new_record(layout, certificate=layout.pki / "identity.crt"))
    return layout


@pytest.mark.parametrize("has_site", [True, False])
def test_the_values_are_ones_that_the_chart_knows(layout: Layout, *, has_site: bool) -> None:
    values = values_of(layout, replace(Deployment(), has_site=has_site), pushed_images(layout))
    assert [error.message for error in Draft7Validator(values_schema()).iter_errors(values)] == []


def test_what_runs_is_named_by_digest(layout: Layout) -> None:
    values = values_of(layout, Deployment(), IMAGES)
    assert values["hub"]["image"] == {"name": f"{NODE_ADDRESS}:5000/studiolo/hub:tag", "digest": DIGEST}
    assert values["proxy"]["image"]["digest"] == DIGEST


def test_the_node_s_port_belongs_to_one_installation(layout: Layout) -> None:
    other = replace(Deployment(), namespace="other", has_site=False)
    assert values_of(layout, Deployment(), IMAGES)["proxy"]["service"] == {"externalIPs": [NODE_ADDRESS]}
    assert "service" not in values_of(layout, other, IMAGES)["proxy"]


def test_models_go_to_the_cluster_s_registry_which_workspaces_do_not_reach(layout: Layout) -> None:
    values = values_of(layout, replace(Deployment(), namespace="there"), IMAGES)
    registry = values["models"]["registry"]
    assert (registry["host"], registry["prefix"]) == (f"{NODE_ADDRESS}:5000", "there")
    index = urlsplit(values["packages"]["indexUrl"])
    ports = [port["port"] for rule in values["workspaces"]["networkPolicy"]["egress"] for port in rule["ports"]]
    assert (index.hostname, [index.port]) == (NODE_ADDRESS, ports)


def test_values_of_a_deployment_stand_on_top_section_by_section(layout: Layout) -> None:
    more = replace(Deployment(), values={"hub": {"image": {"digest": "other"}}, "idle": {"stopAfter": "2h"}})
    values = values_of(layout, more, IMAGES)
    assert values["hub"]["image"] == {"name": f"{NODE_ADDRESS}:5000/studiolo/hub:tag", "digest": "other"}
    assert values["idle"] == {"stopAfter": "2h"}
    assert values["hub"]["resources"]["limits"]


def test_hardware_is_made_to_fit_this_machine_and_keeps_its_names_and_gpus() -> None:
    shipped = yaml.safe_load((CHECKOUT / "hardware.yaml").read_text())["hardware"]
    here: dict[str, Any] = yaml.safe_load(hardware_here((CHECKOUT / "hardware.yaml").read_text()))["hardware"]
    assert list(here) == list(shipped)
    for name, shape in here.items():
        assert shape["cpu"]["request"] <= 0.5
        assert shape["memory"] in {"1Gi", "2Gi"}
        assert shape.get("gpu") == shipped[name].get("gpu")


def test_without_images_it_says_how_to_have_some(layout: Layout) -> None:
    (layout.state / "catalog" / "images.json").unlink()
    with pytest.raises(ClusterError) as refused:
        pushed_images(layout)
    assert "make images" in refused.value.hint


def test_without_an_identity_provider_it_says_how_to_have_one(layout: Layout) -> None:
    layout.identity_record.unlink()
    with pytest.raises(ClusterError) as refused:
        values_of(layout, Deployment(), IMAGES)
    assert "make cluster" in refused.value.hint


def test_the_client_secret_stands_in_a_secret_and_in_no_value(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)
    secret = json.loads(layout.identity_record.read_text())["client"]["secret"]
    assert secret not in json.dumps(values_of(layout, Deployment(), IMAGES))
    holding = [one["kind"] for one in preparation(layout, Deployment()) if secret in json.dumps(one)]
    assert holding == ["Secret"]


def test_it_says_how_a_browser_and_a_shell_reach_it(layout: Layout) -> None:
    text = how_to_open(layout, Deployment())
    assert "https://studiolo.test" in text
    assert f'--host-resolver-rules="MAP studiolo.test {NODE_ADDRESS}, MAP *.studiolo.test {NODE_ADDRESS}"' in text
    assert f"--resolve studiolo.test:443:{NODE_ADDRESS}" in text
    assert PARTS == ("hub", "proxy", "services", "broker", "homes", "agent")


def test_homes_are_one_folder_that_pods_home_service_and_agents_have_by_claims_of_their_own(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)
    deployment = replace(Deployment(), release="lab", namespace="there")
    made = list(preparation(layout, deployment))
    volumes = {one["metadata"]["name"]: one["spec"] for one in made if one["kind"] == "PersistentVolume"}
    claims = [one["metadata"] for one in made if one["kind"] == "PersistentVolumeClaim"]
    values = values_of(layout, deployment, IMAGES)
    pods = volumes["deployed-there-homes"]
    assert pods["claimRef"]["namespace"] == "there-workspaces"
    for part, name, who in (
        ("homes", "whole", values["homes"]["service"]),
        ("agent", "nodes", values["claims"]["agent"]),
    ):
        volume = volumes[f"deployed-there-homes-{name}"]
        assert volume["hostPath"] == pods["hostPath"]
        claim = {name: volume["claimRef"][name] for name in ("namespace", "name")}
        assert claim in claims
        assert claim == {"name": who["existingClaim"], "namespace": deployment.namespace_of(part)}


def test_there_is_something_to_claim_and_something_that_starts_normally() -> None:
    here = yaml.safe_load(hardware_here((CHECKOUT / "hardware.yaml").read_text()))["hardware"]
    assert [name for name, shape in here.items() if "warm" in shape] == ["medium"]
    assert not here["medium"].get("default")
