"""Credentials in claimed pods: real Secrets, a real agent and the real broker, against a pod that was started normally.

Everybody's are kept over REST. `small` has a pod that waits; nobody can wait on `roomy`, which has a disk for scratch.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from deploy.local.plans import HUB, SERVICES
from hub.credential_broker.question import BROKER_AUDIENCE
from hub.passwords import ADMIN
from spawner.identity import CREDENTIALS_ANNOTATION, USER_LABEL
from tests.cluster import credential_brokers
from tests.cluster.charts import find
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.cluster_commands import eventually, kubectl
from tests.cluster.credential_brokers import NAME
from tests.cluster.node_agents import asking_pod, chart_with_claims
from tests.kernels import Kernel

pytestmark = pytest.mark.usefixtures("on_this_machine")

CHANGE_SECONDS = 270
"""A change reaches running pods within 90 seconds; here on a machine that is busy with other tests."""

TRIES = 3

LISTED = """
cd /run/credentials && ls -1 | sort
find -L . -type f ! -path './..*' | sort | while read -r file; do
    stat -L -c '%n %U %G %a' "$file"; cat "$file"; echo
done
readlink ~/.kaggle/kaggle.json; cat ~/.kaggle/kaggle.json; echo
touch /run/credentials/mine 2>&1 | sed 's/.*: //'; rm /run/credentials/git/forge 2>&1 | sed 's/.*: //'
"""

CHANGED = """
cat ~/.kaggle/kaggle.json; if [ -e /run/credentials/git/forge ]; then echo " there"; else echo " gone"; fi
"""

VARIABLES = """
import json, os
told = ("WANDB", "STUDIOLO_CREDENTIALS", "GIT_CONFIG", "GIT_SSH", "TEAM_", "PIP_CONFIG", "AWS_")
print(json.dumps({name: value for name, value in sorted(os.environ.items()) if name.startswith(told)}))
"""
"""What credentials set."""


ASKS = """
import http.client, json, pathlib, ssl, sys
address, question, tokens = json.load(sys.stdin)
own, api = "/etc/studiolo/broker/token", "/var/run/secrets/kubernetes.io/serviceaccount/token"
tokens |= {"its own": pathlib.Path(own).read_text(), "its own for the API server": pathlib.Path(api).read_text()}
context = ssl.create_default_context(cafile="/etc/studiolo/broker/ca.crt")
context.check_hostname = False
context.load_cert_chain("/etc/studiolo/certificate/tls.crt", "/etc/studiolo/certificate/tls.key")
answers = {}
for name, token in tokens.items():
    to = http.client.HTTPSConnection(address, 8086, timeout=30, context=context)
    to.request("POST", "/credentials", json.dumps(question), {"Authorization": f"Bearer {token}"} if token else {})
    answer = to.getresponse()
    told = json.load(answer)
    answers[name] = [answer.status, told.get("why") or sorted(told["secrets"])]
    to.close()
