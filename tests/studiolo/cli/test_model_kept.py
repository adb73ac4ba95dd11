"""`studiolo model list`, `show` and `delete`: each version is its own, also where two are the very same image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from studiolo.cli import main

MODEL = "class Model:\n    def train(self, rounds: int = 3):\n        return rounds\n"


def types(*words: str) -> Result:
    return CliRunner().invoke(main, ["model", *words], prog_name="studiolo")


def reads(*words: str) -> Any:
    done = types(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "it").mkdir()
    path = tmp_path / "it" / "iris.py"
    path.write_text(MODEL)
    return path


def test_two_versions_of_the_same_image_are_two_and_one_goes_alone(module: Path) -> None:
    first = reads("package", str(module), "--version", "1.0")
    second = reads("package", str(module), "--version", "1.1")
    assert first["digest"] == second["digest"]
    assert [(one["name"], one["version"]) for one in reads("list")] == [("iris", "1.0"), ("iris", "1.1")]
    shown = reads("show", "iris:1.1")
    assert shown["versions"] == ["1.0", "1.1"]
    assert [one["predicate"]["buildDefinition"]["externalParameters"]["version"] for one in shown["provenance"]] == [
        "1.0",
        "1.1",
    ]
    deleted = types("delete", "iris:1.0", "--yes")
    assert "Its image stays: another version is the very same" in deleted.stderr
    assert [one["version"] for one in reads("list")] == ["1.1"]
    assert types("run", "iris:1.1", "train").exit_code == 0
    assert "Deleted: iris:1.1, sha256:" in types("delete", "iris:1.1", "--yes").stderr
    assert reads("list") == []


def test_nothing_of_a_deleted_package_is_left(module: Path, tmp_path: Path) -> None:
    digest = reads("package", str(module), "--version", "1.0")["digest"]
    assert reads("delete", f"iris@{digest}", "--yes")["digest"] == digest
    left = [path.name for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert sorted(left) == ["index.json", "oci-layout"]


def test_a_list_says_what_each_offers_and_stands_on(module: Path) -> None:
    reads("package", str(module), "--version", "1.0")
    head, row = types("list").stdout.splitlines()
    assert head.split() == ["NAME", "VERSION", "METHODS", "SIZE", "MADE", "STANDS", "ON", "DIGEST"]
    assert "train" in row
    assert "this machine" in row
    (package,) = reads("list")
    assert package["stands_on"] == ""
    assert package["contract"]["methods"] == ["train"]
