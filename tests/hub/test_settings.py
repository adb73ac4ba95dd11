"""What an operator can set, and what is said when it cannot be."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.settings import CHECKOUT, SETTINGS_VARIABLE, SettingsError, effective, load_settings, settings_of_this_process
from spawner.installation import HomesVolume
from studiolo.errors import StudioloError


def problems_of(tmp_path: Path, text: str, overrides: dict[str, Any] | None = None) -> list[str]:
    (tmp_path / "studiolo.yaml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        effective(tmp_path, overrides)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems]


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = effective(tmp_path)
    assert settings.data.root == tmp_path
    assert settings.catalog_directory == CHECKOUT
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.workspaces.start_timeout == timedelta(hours=1)
    assert settings.workspaces.memory_reserve == 2**30
    assert settings.packages.index_url is None


def test_folders_of_teams_need_the_service_that_makes_them(tmp_path: Path) -> None:
    kubernetes = "kubernetes: {namespace: work, release: lab, homes: {claim: homes, teamFolders: true}}\n"
    (problem,) = problems_of(tmp_path, kubernetes)
    assert "teamFolders: the home service makes the folders of teams, and there is none" in problem
    (tmp_path / "studiolo.yaml").write_text(kubernetes + "homes: {service: {url: 'http://homes:8084'}}\n")
    found = effective(tmp_path).kubernetes
    assert found is not None
    assert found.installation.homes == HomesVolume(claim="homes", has_team_folders=True)


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "studiolo.yaml").write_text("# nothing yet\n")
    assert effective(tmp_path) == effective(tmp_path / "elsewhere", {}).model_copy(update={"data_directory": tmp_path})


def test_the_file_uses_the_names_of_the_chart_values(tmp_path: Path) -> None:
    (tmp_path / "studiolo.yaml").write_text(
        "publicUrl: https://studiolo.test/\n"
        "workspaces: {namedLimit: 3, startTimeout: 1h30m, cpuOvercommit: 4, memoryReserve: 2Gi}\n"
        "packages: {indexUrl: 'https://packages.test/simple'}\n"
    )
    settings = effective(tmp_path)
    assert settings.public_url == "https://studiolo.test"
    assert settings.workspaces.named_limit == 3
    assert settings.workspaces.start_timeout == timedelta(hours=1.5)
    assert settings.workspaces.cpu_overcommit == 4
    assert settings.workspaces.memory_reserve == 2 * 2**30
    assert settings.packages.index_url == "https://packages.test/simple"


def test_inner_addresses_follow_the_port_that_people_open(tmp_path: Path) -> None:
    settings = effective(tmp_path, {"proxy.port": 8123})
    assert settings.public_url == "http://127.0.0.1:8123"
    assert settings.proxy.api_url == "http://127.0.0.1:8124"
    assert settings.hub_url == "http://127.0.0.1:8125/hub/"
    assert settings.services.url == "http://127.0.0.1:8126"


def test_an_address_that_is_set_is_not_derived(tmp_path: Path) -> None:
    settings = effective(tmp_path, {"proxy.port": 8123, "hub.port": 9000, "services.url": "http://127.0.0.1:9001"})
    assert (settings.hub.port, settings.services.url) == (9000, "http://127.0.0.1:9001")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        pytest.param("0.0.0.0", "http://127.0.0.1:8000", id="all interfaces are no address to open"),
        pytest.param("::1", "http://[::1]:8000", id="IPv6 in brackets"),
        pytest.param("studiolo.test", "http://studiolo.test:8000", id="a name"),
    ],
)
def test_the_public_address_is_one_people_can_open(tmp_path: Path, host: str, address: str) -> None:
    assert effective(tmp_path, {"proxy.host": host}).public_url == address


def test_flags_win_over_the_file_and_flags_that_were_not_given_do_not(tmp_path: Path) -> None:
    (tmp_path / "studiolo.yaml").write_text("proxy: {port: 9000}\ngpus: {simulate: 2}\n")
    settings = effective(tmp_path, {"proxy.port": 9100, "gpus.simulate": None})
    assert (settings.proxy.port, settings.gpus.simulate) == (9100, 2)


def test_written_settings_are_read_back_the_same_and_by_their_owner_alone(tmp_path: Path) -> None:
    settings = effective(tmp_path, {"proxy.port": 8123, "services.database.url": "postgresql://u:secret@db/studiolo"})
    file = tmp_path / "run" / "settings.json"
    settings.write(file)
    assert load_settings(file) == settings
    assert json.loads(file.read_text())["workspaces"]["startTimeout"] == "3600s"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]


def test_the_database_lies_in_the_data_directory_unless_another_is_named(tmp_path: Path) -> None:
    assert effective(tmp_path).database_url == f"sqlite:///{tmp_path}/studiolo.sqlite"
    assert effective(tmp_path, {"services.database.url": "postgresql://db/x"}).database_url == "postgresql://db/x"


def test_a_database_s_address_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://studiolo:s3cr3t-9@db/studiolo\n")
    settings = effective(tmp_path, {"hub.database.urlFile": secret, "services.database.urlFile": secret})
    assert settings.hub_database_url == settings.database_url == "postgresql://studiolo:s3cr3t-9@db/studiolo"
    assert "s3cr3t-9" not in settings.model_dump_json()


@pytest.mark.parametrize("content", [None, " \n"])
def test_a_database_whose_address_is_missing_is_never_another_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "url").write_text(content)
    settings = effective(tmp_path, {"hub.database.urlFile": tmp_path / "url"})
    with pytest.raises(StudioloError) as refused:
        _ = settings.hub_database_url
    assert str(tmp_path / "url") in str(refused.value)
    assert "existingSecret" in refused.value.hint


def test_all_problems_are_told_at_once_each_with_its_place_and_a_way_out(tmp_path: Path) -> None:
    text = """\