print(json.dumps(answers))
"""
"""A node that somebody has taken over: it has the certificate of all agents, and what its own agent is given."""


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    more = {"logs.level": "debug"}
    with claiming_hub(tmp_path_factory.mktemp("claims"), kubeconfig, images, pods=0, more=more) as made:
        made.change_hardware(take_little)
        made.want_pods(1)
        with made.api(made.token(ADMIN, made.admin_password)) as api:
            api.put("groups/vision/properties", json={"leads": ["alice"], "quota": {}}).raise_for_status()
        yield made


def take_little(entries: dict[str, Any]) -> None:
    """So that there is room for three pods beside all else that runs on the node."""
    for name in ("small", "roomy"):
        entries[name]["cpu"] = {"request": "20m", "limit": 2}


@pytest.fixture(scope="module")
def canaries(hub: ClaimingHub) -> dict[str, str]:
    """What alice and her team keep, and what bob does: values by name."""
    names = ("wandb", "kaggle", "forge", "aws", "team", "shared", "of-bob", "rotated")
    values = {name: f"canary-{name}-{secrets.token_hex(12)}" for name in names}
    aws = f"[default]\naws_access_key_id = a\naws_secret_access_key = {values['aws']}\n"
    sent = (
        ("alice", {"name": "wandb", "kind": "env", "variable": "WANDB_API_KEY", "value": values["wandb"]}),
        ("alice", {"name": "kaggle", "kind": "file", "path": "~/.kaggle/kaggle.json", "value": values["kaggle"]}),
        (
            "alice",
            {"name": "forge", "kind": "git", "host": "git.example.org", "user": "alice", "value": values["forge"]},
        ),
        ("alice", {"name": "aws", "kind": "cloud", "tool": "aws", "value": aws}),
        (
            "alice",
            {"name": "hub", "kind": "env", "variable": "TEAM_TOKEN", "team": "vision", "value": values["team"]},
        ),
        (
            "alice",
            {"name": "shared", "kind": "file", "path": "shared.json", "team": "vision", "value": values["shared"]},
        ),
        ("bob", {"name": "wandb", "kind": "env", "variable": "WANDB_API_KEY", "value": values["of-bob"]}),
    )
    for person, one in sent:
        with hub.services_api(hub.token(person, hub.passwords[person])) as api:
            answer = api.post("credentials", json=one)
            assert answer.status_code == 201, answer.text
    return values


def seen_in(hub: ClaimingHub, person: str) -> tuple[str, dict[str, str]]:
    """Files and links, and the server's variables, as the person's programs have them."""
    return hub.inside(person, LISTED), variables_of(hub, person)


def variables_of(hub: ClaimingHub, person: str) -> dict[str, str]:
    """As a notebook has them."""
    token = hub.token(person, hub.passwords[person])
    with Kernel(address=f"{hub.base_url}/user/{person}", token=token) as kernel:
        found: dict[str, str] = json.loads("".join(kernel.run(VARIABLES)))
    return found


def start(hub: ClaimingHub, person: str, hardware: str) -> None:
    """Once the hub knows of their credentials: services may be too slow for the start itself."""
    with closing(hub.browser_of(person)) as browser:
        hub.until(lambda: "wandb" in browser.get("/hub/spawn").text, what="the page has them", seconds=120)
    hub.start_for(person, hardware=hardware)


def claim(hub: ClaimingHub, person: str) -> None:
    """On a machine that is busy with other tests a claim may turn away; then once more."""
    for _ in range(TRIES):
        hub.until_parked(1)
        start(hub, person, "small")
        if hub.is_claimed(person):
            return
        hub.stop_for(person)
    raise AssertionError(f"{person} claims no pod:\n{kubectl('-n', hub.agents.own, 'logs', 'agent')[-3000:]}")


def test_a_claimed_pod_has_them_exactly_where_and_how_a_normal_one_has_them(
    hub: ClaimingHub, canaries: Mapping[str, str]
) -> None:
    start(hub, "alice", "roomy")
    assert not hub.is_claimed("alice")
    normal = seen_in(hub, "alice")
    hub.stop_for("alice")
    claim(hub, "alice")
    assert seen_in(hub, "alice") == normal
    listed, variables = normal
    assert variables["WANDB_API_KEY"] == canaries["wandb"]
    assert variables["TEAM_TOKEN"] == canaries["team"]
    for name in ("kaggle", "forge", "aws", "shared"):
        assert canaries[name] in listed
    assert not any(canaries["of-bob"] in text for text in (listed, json.dumps(variables)))
    pod = json.dumps(hub.pod_of("alice"))
    assert "credential-alice--wandb" in pod
    assert "canary" not in pod


def test_what_is_rotated_or_removed_changes_in_it_while_it_runs(hub: ClaimingHub, canaries: Mapping[str, str]) -> None:
    assert hub.is_claimed("alice")
    with hub.services_api(hub.token("alice", hub.passwords["alice"])) as api:
        api.post("credentials/kaggle/rotate", json={"value": canaries["rotated"]}).raise_for_status()
        api.delete("credentials/forge").raise_for_status()
    eventually(
        "both changes are there",
        lambda: hub.inside("alice", CHANGED) == f"{canaries['rotated']} gone",
        seconds=CHANGE_SECONDS,
    )
    assert canaries["wandb"] in json.dumps(seen_in(hub, "alice"))  # until the next start


def test_somebody_else_s_pod_has_nothing_of_them(hub: ClaimingHub, canaries: Mapping[str, str]) -> None:
    claim(hub, "bob")
    assert variables_of(hub, "bob") == {"WANDB_API_KEY": canaries["of-bob"]}
    assert hub.inside("bob", "ls -A /run/credentials") == ""


def test_nothing_but_an_agent_reaches_the_broker(hub: ClaimingHub) -> None:
    """By the chart's own policies, and then by its certificates."""
    agents = hub.agents
    address = kubectl("-n", agents.of_broker, "get", "pod", NAME, "-o", "jsonpath={.status.podIP}").strip()
    connects = (
        "import socket\n"
        f"try: socket.create_connection(({address!r}, 8086), timeout=5); print('reached')\n"
        "except OSError as error: print('not', type(error).__name__)\n"
    )
    assert hub.inside("bob", connects, program=("python", "-")).startswith("not")
    theirs = {"app.kubernetes.io/name": "studiolo", "app.kubernetes.io/instance": "studiolo"}
    for name in ("hub", "services"):
        labels = theirs | {"app.kubernetes.io/component": name}
        pod = asking_pod(f"asks-as-{name}", namespace=agents.namespace, image=agents.image, labels=labels)
        kubectl("create", "-f", "-", text=json.dumps(pod))
    asking = ("asks-as-hub", "asks-as-services")
    kubectl("-n", agents.namespace, "wait", "--for=condition=Ready", "pod", *asking, "--timeout=90s")
    for name in asking:
        assert agents.inside(name, "python", "-c", connects).startswith("not")
    kubectl("-n", agents.namespace, "delete", "pod", *asking, "--wait=false")
    # From where agents are, the network lets it through, and TLS does not.
    asks = (
        "import http.client, ssl\n"
        "context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE\n"
        f"to = http.client.HTTPSConnection({address!r}, 8086, timeout=10, context=context)\n"
        "try: to.request('POST', '/credentials', '{}'); print('answered', to.getresponse().status)\n"
        "except OSError as error: print('not', type(error).__name__)\n"
    )
    assert kubectl("-n", agents.own, "exec", "agent", "--", "python", "-c", connects).strip() == "reached"
    assert kubectl("-n", agents.own, "exec", "agent", "--", "python", "-c", asks).startswith("not")


