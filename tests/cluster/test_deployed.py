"""What `make deploy` leaves: Studiolo at its site, in pods that may do little, behind a network that is closed."""

from __future__ import annotations

import json
from contextlib import closing

import httpx
import pytest

from deploy.charting.rights import RIGHTS, Feature, Place
from deploy.cluster.deployment import PARTS, deploy, helm
from deploy.cluster.layout import NODE_ADDRESS
from tests.cluster.installed import Installed

ACCOUNT = "system:serviceaccount"


def test_people_reach_the_sign_in_page_by_its_name_and_certificate(deployed: Installed) -> None:
    with closing(deployed.client()) as browser:
        page = browser.get("/hub/login")
    assert page.status_code == httpx.codes.OK
    assert "Studiolo" in page.text


def test_plain_http_leads_to_https(deployed: Installed) -> None:
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.get(f"http://{NODE_ADDRESS}/hub/home", headers={"Host": deployed.deployment.host})
    assert answer.is_redirect
    assert answer.headers["location"].startswith(deployed.url)


def test_helm_s_own_test_passes(deployed: Installed) -> None:
    deployment = deployed.deployment
    told = helm(deployed.layout, "test", deployment.release, "--namespace", deployment.namespace)
    assert "Succeeded" in told


def test_deploying_again_changes_nothing_that_runs(deployed: Installed) -> None:
    before = {part: deployed.uid(part) for part in PARTS}
    deploy(deployed.layout, deployed.deployment, say=print)
    assert {part: deployed.uid(part) for part in PARTS} == before


def test_both_namespaces_let_in_restricted_pods_only(deployed: Installed) -> None:
    for say in (deployed.ours, deployed.theirs):
        for attempt in ({"hostNetwork": True}, {}):
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "intruder"},
                "spec": {"containers": [{"name": "main", "image": "scratch"}], **attempt},
            }
            with pytest.raises(Exception, match="violates PodSecurity"):
                say("run", "intruder", "--image=scratch", f"--overrides={json.dumps(pod)}", "--dry-run=server")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("place", ["release", "workspaces", "capacity", "nodes", "elsewhere"])
def test_our_accounts_may_exactly_what_the_docs_say(deployed: Installed, part: str, place: str) -> None:
    deployment = deployed.deployment
    ours = {
        "release": deployment.namespace,
        "workspaces": deployment.workspaces,
        "capacity": deployment.capacity,
        "nodes": deployment.nodes,
    }
    namespace = ours.get(place, "default")
    account = f"{ACCOUNT}:{deployment.namespace_of(part)}:{deployment.release}-{part}"
    nobody = f"{ACCOUNT}:{deployment.namespace}:nobody"
    gained = rights_of(deployed, account, namespace) - rights_of(deployed, nobody, namespace)
    assert gained == expected(deployment.release, part, place)


def rights_of(deployed: Installed, account: str, namespace: str) -> set[tuple[str, str, str]]:
    """What `kubectl auth can-i --list` says, as (resource, name, verb)."""
    listed = deployed.ours("auth", "can-i", "--list", "--no-headers", f"--as={account}", "--namespace", namespace)
    found = set()
    for line in listed.splitlines():
        resource, rest = line.split("[", 1)[0].strip(), line.split("[", 1)[1]
        _urls, names, verbs = (part.strip(" ]") for part in rest.split("["))
        found |= {(resource, name, verb) for name in names.split() or [""] for verb in verbs.split()}
    return found


def expected(release: str, part: str, place: str) -> set[tuple[str, str, str]]:
    """What the table says, in the same words. Slow builds are off here, and with them what is for those."""
    holds = {Place.CLUSTER, *(one for one in Place if one.value == place)}
    return {
        (f"{resource}.{right.api_group}".rstrip("."), f"{release}-{name}" if name else "", verb)
        for right in RIGHTS
        if right.account == part and right.place in holds and right.only_with is not Feature.SLOW_BUILDS
        for resource in right.resources
        for name in (right.named or ("",))
        for verb in right.verbs
    }


@pytest.mark.parametrize(
    ("labels", "kind", "is_allowed"),
    [
        ({"studiolo.dev/release": "studiolo", "studiolo.dev/kind": "workspace"}, "Opaque", True),
        ({}, "Opaque", False),
        ({"studiolo.dev/release": "another", "studiolo.dev/kind": "workspace"}, "Opaque", False),
        (
            {"studiolo.dev/release": "studiolo", "studiolo.dev/kind": "workspace"},
            "kubernetes.io/service-account-token",
            False,
        ),
    ],
    ids=["as ours are", "without labels", "of another release", "token of an account"],
)
def test_the_hub_can_make_no_secret_but_a_workspace_s(
    deployed: Installed, labels: dict[str, str], kind: str, *, is_allowed: bool
) -> None:
    deployment = deployed.deployment
    annotations = {"kubernetes.io/service-account.name": "default"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "made-by-a-test", "labels": labels, "annotations": annotations},
        "type": kind,
    }
    account = f"{ACCOUNT}:{deployment.namespace}:{deployment.release}-hub"
    words = ("create", "--raw", f"/api/v1/namespaces/{deployment.workspaces}/secrets?dryRun=All", "-f", "-")
    if is_allowed:
        assert "made-by-a-test" in deployed.theirs(*words, f"--as={account}", text=json.dumps(secret))
        return
    with pytest.raises(Exception, match="A Secret that Studiolo makes"):
        deployed.theirs(*words, f"--as={account}", text=json.dumps(secret))
