"""Workspaces of a real hub that were waiting, as servers, before anybody asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from spawner.machine import running_records
from spawner.processes import started_as

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = [pytest.mark.integration, pytest.mark.patient]

THEMES = "lab/api/settings/@jupyterlab/apputils-extension:themes"


def waiting(hub: ThrowawayHub) -> list[str]:
    """The names of those that wait."""
    return [door.parent.name for door in hub.data.parked.glob("*/identity.sock")]


def test_the_second_start_of_a_software_is_a_claim_and_its_workspace_outlives_the_hub(
    running_hub: ThrowawayHub,
) -> None:
    hub = running_hub
    token = hub.token(ADMIN, hub.admin_password)
    home = hub.data.home(ADMIN)
    hub.start_workspace(token, ADMIN, "first")
    hub.stop_workspace(token, ADMIN, "first")
    (home / "mine.txt").write_text("still here")
    hub.until(lambda: len(waiting(hub)) == 1, what="a server is parked")
    (parked,) = waiting(hub)

    hub.start_workspace(token, ADMIN, "second")
    (record,) = [each for each in running_records(hub.data) if each.held.key.endswith("second")]
    assert record.start_id == parked
    with hub.api(token) as api:
        server = f"{hub.base_url}/user/{ADMIN}/second/"
        assert api.get(f"{server}api/contents/mine.txt").json()["content"] == "still here"
        api.put(f"{server}{THEMES}", json={"raw": '{"theme": "JupyterLab Dark"}'}).raise_for_status()
        api.put(f"{server}lab/api/workspaces/mine", json={"data": {}, "metadata": {"id": "mine"}}).raise_for_status()
        kernel = api.post(f"{server}api/kernels", json={"name": "python3"}).raise_for_status().json()
        saved = [path for path in (home / ".jupyter" / "lab").rglob("*") if path.is_file()]
        assert {path.relative_to(home).parts[2] for path in saved} == {"user-settings", "workspaces"}

        hub.kill(HUB)
        hub.start(HUB)
        hub.until(lambda: api.get(f"{server}api").status_code == 200, what="the workspace is reached again")
        assert [each["id"] for each in api.get(f"{server}api/kernels").json()] == [kernel["id"]]
    hub.stop_workspace(token, ADMIN, "second")
    assert started_as(parked) == ()
    assert (home / "mine.txt").read_text() == "still here"


def test_what_is_parked_ends_with_a_hub_that_is_killed(running_hub: ThrowawayHub) -> None:
    hub = running_hub
    token = hub.token(ADMIN, hub.admin_password)
    hub.start_workspace(token, ADMIN, "third")
    hub.stop_workspace(token, ADMIN, "third")
    hub.until(lambda: len(waiting(hub)) == 1, what="a server is parked")
    (parked,) = waiting(hub)
    hub.kill(HUB)
    hub.until(lambda: started_as(parked) == (), what="it ends")
    hub.until(lambda: not Path(hub.data.parked, parked).exists(), what="its folder is removed")
    hub.start(HUB)


@pytest.mark.long
def test_thirty_starts_in_a_row_are_claims_of_thirty_servers_and_nothing_of_them_is_left(
    running_hub: ThrowawayHub,
) -> None:
    hub = running_hub
    token = hub.token(ADMIN, hub.admin_password)
    hub.start_workspace(token, ADMIN, "many")
    hub.stop_workspace(token, ADMIN, "many")
    seen: set[str] = set()
    for _ in range(30):
        hub.until(lambda: len(waiting(hub)) == 1, what="a server is parked")
        (parked,) = waiting(hub)
        hub.start_workspace(token, ADMIN, "many")
        (record,) = running_records(hub.data)
        assert record.start_id == parked
        seen.add(parked)
        hub.stop_workspace(token, ADMIN, "many")
        assert started_as(parked) == ()
    assert len(seen) == 30
