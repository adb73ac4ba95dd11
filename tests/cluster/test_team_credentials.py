"""What a team's lead keeps is in the pods of its members and nowhere else; who has left has it no more at a start."""

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

import httpx
import pytest

from deploy.local.plans import HUB, SERVICES
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

LEAD, MEMBER, STRANGER = "lena", "mara", "vision"
"""The stranger is called as the team."""
TEAM = "vision"
CHANGE_SECONDS = 270
"""A change reaches running pods within 90 seconds; here on a machine that is busy with other tests."""

SEARCH = """
{
    printenv
    cat /proc/1/environ
    ls -R /run /home
    find /run /home /tmp /dev/shm -type f -readable -print0 | xargs -0r cat
} 2>/dev/null | tr -cd '\\11\\12\\40-\\176'
"""
UNTIL_CHANGED = 'until grep -q "$1" /run/credentials/kaggle.json; do sleep 1; done'
UNTIL_GONE = "until [ ! -e /run/credentials/kaggle.json ]; do sleep 1; done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hub with services, a team with its two credentials, and three people."""

    hub: RealHub
    tokens: Mapping[str, str]
    passwords: Mapping[str, str]
    canaries: Mapping[str, str]

    def services(self, user: str) -> httpx.Client:
        """The services process, as somebody calls it."""
        return self.hub.services_api(self.tokens[user])

    def in_pod(self, user: str, *argv: str) -> str:
        """What a program in somebody's workspace prints."""
        return kubectl("-n", self.hub.namespace, "exec", "-i", pod_name(user, ""), "--", *argv)

    def start(self, user: str, *, sees: bool) -> None:
        """Their workspace, once the hub knows whether there is something of the team for them."""
        with contextlib.closing(self.hub.browser(user, self.passwords[user])) as browser:
            self.hub.until(
                lambda: ("given by team vision" in browser.get("/hub/spawn").text) == sees,
                what=f"{user}'s page {'has' if sees else 'lacks'} what the team gives",
                seconds=120,
            )
        self.hub.start_workspace(self.tokens[user], user, **SMALL)

    def found_in(self, text: str) -> list[str]:
        """Canaries that are in there, in clear or as a Secret would have them."""
        encoded = [base64.b64encode(one.encode()).decode().rstrip("=")[:-2] for one in self.canaries.values()]
        return [shape for shape in (*self.canaries.values(), *encoded) if shape in text]


