"""`studiolo environment build|list|prune`: a real, small environment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.local.environment_commands import environment
from studiolo.errors import StudioloError

CHECKOUT = Path(__file__).parents[3]

ENVIRONMENTS = """
environments:
  small: {title: Small, requirements: small.lock, programs: [no-such-program]}
"""
HARDWARE = """
hardware:
  small: {title: Small, cpu: {request: 1, limit: 1}, memory: 1Gi}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    lock = (CHECKOUT / "images" / "minimal" / "requirements.lock").read_text()
    six = re.search(r"^six==.*(\n .*)*", lock, re.MULTILINE)
    assert six
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "environments.yaml").write_text(ENVIRONMENTS)
    (folder / "hardware.yaml").write_text(HARDWARE)
    (folder / "small.lock").write_text(six[0] + "\n")
    return folder


@pytest.fixture
def command(tmp_path: Path, catalog: Path) -> Any:
    def run(*arguments: str) -> Result:
        where = ("--data", str(tmp_path / "data"), "--catalog", str(catalog))
        return CliRunner().invoke(environment, [*arguments, *where], catch_exceptions=True)

    return run


def test_what_is_built_is_listed_and_said_with_what_it_lacks(command: Any) -> None:
    built = command("build", "small")
    assert built.exit_code == 0, built.output
    assert "Small is ready in" in built.stdout
    assert "no-such-program is not installed on this machine" in built.stdout
    (listed,) = json.loads(command("list", "--json").stdout)
    assert (listed["names"], listed["packages"], listed["in_catalog"]) == (["small"], 4, True)
    assert "in the catalog" in command("list").stdout.replace("\n", " ") or "small" in command("list").stdout


def test_building_twice_gives_the_same_folder(command: Any) -> None:
    first, second = (json.loads(command("build", "small", "--json").stdout) for _ in range(2))
    assert first == second
    assert Path(first["folder"]).is_dir()
    assert first["missing_programs"] == ["no-such-program"]


def test_prune_removes_what_the_catalog_no_longer_names(command: Any, catalog: Path) -> None:
    folder = Path(json.loads(command("build", "small", "--json").stdout)["folder"])
    assert "nothing to remove" in command("prune").stdout
    (catalog / "small.lock").write_text((catalog / "small.lock").read_text() + "# changed\n")
    assert "Removed small" in command("prune").stdout
    assert not folder.exists()


def test_nothing_built_is_said_in_words(command: Any) -> None:
    assert "Nothing is built yet" in command("list").stdout
    assert json.loads(command("list", "--json").stdout) == []


def test_an_unknown_name_gives_the_nearest(command: Any) -> None:
    refused = command("build", "smal")
    assert isinstance(refused.exception, StudioloError)
    assert 'Perhaps you meant "small"?' in str(refused.exception)


def test_a_lock_that_cannot_be_installed_gives_the_reason_and_the_log(command: Any, catalog: Path) -> None:
    (catalog / "small.lock").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    refused = command("build", "small")
    assert isinstance(refused.exception, StudioloError)
    assert "is not what was locked" in str(refused.exception)
    assert "Hash mismatch" in refused.stderr
