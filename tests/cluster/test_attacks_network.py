"""Attack group 19: from a workspace only hub, services, proxy and names are reached; nothing reaches one.

The policies are the chart's own. Before they are there everything is reached: a policy that no network enforces is a
comment, and then the first test here fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster.attacked_network import AttackedNetwork, build_attacked_network, shut
from tests.cluster.cluster_commands import kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.kube import connect

MAY_REACH: dict[str, set[str]] = {
    "alice": {"hub:8081", "services:8083", "proxy:8000"},
    "bob": {"hub:8081", "services:8083", "proxy:8000"},
    "proxy": {"hub:8081", "services:8083", "alice:8888", "bob:8888"},
    "hub": {
        *("proxy:8001", "services:8083", "homes:8084", "agent:8085"),
        *("alice:8888", "bob:8888", "waiting:8888", "waiting-too:8888"),
    },
    "services": {"hub:8081"},
    # Before it is somebody's it asks the hub, and is asked by the hub.
    "waiting": {"hub:8081"},
    "homes": set(),
    "agent": set(),
    "slot": set(),
    "beside-us": set(),
    "beside-workspaces": set(),
}


@pytest.fixture(scope="module")
def network(kubeconfig: Path, images: Mapping[str, str], _remove_namespaces: None) -> AttackedNetwork:
    return run_apart(build_attacked_network(kubeconfig, images["minimal"]))


@pytest.fixture(scope="module")
def canary(network: AttackedNetwork) -> AttackedNetwork:
    """Everything reaches everything: what is denied later is denied by a policy."""
    targets = network.targets()
    for source in ("alice", "beside-workspaces"):
        reached = run_apart(network.settled(source, targets, set(targets)))
        assert reached == set(targets), sorted(set(targets) - reached)
    return network


@pytest.fixture(scope="module")
def shut_in(canary: AttackedNetwork, kubeconfig: Path) -> AttackedNetwork:
    """The same, behind the chart's policies."""

    async def put() -> None:
        async with connect(kubeconfig) as kube:
            await shut(kube, canary)

    run_apart(put())
    return canary


@pytest.mark.parametrize("source", MAY_REACH)
async def test_a_pod_reaches_what_it_needs_and_nothing_else(source: str, shut_in: AttackedNetwork) -> None:
    others = {name: one for name, one in shut_in.targets().items() if not name.startswith(f"{source}:")}
    assert await shut_in.settled(source, others, MAY_REACH[source]) == MAY_REACH[source]


