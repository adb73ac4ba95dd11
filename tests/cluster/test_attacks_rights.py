"""Attack group 23: what the accounts of an installation may ask of Kubernetes, tried against the API server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.errors import ProgramFailedError
from tests.cluster.granted import Installed, as_account, as_hub, installed_rights, may
from tests.cluster.kube import Kube
from tests.cluster.pods import pod


@pytest.fixture(scope="module")
def installed(kubeconfig: Path, _remove_namespaces: None) -> Iterator[Installed]:
    with installed_rights(kubeconfig, {}) as found:
        yield found


NEVER_ANYWHERE = (
    ("get", "secrets"),
    ("list", "secrets"),
    ("watch", "secrets"),
    ("patch", "secrets"),
    ("create", "pods/exec"),
    ("get", "pods/exec"),
    ("create", "pods/attach"),
    ("create", "pods/portforward"),
    ("create", "pods/ephemeralcontainers"),
    ("patch", "pods/ephemeralcontainers"),
    ("patch", "pods"),
    ("update", "pods"),
    ("deletecollection", "pods"),
    ("create", "serviceaccounts/token"),
    ("create", "serviceaccounts"),
    ("create", "roles.rbac.authorization.k8s.io"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("bind", "clusterroles.rbac.authorization.k8s.io"),
    ("escalate", "roles.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
    ("create", "nodes/proxy"),
    ("get", "nodes/proxy"),
    ("patch", "nodes"),
    ("create", "namespaces"),
    ("patch", "namespaces"),
    ("create", "persistentvolumes"),
    ("delete", "persistentvolumeclaims"),
    ("delete", "networkpolicies.networking.k8s.io"),
    ("patch", "resourcequotas"),
    ("create", "validatingwebhookconfigurations.admissionregistration.k8s.io"),
    ("delete", "validatingadmissionpolicies.admissionregistration.k8s.io"),
    ("create", "certificatesigningrequests.certificates.k8s.io"),
    ("get", "configmaps"),
)


@pytest.mark.parametrize(("verb", "what"), NEVER_ANYWHERE, ids=" ".join)
async def test_the_hub_s_account_may_not(verb: str, what: str, installed: Installed, kube: Kube) -> None:
    hub = installed.account("hub")
    for namespace in (installed.theirs, installed.held, installed.ours, "kube-system", ""):
        assert not await may(kube, hub, verb, what, namespace), namespace


async def test_the_hub_s_account_may_not_replace_a_secret(installed: Installed, kube: Kube) -> None:
    for namespace in (installed.theirs, installed.held, installed.ours, "kube-system", ""):
        assert not await may(kube, installed.account("hub"), "update", "secrets", namespace), namespace


@pytest.mark.parametrize(("verb", "what"), NEVER_ANYWHERE, ids=" ".join)
async def test_the_services_account_may_not(verb: str, what: str, installed: Installed, kube: Kube) -> None:
    services = installed.account("services")
    for namespace in (installed.theirs, installed.held, installed.ours, "kube-system", ""):
        assert not await may(kube, services, verb, what, namespace), namespace


async def test_the_services_account_writes_credentials_there_and_has_nothing_else(
    installed: Installed, kube: Kube
) -> None:
    services = installed.account("services")
    for verb in ("create", "update", "delete"):
        assert await may(kube, services, verb, "secrets", installed.theirs), verb
        for elsewhere in (installed.held, installed.ours, "kube-system", "default", ""):
            assert not await may(kube, services, verb, "secrets", elsewhere), (verb, elsewhere)
    for verb, what in (("create", "pods"), ("delete", "pods"), ("get", "pods/log"), ("get", "pods")):
        for namespace in (installed.theirs, installed.ours, ""):
            assert not await may(kube, services, verb, what, namespace), (verb, what, namespace)


async def test_the_services_account_holds_room_in_one_namespace_and_reads_what_that_depends_on(
    installed: Installed, kube: Kube
) -> None:
    services = installed.account("services")
    for verb in ("create", "delete", "list", "watch"):
        assert await may(kube, services, verb, "pods", installed.held), verb
    assert await may(kube, services, "list", "pods", installed.theirs)
    assert await may(kube, services, "list", "nodes", "")
    for verb in ("list", "watch"):
        for elsewhere in (installed.ours, "kube-system", "default", ""):
            assert not await may(kube, services, verb, "pods", elsewhere), (verb, elsewhere)
    for verb, what in (("get", "pods/log"), ("get", "pods"), ("create", "configmaps"), ("create", "events")):
        assert not await may(kube, services, verb, what, installed.held), (verb, what)


async def test_the_hub_s_account_may_do_its_work_there_and_nowhere_else(installed: Installed, kube: Kube) -> None:
    """Or the refusals above would prove nothing."""
    hub = installed.account("hub")
    for verb, what in (("create", "pods"), ("delete", "pods"), ("create", "secrets"), ("delete", "secrets")):
        assert await may(kube, hub, verb, what, installed.theirs), (verb, what)
        for elsewhere in (installed.held, installed.ours, "kube-system", "default", ""):
            assert not await may(kube, hub, verb, what, elsewhere), (verb, what, elsewhere)


@pytest.mark.parametrize("who", ["proxy", "default of ours", "default of workspaces", "anonymous", "anybody"])
async def test_nobody_else_may_do_anything(who: str, installed: Installed, kube: Kube) -> None:
    accounts = {
        "default of ours": f"system:serviceaccount:{installed.ours}:default",
        "default of workspaces": f"system:serviceaccount:{installed.theirs}:default",
        "anonymous": "system:anonymous",
        "anybody": "somebody@example.org",
    }
    account = accounts.get(who) or installed.account(who)
    for verb, what in (
        *(("get", "secrets"), ("list", "pods"), ("create", "pods"), ("create", "pods/exec"), ("get", "pods/log")),
        *(("list", "nodes"), ("list", "events"), ("get", "configmaps"), ("create", "secrets")),
    ):
        for namespace in (installed.theirs, installed.ours, ""):
            assert not await may(kube, account, verb, what, namespace), (verb, what, namespace)


async def test_the_installation_gives_no_right_to_everybody(installed: Installed, kube: Kube) -> None:
    """OpenShift AI's CVE-2025-10725: a role for jobs, bound to all who had signed in."""
    bindings = [
        *await kube.list_all("rbac.authorization.k8s.io/v1", "RoleBinding", namespace=installed.ours),
        *await kube.list_all("rbac.authorization.k8s.io/v1", "RoleBinding", namespace=installed.theirs),
        *(one for one in installed.cluster_wide if one["kind"] == "ClusterRoleBinding"),
    ]
    assert bindings
    for binding in bindings:
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount"
            assert subject["name"] in {f"{installed.release}-hub", f"{installed.release}-services"}
            assert subject["namespace"] == installed.ours


