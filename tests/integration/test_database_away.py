"""The hub's database goes away under a real hub: it says so, workspaces go on, and it recovers by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from deploy.local.plans import HUB, SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.database_guard import SENTENCE
from hub.passwords import ADMIN
from tests.cluster.databases import PostgresServer
from tests.installed_software import share_software

pytestmark = [pytest.mark.integration, pytest.mark.patient]

UNAVAILABLE = httpx.codes.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class Scene:
    """A hub on PostgreSQL, with a person and their workspace."""

    hub: ThrowawayHub
    postgres: PostgresServer
    token: str
    browser: httpx.Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def workspace(self) -> httpx.Response:
        address = f"{self.hub.base_url}/user/{ADMIN}/api/status"
        return httpx.get(address, headers=self.headers, trust_env=False, timeout=30)

    def health(self, query: str = "") -> httpx.Response:
        return httpx.get(f"{self.hub.settings.hub_url}health{query}", trust_env=False, timeout=10)

    def servers(self) -> httpx.Response:
        with self.hub.api(self.token) as api:
            return api.get(f"users/{ADMIN}")

    def started_at(self) -> str:
        """When the workspace's server says that it began: another one would say another time."""
        return str(self.workspace().raise_for_status().json()["started"])


@pytest.fixture(scope="module")
def one_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with PostgresServer() as postgres:
        overrides = {
            "hub.database.url": postgres.new_database(),
            "services.database.url": postgres.new_database(),
        }
        root = tmp_path_factory.mktemp("away")
        share_software(root)
        with ThrowawayHub(root, overrides) as hub:
            token = hub.token(ADMIN, hub.admin_password)
            hub.start_workspace(token, ADMIN)
            with contextlib.closing(hub.browser(ADMIN, hub.admin_password)) as browser:
                found = Scene(hub=hub, postgres=postgres, token=token, browser=browser)
                assert found.workspace().is_success  # the server knows the token from now on
                yield found


@pytest.fixture
def scene(one_scene: Scene) -> Scene:
    """All is well when a test begins, whatever the one before did."""
    one_scene.hub.until(lambda: one_scene.servers().is_success, what="the hub answers")
    one_scene.hub.until(lambda: one_scene.health().json()["status"] == "ok", what="the hub is well")
    return one_scene


Ending = tuple[Callable[[PostgresServer], None], Callable[[PostgresServer], None]]

HELD: Ending = (PostgresServer.hold, PostgresServer.release)
KILLED: Ending = (PostgresServer.kill, PostgresServer.start)


@pytest.mark.parametrize(
    ("ending", "seconds"),
    [
        pytest.param(HELD, 5, id="it falls silent for 5 s"),
        pytest.param(KILLED, 5, id="it is killed and back after 5 s"),
        pytest.param(HELD, 60, id="it falls silent for 60 s", marks=pytest.mark.long),
        pytest.param(KILLED, 60, id="it is killed and back after 60 s", marks=pytest.mark.long),
    ],
)
def test_while_the_database_is_away_the_hub_says_so_workspaces_go_on_and_it_recovers_by_itself(
    scene: Scene, ending: Ending, seconds: float
) -> None:
    began = scene.started_at()
    assert scene.health().json() == {"status": "ok", "database": "ok"}
    go, come_back = ending
    go(scene.postgres)
    try:
        assert scene.servers().status_code == UNAVAILABLE  # already the first question
        scene.hub.until(lambda: scene.health().json()["status"] == "degraded", what="the hub notices")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            says_that_the_database_is_away(scene)
            assert scene.workspace().is_success
            time.sleep(0.2)
    finally:
        come_back(scene.postgres)
    scene.hub.until(lambda: scene.servers().is_success, what="the hub answers again")
    assert scene.health("?database").json() == {"status": "ok", "database": "ok"}
    assert scene.servers().json()["servers"][""]["ready"]
    assert scene.started_at() == began
    assert scene.browser.get("/hub/home").is_success
    assert "appears to have stopped" not in scene.hub.log(HUB)
    # It writes again, too.
    scene.hub.start_workspace(scene.token, ADMIN, "second")
    scene.hub.stop_workspace(scene.token, ADMIN, "second")


