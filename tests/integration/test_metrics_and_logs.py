"""A real start is found in what Prometheus is told, and in the hub's log as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from deploy.local.plans import HUB, PROXY, SERVICES
from deploy.local.ports import free_port
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from spawner.progress import Phase
from tests.hub.metrics.exposed import Values, scrape, value
from tests.installed_software import share_software

pytestmark = pytest.mark.integration

READY = {"environment": "minimal", "hardware": "small", "verdict": "ready"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A hub whose processes show their metrics on ports of their own, and write all they can as JSON."""
    ports = {f"metrics.{name}Port": free_port() for name in ("hub", "services", "proxy")}
    logs = {"logs.format": "json", "logs.level": "debug"}
    root = tmp_path_factory.mktemp("hub")
    share_software(root)
    with ThrowawayHub(root, {**ports, **logs}) as running:
        yield running


def metrics_at(port: int | None) -> Values:
    return scrape(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).raise_for_status().text)


def test_a_start_is_measured_whole_and_by_phase(hub: ThrowawayHub) -> None:
    token = hub.token(ADMIN, hub.admin_password)
    hub.start_workspace(token, ADMIN)
    found = metrics_at(hub.settings.metrics.hub_port)
    assert value(found, "studiolo_start_seconds_count", **READY) == 1
    for phase in Phase:
        assert value(found, "studiolo_start_phase_seconds_count", **READY, phase=phase.value) == 1
    assert value(found, "studiolo_workspaces", state="running") == 1
    with hub.api(token) as api:
        assert scrape(api.get("../metrics").text).keys() >= found.keys() - {"studiolo_data_age_seconds"}


def test_a_refused_start_is_measured_under_its_verdict(hub: ThrowawayHub) -> None:
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        api.post(f"users/{ADMIN}/servers/refused", json={"user_options": {"environment": "made up", "hardware": "x"}})
    labels = {"environment": "other", "hardware": "other", "verdict": "options_invalid"}
    assert value(metrics_at(hub.settings.metrics.hub_port), "studiolo_start_seconds_count", **labels) == 1


def test_services_and_proxy_show_theirs(hub: ThrowawayHub) -> None:
    services = metrics_at(hub.settings.metrics.services_port)
    assert value(services, "studiolo_services_database_reachable") == 1
    proxy = httpx.get(f"http://127.0.0.1:{hub.settings.metrics.proxy_port}/metrics", trust_env=False)
    assert "\nrequests_web " in proxy.text


def lines_of(hub: ThrowawayHub, process: str) -> list[dict[str, object]]:
    written, _, _ = hub.log(process).rpartition("\n")  # the last one may be in the middle of it
    return [json.loads(line) for line in written.splitlines()]


def test_every_line_of_hub_and_services_is_json_with_what_it_must_have(hub: ThrowawayHub) -> None:
    with hub.api() as api:
        assert api.get("users", params={"token": "opensesame"}).status_code == 403
    for process in (HUB, SERVICES):
        lines = lines_of(hub, process)
        assert lines
        assert [line for line in lines if not line.keys() >= {"time", "level", "logger", "message"}] == []

    def refused() -> list[dict[str, object]]:
        return [line for line in lines_of(hub, HUB) if line.get("path") == "/hub/api/users" and line["status"] == 403]

    hub.until(lambda: bool(refused()), what="the refusal is logged")
    assert "opensesame" not in hub.log(HUB)


def test_a_page_of_jupyterhubs_own_that_fails_shows_the_reference_of_its_traceback(hub: ThrowawayHub) -> None:
    with closing(hub.browser(ADMIN, hub.admin_password)) as browser:
        page = browser.get("/hub/login", params={"next": "http://["})
    assert page.status_code == 500
    found = re.search(r'id="reference">(\w+)<', page.text)
    assert found is not None
    assert page.headers["Studiolo-Reference"] == found[1]
    (line,) = (line for line in lines_of(hub, HUB) if line.get("reference") == found[1] and "exception" in line)
    assert "Invalid IPv6 URL" in str(line["exception"])