def test_of_the_pods_of_a_node_the_broker_tells_its_own_agent_and_nobody_else(hub: ClaimingHub) -> None:
    """By tokens: certificates are all agents' alike, and whoever has taken over a node has one."""
    agents, pod = hub.agents, hub.pod_of("alice")
    assert pod is not None
    address = kubectl("-n", agents.of_broker, "get", "pod", NAME, "-o", "jsonpath={.status.podIP}").strip()
    question = {
        key: pod["metadata"][of] for key, of in {"namespace": "namespace", "pod": "name", "pod_uid": "uid"}.items()
    }
    with _agent_elsewhere(hub) as name:
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={name}", f"--audience={BROKER_AUDIENCE}")
        tokens = {
            "none": "",
            "nobody's": "a.b.c",
            "of another account": agents.token_of("somebody", BROKER_AUDIENCE),
            "of the agents' account and no pod": agents.token_of("agent", BROKER_AUDIENCE),
            "of an agent on another node": kubectl("-n", agents.own, "create", "token", "agent", *bound).strip(),
        }
        asked = json.dumps([address, question, tokens])
        told = kubectl("-n", agents.own, "exec", "-i", "agent", "--", "python", "-c", ASKS, text=asked)
    answers = json.loads(told)
    status, held = answers.pop("its own")
    assert status == 200
    assert "credential-alice--wandb" in held
    assert answers.pop("of an agent on another node") == [403, "other_node"]
    assert {name: answer for name, answer in answers.items() if answer != [403, "not_an_agent"]} == {}
    assert set(answers) == {*tokens, "its own for the API server"} - {"of an agent on another node"}
    log = kubectl("-n", agents.of_broker, "logs", NAME)
    assert not [token for token in tokens.values() if token and token in log]


@contextmanager
def _agent_elsewhere(hub: ClaimingHub) -> Iterator[str]:
    """A pod of the agents' account that is bound to another node. It need not run: its token names the node."""
    agents = hub.agents
    pod = asking_pod("agent-elsewhere", namespace=agents.own, image=agents.image, labels={})
    pod["spec"] |= {"nodeName": "elsewhere", "serviceAccountName": "agent"}
    kubectl("create", "-f", "-", text=json.dumps(pod))
    try:
        yield "agent-elsewhere"
    finally:
        kubectl(
            "-n", agents.own, "delete", "pod", "agent-elsewhere", "--force", "--grace-period=0", "--ignore-not-found"
        )