@pytest.fixture
def outside(kubeconfig: Path, images: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """What stands beside the pods: the cluster's own doors, and addresses that clouds give to every machine."""
    server = urlsplit(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    service = json.loads(kubectl("-n", "default", "get", "service", "kubernetes", "-o", "json"))["spec"]["clusterIP"]
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    node = next(
        one["address"] for one in nodes[0]["status"]["addresses"] if one["type"] in {"InternalIP", "ExternalIP"}
    )
    registry, _, port = images["minimal"].partition("/")[0].partition(":")
    return {
        "the API server": (service, 443),
        "the API server's own address": (str(server.hostname), server.port or 443),
        "the registry": (registry, int(port or 443)),
        "the kubelet": (node, 10250),
        "the kubelet, read only": (node, 10255),
        "kube-proxy": (node, 10249),
        "etcd": (node, 2379),
        "the node's etcd here": (node, 12379),
        "the controllers": (node, 10257),
        "the scheduler": (node, 10259),
        "the database": (node, 5432),
        "the site": (node, 443),
        "a shell on the node": (node, 22),
        "a file server": (node, 2049),
        "the cloud's metadata": ("169.254.169.254", 80),
        "the cloud's credentials": ("169.254.170.2", 80),
        "the cloud's metadata by IPv6": ("fd00:ec2::254", 80),
        "metadata under another spelling": ("::ffff:169.254.169.254", 80),
        "the machine's own loopback, as the node's": (node, 8001),
    }


@pytest.mark.parametrize("source", ["alice", "waiting", "beside-workspaces", "proxy"])
async def test_neither_the_cluster_nor_the_cloud_is_reached(
    source: str, shut_in: AttackedNetwork, outside: dict[str, tuple[str, int]]
) -> None:
    assert await shut_in.settled(source, outside, set()) == set()


API_SERVER = ("the API server", "the API server's own address")


@pytest.mark.parametrize("source", ["hub", "services"])
async def test_the_hub_reaches_what_the_others_try_in_vain(
    source: str, outside: dict[str, tuple[str, int]], shut_in: AttackedNetwork
) -> None:
    """And so do services, which keep people's credentials there."""
    target = {name: outside[name] for name in API_SERVER}
    assert await shut_in.settled(source, target, set(target)) == set(target)


async def test_services_reach_the_api_server_s_ports_and_no_other(
    outside: dict[str, tuple[str, int]], shut_in: AttackedNetwork
) -> None:
    ports = {outside[name][1] for name in API_SERVER}
    others = {name: address for name, address in outside.items() if address[1] not in ports}
    assert await shut_in.settled("services", others, set()) == set()


async def test_a_name_leads_no_further_than_an_address(shut_in: AttackedNetwork) -> None:
    """Also the defence against names that change what they mean: a policy looks at addresses alone."""
    ours = shut_in.namespaces["hub"]
    closed = {
        "proxy's API": (f"{shut_in.release}-proxy-api.{ours}.svc.cluster.local", 8001),
        "Kubernetes": ("kubernetes.default.svc.cluster.local", 443),
    }
    # The service's name is the same for whoever may reach it, and so this is not about names that do not resolve.
    hub = {"hub": (f"{shut_in.release}-hub.{ours}.svc.cluster.local", 8081)}
    assert await shut_in.settled("alice", closed | hub, set(hub)) == set(hub)


ANONYMOUS = """
import json, ssl, sys, urllib.error, urllib.request
context = ssl._create_unverified_context()
def status(address):
    try:
        return urllib.request.urlopen(address, context=context, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps({address: status(address) for address in sys.argv[1:]}))
"""


async def test_even_without_policies_nobody_without_a_name_is_answered(
    network: AttackedNetwork, outside: dict[str, tuple[str, int]]
) -> None:
    """Asked from the hub's place, which may reach the API server; a workspace has no account that it could name."""
    host, port = outside["the API server's own address"]
    paths = ("api/v1/secrets", "api/v1/pods", "api/v1/nodes", "apis/rbac.authorization.k8s.io/v1/clusterroles")
    addresses = [f"https://{host}:{port}/{path}" for path in paths]
    words = ("-n", network.namespaces["hub"], "exec", "hub", "--", "python3", "-c", ANONYMOUS, *addresses)
    found = json.loads(await asyncio.to_thread(kubectl, *words))
    assert set(found.values()) <= {401, 403}, found


ZONE_TRANSFER = """
import json, socket, struct
server = next(l.split()[1] for l in open("/etc/resolv.conf") if l.startswith("nameserver"))
question = b"".join(bytes([len(p)]) + p for p in (b"cluster", b"local")) + bytes(1) + struct.pack("!HH", 252, 1)
asked = struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + question
answers, code = 0, "closed"
try:
    with socket.create_connection((server, 53), timeout=20) as connection:
        connection.sendall(struct.pack("!H", len(asked)) + asked)
        told = connection.recv(4096)
        if len(told) > 14:
            code, answers = told[5] & 15, struct.unpack("!H", told[8:10])[0]
except OSError:
    pass
print(json.dumps([code, answers]))
"""


async def test_nobody_gets_the_list_of_all_names(shut_in: AttackedNetwork) -> None:
    words = ("-n", shut_in.namespaces["alice"], "exec", "alice", "--", "python3", "-c", ZONE_TRANSFER)
    code, answers = json.loads(await asyncio.to_thread(kubectl, *words))
    assert answers == 0, code