def test_an_answer_of_jupyterhubs_api_that_fails_has_a_reference_too(hub: ThrowawayHub) -> None:
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        answer = api.post("users", json={"usernames": [1]})
    assert answer.status_code == 500
    reference = answer.headers["Studiolo-Reference"]
    assert [line for line in lines_of(hub, HUB) if line.get("reference") == reference and "exception" in line]


def test_the_log_tells_more_under_the_reference_of_a_failed_start(hub: ThrowawayHub) -> None:
    name, password = "ref-person", hub.add_user("ref-person")
    with closing(hub.browser(name, password)) as browser, hub.api(hub.token(name, password)) as api:
        api.post(f"users/{name}/server", json={"user_options": {"environment": "nonsense", "hardware": "small"}})
        page = browser.get(f"/hub/user/{name}/")
    found = re.search(r'id="reference">(\w+)<', page.text)
    assert found is not None
    (line,) = (line for line in lines_of(hub, HUB) if line.get("reference") == found[1] and "verdict" in line)
    assert line["verdict"] == "options_invalid"


def test_nothing_that_opens_something_is_in_any_log(hub: ThrowawayHub) -> None:
    secret = "opensesame1234567890"
    name, password = "secret-person", hub.add_user("secret-person")
    token = hub.token(name, password)
    with closing(hub.browser(name, password)) as browser, hub.api(token) as api:
        cookies = [str(value) for value in browser.cookies.values()]
        headers = {"Authorization": f"token {secret}", "Referer": f"{hub.base_url}/hub/oauth_callback?code={secret}"}
        asked = {"code": secret, "state": secret}
        for path in ("/hub/home", "/hub/oauth_callback", "/hub/api/user", "/services/studiolo/oauth_callback", "/x"):
            httpx.get(f"{hub.base_url}{path}", headers=headers, params=asked, trust_env=False)
        for env in ({"GREETING": secret}, {"GREETING": [secret]}, f"GREETING={secret}"):
            options = {"environment": "minimal", "hardware": "nonsense", "env": env}
            api.post(f"users/{name}/server", json={"user_options": options})
        browser.post("/hub/login", data={"username": name, "password": secret, "_xsrf": secret})
        browser.get("/hub/token")
    for process in (PROXY, HUB, SERVICES):
        text = hub.log(process)
        assert [hidden for hidden in (secret, password, token, *cookies) if hidden in text] == []


def test_nobody_forges_a_line_by_the_name_they_sign_in_with(hub: ThrowawayHub) -> None:
    forged = json.dumps({"time": "2026-01-01", "level": "critical", "logger": "hub", "message": "forged"})
    with httpx.Client(base_url=hub.base_url, trust_env=False) as browser:
        page = browser.get("/hub/login")
        xsrf = re.search(r'name="_xsrf"\s+value="([^"]*)"', page.text)
        assert xsrf is not None
        answer = browser.post("/hub/login", data={"username": f"x\n{forged}\n", "password": "x", "_xsrf": xsrf[1]})
    assert answer.status_code in {200, 403}
    assert [line for line in lines_of(hub, HUB) if line["message"] == "forged"] == []


def test_people_read_metrics_only_with_the_right_to(hub: ThrowawayHub) -> None:
    admin = {"Authorization": f"token {hub.token(ADMIN, hub.admin_password)}"}
    anna = {"Authorization": f"token {hub.token('anna', hub.add_user('anna'))}"}
    for path in ("/hub/metrics", "/services/studiolo/metrics"):
        address = f"{hub.base_url}{path}"
        assert httpx.get(address, headers=admin, trust_env=False).status_code == 200
        assert httpx.get(address, headers=anna, trust_env=False).status_code == 403
        assert httpx.get(address, trust_env=False).status_code == 403
