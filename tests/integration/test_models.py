"""One machine, a real hub: a person's token packages, pulls and runs a model; an account takes its models along."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from studiolo.client import Studiolo
from studiolo.packaging.project import collect
from studiolo.wire_models import ModelPackageView, NewModelPackage
from tests.hub.builder.conftest import notebook_of

pytestmark = pytest.mark.integration

MODEL = "class Model:\n    def train(self, rounds: int = 3):\n        return {'rounds': rounds * 2}\n"


def packaged(url: str, token: str, folder: Path) -> ModelPackageView:
    async def send() -> ModelPackageView:
        async with Studiolo(url, token) as client:
            new = NewModelPackage(source="iris.ipynb", environment="minimal", version="1.0")
            return await client.package_model(new, collect(folder))

    return asyncio.run(send())


def listed(url: str, token: str) -> list[str]:
    async def ask() -> list[str]:
        async with Studiolo(url, token) as client:
            return [one.version for one in await client.models()]

    return asyncio.run(ask())


def studiolo(*words: str, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "studiolo", *words], capture_output=True, text=True, check=False, env=dict(env)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_package_made_by_the_hub_is_pulled_and_trained_and_goes_with_its_account(
    running_hub: ThrowawayHub, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "iris.ipynb").write_text(notebook_of(MODEL))
    url = running_hub.base_url
    token = running_hub.token("modeller", running_hub.add_user("modeller"))
    made = packaged(url, token, folder)
    assert (made.is_new, made.version) == (True, "1.0")
    assert not packaged(url, token, folder).is_new

    env = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    env |= {"STUDIOLO_URL": url, "STUDIOLO_TOKEN": token}
    assert made.digest in studiolo("model", "pull", "iris", env=env)
    output = tmp_path / "output"
    studiolo("model", "run", "iris:1.0", "train", "--set", "rounds=21", "--output", str(output), env=env)
    assert json.loads((output / "result.json").read_text()) == {"rounds": 42}

    with running_hub.api(running_hub.token(ADMIN, running_hub.admin_password)) as api:
        api.delete("users/modeller").raise_for_status()
    running_hub._tokens.pop("modeller")
    again = running_hub.token("modeller", running_hub.add_user("modeller"))
    assert listed(url, again) == []
    assert packaged(url, again, folder).is_new
