"""What a pod reaches: names of the cluster, its services on the node, the package index; and nothing outside."""

from __future__ import annotations

import errno
import json
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from deploy.cluster.layout import DNS_ADDRESS, NODE_ADDRESS, PACKAGE_INDEX_PORT, POSTGRESQL_PORT, SIMULATED_LINK
from deploy.cluster.programs import run_program
from tests.cluster.cluster_commands import LAYOUT, kubectl
from tests.cluster.conftest import Namespaces
from tests.cluster.network_probes import inside, ip, network_namespace

pytestmark = pytest.mark.usefixtures("on_this_machine")

ANSWER_SECONDS = 20.0
NXDOMAIN = 3
OUTSIDE, OUTSIDE_ROUTER = "198.51.100.7", "198.51.100.1"
"""An address for documents (RFC 5737). Who answers there was set up by this test, on this machine."""


@pytest.fixture
async def pod(new_namespace: Namespaces) -> Path:
    """The network namespace of a running pod."""
    namespace = await new_namespace()
    kubectl("-n", namespace, "run", "one", "--image=localhost/pause:1", "--restart=Never")
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/one", "--timeout=90s")
    found = json.loads(kubectl("-n", namespace, "get", "pod", "one", "-o", "json"))
    node = LAYOUT.node(int(found["spec"]["nodeName"][-1]))
    container = found["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    tasks = run_program("ctr", "-a", node.containerd_socket, "-n", "k8s.io", "tasks", "list")
    pid = next(line.split()[1] for line in tasks.splitlines() if line.startswith(container))
    return Path("/proc") / pid / "ns" / "net"


@pytest.fixture
def outside() -> Iterator[socket.socket]:
    """Somebody beyond this machine, who would answer a pod: it listens, and knows the way back."""
    name = f"outside-{secrets.token_hex(3)}"
    with network_namespace(name) as beyond:
        link = f"so{secrets.token_hex(3)}"
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{OUTSIDE_ROUTER}/24", "dev", link)
        ip("link", "set", link, "up")
        ip("-netns", name, "addr", "add", f"{OUTSIDE}/24", "dev", "eth0")
        ip("-netns", name, "link", "set", "eth0", "up")
        ip("-netns", name, "route", "add", "default", "via", OUTSIDE_ROUTER)
        with inside(beyond):
            listener = socket.create_server((OUTSIDE, 80))
        with closing(listener):
            yield listener


def _connect(network: Path, address: str, port: int) -> int:
    """0, or the number of the error."""
    with inside(network):
        client = socket.socket()
    with closing(client):
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect((address, port))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as error:
            return error.errno or -1
        return 0


def _resolve(network: Path, name: str) -> tuple[int, str]:
    """The answer's code, and its last address."""
    with inside(network):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with closing(client):
        client.settimeout(ANSWER_SECONDS)
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
        client.sendto(question, (DNS_ADDRESS, 53))
        answer = client.recv(512)
    return answer[3] & 15, socket.inet_ntoa(answer[-4:])


def test_a_pod_resolves_services_and_nothing_else(pod: Path) -> None:
    assert _resolve(pod, "kubernetes.default.svc.cluster.local") == (0, "10.96.0.1")
    assert _resolve(pod, "example.com")[0] == NXDOMAIN


@pytest.mark.parametrize("name", ["studiolo.test", "alice.studiolo.test"])
def test_a_pod_finds_the_site_of_the_cluster_on_the_node(pod: Path, name: str) -> None:
    assert _resolve(pod, name) == (0, NODE_ADDRESS)


@pytest.mark.parametrize(
    ("address", "port"),
    [("10.96.0.1", 443), (NODE_ADDRESS, 5000), (NODE_ADDRESS, PACKAGE_INDEX_PORT), (NODE_ADDRESS, POSTGRESQL_PORT)],
    ids=["API server", "registry", "package index", "PostgreSQL"],
)
def test_a_pod_reaches_what_the_cluster_offers(pod: Path, address: str, port: int) -> None:
    assert _connect(pod, address, port) == 0


def test_a_pod_does_not_reach_what_this_machine_reaches(pod: Path, outside: socket.socket) -> None:
    assert outside.fileno() >= 0
    assert _connect(Path("/proc/self/ns/net"), OUTSIDE, 80) == 0
    assert _connect(pod, OUTSIDE, 80) == errno.EHOSTUNREACH


@pytest.mark.parametrize("address", ["10.244.200.9", "10.250.3.4", "169.254.169.254"])
def test_addresses_that_nobody_has_stay_on_this_machine(address: str) -> None:
    routes = json.loads(ip("-j", "route", "show", "match", address))
    nearest = max(routes, key=lambda route: 0 if route["dst"] == "default" else ip_network(route["dst"]).prefixlen)
    # Or where one process of this machine answers for simulated pods.
    assert nearest.get("type") == "blackhole" or nearest["dev"] == SIMULATED_LINK


def test_packages_come_through_the_node() -> None:
    # The machine's own settings for a proxy do not lead to its own addresses.
    index = f"http://{NODE_ADDRESS}:{PACKAGE_INDEX_PORT}"
    with httpx.Client(base_url=index, trust_env=False, timeout=180) as client:
        page = client.get("/simple/idna/")
        assert page.is_success, page.text
        name = next(word for word in page.text.split('"') if word.startswith("/files/idna/") and ".whl" in word)
        wheel = client.get(name.partition("#")[0])
        assert wheel.content.startswith(b"PK")
        assert client.get("/files/idna/idna-0.0.0.tar.gz").status_code == httpx.codes.NOT_FOUND
        assert client.get("/apt/example.com/debian/dists/stable/InRelease").status_code == httpx.codes.NOT_FOUND


def test_the_database_s_address_is_for_its_owner_only() -> None:
    assert LAYOUT.database_url.stat().st_mode & 0o077 == 0
    assert LAYOUT.database_url.read_text().startswith("postgresql://studiolo:")