def test_whose_a_claimed_pod_is_is_not_the_hub_s_to_change_and_a_changed_one_gets_nothing(
    hub: ClaimingHub, canaries: Mapping[str, str]
) -> None:
    agents, pod = hub.agents, hub.pod_of("bob")
    assert pod is not None
    name = pod["metadata"]["name"]
    as_alice = json.dumps({"metadata": {"labels": {USER_LABEL: "alice"}}})
    with _claimed_pods_stay_as_they_are(hub, name):
        assert "The hub changes a pod once" in _patched(hub, name, as_alice)
    # And whoever could: what the pod says of its person does not agree with itself, so neither's are given.
    alices = hub.pod_of("alice")
    assert alices is not None
    taken = {CREDENTIALS_ANNOTATION: alices["metadata"]["annotations"][CREDENTIALS_ANNOTATION]}
    change = json.dumps({"metadata": {"labels": {USER_LABEL: "alice"}, "annotations": taken}})
    kubectl("-n", agents.namespace, "patch", "pod", name, "--type=merge", "-p", change)
    eventually(
        "the broker was asked, and refused",
        lambda: "other_person" in kubectl("-n", agents.of_broker, "logs", NAME),
        seconds=CHANGE_SECONDS,
    )
    assert kubectl("-n", agents.namespace, "exec", name, "--", "ls", "-A", "/run/credentials").strip() == ""
    assert canaries["rotated"] not in json.dumps(hub.pods("claimed"))
    kubectl("-n", agents.namespace, "patch", "pod", name, "--type=merge", "-p", as_alice.replace("alice", "bob"))
    hub.stop_for("bob")


@contextmanager
def _claimed_pods_stay_as_they_are(hub: ClaimingHub, pod: str) -> Iterator[None]:
    """The chart's admission policy, for the hub's account of this test and the namespace of its pods."""
    agents = hub.agents
    rendered = chart_with_claims(agents.of_broker)
    name = f"studiolo-{agents.of_broker}-claimed"
    told = {
        f"system:serviceaccount:{agents.of_broker}:studiolo-hub": agents.account,
        f"{agents.of_broker}-workspaces": agents.namespace,
    }
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        text = json.dumps(find(rendered, kind, name))
        for before, after in told.items():
            text = text.replace(before, after)
        kubectl("apply", "-f", "-", text=text)
    inside = ("-n", agents.namespace)
    kubectl(*inside, "create", "role", "may-patch", "--verb=get,patch", "--resource=pods")
    subject = f"--serviceaccount={agents.own}:hub"
    kubectl(*inside, "create", "rolebinding", "may-patch", "--role=may-patch", subject)
    try:
        nothing = json.dumps({"metadata": {"annotations": {"a": "b"}}})
        eventually("the policy holds", lambda: "changes a pod once" in _patched(hub, pod, nothing), seconds=60)
        yield
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)
        kubectl(*inside, "delete", "role,rolebinding", "may-patch")


def _patched(hub: ClaimingHub, pod: str, change: str) -> str:
    """What the API server says to the hub's account; nothing is changed."""
    words = ("patch", "pod", pod, "--type=merge", "-p", change, "--dry-run=server")
    try:
        return kubectl("-n", hub.namespace, *words, f"--as={hub.agents.account}")
    except ProgramFailedError as refused:
        return refused.output


def test_without_the_broker_who_has_credentials_starts_the_normal_way(
    hub: ClaimingHub, canaries: Mapping[str, str]
) -> None:
    credential_brokers.stop(hub.agents)
    hub.stop_for("alice")
    waits = [one["metadata"]["uid"] for one in hub.until_parked(1)]
    start(hub, "alice", "small")
    assert not hub.is_claimed("alice")
    # The agent was asked first: no pod was lost by it.
    assert [one["metadata"]["uid"] for one in hub.until_parked(1)] == waits
    assert hub.inside("alice", "printenv WANDB_API_KEY") == canaries["wandb"]
    hub.start_for("carol")  # who has none
    assert hub.is_claimed("carol")
    credential_brokers.start_again(hub.agents, release=hub.release)


def test_no_value_is_in_any_log(hub: ClaimingHub, canaries: Mapping[str, str]) -> None:
    agents = hub.agents
    logs = {
        "hub": hub.log(HUB),
        "services": hub.log(SERVICES),
        "agent": kubectl("-n", agents.own, "logs", "agent"),
        "broker": kubectl("-n", agents.of_broker, "logs", NAME),
    }
    for name, text in logs.items():
        assert text, name
        assert not [one for one in canaries.values() if one in text], name
