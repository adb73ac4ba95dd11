"""What the process beside JupyterLab asks of a real services process, for a person."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from tests.hub.builder.conftest import client_of
from tests.hub.conftest import free_port
from tests.wheel_index import add_wheel, wheel_index


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """The package index of services and workspaces, with one wheel."""
    add_wheel(tmp_path / "index", "tiny", "1.0", {"tiny.py": "SIZE = 1\n"})
    with wheel_index(tmp_path / "index") as address:
        yield address


@pytest.fixture
def settings(data: DataDirectory, index: str) -> Settings:
    address = f"http://127.0.0.1:{free_port()}"
    ports = {"hub.port": free_port(), "services.url": address, "proxy.port": 1024}
    return effective(data.root, {**ports, "packages.indexUrl": index})


class Child:
    """Asks as the server half of JupyterLab does."""

    def __init__(self, url: str, token: str, folder: Path, index: str) -> None:
        self._env = {"STUDIOLO_URL": url, "STUDIOLO_TOKEN": token, "STUDIOLO_ENVIRONMENT": "python"}
        self._env |= {"UV_DEFAULT_INDEX": index, "UV_CACHE_DIR": str(folder.parent / "uv")}
        self._folder = folder

    async def ask(self, what: str, **question: Any) -> list[dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "studiolo.packaging.child", what),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "HOME": str(self._folder.parent), "LANG": "C.UTF-8", **self._env},
        )
        told, _ = await process.communicate(
            json.dumps({"path": str(self._folder / "iris.ipynb"), **question}).encode() + b"\n"
        )
        assert process.returncode == 0
        return [json.loads(line) for line in told.splitlines()]

    async def package(self, **changes: Any) -> list[dict[str, Any]]:
        usual = {"environment": "python", "name": "iris", "version": "", "team": "", "allowed_secrets": []}
        return await self.ask("package", **usual | changes)


@pytest.fixture
async def child(services: httpx.AsyncClient, fake_hub: Any, settings: Settings, folder: Path, index: str) -> Child:
    token = fake_hub.knows_for_test("alice")["Authorization"].removeprefix("token ")
    return Child(settings.services.url, token, folder, index)


async def test_somebody_is_told_what_they_may_choose(
    services: httpx.AsyncClient, fake_hub: Any, settings: Settings
) -> None:
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as alice:
        choices = await alice.model_choices()
    environments = {one.name: one for one in choices.environments}
    assert next(iter(environments)) == "python"
    assert "scikit-learn" in (environments["python"].packages or {})
    assert "scikit-learn" not in (environments["minimal"].packages or {})
    assert choices.most_files == 10_000


async def test_a_plan_has_the_choices_and_takes_the_workspace_s_own_environment(child: Child) -> None:
    (line,) = await child.ask("plan")
    plan = line["answer"]
    assert (plan["environment"], plan["away"]) == ("python", "")
    assert "minimal" in [one["name"] for one in plan["choices"]["environments"]]
    (line,) = await child.ask("plan", environment="minimal")
    assert line["answer"]["environment"] == "minimal"


async def test_a_click_makes_a_package_phase_by_phase_and_a_second_one_finds_it(child: Child) -> None:
    *phases, last = await child.package()
    assert [one["phase"] for one in phases] == ["look", "resolve", "send", "make"]
    made = last["answer"]
    assert made["is_new"]
    assert made["digest"].startswith("sha256:")
    commands = [one["text"] for one in made["commands"]]
    assert commands[0] == f"studiolo model pull iris:{made['version']}"
    assert any("train --set rounds=3" in text for text in commands)

    *_, again = await child.package()
    assert (again["answer"]["is_new"], again["answer"]["digest"]) == (False, made["digest"])


async def test_a_secret_stops_it_until_its_very_place_is_allowed_and_that_is_recorded(
    child: Child, folder: Path
) -> None:
    (folder / "keys.py").write_text('KEY = "AKIAIOSFODNN7EXAMPLE"\n')
    *_, refused = await child.package(allowed_secrets=["elsewhere.py:1"])
    assert "keys.py, line 1" in refused["refused"]["message"]
    *_, made = await child.package(allowed_secrets=["keys.py:1"])
    assert made["answer"]["overridden"] == ["keys.py:1"]


async def test_what_the_hub_refuses_is_said_in_its_words(child: Child) -> None:
    *_, last = await child.package(team="nobody-s")
    assert "nobody-s" in last["refused"]["message"]
    *_, last = await child.package(name="No Name!")
    assert "cannot name a model" in last["refused"]["message"]


async def test_a_model_that_has_a_problem_is_not_sent(child: Child, folder: Path) -> None:
    (folder / "iris.ipynb").write_text('{"nbformat": 4, "cells": []}')
    phase, last = await child.package()
    assert phase == {"phase": "look"}
    assert "no class Model" in last["refused"]["message"]


async def test_what_the_environment_lacks_is_found_in_the_workspace_s_index_and_comes_as_a_layer(
    child: Child, folder: Path
) -> None:
    (folder / "requirements.txt").write_text("tiny\n")
    (line,) = await child.ask("plan")
    assert {"requirement": "tiny", "source": "requirements.txt", "is_present": False} in line["answer"]["packages"]
    *_, made = await child.package()
    assert made["answer"]["is_new"]
    (folder / "requirements.txt").write_text("no-such-package-anywhere\n")
    *_, refused = await child.package()
    assert "no-such-package-anywhere" in refused["refused"]["message"]
