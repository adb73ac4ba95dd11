"""The life of an installation: upgraded with people at work, removed, installed again. Nothing of theirs is lost."""

from __future__ import annotations

import secrets
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from deploy.cluster.deployment import (
    VOLUMES,
    Deployment,
    deploy,
    helm,
    helm_upgrade,
    images_of,
    volume_name,
    wait_until_rolled_out,
)
from deploy.cluster.layout import layout_here
from deploy.cluster.site_values import values_of
from hub.passwords import ADMIN
from hub.roles import SERVICE_PREFIX
from spawner.installation import JOVYAN
from tests.cluster.cluster_commands import kubectl
from tests.cluster.conftest import Namespaces
from tests.cluster.installed import Installed, eventually
from tests.cluster.namespaces import RUN, RUN_LABEL
from tests.cluster.pods import RESTRICTED

NOTE = "/user/alice/api/contents/note.txt"
LAYOUT = layout_here()


@asynccontextmanager
async def installation(new_namespace: Namespaces, values: Mapping[str, Any]) -> AsyncIterator[Installed]:
    """A release of its own, beside the one at the site. `values` name Secrets by `databases`."""
    release = f"life-{secrets.token_hex(2)}"
    deployment = Deployment(
        release=release,
        namespace=await new_namespace(release, labels=RESTRICTED),
        host="life.studiolo.test",
        has_site=False,
        values=values,
    )
    try:
        with databases(deployment) if values else nullcontext():
            deploy(LAYOUT, deployment, say=print)
            # So that what it holds is kept of a failure, and looked for at the end of the run.
            for namespace in (deployment.workspaces, deployment.storage, deployment.nodes):
                kubectl("label", "namespace", namespace, f"{RUN_LABEL}={RUN}")
            found = Installed(LAYOUT, deployment)
            found.wait_until_up()
            yield found
    finally:
        uninstall(deployment, missing_ok=True)
        namespaces = (deployment.workspaces, deployment.storage, deployment.nodes)
        kubectl("delete", "namespace", *namespaces, "--wait=false", "--ignore-not-found")
        kubectl("delete", "pv", "--wait=false", *(volume_name(deployment, part) for part in VOLUMES))


@contextmanager
def databases(deployment: Deployment) -> Iterator[None]:
    """Two empty ones in the cluster's PostgreSQL, their addresses in Secrets, as an operator makes them."""
    server = LAYOUT.database_url.read_text().strip()
    names = {part: f"{deployment.release}_{part}".replace("-", "_") for part in ("hub", "services")}
    with psycopg.connect(server, autocommit=True) as connection:
        for part, name in names.items():
            connection.execute(f"CREATE DATABASE {name}".encode())
            url = f"--from-literal=url={server.rpartition('/')[0]}/{name}"
            kubectl("--namespace", deployment.namespace, "create", "secret", "generic", f"{part}-database", url)
        try:
            yield
        finally:
            for name in names.values():
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def installed(new_namespace: Namespaces, on_this_machine: None) -> AsyncIterator[Installed]:
    """With SQLite, on claims."""
    async with installation(new_namespace, {}) as found:
        yield found


@pytest.fixture
async def with_postgresql(new_namespace: Namespaces, on_this_machine: None) -> AsyncIterator[Installed]:
    """With PostgreSQL, whose addresses are in Secrets."""
    values = {part: {"database": {"existingSecret": f"{part}-database"}} for part in ("hub", "services")}
    async with installation(new_namespace, values) as found:
        yield found


def uninstall(deployment: Deployment, *, missing_ok: bool = False) -> None:
    words = ("uninstall", deployment.release, "--namespace", deployment.namespace, "--wait")
    helm(LAYOUT, *words, *(("--ignore-not-found",) if missing_ok else ()))


def workspace_of_alice(installed: Installed) -> str:
    """Her pod, by the identity that no second pod has."""
    return installed.theirs(
        "get", "pods", "-l", "studiolo.dev/kind=workspace", "-o", "jsonpath={.items[*].metadata.uid}"
    )


def keys_of(installed: Installed) -> str:
    return installed.ours("get", "secret", f"{installed.deployment.release}-keys", "-o", "jsonpath={.data}")


def read_note(installed: Installed, token: str) -> str:
    with closing(installed.client(token)) as api:
        answer = api.get(NOTE)
    return str(answer.json()["content"]) if answer.status_code == httpx.codes.OK else f"status {answer.status_code}"


def exists(*words: str) -> bool:
    return bool(kubectl("get", *words, "--ignore-not-found"))


