"""Credentials from the REST API into a pod: their owner works with them there, and nobody else gets anything of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.cluster.errors import ProgramFailedError
from deploy.local.plans import HUB, SERVICES
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.git_servers import GitServer, git_server
from tests.cluster.granted import may
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

ALICE = "alice"
OF_THE_ADMIN = "an administrator's own value"
CHANGE_SECONDS = 270
"""A change reaches running pods within 90 seconds; here on a machine that is busy with other tests."""

PUSH = """
set -eu
cat > /tmp/authority.pem
export GIT_SSL_CAINFO=/tmp/authority.pem GIT_TERMINAL_PROMPT=0
git init --quiet --initial-branch=main /tmp/work
cd /tmp/work
git -c user.name=Alice -c user.email=alice@example.org commit --quiet --allow-empty --message "From a workspace"
git push --quiet "$1" main
"""

READ_REPOSITORY = """
cat > /tmp/authority.pem
export GIT_SSL_CAINFO=/tmp/authority.pem GIT_TERMINAL_PROMPT=0
git ls-remote "$1"
"""

UNTIL_CHANGED = """
until grep -q "$1" /run/credentials/kaggle.json && [ ! -e /run/credentials/git/forge ]; do sleep 1; done
"""

SEARCH = """
{
    printenv
    cat /proc/1/environ
    ls -R /run /home
    find /run /home /tmp /dev/shm -type f -readable -print0 | xargs -0r cat
} 2>/dev/null | tr -cd '\\11\\12\\40-\\176'
"""
"""Prints all that a pod knows and did not bring along with its image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Values that must be where they belong, and nowhere else."""

    env: str
    file: str
    rotated: str
    token: str

    @classmethod
    def new(cls) -> Canaries:
        """Of this test alone."""
        return cls(**{name: f"canary-{name}-{secrets.token_hex(12)}" for name in ("env", "file", "rotated", "token")})

    def shapes(self) -> list[str]:
        """In clear, and as a Secret would have them."""
        values = (self.env, self.file, self.rotated, self.token)
        return [*values, *(base64.b64encode(one.encode()).decode().rstrip("=")[:-2] for one in values)]

    def found_in(self, text: str) -> list[str]:
        """Those that are in there."""
        return [shape for shape in self.shapes() if shape in text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hub with services, and a git server that takes Alice's token."""

    hub: RealHub
    git: GitServer
    canaries: Canaries
    alice: str
    admin: str
    """Tokens of the two for the hub."""

    def in_pod(self, user: str, *argv: str, text: str = "") -> str:
        """What a program in somebody's workspace prints."""
        return kubectl("-n", self.hub.namespace, "exec", "-i", pod_name(user, ""), "--", *argv, text=text)

    def keep_credentials(self) -> None:
        """Alice's three, over REST."""
        sent = (
            {"name": "wandb", "kind": "env", "variable": "WANDB_API_KEY", "value": self.canaries.env},
            {"name": "kaggle", "kind": "file", "path": "kaggle.json", "value": self.canaries.file},
            {"name": "forge", "kind": "git", "host": self.git.host, "user": ALICE, "value": self.canaries.token},
        )
        with self.hub.services_api(self.alice) as api:
            for one in sent:
                answer = api.post("credentials", json=one)
                assert answer.status_code == HTTPStatus.CREATED, answer.text
                assert not self.canaries.found_in(answer.text)

    def start(self, user: str, token: str, password: str) -> None:
        """Their workspace, once the hub knows of their credentials: services may be too slow for the start itself."""
        with contextlib.closing(self.hub.browser(user, password)) as browser:
            self.hub.until(
                lambda: "kaggle" in browser.get("/hub/spawn").text, what=f"{user}'s page has kaggle", seconds=120
            )
        self.hub.start_workspace(token, user, **SMALL)


