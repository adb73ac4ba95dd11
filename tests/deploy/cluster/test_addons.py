"""What stands beside Kubernetes: names, packages, an image by hand, nodes that are not there."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from deploy.cluster.addons import dns_configuration, node_object, objects, registry_configuration, service_on_the_node
from deploy.cluster.certificates import kubeadm_configuration
from deploy.cluster.layout import layout_of
from deploy.cluster.package_index import apt_hosts, rewrite_page
from deploy.cluster.program_image import image_archive
from deploy.cluster.simulated_nodes import MOST_SIMULATED, named, simulated_node

LAYOUT = layout_of(Path("/checkout/.cluster"))


def test_names_outside_do_not_exist() -> None:
    text = dns_configuration(LAYOUT)
    assert "template ANY ANY" in text
    assert "rcode NXDOMAIN" in text
    assert "forward" not in text


def test_the_site_and_every_name_below_it_is_the_node() -> None:
    text = dns_configuration(LAYOUT)
    assert "studiolo.test:53 {" in text
    assert 'answer "{{ .Name }} 60 IN A 10.199.0.1"' in text


def test_a_service_on_the_node_is_backed_by_it_and_by_no_pod() -> None:
    service, behind = service_on_the_node("s", ({"name": "https", "port": 443, "protocol": "TCP"},), target_port=4443)
    assert "selector" not in service["spec"]
    assert behind["endpoints"] == [{"addresses": ["10.199.0.1"]}]
    assert [port["port"] for port in behind["ports"]] == [4443]
    assert behind["metadata"]["labels"] == {"kubernetes.io/service-name": "s"}


def test_the_registry_listens_on_the_node_only() -> None:
    assert "addr: 10.199.0.1:5000" in registry_configuration(LAYOUT)


def test_the_homes_volume_can_be_written_from_every_node_and_outlives_its_claim() -> None:
    volume = next(one for one in objects(LAYOUT, authority=b"") if one["kind"] == "PersistentVolume")
    spec = volume["spec"]
    assert isinstance(spec, dict)
    assert spec["accessModes"] == ["ReadWriteMany"]
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert spec["hostPath"]["path"] == "/checkout/.cluster/homes"


def test_a_node_has_its_network_before_its_kubelet_comes() -> None:
    assert node_object("n", pod_network="10.244.0.0/24")["spec"] == {
        "podCIDR": "10.244.0.0/24",
        "podCIDRs": ["10.244.0.0/24"],
    }


def test_certificates_name_the_node_s_address() -> None:
    text = kubeadm_configuration(LAYOUT)
    assert "advertiseAddress: 10.199.0.1" in text
    assert "certificatesDir: /checkout/.cluster/pki" in text


PAGE = """<html><body>
<a href="../../packages/ab/demo-1.0.tar.gz#sha256=12ab">demo-1.0.tar.gz</a>
<a data-requires-python="&gt;=3.8" data-dist-info-metadata="sha256=9" href="https://files.example/x/demo-1.0-py3-none-any.whl?a=1&amp;b=2">w</a>
</body></html>"""


def test_an_index_page_names_our_addresses_only() -> None:
    text, files = rewrite_page(PAGE, base="https://index.example/simple/demo/", project="demo")
    assert 'href="/files/demo/demo-1.0.tar.gz#sha256=12ab"' in text
    assert 'href="/files/demo/demo-1.0-py3-none-any.whl"' in text
    assert "https://" not in text
    assert files == {
        "demo-1.0.tar.gz": "https://index.example/packages/ab/demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl": "https://files.example/x/demo-1.0-py3-none-any.whl?a=1&b=2",
    }


def test_an_index_page_keeps_what_pip_needs_and_promises_no_metadata() -> None:
    text, _ = rewrite_page(PAGE, base="https://index.example/simple/demo/", project="demo")
    assert 'data-requires-python="&gt;=3.8"' in text
    assert "metadata" not in text


def test_apt_s_hosts_are_those_of_its_sources() -> None:
    sources = ("deb http://debian.example/debian bookworm main\n", "URIs: https://node.example/node_20.x\n")
    assert apt_hosts(sources) == {"debian.example": "http", "node.example": "https"}


def test_an_image_by_hand_is_what_docker_save_would_write(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"program")
    archive = image_archive(program, name="localhost/pause:1", architecture="amd64", user="65535:65535")
    assert archive == image_archive(program, name="localhost/pause:1", architecture="amd64", user="65535:65535")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        (manifest,) = json.load(files.extractfile("manifest.json"))
        config = json.load(files.extractfile(manifest["Config"]))
        layer = files.extractfile(manifest["Layers"][0]).read()
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert config["config"] == {"Entrypoint": ["/pause"], "User": "65535:65535"}
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert files.getmember("pause").mode == 0o755


def test_simulated_nodes_have_networks_of_their_own_and_keep_ordinary_pods_away() -> None:
    nodes = [simulated_node(number, gpus=8) for number in range(MOST_SIMULATED)]
    networks = {node["spec"]["podCIDR"] for node in nodes}
    assert len(networks) == MOST_SIMULATED
    assert all(network.startswith("10.250.") for network in networks)
    assert all(node["spec"]["taints"][0]["effect"] == "NoSchedule" for node in nodes)
    assert nodes[0]["status"]["capacity"]["nvidia.com/gpu"] == "8"


def test_a_simulated_node_without_gpus_names_none() -> None:
    assert "nvidia.com/gpu" not in simulated_node(0, gpus=0)["status"]["capacity"]


def test_only_simulated_nodes_can_be_named_for_removal() -> None:
    selector = named(["simulated-001", "studiolo-node1"])
    assert selector == "studiolo.test/simulated,kubernetes.io/hostname in (simulated-001,studiolo-node1)"
