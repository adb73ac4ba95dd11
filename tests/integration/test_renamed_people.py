"""Somebody is called otherwise from now on, in a real hub: the home goes along, and nothing to a namesake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.passwords import ADMIN

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

SMALL = {"environment": "minimal", "hardware": "small"}


@pytest.fixture
def admin(running_hub: ThrowawayHub) -> Iterator[httpx.Client]:
    with running_hub.api(running_hub.token(ADMIN, running_hub.admin_password)) as api:
        yield api


def rename(admin: httpx.Client, user: str, new: str) -> httpx.Response:
    return admin.patch(f"users/{user}", json={"name": new})


def test_the_home_goes_along_and_so_does_the_password(running_hub: ThrowawayHub, admin: httpx.Client) -> None:
    password = running_hub.add_user("maiden")
    homes = running_hub.data
    (homes.home("maiden") / "deep").mkdir(parents=True)
    (homes.home("maiden") / "deep" / "notes.bin").write_bytes(bytes(range(256)))
    with running_hub.services_api(running_hub.token("maiden", password)) as api:
        sent = {"name": "forge", "kind": "env", "variable": "FORGE", "value": "v", "always": True}
        api.post("credentials", json=sent).raise_for_status()
    assert rename(admin, "maiden", "married").json()["name"] == "married"
    assert (homes.home("married") / "deep" / "notes.bin").read_bytes() == bytes(range(256))
    assert not homes.home("maiden").exists()
    token = running_hub.token("married", password)
    running_hub.start_workspace(token, "married", **SMALL)
    running_hub.stop_workspace(token, "married")
    assert (homes.home("married") / "deep" / "notes.bin").exists()

    later = running_hub.token("maiden", running_hub.add_user("maiden"))
    with running_hub.services_api(later) as api:
        assert api.get("credentials").json()["credentials"] == []
    assert not homes.home("maiden").exists()


def test_a_home_with_files_under_the_new_name_keeps_both_as_they_are(
    running_hub: ThrowawayHub, admin: httpx.Client
) -> None:
    first = running_hub.token("first", running_hub.add_user("first"))
    sent = {"name": "forge", "kind": "env", "variable": "FORGE", "value": "v", "always": True}
    with running_hub.services_api(first) as api:
        api.post("credentials", json=sent).raise_for_status()
    for name in ("first", "second"):
        running_hub.data.home(name).mkdir(parents=True)
        (running_hub.data.home(name) / "mine.txt").write_text(name)
    answer = rename(admin, "first", "second")
    assert answer.status_code == httpx.codes.CONFLICT
    assert "There is a home of second with files in it." in answer.json()["message"]
    assert admin.get("users/first").status_code == httpx.codes.OK
    with running_hub.services_api(first) as api:
        assert [one["name"] for one in api.get("credentials").json()["credentials"]] == ["forge"]
    for name in ("first", "second"):
        assert (running_hub.data.home(name) / "mine.txt").read_text() == name


def test_nobody_is_renamed_while_a_workspace_works_in_the_home(running_hub: ThrowawayHub, admin: httpx.Client) -> None:
    password = running_hub.add_user("busy")
    token = running_hub.token("busy", password)
    running_hub.start_workspace(token, "busy", **SMALL)
    answer = rename(admin, "busy", "idle")
    assert answer.status_code == httpx.codes.CONFLICT
    assert "Workspaces of busy run" in answer.json()["message"]
    running_hub.stop_workspace(token, "busy")
    assert rename(admin, "busy", "idle").status_code == httpx.codes.OK


def test_what_a_try_left_half_done_is_completed_by_the_next(running_hub: ThrowawayHub, admin: httpx.Client) -> None:
    """As where the hub died once the home was moved, and before the name was changed."""
    running_hub.add_user("halfway")
    running_hub.data.home("arrived").mkdir(parents=True)
    (running_hub.data.home("arrived") / "mine.txt").write_text("halfway")
    assert rename(admin, "halfway", "arrived").status_code == httpx.codes.OK
    assert (running_hub.data.home("arrived") / "mine.txt").read_text() == "halfway"


def test_others_rename_nobody_and_names_that_are_taken_or_none_are_refused(
    running_hub: ThrowawayHub, admin: httpx.Client
) -> None:
    running_hub.add_user("taken")
    token = running_hub.token("other", running_hub.add_user("other"))
    running_hub.data.home("other").mkdir(parents=True)
    (running_hub.data.home("other") / "mine.txt").write_text("other")
    with running_hub.api(token) as api:
        assert rename(api, "other", "boss").status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}
    for name in ("taken", "a b/c", ""):
        assert rename(admin, "other", name).status_code == httpx.codes.BAD_REQUEST
    wrong = admin.patch("users/other", json={"name": "boss", "no such key": 1})
    assert wrong.status_code == httpx.codes.BAD_REQUEST
    assert not running_hub.data.home("boss").exists()
    assert (running_hub.data.home("other") / "mine.txt").read_text() == "other"