def secret(installed: Installed, **changed: Any) -> dict[str, Any]:
    labels = {"studiolo.dev/release": installed.release, "studiolo.dev/kind": "workspace"}
    metadata = {"name": f"s-{secrets.token_hex(3)}", "namespace": installed.theirs, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "b"}} | changed


async def test_kubectl_says_what_the_services_account_may_do_with_secrets(installed: Installed) -> None:
    def asked(verb: str) -> tuple[str, ...]:
        return ("auth", "can-i", verb, "secrets", "-n", installed.theirs)

    for verb in ("create", "update", "delete"):
        assert (await as_account(installed, "services", *asked(verb))).strip() == "yes", verb
    for verb in ("get", "list", "watch", "patch", "deletecollection"):
        with pytest.raises(ProgramFailedError, match="exit code 1: no"):
            await as_account(installed, "services", *asked(verb))


async def test_the_services_account_writes_credentials_and_touches_no_other_secret(installed: Installed) -> None:
    credential = secret(installed)
    whose = {"studiolo.dev/owner": "alice", "studiolo.dev/owner-kind": "person"}
    credential["metadata"]["labels"] |= {"studiolo.dev/kind": "credential", **whose}
    name, namespace = credential["metadata"]["name"], installed.theirs
    await as_account(installed, "services", "create", "-f", "-", manifest=credential)
    await as_account(installed, "services", "replace", "-f", "-", manifest=credential | {"stringData": {"a": "c"}})
    one = f"/api/v1/namespaces/{namespace}/secrets"
    for reading in (
        ("get", "secret", name),
        ("get", "secrets"),
        ("describe", "secret", name),
        ("get", "--raw", f"{one}?watch=true&timeoutSeconds=5"),
        ("get", "--raw", f"{one}?watch=true&timeoutSeconds=5&fieldSelector=metadata.name%3D{name}"),
    ):
        with pytest.raises(ProgramFailedError, match=r"[Ff]orbidden"):
            await as_account(installed, "services", *reading, "-n", namespace)
    with pytest.raises(ProgramFailedError, match='cannot patch resource "secrets"'):
        await as_account(installed, "services", "apply", "--server-side", "-f", "-", manifest=credential)

    workspaces = secret(installed)
    await as_hub(installed, workspaces)
    hubs_name = workspaces["metadata"]["name"]
    disguised = credential | {"metadata": credential["metadata"] | {"name": hubs_name}}
    nobodys = secret(installed)
    nobodys["metadata"]["labels"] |= {"studiolo.dev/kind": "credential"}
    nobody_knows_whose = secret(installed)
    nobody_knows_whose["metadata"]["labels"] |= {"studiolo.dev/kind": "credential", "studiolo.dev/owner": "vision"}
    for verb, refused in (
        ("create", workspaces),
        ("create", nobodys),
        ("create", nobody_knows_whose),
        ("replace", disguised),
        ("replace", workspaces),
    ):
        with pytest.raises(ProgramFailedError):
            await as_account(installed, "services", verb, "-f", "-", manifest=refused)
    with pytest.raises(ProgramFailedError):
        await as_account(installed, "services", "delete", "secret", hubs_name, "-n", namespace, "--wait=false")
    await as_account(installed, "services", "delete", "secret", name, "-n", namespace, "--wait=false")


async def test_the_hub_s_account_makes_its_own_kind_of_secret_and_no_other(installed: Installed) -> None:
    await as_hub(installed, secret(installed))
    unmarked = secret(installed)
    del unmarked["metadata"]["labels"]
    others = secret(installed)
    others["metadata"]["labels"]["studiolo.dev/release"] = "another"
    token = secret(installed, type="kubernetes.io/service-account-token", stringData={})
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    for refused in (unmarked, others, token):
        with pytest.raises(ProgramFailedError):
            await as_hub(installed, refused)


async def test_the_hub_s_account_makes_no_pod_with_more_rights(installed: Installed, images: Mapping[str, str]) -> None:
    """Who takes over the hub still gets no node."""
    plain = pod("plain", images["pause"], namespace=installed.theirs)
    await as_hub(installed, plain)
    for more in ({"hostPID": True}, {"hostNetwork": True}, {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}):
        asked = pod(f"more-{secrets.token_hex(3)}", images["pause"], namespace=installed.theirs)
        asked["spec"] |= more
        with pytest.raises(ProgramFailedError):
            await as_hub(installed, asked)
