"""JupyterHub's settings follow from ours."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from hub.configure import configure
from hub.keys import Keys
from hub.settings import Settings


@pytest.fixture
def c(settings: Settings, keys: Keys) -> Config:
    config = Config()
    configure(config, settings, keys)
    return config


def test_workspaces_go_on_when_hub_or_proxy_end(c: Config) -> None:
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.cleanup_proxy is False
    assert c.ConfigurableHTTPProxy.should_start is False


def test_nothing_starts_without_a_click(c: Config) -> None:
    assert c.JupyterHub.redirect_to_server is False
    assert c.JupyterHub.implicit_spawn_seconds == 0


def test_nobodys_failures_stop_the_hub(c: Config) -> None:
    assert c.Spawner.consecutive_failure_limit == 0


def test_the_hub_runs_no_service_itself(c: Config) -> None:
    (service,) = c.JupyterHub.services
    assert "command" not in service


def test_only_the_proxy_is_reached_from_outside(c: Config) -> None:
    for address in (c.JupyterHub.hub_bind_url, c.ConfigurableHTTPProxy.api_url, c.JupyterHub.services[0]["url"]):
        assert address.startswith("http://127.0.0.1:")


def test_a_workspaces_token_starts_and_stops_nothing(c: Config) -> None:
    assert set(c.Spawner.server_token_scopes) == {
        "users:activity!user",
        "access:servers!server",
        "access:services!service=studiolo",
    }


def test_servers_report_their_use_often_enough_for_a_notice(c: Config) -> None:
    assert c.Spawner.environment["JUPYTERHUB_ACTIVITY_INTERVAL"] == "300"


def test_workspaces_ask_the_services_where_they_run(c: Config) -> None:
    assert c.Spawner.environment["STUDIOLO_SERVICES_URL"] == c.JupyterHub.services[0]["url"]


def test_a_hanging_server_holds_a_call_of_the_hub_for_seconds_only(c: Config) -> None:
    assert c.JupyterHubHTTPClient.session_options["timeout"].total <= 10
    assert c.JupyterHubHTTPClient.connector_options == {"limit": 0}


@pytest.fixture
def on_kubernetes(settings: Settings, keys: Keys) -> Config:
    return configured_on_kubernetes(settings, keys, services="http://services.studiolo:8083")


def configured_on_kubernetes(settings: Settings, keys: Keys, *, services: str) -> Config:
    raw = {
        **settings.model_dump(by_alias=True),
        "kubernetes": {"namespace": "workspaces", "release": "studiolo"},
        "hub": {"host": "0.0.0.0", "port": 8081, "connectUrl": "http://hub.studiolo:8081"},
        "services": {"url": services, "host": "0.0.0.0"},
    }
    config = Config()
    configure(config, Settings.model_validate(raw), keys)
    return config


def test_a_pod_is_told_the_services_in_the_cluster_and_never_a_loopback(
    on_kubernetes: Config, settings: Settings, keys: Keys
) -> None:
    assert on_kubernetes.Spawner.environment["STUDIOLO_SERVICES_URL"] == "http://services.studiolo:8083"
    beside = configured_on_kubernetes(settings, keys, services="http://127.0.0.1:8083")
    assert "STUDIOLO_SERVICES_URL" not in beside.Spawner.environment


def test_on_kubernetes_workspaces_are_pods_that_reach_the_hub_by_its_name(on_kubernetes: Config) -> None:
    assert on_kubernetes.JupyterHub.spawner_class == "spawner.cluster.WorkspaceSpawner"
    assert on_kubernetes.JupyterHub.hub_bind_url == "http://0.0.0.0:8081"
    assert on_kubernetes.JupyterHub.hub_connect_url == "http://hub.studiolo:8081"