proxy: {prt: 3, port: x, host: 5}
workspaces:
  memoryReserve: 3Q
  startTimeout: 5
  cpuOvercommit: 0.2
hubb: 1
gpus: 3
services: {url: "ftp://x"}
"""
    problems = problems_of(tmp_path, text)
    assert [problem.partition(": ")[0] for problem in problems] == [
        "studiolo.yaml:1:9",
        "studiolo.yaml:1:17",
        "studiolo.yaml:1:26",
        "studiolo.yaml:3:3",
        "studiolo.yaml:4:3",
        "studiolo.yaml:5:3",
        "studiolo.yaml:6:1",
        "studiolo.yaml:7:1",
        "studiolo.yaml:8:12",
    ]
    assert 'Perhaps you meant "port"?' in problems[0]
    assert problems[1].endswith('proxy.port: "x" was given. A whole number belongs here.')
    assert "in quotes" in problems[2]
    assert "16Gi" in problems[3]
    assert "90s, 10m or 2h" in problems[4]
    assert "greater than or equal to 1" in problems[5]
    assert 'Perhaps you meant "hub"?' in problems[6]
    assert "A block of settings belongs here." in problems[7]
    assert "http://127.0.0.1:8000" in problems[8]


def test_a_wrong_flag_is_told_as_a_flag(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "", {"hub.port": 70000})
    assert problem.startswith("command line:1:1: hub.port: ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- 1\n", id="a list"),
        pytest.param("proxy: {port: 1\n", id="not YAML"),
        pytest.param("proxy: {port: 1}\nproxy: {port: 2}\n", id="a key twice"),
        pytest.param("proxy: !!python/object:os.system {}\n", id="a tag"),
        pytest.param("proxy: [1, 2]\n", id="a list for a block"),
        pytest.param("workspaces: {memoryReserve: true}\n", id="true for memory"),
        pytest.param("workspaces: {namedLimit: 0}\n", id="no named workspaces at all"),
    ],
)
def test_what_cannot_be_settings_is_refused_with_a_place(tmp_path: Path, text: str) -> None:
    assert all(problem.startswith("studiolo.yaml:") for problem in problems_of(tmp_path, text))


def test_a_process_without_its_settings_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)
    with pytest.raises(StudioloError) as refused:
        settings_of_this_process()
    assert "studiolo up" in refused.value.hint


def test_a_process_reads_the_settings_that_were_saved_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = effective(tmp_path)
    settings.write(settings.data.effective_settings)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(settings.data.effective_settings))
    assert settings_of_this_process() == settings
