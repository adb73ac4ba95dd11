from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from studiolo.catalog_schema import json_schema
from studiolo.cli import catalog as commands
from studiolo.cli.catalog import catalog

ENVIRONMENTS = """
environments:
  python: {title: Python, requirements: requirements.lock}
  pytorch: {title: PyTorch, requirements: requirements.lock, teams: [vision]}
"""
HARDWARE = """
hardware:
  small: {title: "Small [red]", cpu: {request: 1, limit: 2}, memory: 2Gi, price_per_hour: 0.10}
  gpu: {title: GPU, cpu: 4, memory: 16Gi, gpu: {resource: nvidia.com/gpu, count: 2}, teams: [vision, "[/odd]"]}
"""


def test_check_of_a_valid_catalog_prints_no_line_and_exits_0(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=ENVIRONMENTS, hardware=HARDWARE)
    result = CliRunner().invoke(catalog, ["check"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "environments.yaml (2) and hardware.yaml (2) can be used.\n"


def test_check_of_a_broken_catalog_names_the_file_below_the_directory_and_exits_1(
    write_catalog: Callable[..., Path], tmp_path: Path
) -> None:
    write_catalog(hardware="hardware: {a: {title: A, cpu: 1}}")
    result = CliRunner().invoke(catalog, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert (
        result.stdout
        == f'{tmp_path}/hardware.yaml:1:12: hardware.a: The key "memory" is missing. Add it: memory: 16Gi\n'
    )
    assert result.stderr == "1 error, 0 warnings.\n"


def test_check_with_warnings_alone_exits_0(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware:\n  a: {title: A, cpu: 1, memory: 2Gi}\n  b: {title: A, cpu: 1, memory: 2Gi}\n")
    result = CliRunner().invoke(catalog, ["check"])
    assert result.exit_code == 0
    assert result.stdout.startswith("hardware.yaml:3:14: hardware.b.title: warning: ")
    assert result.stderr.startswith("0 errors, 1 warning.\n")


def test_check_for_kubernetes_asks_for_images(write_catalog: Callable[..., Path]) -> None:
    write_catalog()
    result = CliRunner().invoke(catalog, ["check", "--platform", "kubernetes"])
    assert "warning: None of these can run on Kubernetes" in result.stdout


def test_a_terminal_that_is_not_utf_8_gets_every_line(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware: {ü: {title: A, cpu: 1, memory: 2Gi}}")
    result = CliRunner(charset="ascii").invoke(catalog, ["check"])
    assert result.exit_code == 1
    assert r'"\xfc" cannot be a name' in result.stdout


def test_show_lists_what_everyone_and_each_team_sees(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=ENVIRONMENTS, hardware=HARDWARE)
    result = CliRunner().invoke(catalog, ["show"])
    assert result.exit_code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert ["everyone", "python", "small", "python on small"] in rows
    assert ["vision", "python, pytorch", "small, gpu", "python on small"] in rows
    assert ["[/odd]", "python", "small, gpu", "python on small"] in rows
    assert ["small", "Small [red]", "1 to 2", "2 GiB", "", "0.10 EUR"] in rows
    assert ["gpu", "GPU", "4", "16 GiB", "2 of nvidia.com/gpu", ""] in rows


def test_show_names_what_somebody_without_a_team_cannot_start(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        environments="environments:\n  a: {title: A, requirements: requirements.lock, teams: [vision]}\n"
        f"  b: {{title: B, image: b@sha256:{'0' * 64}}}\n",
    )
    result = CliRunner().invoke(catalog, ["show"])
    assert "cannot start anything" in result.stdout
    assert "Not offered here, because no requirements is named: b." in result.stdout
    result = CliRunner().invoke(catalog, ["show", "--platform", "kubernetes"])
    assert "Not offered here, because no image is named: a." in result.stdout


def test_show_as_json_for_somebody_in_two_teams(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=ENVIRONMENTS, hardware=HARDWARE)
    result = CliRunner().invoke(catalog, ["show", "--json", "--team", "vision", "--team", "nlp"])
    facts = json.loads(result.stdout)
    assert facts["views"] == [
        {
            "teams": [],
            "environments": ["python"],
            "hardware": ["small"],
            "data": [],
            "default": {"environment": "python", "hardware": "small"},
        },
        {
            "teams": ["vision", "nlp"],
            "environments": ["python", "pytorch"],
            "hardware": ["small", "gpu"],
            "data": [],
            "default": {"environment": "python", "hardware": "small"},
        },
    ]
    assert facts["hardware"][0]["memory_bytes"] == 2 * 2**30
    assert facts["hardware"][0]["price_per_hour"] == "0.10"


def test_show_as_json_says_when_nothing_can_be_started(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware:\n  a: {title: A, cpu: 1, memory: 2Gi, teams: [vision]}\n")
    facts = json.loads(CliRunner().invoke(catalog, ["show", "--json"]).stdout)
    assert facts["views"][0]["default"] is None


def test_show_of_a_broken_catalog_says_what_check_says(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware: {}")
    shown, checked = (CliRunner().invoke(catalog, [command]) for command in ("show", "check"))
    assert shown.exit_code == 1
    assert shown.stdout == checked.stdout


def test_schema_prints_one_or_all() -> None:
    one, every = (CliRunner().invoke(catalog, ["schema", *names]) for names in (["hardware"], []))
    assert json.loads(one.stdout) == json_schema("hardware")
    assert json.loads(every.stdout) == {name: json_schema(name) for name in ("environments", "hardware", "data")}


def test_schema_write_writes_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SCHEMA_DIRECTORY", tmp_path)
    result = CliRunner().invoke(catalog, ["schema", "--write"])
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"environments.json", "hardware.json", "data.json"}
    assert json.loads((tmp_path / "hardware.json").read_text(encoding="utf-8")) == json_schema("hardware")


def test_schema_write_outside_of_a_checkout_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SCHEMA_DIRECTORY", tmp_path / "nowhere")
    result = CliRunner().invoke(catalog, ["schema", "--write"])
    assert result.exit_code == 1
    assert "cannot be written (No such file or directory). Schemas are written in a checkout" in result.stderr