@pytest.fixture
def place(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[Place]:
    canaries = Canaries.new()
    hub = RealHub(
        tmp_path / "hub",
        kubeconfig=kubeconfig,
        namespace=restricted,
        images=images,
        overrides={"logs.level": "debug"},
        services=True,
    )
    with git_server(tmp_path / "git", user=ALICE, token=canaries.token) as git, hub:
        admin = hub.token(ADMIN, hub.admin_password)
        alice = hub.token(ALICE, password := hub.add_user(ALICE))
        found = Place(hub=hub, git=git, canaries=canaries, alice=alice, admin=admin)
        found.keep_credentials()
        found.start(ALICE, alice, password)
        yield found


async def test_a_workspace_works_with_its_person_s_credentials_and_nobody_else_gets_anything_of_them(
    place: Place, kube: Kube
) -> None:
    await asyncio.to_thread(_their_owner_works_with_them, place)
    kept = await kube.list_all("v1", "Secret", namespace=place.hub.namespace)
    assert len(place.canaries.found_in(json.dumps(kept))) >= 2  # of the variable and of the file, as Secrets have them
    await asyncio.to_thread(_an_administrator_gets_nothing, place)
    account = f"system:serviceaccount:{place.hub.namespace}:default"
    for verb in ("get", "list", "watch", "create", "delete"):
        assert not await may(kube, account, verb, "secrets", place.hub.namespace), verb
    await asyncio.to_thread(_changes_reach_the_running_workspace, place)
    kinds = [await kube.list_all("v1", kind, namespace=place.hub.namespace) for kind in ("Pod", "Event", "ConfigMap")]
    names = {pod["metadata"]["name"] for pod in kinds[0]}
    assert {pod_name(ALICE, ""), pod_name(ADMIN, "")} <= names
    assert not place.canaries.found_in(json.dumps(kinds))
    await asyncio.to_thread(_nothing_of_ours_has_kept_a_value, place)


def _their_owner_works_with_them(place: Place) -> None:
    assert place.in_pod(ALICE, "printenv", "WANDB_API_KEY").strip() == place.canaries.env
    assert place.in_pod(ALICE, "cat", "/run/credentials/kaggle.json") == place.canaries.file
    place.in_pod(ALICE, "sh", "-c", PUSH, "sh", place.git.url, text=place.git.authority)
    assert place.git.subjects("main") == ["From a workspace"]
    # So that a search that finds nothing says something.
    mine = {place.canaries.env, place.canaries.file, place.canaries.token}
    assert mine <= set(place.canaries.found_in(place.in_pod(ALICE, "sh", "-c", SEARCH)))


def _an_administrator_gets_nothing(place: Place) -> None:
    """Who has every right in the hub is asked for; anybody else has fewer."""
    with place.hub.services_api(place.admin) as api:
        assert api.get("credentials").json() == {"credentials": []}
        tries = (
            api.get("credentials/kaggle"),
            api.post("credentials/kaggle/rotate", json={"value": OF_THE_ADMIN}),
            api.delete("credentials/kaggle"),
            api.get(f"credentials/{ALICE}/mounts"),
            api.post(f"credentials/{ALICE}/open", json={"names": ["kaggle"], "workspace": ""}),
            api.post(f"credentials/{ALICE}/mounted", json={"names": ["kaggle"], "workspace": ""}),
            api.post(f"credentials/{ALICE}/forget"),
        )
        # Of the same name, and at the same place in the workspace.
        mine = {"name": "kaggle", "kind": "file", "path": "kaggle.json", "value": OF_THE_ADMIN}
        api.post("credentials", json=mine).raise_for_status()
    refused = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    for answer in tries:
        assert answer.status_code in refused, f"{answer.request.method} {answer.request.url}: {answer.text}"
        assert not place.canaries.found_in(answer.text)
    place.start(ADMIN, place.admin, place.hub.admin_password)
    found = place.in_pod(ADMIN, "sh", "-c", SEARCH)
    assert OF_THE_ADMIN in found
    assert not place.canaries.found_in(found)
    assert "WANDB_API_KEY" not in found
    refused_before = place.git.refused
    with pytest.raises(ProgramFailedError):
        place.in_pod(ADMIN, "sh", "-c", READ_REPOSITORY, "sh", place.git.url, text=place.git.authority)
    assert place.git.refused > refused_before
    assert place.in_pod(ALICE, "cat", "/run/credentials/kaggle.json") == place.canaries.file  # nothing was changed


def _changes_reach_the_running_workspace(place: Place) -> None:
    with place.hub.services_api(place.alice) as api:
        api.post("credentials/kaggle/rotate", json={"value": place.canaries.rotated}).raise_for_status()
        api.delete("credentials/forge").raise_for_status()
        assert [one["name"] for one in api.get("credentials").json()["credentials"]] == ["kaggle", "wandb"]
    words = ("timeout", str(CHANGE_SECONDS), "sh", "-c", UNTIL_CHANGED, "sh", place.canaries.rotated)
    place.in_pod(ALICE, *words)
    assert place.in_pod(ALICE, "cat", "/run/credentials/kaggle.json") == place.canaries.rotated
    assert place.in_pod(ADMIN, "cat", "/run/credentials/kaggle.json") == OF_THE_ADMIN


def _nothing_of_ours_has_kept_a_value(place: Place) -> None:
    """No answer about the workspaces, no log, no database, no other file of the installation."""
    with place.hub.api(place.admin) as api:
        said = [_of(api, f"users/{user}?include_stopped_servers") for user in (ALICE, ADMIN)]
    assert said[0]["servers"][""]["user_options"]
    assert not place.canaries.found_in(json.dumps(said))
    for name in (HUB, SERVICES):
        place.hub.stop(name)  # what it still holds gets to its files
        assert place.hub.log(name)
        assert not place.canaries.found_in(place.hub.log(name)), name
    paths = [path for path in place.hub.data.root.rglob("*") if path.is_file()]
    assert {place.hub.data.hub_database, place.hub.data.services_database} <= set(paths)
    for path in paths:
        assert not place.canaries.found_in(path.read_bytes().decode(errors="replace")), path


def _of(api: httpx.Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(path).raise_for_status().json()
    return found