def test_people_s_work_outlives_upgrade_and_removal(installed: Installed) -> None:
    deployment = installed.deployment
    token = installed.token_of_anybody("alice")
    installed.start(token, "alice")
    with closing(installed.client(token)) as api:
        api.put(NOTE, json={"type": "file", "format": "text", "content": "of alice"}).raise_for_status()
    home = (LAYOUT.state.resolve() / "volumes" / deployment.namespace / "homes" / "alice").stat()
    assert (home.st_uid, stat.S_IMODE(home.st_mode)) == (JOVYAN, 0o700), "the home service made it, not the node"
    pod, keys, hub = workspace_of_alice(installed), keys_of(installed), installed.uid("hub")

    # Upgrade: the hub is another one, and everything of hers is as it was.
    deploy(LAYOUT, replace(deployment, values={"workspaces": {"namedLimit": 3}}), say=print)
    installed.wait_until_up()
    assert installed.uid("hub") != hub
    assert (workspace_of_alice(installed), keys_of(installed)) == (pod, keys)
    eventually("her note after the upgrade", lambda: read_note(installed, token) == "of alice")

    # And back to what was before.
    helm(LAYOUT, "rollback", deployment.release, "1", "--namespace", deployment.namespace)
    wait_until_rolled_out(LAYOUT, deployment)
    installed.wait_until_up()
    assert (workspace_of_alice(installed), keys_of(installed)) == (pod, keys)
    eventually("her note after the way back", lambda: read_note(installed, token) == "of alice")

    # Removal: what runs of ours goes, what is hers stays, and stays shut in.
    uninstall(deployment)
    assert not exists("deployment", f"{deployment.release}-hub", "--namespace", deployment.namespace)
    for kept in (f"claim/{deployment.release}-homes", "policy/" + f"{deployment.release}-default-deny"):
        kind, _, name = kept.partition("/")
        kind = {"claim": "persistentvolumeclaim", "policy": "networkpolicy"}[kind]
        assert exists(kind, name, "--namespace", deployment.workspaces), kept
    assert (workspace_of_alice(installed), keys_of(installed)) == (pod, keys)

    # Installed again: her workspace never stopped, and her token is still hers.
    deploy(LAYOUT, deployment, say=print)
    again = Installed(LAYOUT, deployment)
    again.wait_until_up()
    assert (workspace_of_alice(again), keys_of(again)) == (pod, keys)
    eventually("her note after all", lambda: read_note(again, token) == "of alice")


def test_the_home_service_s_own_pod_puts_the_home_of_a_deleted_person_aside_and_brings_it_back(
    installed: Installed,
) -> None:
    """Services decides, the hub asks, and the policies of the network let just that through."""
    alice = installed.token_of_anybody("alice")
    installed.start(alice, "alice")
    with closing(installed.client(alice)) as api:
        api.put(NOTE, json={"type": "file", "format": "text", "content": "of alice"}).raise_for_status()
    homes = LAYOUT.state.resolve() / "volumes" / installed.deployment.namespace / "homes"
    with closing(installed.client(installed.token_of_anybody(ADMIN))) as admin:
        admin.delete("/hub/api/users/alice").raise_for_status()
        waiting = admin.get(f"{SERVICE_PREFIX}api/homes").raise_for_status().json()["homes"]
        assert [(one["user"], one["state"]) for one in waiting] == [("alice", "waiting")]
        aside = admin.post(f"{SERVICE_PREFIX}api/homes/alice/archive", json={"now": True}).raise_for_status().json()
        assert aside["state"] == "archived", aside
        assert not (homes / "alice").exists()
        again = installed.token_of_anybody("alice")
        back = admin.post(f"{SERVICE_PREFIX}api/homes/alice/restore", json={}).raise_for_status().json()
        assert back["state"] == "restored", back
    assert (homes / "alice").is_dir()
    installed.start(again, "alice")
    assert read_note(installed, again) == "of alice"


def test_a_changed_catalog_is_offered_without_a_restart(with_postgresql: Installed) -> None:
    installed, deployment = with_postgresql, with_postgresql.deployment
    claims = installed.ours("get", "persistentvolumeclaims", "-o", "name")
    assert claims == "", "with PostgreSQL nothing else is kept"
    hub = installed.uid("hub")
    values = values_of(LAYOUT, deployment, images_of(LAYOUT))
    hardware = str(values["catalogs"]["hardware"]).replace("title: Small", "title: Barely larger")
    helm_upgrade(LAYOUT, deployment, {**values, "catalogs": {**values["catalogs"], "hardware": hardware}})

    with closing(installed.browser_of_anybody("alice")) as alice:
        # The kubelet brings a change within two minutes.
        eventually("the new title", lambda: "Barely larger" in alice.get("/hub/spawn").text, seconds=300)
    assert installed.uid("hub") == hub


def test_what_was_backed_up_in_the_cluster_comes_back_while_hub_and_services_stand_still(installed: Installed) -> None:
    deployment = installed.deployment
    alice = installed.token_of_anybody("alice")
    kept = {part: kept_by(installed, part) for part in ("hub", "services")}
    bob = installed.token_of_anybody("bob")  # after the backup
    assert [knows(installed, token) for token in (alice, bob)] == [True, True]

    deploy(LAYOUT, replace(deployment, values={"maintenance": {"enabled": True}}), say=print)
    for part, backup in kept.items():
        restored = in_part(installed, part, f"base64 -d | studiolo restore --only {part} --replace -", text=backup)
        assert "Everything is as it was on" in restored
    deploy(LAYOUT, deployment, say=print)
    installed.wait_until_up()
    assert [knows(installed, token) for token in (alice, bob)] == [True, False]


def kept_by(installed: Installed, part: str) -> str:
    """A backup as text: what else goes through `kubectl exec` here is text too."""
    return in_part(installed, part, f"studiolo backup --only {part} - | base64")


def in_part(installed: Installed, part: str, script: str, *, text: str = "") -> str:
    where = (
        "--namespace",
        installed.deployment.namespace,
        "exec",
        "-i",
        f"deploy/{installed.deployment.release}-{part}",
    )
    return kubectl(*where, "--", "bash", "-o", "pipefail", "-c", script, text=text)


def knows(installed: Installed, token: str) -> bool:
    """Whether the hub knows whose token this is."""
    with closing(installed.client(token)) as api:
        return api.get("/hub/api/user").status_code == httpx.codes.OK