def says_that_the_database_is_away(scene: Scene) -> None:
    """What a program, a person and a probe are told: never that they are not allowed, or not known."""
    answer = scene.servers()
    assert (answer.status_code, answer.headers.get("Retry-After")) == (UNAVAILABLE, "5"), answer.text
    assert answer.json()["message"] == SENTENCE
    page = scene.browser.get("/hub/home", follow_redirects=False)
    assert (page.status_code, page.headers.get("Retry-After")) == (UNAVAILABLE, "5"), page.text
    assert "Running workspaces go on" in page.text
    health = scene.health()
    assert (health.status_code, health.json()) == (200, {"status": "degraded", "database": "away"})
    assert scene.health("?database").status_code == UNAVAILABLE


def test_the_services_process_says_so_too(scene: Scene) -> None:
    def expectations() -> httpx.Response:
        address = f"{scene.hub.settings.services.url}/services/studiolo/api/expectations"
        key = {"Authorization": f"token {scene.hub.keys.hub_token}"}
        return httpx.get(address, headers=key, trust_env=False, timeout=10)

    assert expectations().is_success
    scene.postgres.hold()
    try:
        answer = expectations()
        assert (answer.status_code, answer.headers.get("Retry-After")) == (UNAVAILABLE, "5"), answer.text
        # It was given up because the database was found to be away; from then on that is what is said.
        health = httpx.get(f"{scene.hub.settings.services.url}/services/studiolo/api/health", trust_env=False)
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
    finally:
        scene.postgres.release()
    scene.hub.until(lambda: expectations().is_success, what="services answers again")


def test_connections_that_are_cut_in_the_middle_of_a_start_leave_it_whole(scene: Scene) -> None:
    database = scene.hub.settings.hub_database_url.rpartition("/")[2]
    with scene.hub.api(scene.token) as api:
        choice = {"environment": "minimal", "hardware": "small"}
        api.post(f"users/{ADMIN}/servers/cut", json=choice).raise_for_status()
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    assert scene.postgres.run(cut)

    def server() -> dict[str, object]:
        answer = scene.servers()
        return answer.json()["servers"].get("cut", {}) if answer.is_success else {"pending": "the database"}

    scene.hub.until(lambda: not server().get("pending"), what="the start has ended")
    address = f"{scene.hub.base_url}/user/{ADMIN}/cut/api/status"

    def is_running() -> bool:
        return httpx.get(address, headers=scene.headers, trust_env=False, timeout=30).is_success

    # One way or the other; and what the hub says is so.
    scene.hub.until(lambda: is_running() == bool(server().get("ready")), what="the hub says what is so")
    if not is_running():
        scene.hub.start_workspace(scene.token, ADMIN, "cut")
    scene.hub.stop_workspace(scene.token, ADMIN, "cut")


def test_a_database_that_only_lets_itself_be_read_is_as_good_as_away(scene: Scene) -> None:
    scene.postgres.run("ALTER SYSTEM SET default_transaction_read_only = on")
    scene.postgres.run("SELECT pg_reload_conf()")
    try:
        scene.hub.until(lambda: scene.health().json()["status"] == "degraded", what="the hub notices")
        says_that_the_database_is_away(scene)
        assert scene.workspace().is_success
        assert "it only lets itself be read" in scene.hub.log(HUB)
    finally:
        scene.postgres.run("ALTER SYSTEM RESET default_transaction_read_only")
        scene.postgres.run("SELECT pg_reload_conf()")
    scene.hub.until(lambda: scene.servers().is_success, what="the hub answers again")


def test_a_hub_and_services_that_start_while_the_database_is_away_wait_for_it(scene: Scene) -> None:
    for name in (HUB, SERVICES):
        scene.hub.stop(name)
    scene.postgres.stop()
    for name in (HUB, SERVICES):
        scene.hub.begin(name)
    scene.hub.until(lambda: "cannot be used" in scene.hub.log(HUB).rpartition("...done")[2], what="the hub waits")
    scene.postgres.start()
    scene.hub.until(lambda: scene.servers().is_success, what="the hub answers")
    scene.hub.until(lambda: "database can be used again" in scene.hub.log(SERVICES), what="services goes on")
    assert scene.servers().json()["servers"][""]["ready"]