@pytest.fixture
def place(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[Place]:
    hub = RealHub(tmp_path / "hub", kubeconfig=kubeconfig, namespace=restricted, images=images, services=True)
    with hub:
        passwords = {name: hub.add_user(name) for name in (LEAD, MEMBER, STRANGER)} | {ADMIN: hub.admin_password}
        tokens = {name: hub.token(name, password) for name, password in passwords.items()}
        with hub.api(tokens[ADMIN]) as api:
            api.post(f"groups/{TEAM}", json={"users": [LEAD, MEMBER]}).raise_for_status()
            api.put(f"groups/{TEAM}/properties", json={"leads": [LEAD], "quota": {}}).raise_for_status()
        canaries = {name: f"canary-{name}-{secrets.token_hex(12)}" for name in ("env", "file", "rotated")}
        place = Place(hub=hub, tokens=tokens, passwords=passwords, canaries=canaries)
        _keep(place)
        yield place


def _keep(place: Place) -> None:
    sent = (
        {"name": "wandb", "kind": "env", "variable": "WANDB_API_KEY", "value": place.canaries["env"]},
        {"name": "kaggle", "kind": "file", "path": "kaggle.json", "value": place.canaries["file"]},
    )
    for one in sent:
        for user, status in ((MEMBER, 403), (STRANGER, 404), (LEAD, 201)):
            with place.services(user) as api:
                answer = api.post("credentials", json=one | {"team": TEAM})
                assert answer.status_code == status, answer.text
                assert not place.found_in(answer.text)


async def test_what_a_lead_keeps_is_in_the_pods_of_members_and_nowhere_else(place: Place, kube: Kube) -> None:
    await asyncio.to_thread(_a_member_works_with_it, place)
    kept = await kube.list_all("v1", "Secret", namespace=place.hub.namespace)
    ours = {one["metadata"]["name"]: one for one in kept if place.found_in(json.dumps(one))}
    assert set(ours) == {"team-credential-vision--wandb", "team-credential-vision--kaggle"}
    assert {one["metadata"]["labels"]["studiolo.dev/owner-kind"] for one in ours.values()} == {"team"}
    await asyncio.to_thread(_nobody_else_has_it, place)
    kinds = [await kube.list_all("v1", kind, namespace=place.hub.namespace) for kind in ("Pod", "Event", "ConfigMap")]
    assert {pod_name(MEMBER, ""), pod_name(STRANGER, "")} <= {pod["metadata"]["name"] for pod in kinds[0]}
    assert not place.found_in(json.dumps(kinds))
    await asyncio.to_thread(_a_change_reaches_members_that_run, place)
    await asyncio.to_thread(_who_has_left_has_it_no_more, place)
    await asyncio.to_thread(_nothing_of_ours_has_kept_a_value, place)


def _a_member_works_with_it(place: Place) -> None:
    place.start(MEMBER, sees=True)
    assert place.in_pod(MEMBER, "printenv", "WANDB_API_KEY").strip() == place.canaries["env"]
    assert place.in_pod(MEMBER, "cat", "/run/credentials/kaggle.json") == place.canaries["file"]
    # So that a search that finds nothing says something.
    assert len(place.found_in(place.in_pod(MEMBER, "sh", "-c", SEARCH))) == 2


def _nobody_else_has_it(place: Place) -> None:
    """Nor can a member read it back, or change it, or have it by calling as the hub does."""
    place.start(STRANGER, sees=False)
    found = place.in_pod(STRANGER, "sh", "-c", SEARCH)
    assert not place.found_in(found)
    assert "WANDB_API_KEY" not in found
    for user in (MEMBER, STRANGER, ADMIN):
        with place.services(user) as api:
            answers = [
                api.get("credentials"),
                api.get(f"credentials?team={TEAM}"),
                api.get(f"credentials/kaggle?team={TEAM}"),
                api.get(f"credentials/{user}/mounts?team={TEAM}"),
                api.post(f"credentials/{user}/open", json={"names": ["vision/kaggle"], "teams": [TEAM]}),
                api.post(f"team-credentials/{TEAM}/forget"),
            ]
            if user != ADMIN:
                answers += [
                    api.post(f"credentials/kaggle/rotate?team={TEAM}", json={"value": "of a stranger"}),
                    api.delete(f"credentials/kaggle?team={TEAM}"),
                ]
                assert {answer.status_code for answer in answers[-2:]} <= {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
            assert {answer.status_code for answer in answers[2:6]} <= {403, 404, 405}
            assert not place.found_in("\n".join(answer.text for answer in answers))
    # Who chooses it by name and is in no such team is told that there is none.
    place.hub.stop_workspace(place.tokens[STRANGER], STRANGER)
    wanted = {"user_options": {**SMALL, "credentials": ["vision/kaggle"]}}
    with place.hub.api(place.tokens[STRANGER]) as api:
        refused = api.post(f"users/{STRANGER}/server", json=wanted)
    assert refused.status_code >= HTTPStatus.BAD_REQUEST
    assert 'The credential "vision/kaggle" does not exist any more.' in refused.json()["message"]
    place.hub.start_workspace(place.tokens[STRANGER], STRANGER, **SMALL)


def _a_change_reaches_members_that_run(place: Place) -> None:
    with place.services(LEAD) as api:
        value = {"value": place.canaries["rotated"]}
        api.post(f"credentials/kaggle/rotate?team={TEAM}", json=value).raise_for_status()
    words = ("timeout", str(CHANGE_SECONDS), "sh", "-c", UNTIL_CHANGED, "sh", place.canaries["rotated"])
    place.in_pod(MEMBER, *words)
    with place.services(LEAD) as api:
        api.delete(f"credentials/kaggle?team={TEAM}").raise_for_status()
    place.in_pod(MEMBER, "timeout", str(CHANGE_SECONDS), "sh", "-c", UNTIL_GONE)


def _who_has_left_has_it_no_more(place: Place) -> None:
    with place.hub.api(place.tokens[ADMIN]) as api:
        api.request("DELETE", f"groups/{TEAM}/users", json={"users": [MEMBER]}).raise_for_status()
    place.hub.stop_workspace(place.tokens[MEMBER], MEMBER)
    place.start(MEMBER, sees=False)
    found = place.in_pod(MEMBER, "sh", "-c", SEARCH)
    assert not place.found_in(found)
    assert "WANDB_API_KEY" not in found


def _nothing_of_ours_has_kept_a_value(place: Place) -> None:
    for name in (HUB, SERVICES):
        place.hub.stop(name)  # what it still holds gets to its files
        assert place.hub.log(name)
        assert not place.found_in(place.hub.log(name)), name
    for path in place.hub.data.root.rglob("*"):
        assert not path.is_file() or not place.found_in(path.read_bytes().decode(errors="replace")), path
