"""The pages by their addresses, in a real hub: what changes nothing, what is refused, and whose page it is."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from spawner.machine import running_records

pytestmark = pytest.mark.integration

CHOICE = {"environment": "minimal", "hardware": "small"}
NAMES = ("page-anna", "page-bert")


@pytest.fixture(scope="module")
def people(running_hub: ThrowawayHub) -> Iterator[dict[str, httpx.Client]]:
    """Two people and the administrator, each signed in."""
    with ExitStack() as browsers:
        passwords = {name: running_hub.add_user(name) for name in NAMES} | {ADMIN: running_hub.admin_password}
        signed_in = {name: running_hub.browser(name, password) for name, password in passwords.items()}
        for browser in signed_in.values():
            browsers.callback(browser.close)
        yield signed_in


@pytest.fixture
def anna(people: dict[str, httpx.Client]) -> httpx.Client:
    return people[NAMES[0]]


def send(browser: httpx.Client, page: str, address: str, **fields: str) -> httpx.Response:
    """Sends a form as the page does, with the token the page carries."""
    found = re.search(r'name="_xsrf" value="([^"]*)"', browser.get(page).text)
    assert found is not None
    return browser.post(address, data={"_xsrf": found[1], **fields})


def workspaces(hub: ThrowawayHub, name: str) -> dict[str, dict[str, object]]:
    """Every workspace of a person that JupyterHub knows of, also those that do not run."""
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        servers: dict[str, dict[str, object]] = api.get(
            f"users/{name}", params={"include_stopped_servers": "1"}
        ).json()["servers"]
        return servers


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/hub/spawn?opt-environment=minimal&opt-hardware=small", id="the form"),
        pytest.param("/hub/spawn/page-anna/fresh?opt-environment=minimal&opt-hardware=small", id="a new name"),
        pytest.param("/hub/spawn/page-anna/default?opt-environment=minimal", id="the default workspace"),
        pytest.param("/hub/spawn?environment=minimal&hardware=small", id="old-fashioned"),
        pytest.param("/hub/spawn?next=/hub/user/page-anna/lab", id="from JupyterLab"),
    ],
)
def test_a_link_alone_shows_the_form_and_makes_nothing(
    address: str, anna: httpx.Client, running_hub: ThrowawayHub
) -> None:
    page = anna.get(address)
    assert page.status_code == 200
    assert 'id="spawn-form"' in page.text
    assert not [server for server in workspaces(running_hub, NAMES[0]).values() if server["pending"] or server["ready"]]
    assert "fresh" not in workspaces(running_hub, NAMES[0])


@pytest.mark.parametrize(
    ("fields", "complaint", "place"),
    [
        pytest.param({"hardware": "small"}, "Choose software.", "software", id="no software"),
        pytest.param({"environment": "minimal"}, "Choose hardware.", "hardware", id="no hardware"),
        pytest.param({**CHOICE, "environment": "minimall"}, "Did you mean", "software", id="a slip of the pen"),
        pytest.param({**CHOICE, "env": "PATH=/x"}, "reserved: it could break", "env", id="a variable of ours"),
        pytest.param({**CHOICE, "env": "no equals"}, "line 1 has no =", "env", id="not a variable"),
        pytest.param({**CHOICE, "name": "a\N{ZERO WIDTH JOINER}"}, "cannot be read", "name", id="an unreadable name"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again_with_the_reason_and_what_was_typed(
    *,
    fields: dict[str, str],
    complaint: str,
    place: str,
    anna: httpx.Client,
    running_hub: ThrowawayHub,
) -> None:
    answer = send(anna, "/hub/spawn", "/hub/spawn", **{"name": "Fresh", **fields})
    assert answer.status_code == 400
    text = answer.text.replace("&#34;", '"')
    assert complaint in text
    assert f'href="#{place}"' in text
    assert f'id="{place}"' in text
    assert fields.get("env", "") in text
    assert "fresh" not in workspaces(running_hub, NAMES[0])


def test_the_form_of_a_named_workspace_stays_that_of_the_named_one_when_it_is_refused(anna: httpx.Client) -> None:
    answer = send(anna, "/hub/spawn", "/hub/spawn/page-anna/fresh", environment="nothing", hardware="small")
    assert answer.status_code == 400
    assert "Start fresh" in answer.text
    assert 'action="/hub/spawn/page-anna/fresh"' in answer.text


def test_hardware_that_never_fits_is_refused_before_anything_is_made(
    anna: httpx.Client, running_hub: ThrowawayHub
) -> None:
    answer = send(anna, "/hub/spawn", "/hub/spawn", name="Fresh", environment="minimal", hardware="gpu")
    assert answer.status_code == 409
    assert "does not fit on this machine" in answer.text
    assert "fresh" not in workspaces(running_hub, NAMES[0])


@pytest.mark.parametrize(
    "address",
    ["/hub/spawn", "/hub/spawn/page-anna/fresh", "/hub/workspaces/page-anna/default/stop"],
)
def test_a_form_from_elsewhere_is_refused(address: str, anna: httpx.Client, running_hub: ThrowawayHub) -> None:
    headers = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert anna.post(address, data=CHOICE, headers=headers).status_code == 403
    assert "fresh" not in workspaces(running_hub, NAMES[0])


@pytest.mark.parametrize(
    "address",
    [
        "/hub/spawn/page-anna",
        "/hub/spawn/page-anna/default",
        "/hub/spawn-pending/page-anna",
        "/hub/user/page-anna/",
        "/hub/workspaces/page-anna/default/delete",
        "/hub/spawn/nobody-at-all",
    ],
)
def test_nobody_sees_the_pages_of_another_person_nor_whether_they_exist(
    address: str, people: dict[str, httpx.Client]
) -> None:
    answer = people[NAMES[1]].get(address)
    assert answer.status_code == 404
    assert "No access to resources or resources not found" in answer.text


def test_nobody_stops_or_starts_for_another_person(people: dict[str, httpx.Client], running_hub: ThrowawayHub) -> None:
    other = people[NAMES[1]]
    assert send(other, "/hub/spawn", "/hub/spawn/page-anna/fresh", **CHOICE).status_code == 404
    assert send(other, "/hub/spawn", "/hub/workspaces/page-anna/default/stop").status_code == 404
    assert "fresh" not in workspaces(running_hub, NAMES[0])


def test_a_workspace_that_was_killed_says_how_it_ended_with_its_log_to_its_owner_alone(
    people: dict[str, httpx.Client], running_hub: ThrowawayHub
) -> None:
    owner = people[NAMES[1]]
    send(owner, "/hub/spawn", "/hub/spawn", name="Doomed", **CHOICE)
    running_hub.until(lambda: "Open: Doomed" in owner.get("/hub/home").text, what="it runs", seconds=300)
    (record,) = (entry for entry in running_records(running_hub.data) if entry.held.key == f"{NAMES[1]}--doomed")
    assert record.server_process is not None
    os.kill(record.server_process.pid, signal.SIGKILL)
    running_hub.until(lambda: "signal 9" in owner.get("/hub/home").text, what="the list says so")
    address = f"/hub/user/{NAMES[1]}/doomed/lab"
    page = owner.get(address)
    assert page.status_code == 424
    assert "It was killed by signal 9 (SIGKILL)." in page.text
    assert '<pre class="log"' in page.text
    assert f'<input type="hidden" name="next" value="{address}">' in page.text
    administrator = people[ADMIN].get(f"/hub/spawn-pending/{NAMES[1]}/doomed")
    assert administrator.status_code == 200
    assert '<pre class="log"' not in administrator.text
    deleted = send(owner, "/hub/spawn", f"/hub/workspaces/{NAMES[1]}/doomed/delete")
    assert deleted.url.path == "/hub/home"
    assert "doomed" not in workspaces(running_hub, NAMES[1])


def test_an_administrator_may_start_for_somebody_and_is_told_for_whom(people: dict[str, httpx.Client]) -> None:
    page = people[ADMIN].get("/hub/spawn/page-anna/default")
    assert page.status_code == 200
    assert "This starts a workspace for <b>page-anna</b>" in page.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        pytest.param("/hub/spawn/page-anna/Not A Name", 400, id="not a name"),
        pytest.param("/hub/workspaces/page-anna/default/delete", 400, id="the default workspace stays"),
        pytest.param("/hub/workspaces/page-anna/missing/delete", 404, id="nothing to delete"),
        pytest.param("/hub/spawn-pending/page-anna/missing", 404, id="nothing to wait for"),
    ],
)
def test_what_cannot_be_is_a_page_with_a_sentence(address: str, status: int, anna: httpx.Client) -> None:
    answer = anna.get(address)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert '<a href="/hub/home">Workspaces</a>' in answer.text


def test_a_page_never_sends_people_to_another_site(anna: httpx.Client) -> None:
    page = anna.get("/hub/spawn", params={"next": "https://evil.example/"})
    assert 'name="next"' not in page.text


def test_pages_run_no_script_but_our_own(anna: httpx.Client) -> None:
    for address in ("/hub/home", "/hub/spawn", "/hub/user/page-anna/"):
        page = anna.get(address)
        assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
        assert "<script>" not in page.text
        assert page.headers["Cache-Control"] == "no-store"


def test_our_files_may_be_kept_for_a_year_under_the_address_that_names_their_content(anna: httpx.Client) -> None:
    (address,) = re.findall(r'href="(/hub/studiolo/static/studiolo\.css\?v=[0-9a-f]+)"', anna.get("/hub/home").text)
    assert "immutable" in anna.get(address).headers["Cache-Control"]
    assert anna.get(address.partition("?")[0]).headers["Cache-Control"] == "no-cache"
    assert anna.get("/hub/studiolo/static/..%2Fpages%2Fspawn.py").status_code in {403, 404}


def test_the_administrator_sees_machine_catalogs_and_environments(people: dict[str, httpx.Client]) -> None:
    page = people[ADMIN].get("/hub/admin")
    assert page.status_code == 200
    for heading in ("This machine", "Catalogs", "Environments on disk"):
        assert heading in page.text
    assert "valid, loaded" in page.text
    assert people[NAMES[0]].get("/hub/admin").status_code in {403, 404}


def test_a_hub_page_needs_no_javascript(anna: httpx.Client) -> None:
    for address in ("/hub/home", "/hub/spawn", "/hub/token"):
        assert "requires JavaScript" not in anna.get(address).text


def test_a_forecast_is_for_whoever_asks_and_names_what_is_on_offer_to_them(running_hub: ThrowawayHub) -> None:
    with running_hub.api(running_hub.token("page-cleo", running_hub.add_user("page-cleo"))) as api:
        told = api.get("studiolo/capacity/forecast").json()["forecasts"]
        assert {(each["environment"], each["hardware"]) for each in told} >= {("minimal", "small")}
        assert all(each["words"] for each in told)
        picked = api.get("studiolo/capacity/forecast", params=CHOICE).json()["forecasts"]
        assert [(each["environment"], each["hardware"]) for each in picked] == [("minimal", "small")]
    assert httpx.get(f"{running_hub.base_url}/hub/api/studiolo/capacity/forecast", trust_env=False).status_code == 403
