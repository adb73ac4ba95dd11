"""Client and command line against a real hub; the scenarios are those of the fake one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from studiolo.cli import main
from studiolo.cli.exit_codes import ExitCode
from studiolo.client import Studiolo
from studiolo.credentials_file import credentials_path
from tests.fakes.hub_scenarios import ANNE, BERT, SCENARIOS, AnyHub

pytestmark = pytest.mark.integration

LINA = "lina-of-the-command-line"


class RealHub:
    """A hub that runs, as the scenarios want it."""

    def __init__(self, running: ThrowawayHub) -> None:
        self._url = running.base_url
        self._tokens: dict[str | None, str] = {None: "nobodys-token"}
        self._tokens[ADMIN] = running.token(ADMIN, running.admin_password)
        for name in (ANNE, BERT):
            self._tokens[name] = running.token(name, running.add_user(name))

    def client(self, user: str | None) -> Studiolo:
        return Studiolo(self._url, self._tokens[user])


@pytest.fixture(scope="module")
def real_hub(running_hub: ThrowawayHub) -> RealHub:
    return RealHub(running_hub)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_real_hub(scenario: Callable[[AnyHub], Awaitable[None]], real_hub: RealHub) -> None:
    await scenario(real_hub)


Run = Callable[..., Result]


@contextmanager
def signed_in(hub: ThrowawayHub, name: str, password: str) -> Iterator[Run]:
    """Runs commands of somebody who has just signed in, as they would by hand."""

    def run(*args: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, args, input=typed)

    token = hub.token(name, password)
    signed = run("login", hub.base_url, "--token-stdin", typed=f"{token}\n")
    assert signed.exit_code == ExitCode.OK, signed.output
    yield run
    run("logout")


@pytest.fixture(autouse=True)
def no_login_of_mine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes the login of whoever runs it."""
    config = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("HOME", str(config))
    for name in ("STUDIOLO_URL", "STUDIOLO_TOKEN", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_a_person_signs_in_and_out(running_hub: ThrowawayHub) -> None:
    with signed_in(running_hub, ADMIN, running_hub.admin_password) as run:
        assert run("whoami").stdout.startswith(f"admin (administrator) at {running_hub.base_url}")
        assert credentials_path().stat().st_mode & 0o777 == 0o600
    assert not credentials_path().exists()


def test_an_administrator_adds_a_person_who_can_then_sign_in(running_hub: ThrowawayHub) -> None:
    with signed_in(running_hub, ADMIN, running_hub.admin_password) as run:
        added = run("user", "add", LINA)
        assert added.exit_code == ExitCode.OK, added.output
        password = added.stdout.splitlines()[-1]
        assert run("user", "add", LINA).exit_code == ExitCode.REFUSED
        assert run("team", "add", "team-of-lina", "--lead", LINA).exit_code == ExitCode.OK
    with signed_in(running_hub, LINA, password) as run:
        assert run("whoami").stdout == f"{LINA} at {running_hub.base_url}, teams: team-of-lina\n"
        assert run("user", "add", "somebody").exit_code == ExitCode.NOT_ALLOWED


def test_a_refused_start_leaves_no_workspace_behind(running_hub: ThrowawayHub) -> None:
    name = "lotte-of-the-command-line"
    with signed_in(running_hub, name, running_hub.add_user(name)) as run:
        refused = run("workspace", "start", "mistyped", "--environment", "minimal", "--hardware", "smal")
        assert refused.exit_code == ExitCode.REFUSED
        assert 'Did you mean "small"?' in refused.stderr
        assert [view["name"] for view in json.loads(run("workspace", "list", "--json").stdout)] == ["default"]


def test_a_workspace_from_its_start_to_its_end(running_hub: ThrowawayHub) -> None:
    name = "lars-of-the-command-line"
    with signed_in(running_hub, name, running_hub.add_user(name)) as run:
        started = run(
            "workspace", "start", "Iris, 2nd try", "--environment", "minimal", "--hardware", "small", "--env", "SEED=4"
        )
        assert started.exit_code == ExitCode.OK, started.output
        assert started.stdout == f"{running_hub.base_url}/user/{name}/iris-2nd-try/\n"
        assert "Workspace iris-2nd-try is ready." in started.stderr
        (view,) = (view for view in json.loads(run("workspace", "list", "--json").stdout) if view["state"] != "stopped")
        assert (view["name"], view["title"], view["state"]) == ("iris-2nd-try", "Iris, 2nd try", "ready")
        assert (view["environment"], view["hardware"], view["env"]) == ("minimal", "small", {"SEED": "4"})
        assert run("workspace", "open", "iris-2nd-try", "--print").stdout == started.stdout
        assert run("workspace", "start", "iris-2nd-try", "--hardware", "medium").exit_code == ExitCode.REFUSED
        stopped = run("workspace", "stop", "iris-2nd-try")
        assert stopped.exit_code == ExitCode.OK, stopped.output
        logs = run("workspace", "logs", "iris-2nd-try")
        assert (logs.exit_code, "Jupyter" in logs.stdout) == (ExitCode.OK, True)
        assert run("workspace", "delete", "iris-2nd-try").exit_code == ExitCode.OK
        assert run("workspace", "stop", "iris-2nd-try").exit_code == ExitCode.NOT_FOUND


def test_a_refused_start_says_the_hubs_sentence_on_one_line(running_hub: ThrowawayHub) -> None:
    name = "lora-of-the-command-line"
    with signed_in(running_hub, name, running_hub.add_user(name)) as run:
        refused = run("workspace", "start", "--environment", "minmal")
        assert refused.exit_code == ExitCode.REFUSED
        assert "minmal" in refused.stderr
        assert "minimal" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
